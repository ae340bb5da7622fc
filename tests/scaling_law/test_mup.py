"""muP against the standard parametrisation."""

import math
from dataclasses import replace

import pytest
import torch

from baselines.scaling_law.mup import RULES, best_rate, movements, mup, outputs, standard
from baselines.scaling_law.transformer import Shape, Transformers


def shape(width):
    return Shape(vocabulary=7, width=width, layers=1, heads=2, context=6)


def model(rule, width, start=0.0):
    made = replace(RULES[rule](shape(width), 8, start), attention=0.5)
    return Transformers(shape(width), made, [torch.Generator().manual_seed(0)], torch.float64)


def tokens():
    return torch.randint(7, (1, 4, 7), generator=torch.Generator().manual_seed(1))


def test_both_agree_at_the_base_width():
    assert mup(shape(8), 8) == standard(shape(8), 8)
    assert mup(shape(16), 8) != standard(shape(16), 8)


def test_how_each_tensor_goes_with_the_width():
    small, large = mup(shape(8), 8), mup(shape(32), 8)
    assert large.learning_rate["0.up"] == large.learning_rate["0.qkv"] == 0.25
    assert large.learning_rate["embedding"] == large.learning_rate["readout"] == 1
    assert large.readout == 0.25 and large.attention == small.attention / 4
    assert large.deviation["readout"] == small.deviation["readout"]
    assert large.deviation["0.up"] == pytest.approx(small.deviation["0.up"] / 2)
    assert large.deviation["0.down"] == pytest.approx(1 / math.sqrt(4 * 32))
    assert set(standard(shape(32), 8).learning_rate.values()) == {1.0}


def test_the_first_step_from_a_readout_of_zero_moves_the_logits_by_exactly_the_ratio_of_the_rules():
    first = {rule: next(movements(model(rule, 32), tokens(), 0.01, 1)) for rule in RULES}
    assert float(first["standard"]["logits"] / first["mup"]["logits"]) == pytest.approx(4, rel=1e-6)
    assert float(first["mup"]["block 1"]) == 0, "behind a readout of zero the gradient is zero"
    second = list(movements(model("mup", 32), tokens(), 0.01, 2))[1]
    assert float(second["block 1"]) > 0


def test_queries_and_readout_can_start_at_zero():
    weights = model("mup", 16).weights
    assert not weights["readout"].any() and not weights["0.qkv"][..., :16].any()
    assert weights["0.qkv"][..., 16:].all() and model("mup", 16, 1.0).weights["0.qkv"].all()


def test_movements_are_those_of_the_outputs():
    trained, text = model("mup", 16, 1.0), tokens()
    before = outputs(trained, text[..., :-1])
    (moved,) = movements(trained, text, 0.01, 1)
    after = outputs(trained, text[..., :-1])
    assert list(moved) == ["embedding", "attention 1", "block 1", "logits"]
    for name, size in moved.items():
        expected = (after[name] - before[name]).square().mean().sqrt()
        assert float(size[0]) == pytest.approx(float(expected)), name


def test_the_best_rate_is_the_vertex_of_a_parabola_in_its_logarithm():
    rates = [0.01, 0.02, 0.04, 0.08]
    losses = [(math.log(rate) - math.log(0.03)) ** 2 for rate in rates]
    assert best_rate(rates, losses) == pytest.approx(0.03)
    assert best_rate(rates, [1.0, 2.0, 3.0, 4.0]) == 0.01
    assert best_rate(rates, [3.0, 2.0, 1.0, math.inf]) == 0.04
