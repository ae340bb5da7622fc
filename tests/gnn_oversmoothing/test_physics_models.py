"""The gating and physics models: each equation node by node, stability, and what they reduce to."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from gnn_oversmoothing.physics_cases import (
    NODES,
    WIDTH,
    context_of,
    gaussian,
    layers_of,
    random_graph,
    stack,
)
from torch import Tensor
from torch_geometric.nn import TransformerConv
from torch_geometric.utils import softmax

from baselines.gnn_oversmoothing.graphs import Graph
from baselines.gnn_oversmoothing.layers.gcn import GCNLayer
from baselines.gnn_oversmoothing.layers.grand import row_softmax
from baselines.gnn_oversmoothing.operators import Operators


@pytest.fixture
def graph() -> Graph:
    return random_graph()


@pytest.fixture
def x() -> Tensor:
    return gaussian()


def neighbours(graph: Graph, i: int) -> list[int]:
    row, col = graph.edge_index
    return col[row == i].tolist()


def attention_by_hand(layer: Any, graph: Graph, x: Tensor) -> Tensor:
    attention, result = layer.attention, torch.zeros(NODES, NODES, dtype=x.dtype)
    query, key = x @ attention.query.weight, x @ attention.key.weight
    size = WIDTH // attention.heads
    for i in range(NODES):
        near = [*neighbours(graph, i), i]
        for head in range(attention.heads):
            part = slice(head * size, (head + 1) * size)
            score = torch.stack([query[i, part] @ key[j, part] / math.sqrt(size) for j in near])
            result[i, near] += torch.softmax(score, 0) / attention.heads
    return result


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
@pytest.mark.parametrize("reduce", ["mean", "sum"])
def test_g2_is_its_equation(graph: Graph, x: Tensor, p: float, reduce: str) -> None:
    (layer,) = layers_of("g2", 1, p=p, reduce=reduce)
    propagation = graph.propagation(torch.float64).dense()
    h = torch.relu(propagation @ x @ layer.linear.weight)
    y = torch.relu(propagation @ x @ layer.gate_linear.weight)
    expected = torch.empty_like(x)
    for i in range(NODES):
        near = neighbours(graph, i)
        total = sum(((y[j] - y[i]).abs() ** p for j in near), torch.zeros(WIDTH, dtype=x.dtype))
        tau = torch.tanh(total / len(near) if reduce == "mean" and near else total)
        expected[i] = (1.0 - tau) * x[i] + tau * h[i]
    actual = layer(x, context_of(graph, x))
    torch.testing.assert_close(actual, expected)
    torch.testing.assert_close(actual[-1], x[-1], msg="a node without neighbours does not move")


def test_g2_gate_follows_the_graph_it_is_given(graph: Graph, x: Tensor) -> None:
    (layer,) = layers_of("g2", 1)
    fewer = Graph(NODES, graph.edge_index[:, (graph.edge_index < 6).all(dim=0)])
    first = layer(x, context_of(graph, x))
    other = layer(x, context_of(fewer, x))
    assert not torch.allclose(first, other)
    torch.testing.assert_close(layer(x, context_of(graph, x)), first)
    torch.testing.assert_close(other, layers_of("g2", 1)[0](x, context_of(fewer, x)))


def test_graphcon_is_its_equation(graph: Graph, x: Tensor) -> None:
    layers = layers_of("graphcon", 3, dt=0.3, alpha=0.7, gamma=1.4)
    propagation = graph.propagation(torch.float64).dense()
    position, velocity = x, x
    for layer in layers:
        force = torch.relu(propagation @ position @ layer.linear.weight)
        velocity = velocity + 0.3 * (force - 1.4 * position - 0.7 * velocity)
        position = position + 0.3 * velocity
    torch.testing.assert_close(stack(layers, x, graph), position)


def test_graphcon_with_all_constants_one_is_a_plain_gcn(graph: Graph, x: Tensor) -> None:
    layers = layers_of("graphcon", 4, dt=1.0, alpha=1.0, gamma=1.0)
    context, y = context_of(graph, x), x
    for layer in layers:
        gcn = GCNLayer(WIDTH, WIDTH).double()
        gcn.linear.weight.data = layer.linear.weight.data
        y = torch.relu(gcn(y, context))
    torch.testing.assert_close(stack(layers, x, graph), y)


def test_graphcon_shares_its_weights_only_on_request() -> None:
    assert len({id(layer) for layer in layers_of("graphcon", 5, shared=True)}) == 1
    assert len({id(layer) for layer in layers_of("graphcon", 5)}) == 5


def test_row_softmax_is_pygs(graph: Graph) -> None:
    pattern = Operators(graph).looped
    score = 30.0 * torch.randn(pattern.values.numel(), 3, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(row_softmax(score, pattern), softmax(score, pattern.indices[0].long()))


@pytest.mark.parametrize("heads", [1, 2])
def test_grand_is_its_equation(graph: Graph, x: Tensor, heads: int) -> None:
    layers = layers_of("grand", 3, step=0.4, heads=heads)
    a = attention_by_hand(layers[0], graph, x)
    torch.testing.assert_close(a.sum(dim=1), torch.ones(NODES, dtype=x.dtype))
    y = x
    for _ in range(3):
        y = y + 0.4 * (a @ y - y)
    torch.testing.assert_close(stack(layers, x, graph), y)


def test_grand_attention_is_pygs_transformer_conv(graph: Graph, x: Tensor) -> None:
    (layer,) = layers_of("grand", 1, step=1.0)
    conv = TransformerConv(WIDTH, WIDTH, bias=False, root_weight=False).double()
    conv.lin_query.weight.data = layer.attention.query.weight.data.T
    conv.lin_key.weight.data = layer.attention.key.weight.data.T
    conv.lin_value.weight.data = torch.eye(WIDTH, dtype=x.dtype)
    loops = torch.arange(NODES).repeat(2, 1)
    expected = conv(x, torch.cat([graph.edge_index, loops], dim=1))
    torch.testing.assert_close(layer(x, context_of(graph, x)), expected)


def test_grand_rk4_is_its_taylor_polynomial_and_attention_is_computed_once(graph: Graph, x: Tensor) -> None:
    layers = layers_of("grand", 2, step=0.7, integrator="rk4")
    z = 0.7 * (attention_by_hand(layers[0], graph, x) - torch.eye(NODES, dtype=x.dtype))
    one = torch.eye(NODES, dtype=x.dtype) + z + z @ z / 2.0 + z @ z @ z / 6.0 + z @ z @ z @ z / 24.0
    calls = 0

    def counted(y: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        return y

    context = replace(context_of(graph, x), drop=counted)
    y = layers[1](layers[0](x, context), context)
    torch.testing.assert_close(y, one @ one @ x)
    assert calls == 1, "dropout stands before the attention's weights, once in a pass"


@pytest.mark.parametrize("step", [0.5, 1.0])
def test_grand_obeys_the_maximum_principle(graph: Graph, x: Tensor, step: float) -> None:
    y = stack(layers_of("grand", 64, step=step), x, graph)
    assert torch.all(y <= x.amax(dim=0) + 1e-12) and torch.all(y >= x.amin(dim=0) - 1e-12)


@pytest.mark.parametrize("weights", ["attention", "gcn"])
def test_acmp_is_its_equation(graph: Graph, x: Tensor, weights: str) -> None:
    (layer,) = layers_of("acmp", 1, weights=weights, integrator="euler", step=0.2, alpha=0.8, beta=0.15, delta=0.6)
    a = attention_by_hand(layer, graph, x) if weights == "attention" else graph.propagation(x.dtype).dense()
    expected = torch.empty_like(x)
    for i in range(NODES):
        pull = sum(((a[i, j] - 0.15) * (x[j] - x[i]) for j in neighbours(graph, i)), torch.zeros_like(x[i]))
        expected[i] = x[i] + 0.2 * (0.8 * pull + 0.6 * x[i] * (1.0 - x[i] ** 2))
    torch.testing.assert_close(layer(x, context_of(graph, x)), expected)


@pytest.mark.parametrize("integrator", ["split", "euler", "rk4"])
def test_acmp_without_repulsion_and_double_well_is_grand(graph: Graph, x: Tensor, integrator: str) -> None:
    acmp = layers_of("acmp", 3, beta=0.0, delta=0.0, step=0.6, integrator=integrator)
    grand = layers_of("grand", 3, step=0.6, integrator="euler" if integrator == "split" else integrator)
    grand[0].load_state_dict({k: v for k, v in acmp[0].state_dict().items() if k.startswith("attention")})
    torch.testing.assert_close(stack(acmp, x, graph), stack(grand, x, graph))


def test_acmp_split_step_is_bounded_whatever_the_coupling(graph: Graph, x: Tensor) -> None:
    y = stack(layers_of("acmp", 64, beta=50.0, delta=1.0), 1e3 * x, graph)
    assert float(y.abs().max()) <= (1.0 - math.exp(-1.0)) ** -0.5 + 1e-12
    y = stack(layers_of("acmp", 64, beta=50.0, delta=1.0, integrator="euler"), 1e3 * x, graph)
    assert not torch.isfinite(y).all(), "explicit Euler has no such bound"


def test_acmp_repulsion_keeps_two_clusters_apart() -> None:
    """Two K_4 joined by an edge: a_ij is 1/5 on the bridge and at least 1/sqrt(20) > 0.22 inside."""
    inner = [(i + s, j + s) for s in (0, 4) for i in range(4) for j in range(i)]
    graph = Graph.from_edges(torch.tensor([*inner, (3, 4)]).T, 8)
    noise = torch.randn(8, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    x = torch.tensor([0.3] * 4 + [-0.3] * 4, dtype=torch.float64)[:, None] + 0.1 + 0.02 * noise

    def final(beta: float, delta: float) -> Tensor:
        keys = {"weights": "gcn", "beta": beta, "delta": delta, "step": 0.5}
        return stack(layers_of("acmp", 600, width=1, **keys), x, graph)[:, 0]

    diffusion, double_well, repulsion = final(0.0, 0.0), final(0.0, 0.05), final(0.21, 0.05)
    assert float(diffusion.max() - diffusion.min()) < 1e-6
    assert float(double_well.max() - double_well.min()) < 1e-3, "the double well alone does not stop the consensus"
    assert torch.all(repulsion[:4] > 0.5) and torch.all(repulsion[4:] < -0.5)


@pytest.mark.parametrize("reaction", ["fisher", "allen_cahn", "zeldovich", "blurring_sharpening"])
def test_gread_is_its_equation(graph: Graph, x: Tensor, reaction: str) -> None:
    keys = {"reaction": reaction, "step": 0.2, "alpha": 0.8, "beta": 0.6}
    (layer,) = layers_of("gread", 1, integrator="euler", **keys)
    a = graph.propagation(x.dtype).dense()
    x = x.abs() if reaction == "fisher" else x
    expected = torch.empty_like(x)
    for i in range(NODES):
        terms = {
            "fisher": x[i] * (1.0 - x[i]),
            "allen_cahn": x[i] * (1.0 - x[i] ** 2),
            "zeldovich": x[i] * (x[i] - x[i] ** 2),
            "blurring_sharpening": sum(a[i, j] * (x[j] - a[j] @ x) for j in range(NODES)),
        }
        laplacian = x[i] - sum(a[i, j] * x[j] for j in range(NODES))
        expected[i] = x[i] + 0.2 * (-0.8 * laplacian + 0.6 * terms[reaction])
    torch.testing.assert_close(layer(x, context_of(graph, x)), expected)
    with torch.no_grad():  # the step that splits differs from Euler's by O(step^2)
        (split,) = layers_of("gread", 1, **(keys | {"step": 1e-6}))
        (euler,) = layers_of("gread", 1, integrator="euler", **(keys | {"step": 1e-6}))
        difference = split(x, context_of(graph, x)) - euler(x, context_of(graph, x))
    assert float(difference.abs().max()) < 1e-8


def test_gread_blurring_sharpening_with_equal_coefficients_smooths_by_the_squared_laplacian() -> None:
    """-L x + P L x = -L^2 x: the slowest mode decays by 1 - step lambda^2 a layer instead of 1 - step lambda."""
    nodes = 12
    ring = torch.stack([torch.arange(nodes), (torch.arange(nodes) + 1) % nodes])
    graph = Graph.from_edges(ring, nodes)
    wave = torch.cos(2.0 * math.pi * torch.arange(nodes, dtype=torch.float64) / nodes)[:, None]
    gap = (2.0 - 2.0 * math.cos(2.0 * math.pi / nodes)) / 3.0
    y = stack(layers_of("gread", 10, width=1, reaction="blurring_sharpening"), wave, graph)
    torch.testing.assert_close(y, (1.0 - 0.5 * gap**2) ** 10 * wave)


def test_coefficients_stay_between_zero_and_twice_their_start() -> None:
    (layer,) = layers_of("gread", 1, alpha=0.7)
    assert layer.alpha().tolist() == pytest.approx([0.7] * WIDTH)
    layer.alpha.theta.data = torch.linspace(-50.0, 50.0, WIDTH, dtype=torch.float64)
    assert torch.all(layer.alpha() >= 0.0) and torch.all(layer.alpha() <= 1.4)
    (fixed,) = layers_of("gread", 1, trained=False)
    assert list(fixed.parameters()) == []
