"""Parameter counts against published models and a network."""

import pytest

from baselines.scaling_law.parameter_convention import CONVENTIONS, Convention, Parts, parameters, parts


def test_gpt2_small():
    """124,439,808 parameters, as its published checkpoint has; tied head, biases, norms with gain and bias."""
    found = parts(50257, 768, 12, 1024, tied=True, gains=2, biases=True)
    assert found.count("all") == 124_439_808
    assert found.head == 0
    assert found.count("without_embedding") == found.count("without_embedding_and_head") == 124_439_808 - 51281 * 768


def test_the_three_counts_of_an_untied_model():
    names = dict(zip(CONVENTIONS, (parameters(name, 65, 32, 2, 64) for name in CONVENTIONS), strict=True))
    assert names == {
        "all": (65 + 64) * 32 + 2 * 12 * 32**2 + 65 * 32,
        "without_embedding": 2 * 12 * 32**2 + 65 * 32,
        "without_embedding_and_head": 2 * 12 * 32**2,
    }


def test_a_network_has_as_many_parameters():
    from torch import nn

    vocabulary, width, layers, context, inner = 11, 8, 3, 5, 20
    block = [
        nn.Linear(width, 3 * width, bias=False),
        nn.Linear(width, width, bias=False),
        nn.LayerNorm(width, bias=False),
    ]
    block += [nn.Linear(width, inner, bias=False), nn.Linear(inner, width, bias=False), nn.LayerNorm(width, bias=False)]
    tables = [nn.Embedding(vocabulary, width), nn.Embedding(context, width)]
    ends = [nn.LayerNorm(width, bias=False), nn.Linear(width, vocabulary, bias=False)]
    counts = [sum(p.numel() for module in group for p in module.parameters()) for group in (block, tables, ends)]
    expected = layers * counts[0] + counts[1] + counts[2]
    assert parameters("all", vocabulary, width, layers, context, feedforward=inner, gains=1) == expected


def test_rotary_positions_have_no_parameters():
    assert parts(10, 4, 1, 1000, positions=False).embedding == 40


def test_wrong_names_and_sizes_are_refused():
    with pytest.raises(ValueError, match=r"one of all, without_embedding, without_embedding_and_head; got 'kaplan'"):
        Parts(1, 1, 1).count("kaplan")
    with pytest.raises(ValueError, match="width must be at least 1"):
        parts(10, 0, 1, 1)
    assert Parts(5, 3, 2).count(Convention.WITHOUT_EMBEDDING) == 5
