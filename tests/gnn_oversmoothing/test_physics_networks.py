"""Networks of gating and physics models: symmetry, stability at depth 64, dropout, and the energy they keep."""

import copy
from typing import Any

import numpy as np
import pytest
import torch
from gnn_oversmoothing.physics_cases import (
    NAMES,
    NODES,
    VARIANTS,
    WIDTH,
    gaussian,
    hub_and_random,
    layers_of,
    model,
    network_of,
    random_graph,
    stack,
)
from torch import Tensor

from baselines.gnn_oversmoothing.graphs import Graph
from baselines.gnn_oversmoothing.layers.base import Context
from baselines.gnn_oversmoothing.metrics import normalised_energy
from baselines.gnn_oversmoothing.network import representations
from baselines.gnn_oversmoothing.operators import Operators
from baselines.gnn_oversmoothing.sparse import SparseOperator


@pytest.fixture
def graph() -> Graph:
    return random_graph()


@pytest.fixture
def x() -> Tensor:
    return gaussian()


@pytest.mark.parametrize(("name", "keys"), VARIANTS, ids=NAMES)
def test_equivariance(graph: Graph, x: Tensor, name: str, keys: dict[str, Any]) -> None:
    order = torch.randperm(NODES, generator=torch.Generator().manual_seed(6))
    place = torch.argsort(order)  # node i of the graph is node place[i] of the permuted one
    permuted = Graph.from_edges(place[graph.edge_index], NODES)
    layers = layers_of(name, 3, **keys)
    torch.testing.assert_close(stack(layers, x[order], permuted), stack(layers, x, graph)[order])


@pytest.mark.parametrize(("name", "keys"), VARIANTS, ids=NAMES)
def test_sixty_four_layers_stay_finite_and_every_parameter_learns(name: str, keys: dict[str, Any]) -> None:
    graph = hub_and_random()
    features = torch.randn(200, 32, generator=torch.Generator().manual_seed(8))
    operators = Operators(graph)
    deep = representations(network_of(name, keys, 64, 32), features, operators)
    assert all(torch.isfinite(state).all() for state in deep)
    assert max(float(state.abs().max()) for state in deep) < 1e6, "far from the largest float"
    shallow = network_of(name, keys, 2, 32).train()
    shallow(features, operators).square().sum().backward()
    for parameter_name, parameter in shallow.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0.0, parameter_name


@pytest.mark.parametrize(("name", "keys"), VARIANTS, ids=NAMES)
def test_a_used_network_can_be_copied(graph: Graph, x: Tensor, name: str, keys: dict[str, Any]) -> None:
    network, operators = network_of(name, keys, 3, WIDTH).eval(), Operators(graph)
    expected = network(x.float(), operators)
    torch.testing.assert_close(copy.deepcopy(network)(x.float(), operators), expected)


@pytest.mark.parametrize(
    ("name", "keys", "maps"),
    [
        ("g2", {}, 3),
        ("graphcon", {}, 3),
        ("grand", {}, 1),
        ("acmp", {}, 1),
        ("acmp", {"weights": "gcn"}, 0),
        ("gread", {}, 0),
    ],
)
def test_dropout_stands_only_before_weights(
    graph: Graph, x: Tensor, name: str, keys: dict[str, Any], maps: int
) -> None:
    network = network_of(name, keys, 3, WIDTH).train()
    calls = 0

    def counted(y: Any) -> Any:
        nonlocal calls
        calls += 1
        return y

    network._drop = counted  # type: ignore[method-assign]
    network(x.float(), Operators(graph))
    assert calls == maps + 2, "and before encoder and decoder"


@pytest.mark.parametrize(("name", "keys"), [("g2", {}), ("grand", {}), ("acmp", {}), ("acmp", {"weights": "gcn"})])
def test_last_layer_may_see_the_complete_graph(graph: Graph, x: Tensor, name: str, keys: dict[str, Any]) -> None:
    layers, operators = layers_of(name, 2, **keys), Operators(graph, torch.float64)
    context = Context(operators, x)
    y = layers[0](x, context)
    context.operators = operators.complete()
    y = layers[1](y, context)
    everyone = Graph.from_edges(torch.ones(NODES, NODES).nonzero().T, NODES)
    context = Context(operators, x)
    expected = layers[0](x, context)
    context.operators = Operators(everyone, torch.float64)
    torch.testing.assert_close(y, layers[1](expected, context))


def test_graphcon_keeps_dirichlet_energy_where_diffusion_loses_it_exponentially() -> None:
    """Diffusion multiplies it by (1 - step gap)^2 a layer or less, a free oscillator by det = 1 - alpha dt."""
    graph = hub_and_random()
    features = torch.randn(200, 32, generator=torch.Generator().manual_seed(9))

    def kept(name: str, **keys: Any) -> float:
        states = representations(network_of(name, keys, 64, 32), features, Operators(graph))
        return normalised_energy(states[-1], graph) / normalised_energy(states[0], graph)

    eigenvalues = np.linalg.eigvalsh(graph.propagation(torch.float64).dense().numpy())
    slowest = max(abs(1.0 - 0.5 * (1.0 - float(value))) for value in eigenvalues[:-1])
    assert kept("gread", beta=0.0) <= slowest**128 * (1.0 + 1e-3) + 1e-12  # rounding of float32
    assert slowest**128 < 1e-8
    assert 1e-2 < kept("graphcon") < 1e2
    assert kept("graphcon", alpha=1.0) < 100.0 * 0.5**64, "damping takes it away, whatever the graph"


@pytest.mark.parametrize(
    ("name", "keys", "message"),
    [
        ("g2", {"p": 0.5}, "model.p must be at least 1"),
        ("g2", {"reduce": "max"}, "model.reduce must be one of mean, sum"),
        ("graphcon", {"dt": 0.0}, "model.dt must be above 0"),
        ("grand", {"integrator": "heun"}, "model.integrator must be one of euler, rk4"),
        ("acmp", {"beta": -0.1}, "model.beta must be at least 0"),
        ("gread", {"reaction": "fb"}, "model.reaction must be one of fisher"),
    ],
)
def test_wrong_values_are_refused(name: str, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        model(name, **keys)


def test_coupling_of_the_complete_graph_without_edges_is_zero() -> None:
    lonely = Graph(3, torch.empty(2, 0, dtype=torch.int64))
    y = stack(layers_of("acmp", 1, width=2, delta=0.0), torch.ones(3, 2, dtype=torch.float64), lonely)
    torch.testing.assert_close(y, torch.ones(3, 2, dtype=torch.float64))
    assert isinstance(Operators(lonely).looped, SparseOperator)
