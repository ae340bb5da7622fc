"""Training together is training alone; padding stays exactly zero; every member starts at the scale of its width."""

import math

import pytest
import torch
from torch import Tensor

from baselines.scaling_law.ensemble import ACTIVATIONS, MaskedEnsemble, groups

WIDTHS = [3, 16, 5, 8, 16, 2]


def make(widths=WIDTHS, depth=2, spread=2.0, activation="relu", dtype=torch.float64, seed=0) -> MaskedEnsemble:
    generator = torch.Generator().manual_seed(seed)
    return MaskedEnsemble(4, 2, widths, depth, generator, activation=activation, dtype=dtype, spread=spread)


def padding(model: MaskedEnsemble, tensors: list[list[Tensor]]) -> Tensor:
    """All entries of weights beyond each member's own width."""
    found = []
    for group, weights in zip(model.groups, tensors, strict=True):
        for layer, weight in enumerate(weights):
            for place, member in enumerate(group):
                mask = torch.ones_like(weight[place], dtype=torch.bool)
                rows = model.inputs if layer == 0 else model.widths[member]
                mask[:rows, : model.outputs if layer == model.depth else model.widths[member]] = False
                found.append(weight[place][mask])
    return torch.cat(found)


def optimizer(name: str, parameters) -> torch.optim.Optimizer:
    if name == "adam":
        return torch.optim.AdamW(parameters, lr=1e-2, weight_decay=1e-2)
    return torch.optim.SGD(parameters, lr=5e-2, momentum=0.9)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize(("name", "spread"), [("adam", math.inf), ("adam", 2.0), ("sgd", math.inf), ("sgd", 1.0)])
def test_training_together_is_training_each_member_alone(name: str, spread: float, shared: bool):
    model = make(spread=spread)
    alone = [model.member(k) for k in range(len(WIDTHS))]
    source = torch.Generator().manual_seed(1)
    x = torch.randn(*((32, 4) if shared else (len(WIDTHS), 32, 4)), generator=source, dtype=torch.float64)
    target = torch.sin(3 * x[..., :2])
    together = optimizer(name, model.parameters())
    for _ in range(60):
        together.zero_grad()
        (model(x) - target).square().mean((1, 2)).sum().backward()
        together.step()
    for k, member in enumerate(alone):
        own, wanted = (x, target) if shared else (x[k], target[k])
        single = optimizer(name, member.parameters())
        for _ in range(60):
            single.zero_grad()
            (member(own) - wanted).square().mean().backward()
            single.step()
        for trained, expected in zip(model.member(k).parameters(), member.parameters(), strict=True):
            torch.testing.assert_close(trained, expected, rtol=1e-9, atol=1e-11)
    before = make(spread=spread)
    assert not torch.equal(model.member(0)[0].weight, before.member(0)[0].weight), "nothing was trained"


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_padding_stays_exactly_zero_and_gets_no_gradient(activation: str):
    model = make(spread=math.inf, activation=activation)
    source = torch.Generator().manual_seed(1)
    together = optimizer("adam", model.parameters())
    for _ in range(20):
        x = torch.randn(16, 4, generator=source, dtype=torch.float64)
        together.zero_grad()
        (model(x) - 1).square().mean((1, 2)).sum().backward()
        gradients = [[w.grad for w in weights.parameters()] for weights in model.weights]
        assert torch.count_nonzero(padding(model, gradients)) == 0
        together.step()
    values = padding(model, [[w.detach() for w in weights.parameters()] for weights in model.weights])
    assert len(values) > 500 and torch.count_nonzero(values) == 0
    own = sum(int(torch.count_nonzero(parameter)) for parameter in model.parameters())
    assert own == sum(model.parameters_per_member), "every entry that is not padding is trained"


def test_the_sum_of_the_losses_decouples_the_members():
    model = make(spread=math.inf)
    x = torch.randn(8, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    losses = model(x).square().mean((1, 2))
    for k in range(len(WIDTHS)):
        gradients = torch.autograd.grad(losses[k], list(model.weights[0].parameters()), retain_graph=True)
        place = model.groups[0].index(k)
        for gradient in gradients:
            others = [j for j in range(len(WIDTHS)) if j != place]
            assert torch.count_nonzero(gradient[others]) == 0
            assert torch.count_nonzero(gradient[place]) > 0


def test_initial_weights_have_the_scale_of_the_members_own_width():
    widths = [30, 480]
    model = make(widths, depth=2, spread=math.inf)
    for k, width in enumerate(widths):
        first, hidden, last = (model.member(k)[i].weight for i in (0, 2, 4))
        for weight, fan_in in ((first, 4), (hidden, width), (last, width)):
            assert weight.abs().max() <= 1 / math.sqrt(fan_in)
            assert float(weight.detach().std()) == pytest.approx(1 / math.sqrt(3 * fan_in), rel=0.25)


def test_grouping_and_precision_change_neither_the_members_nor_their_order():
    x = torch.randn(8, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    one, several, single = make(spread=math.inf), make(spread=2.0), make(dtype=torch.float32)
    assert len(one.groups) == 1 and len(several.groups) > 1
    torch.testing.assert_close(one(x), several(x))
    torch.testing.assert_close(single(x.float()).double(), one(x), rtol=1e-4, atol=1e-5)
    for k in range(len(WIDTHS)):
        torch.testing.assert_close(one.member(k)(x), one(x)[k])
    assert one(x).shape == (6, 8, 2)


def test_parameters_are_counted_without_the_padding():
    model = make(spread=math.inf)
    alone = [sum(p.numel() for p in model.member(k).parameters()) for k in range(len(WIDTHS))]
    assert model.parameters_per_member == alone


def test_groups_hold_widths_of_similar_size():
    assert groups([4, 128, 8, 64, 7], 2.0) == [[1, 3], [2, 4, 0]]
    assert groups([4, 8], 1.0) == [[1], [0]]
    with pytest.raises(ValueError, match="at least 1"):
        groups([4], 0.5)


@pytest.mark.parametrize(("keys", "message"), [({"widths": []}, "positive"), ({"activation": "sigmoid"}, "one of")])
def test_bad_sizes_are_refused(keys, message):
    with pytest.raises(ValueError, match=message):
        make(**keys)
