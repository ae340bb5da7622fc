"""Weight matching against exhaustive search, planted permutations, and the function itself."""

from itertools import permutations, product

import numpy as np
import pytest
import torch
from torch import nn

from baselines.loss_landscape.layers import mlp
from baselines.loss_landscape.permutations import (
    Relabelling,
    hidden_sizes,
    match,
    odd,
    similarity,
    specification,
)


def network(widths=(5, 6, 4, 3), activation="relu", seed=0, dtype=torch.float64, **keys) -> nn.Sequential:
    return mlp(list(widths), activation, torch.Generator().manual_seed(seed), dtype, **keys)


def named(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: p.detach() for name, p in model.named_parameters()}


def shuffled(model: nn.Module, signed: bool, seed=1) -> Relabelling:
    rng = np.random.default_rng(seed)
    sizes = hidden_sizes(specification(model), named(model))
    signs = [rng.choice([-1.0, 1.0], size) if signed else np.ones(size) for size in sizes]
    return Relabelling([rng.permutation(size) for size in sizes], signs)


def test_specification():
    assert specification(network()) == {
        "0.weight": (0, None),
        "0.bias": (0,),
        "2.weight": (1, 0),
        "2.bias": (1,),
        "4.weight": (None, 1),
        "4.bias": (None,),
    }
    spec = specification(network(batch_norm=True, output_bias=False))
    assert spec["1.weight"] == (0,) and spec["4.bias"] == (1,) and "6.bias" not in spec
    assert hidden_sizes(specification(network()), named(network())) == [6, 4]
    for other in (nn.Linear(2, 2), nn.Sequential(nn.Conv2d(1, 1, 1))):
        with pytest.raises(ValueError, match="only fully connected chains"):
            specification(other)


@pytest.mark.parametrize(
    ("keys", "signed"),
    [
        ({"activation": "relu"}, False),
        ({"activation": "gelu", "batch_norm": True}, False),
        ({"activation": "tanh"}, True),
        ({"activation": "tanh", "output_bias": False}, True),
    ],
)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_relabelled_network_is_the_same_function(keys, signed, dtype, tolerance):
    model = network(dtype=dtype, **keys)
    x = torch.randn(50, 5, generator=torch.Generator().manual_seed(2), dtype=torch.float64).to(dtype)
    changed = shuffled(model, signed).apply(specification(model), named(model))
    assert any(not torch.equal(changed[name], p) for name, p in named(model).items())
    after = torch.func.functional_call(model, changed, (x,))
    assert float((after - model(x)).detach().abs().max()) <= tolerance


def test_flipping_signs_needs_an_odd_activation():
    assert odd(network(activation="tanh")) and not odd(network(activation="gelu"))
    assert not odd(network(activation="tanh", batch_norm=True))
    model = network(activation="gelu")
    x = torch.randn(50, 5, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    changed = shuffled(model, signed=True).apply(specification(model), named(model))
    assert not torch.allclose(torch.func.functional_call(model, changed, (x,)), model(x), atol=1e-3)


@pytest.mark.parametrize("signed", [False, True])
def test_a_planted_relabelling_is_found(signed):
    model = network(widths=(8, 20, 15, 4), activation="tanh")
    spec = specification(model)
    hidden = shuffled(model, signed).apply(spec, named(model))
    found = match(spec, named(model), hidden, np.random.default_rng(0), signed=signed)
    for name, tensor in found.relabelling.apply(spec, hidden).items():
        assert torch.equal(tensor, named(model)[name])
    assert found.similarities[-1] == pytest.approx(similarity(named(model), named(model)))


@pytest.mark.parametrize("signed", [False, True])
def test_one_hidden_layer_is_solved_exactly(signed):
    """Against all 4! permutations, times 2^4 signs."""
    a, b = (network((3, 4, 2), "tanh", seed) for seed in (0, 1))
    spec = specification(a)
    best = -np.inf
    for order in permutations(range(4)):
        for signs in product([-1.0, 1.0], repeat=4) if signed else [(1.0,) * 4]:
            candidate = Relabelling([np.array(order)], [np.array(signs)])
            best = max(best, similarity(named(a), candidate.apply(spec, named(b))))
    found = match(spec, named(a), named(b), np.random.default_rng(0), signed=signed)
    assert found.similarities[-1] == pytest.approx(best, rel=1e-12)


def test_two_hidden_layers_ascend_to_a_local_optimum():
    """No sweep loses similarity, no exchange of two units of one layer gains any, and the global one is not beaten."""
    a, b = (network((3, 4, 3, 2), "relu", seed) for seed in (0, 1))
    spec = specification(a)
    found = match(spec, named(a), named(b), np.random.default_rng(0))
    assert np.all(np.diff(found.similarities) >= 0)
    best = max(
        similarity(named(a), Relabelling([np.array(p), np.array(q)], [np.ones(4), np.ones(3)]).apply(spec, named(b)))
        for p in permutations(range(4))
        for q in permutations(range(3))
    )
    assert found.similarities[0] < found.similarities[-1] <= best + 1e-12
    for layer, size in enumerate((4, 3)):
        for i, j in product(range(size), repeat=2):
            orders = [order.copy() for order in found.relabelling.orders]
            orders[layer][[i, j]] = orders[layer][[j, i]]
            swapped = Relabelling(orders, found.relabelling.signs).apply(spec, named(b))
            assert similarity(named(a), swapped) <= found.similarities[-1] + 1e-12


def test_identity_changes_nothing():
    model = network()
    spec = specification(model)
    same = Relabelling.identity(spec, named(model)).apply(spec, named(model))
    assert all(torch.equal(same[name], p) for name, p in named(model).items())
    found = match(spec, named(model), named(model), np.random.default_rng(0))
    assert len(found.similarities) == 2 and found.similarities[0] == found.similarities[1]
