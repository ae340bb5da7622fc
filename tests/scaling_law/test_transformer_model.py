"""The ensemble of transformers against a plain one, its optimiser against torch's."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from baselines.scaling_law.mup import mup, standard
from baselines.scaling_law.transformer import Adam, Shape, Transformers, schedule, train
from baselines.scaling_law.zipf_markov import zipf_markov

SHAPE = Shape(vocabulary=7, width=8, layers=2, heads=2, context=6)


def models(count=1, rule=None, shape=SHAPE):
    generators = [torch.Generator().manual_seed(seed) for seed in range(count)]
    return Transformers(shape, rule or mup(shape, 4), generators, torch.float64)


def tokens(count=1, windows=3):
    return torch.randint(7, (count, windows, SHAPE.context + 1), generator=torch.Generator().manual_seed(9))


def plain(model, member, text):
    """Logits of one member on one window, written out token by token."""
    w = {name: tensor[member].detach() for name, tensor in model.weights.items()}
    norm = lambda x: (x - x.mean(-1, keepdim=True)) / (x.var(-1, unbiased=False, keepdim=True) + 1e-5).sqrt()  # noqa: E731
    x = torch.stack([w["embedding"][token] + w["positions"][place] for place, token in enumerate(text)])
    for layer in range(SHAPE.layers):
        query, key, value = (norm(x) @ w[f"{layer}.qkv"]).chunk(3, dim=1)
        mixed = torch.zeros_like(x)
        for head in range(SHAPE.heads):
            part = slice(head * SHAPE.head_width, (head + 1) * SHAPE.head_width)
            for place in range(len(text)):
                scores = model.rule.attention * (key[: place + 1, part] @ query[place, part])
                mixed[place, part] = torch.softmax(scores, 0) @ value[: place + 1, part]
        x = x + mixed @ w[f"{layer}.out"]
        x = x + F.gelu(norm(x) @ w[f"{layer}.up"]) @ w[f"{layer}.down"]
    return model.rule.readout * norm(x) @ w["readout"]


def test_parameters_are_those_of_the_convention():
    model = models()
    assert model.vector.numel() == SHAPE.parts.count("all")
    assert SHAPE.parts.count("without_embedding_and_head") == 2 * 12 * 64
    assert model.weights["embedding"].numel() + model.weights["positions"].numel() == SHAPE.parts.embedding


def test_logits_of_every_member_are_those_of_a_plain_transformer():
    model, text = models(2), tokens(2)[..., :-1]
    found = model.logits(text)
    for member in range(2):
        for window in range(3):
            expected = plain(model, member, text[member, window].tolist())
            assert torch.allclose(found[member, window], expected, atol=1e-12)


def test_the_future_does_not_reach_the_past():
    model, text = models(), tokens()[..., :-1]
    other = text.clone()
    other[0, 0, 3] = (other[0, 0, 3] + 1) % 7
    first, second = model.logits(text)[0, 0], model.logits(other)[0, 0]
    assert torch.equal(first[:3], second[:3])
    assert (first[3:] - second[3:]).abs().amax(1).gt(0).all()


def test_losses_are_cross_entropies_of_the_next_token():
    model, text = models(), tokens()
    logits = model.logits(text[..., :-1])
    expected = -logits.log_softmax(-1).gather(-1, text[..., 1:, None])[..., 0]
    assert torch.allclose(model.losses(text), expected)
    assert torch.allclose(model.losses(text, skip=2), expected[..., 2:])


def test_training_together_is_training_alone():
    text = tokens(2)
    together = models(2)
    list(train(together, Adam(together, [0.01, 0.03]), iter([text] * 4), 4))
    for member, rate in enumerate((0.01, 0.03)):
        alone = Transformers(SHAPE, mup(SHAPE, 4), [torch.Generator().manual_seed(member)], torch.float64)
        list(train(alone, Adam(alone, [rate]), iter([text[member : member + 1]] * 4), 4))
        for name, tensor in alone.weights.items():
            assert torch.allclose(together.weights[name][member], tensor[0], atol=1e-12), name


def test_adam_is_that_of_torch_with_a_step_size_for_each_tensor():
    ours, theirs, text = models(), models(), tokens()
    own = Adam(ours, [0.02])
    groups = [
        {"params": [tensor], "lr": 0.02 * theirs.rule.learning_rate[name]} for name, tensor in theirs.weights.items()
    ]
    reference = torch.optim.Adam(groups, betas=(0.9, 0.98), eps=1e-10)
    for _ in range(5):
        ours.losses(text).mean().backward()
        own.step(1.0)
        reference.zero_grad(set_to_none=False)
        theirs.losses(text).mean().backward()
        reference.step()
    assert torch.allclose(ours.vector, theirs.vector, atol=1e-12)
    assert not torch.allclose(ours.vector, models().vector, atol=1e-3)


def test_schedule_rises_then_falls_to_zero():
    factors = [schedule(step, 100, 0.1) for step in range(100)]
    assert factors[0] == pytest.approx(0.1) and max(factors) == pytest.approx(1.0) == factors[9]
    assert factors[-1] == pytest.approx(1 / 90) and (np.diff(factors[10:]) < 0).all()


def test_precision_does_not_change_the_start():
    shape = SHAPE
    single = Transformers(shape, standard(shape, 8), [torch.Generator().manual_seed(0)], torch.float32)
    double = Transformers(shape, standard(shape, 8), [torch.Generator().manual_seed(0)], torch.float64)
    assert torch.equal(single.vector, double.vector.float())


def test_a_width_that_the_heads_do_not_divide_is_refused():
    with pytest.raises(ValueError, match="multiple"):
        Shape(7, 9, 1, 2, 6)


def test_a_small_language_is_learned_to_its_entropy():
    source = zipf_markov(8, 2, 1.5, 0.75, 0.3, torch.Generator().manual_seed(0))
    shape, generator = Shape(8, 16, 1, 2, 8), torch.Generator().manual_seed(1)
    model = Transformers(shape, mup(shape, 16), [torch.Generator().manual_seed(0)])
    batches = iter(lambda: source.sample(32, 8, generator).tokens[None], None)
    list(train(model, Adam(model, [0.03]), batches, 250, skip=source.skip))
    fresh = source.sample(1000, 8, generator)
    with torch.no_grad():
        excess = float((model.losses(fresh.tokens[None], source.skip) - fresh.surprise[:, source.skip :]).mean())
    assert source.ladder()[1] - source.entropy > 0.1, "the last token alone leaves more than this"
    assert -0.01 < excess < 0.06 and math.isfinite(excess)
