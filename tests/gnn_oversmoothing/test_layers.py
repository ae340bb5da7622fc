"""The layers and readouts of the classic models: PyG's layers, dense formulas, and three nodes by hand."""

import math
from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.nn import APPNP, GATConv, GatedGraphConv, GINConv, JumpingKnowledge, SAGEConv
from torch_geometric.utils import erdos_renyi_graph

from baselines.gnn_oversmoothing.graphs import Graph
from baselines.gnn_oversmoothing.layers.appnp import APPNPLayer
from baselines.gnn_oversmoothing.layers.base import Context
from baselines.gnn_oversmoothing.layers.dagnn import AdaptiveGate
from baselines.gnn_oversmoothing.layers.gat import GATLayer, attention
from baselines.gnn_oversmoothing.layers.ggnn import GGNNLayer
from baselines.gnn_oversmoothing.layers.gin import GINLayer
from baselines.gnn_oversmoothing.layers.gprgnn import GeneralizedPageRank
from baselines.gnn_oversmoothing.layers.jknet import JumpingKnowledge as Join
from baselines.gnn_oversmoothing.layers.mlp import MLPLayer
from baselines.gnn_oversmoothing.layers.sage import SAGELayer
from baselines.gnn_oversmoothing.layers.sgc import SGCLayer
from baselines.gnn_oversmoothing.operators import Operators
from baselines.gnn_oversmoothing.sparse import from_dense

NODES = 15  # the last two have no neighbours
PATH = Graph.from_edges(torch.tensor([[0, 1], [1, 2]]), 3)
Pair = tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor], list[tuple[Tensor, Tensor]]]


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture
def graph() -> Graph:
    return Graph.from_edges(erdos_renyi_graph(NODES - 2, 0.3), NODES)


def context(graph: Graph, x: Tensor) -> Context:
    return Context(Operators(graph, x.dtype), x)


def gat(graph: Graph, dtype: torch.dtype, heads: int) -> Pair:
    ours, theirs = GATLayer(6, heads).to(dtype), GATConv(6, 6 // heads, heads=heads, bias=False).to(dtype)
    theirs.att_dst.data, theirs.att_src.data = (ours.attend.data[None, ..., side].clone() for side in (0, 1))
    maps = [(ours.linear.weight, theirs.lin.weight)]
    return lambda x: ours(x, context(graph, x)), lambda x: theirs(x, graph.edge_index), maps


def sage(graph: Graph, dtype: torch.dtype) -> Pair:
    ours, theirs = SAGELayer(6, 4).to(dtype), SAGEConv(6, 4, bias=False).to(dtype)
    maps = [(ours.neighbours.weight, theirs.lin_l.weight), (ours.own.weight, theirs.lin_r.weight)]
    return lambda x: ours(x, context(graph, x)), lambda x: theirs(x, graph.edge_index), maps


def gin(graph: Graph, dtype: torch.dtype) -> Pair:
    perceptron = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 4))
    ours, theirs = GINLayer(6, 4, eps=0.25).to(dtype), GINConv(perceptron, eps=0.25).to(dtype)
    first, second = perceptron[0], perceptron[2]
    ours.first.bias.data, ours.second.bias.data = first.bias.data.clone(), second.bias.data.clone()
    maps = [(ours.first.weight, first.weight), (ours.second.weight, second.weight)]
    return lambda x: ours(x, context(graph, x)), lambda x: theirs(x, graph.edge_index), maps


def ggnn(graph: Graph, dtype: torch.dtype) -> Pair:
    ours, theirs = GGNNLayer(6).to(dtype), GatedGraphConv(6, num_layers=1).to(dtype)
    theirs.rnn = ours.cell
    theirs.weight = nn.Parameter(ours.linear.weight.data[None].clone())
    return lambda x: ours(x, context(graph, x)), lambda x: theirs(x, graph.edge_index), []


def appnp(graph: Graph, dtype: torch.dtype) -> Pair:
    layer, theirs = APPNPLayer(0.2), APPNP(K=6, alpha=0.2)

    def ours(x: Tensor) -> Tensor:
        y, shared = x, context(graph, x)
        for _ in range(6):
            y = layer(y, shared)
        return y

    return ours, lambda x: theirs(x, graph.edge_index), []


CASES = {
    "gat 1 head": lambda graph, dtype: gat(graph, dtype, 1),
    "gat 3 heads": lambda graph, dtype: gat(graph, dtype, 3),
    "sage": sage,
    "gin": gin,
    "ggnn": ggnn,
    "appnp": appnp,
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("case", CASES)
def test_layer_is_that_of_pyg(case: str, dtype: torch.dtype, graph: Graph) -> None:
    ours, theirs, maps = CASES[case](graph, dtype)
    for mine, other in maps:
        other.data = mine.data.T.clone()
    tolerance = {"atol": 1e-6, "rtol": 1e-5} if dtype == torch.float32 else {"atol": 1e-10, "rtol": 1e-10}
    x = torch.randn(NODES, 6, dtype=dtype, requires_grad=True)
    y, expected = ours(x), theirs(x)
    torch.testing.assert_close(y, expected, **tolerance)
    towards = torch.randn_like(y)
    found = torch.autograd.grad(y, [x, *(mine for mine, _ in maps)], towards)
    wanted = torch.autograd.grad(expected, [x, *(other for _, other in maps)], towards)
    torch.testing.assert_close(found[0], wanted[0], **tolerance)
    for mine, other in zip(found[1:], wanted[1:], strict=True):
        torch.testing.assert_close(mine, other.T, **tolerance)


def test_attention_vectors_have_pygs_gradients(graph: Graph) -> None:
    ours, theirs = GATLayer(6, 2).double(), GATConv(6, 3, heads=2, bias=False).double()
    theirs.lin.weight.data = ours.linear.weight.data.T.clone()
    theirs.att_dst.data, theirs.att_src.data = (ours.attend.data[None, ..., side].clone() for side in (0, 1))
    x, towards = torch.randn(2, NODES, 6, dtype=torch.float64)
    (found,) = torch.autograd.grad(ours(x, context(graph, x)), [ours.attend], towards)
    wanted = torch.autograd.grad(theirs(x, graph.edge_index), [theirs.att_dst, theirs.att_src], towards)
    torch.testing.assert_close(found, torch.stack([side[0] for side in wanted], dim=-1), atol=1e-10, rtol=1e-10)


def test_attention_by_hand() -> None:
    target, source = torch.tensor([0.0, -1.0, 0.0]), torch.tensor([0.0, 1.0, -5.0])
    entries = attention(target, source, Operators(PATH).looped)
    # Row 0: scores 0 and 1.  Row 1: LeakyReLU of -1, 0, -6 is -0.2, 0, -1.2.  Row 2: 1 and LeakyReLU(-5) = -1.
    rows = [[0.0, 1.0], [-0.2, 0.0, -1.2], [1.0, -1.0]]
    expected = [math.exp(score) / sum(map(math.exp, row)) for row in rows for score in row]
    assert entries.tolist() == pytest.approx(expected, rel=1e-6)


def test_attention_is_stable_and_has_its_gradient(graph: Graph) -> None:
    pattern = Operators(graph, torch.float64).looped
    target, source = torch.randn(2, NODES, dtype=torch.float64)
    target.requires_grad_()
    source.requires_grad_()
    assert torch.autograd.gradcheck(lambda t, s: attention(t, s, pattern), (target, source))
    large = attention(torch.full((3,), 1e4), torch.tensor([0.0, 1e4, -1e6]), Operators(PATH).looped)
    assert large.tolist() == [0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0], "neither overflow nor division by zero"


def test_layers_on_a_path_by_hand() -> None:
    x = torch.tensor([[1.0], [2.0], [4.0]])
    at = context(PATH, x)
    uniform = GATLayer(1, 1)
    uniform.linear.weight.data.fill_(1.0)
    uniform.attend.data.zero_()
    assert uniform(x, at).flatten().tolist() == pytest.approx([1.5, 7 / 3, 3.0]), "zero attention: the plain mean"
    sage = SAGELayer(1, 1)
    sage.own.weight.data.fill_(10.0)
    sage.neighbours.weight.data.fill_(1.0)
    assert sage(x, at).flatten().tolist() == pytest.approx([12.0, 22.5, 42.0])
    assert sage(from_dense(x), at).flatten().tolist() == pytest.approx([12.0, 22.5, 42.0])
    gin = GINLayer(1, 1, eps=0.5)
    gin.first.weight.data.fill_(1.0)
    gin.second.weight.data.fill_(1.0)
    gin.second.bias.data.fill_(-1.0)
    assert gin(x, at).flatten().tolist() == pytest.approx([2.5, 7.0, 7.0])
    p = [[1 / 2, 6**-0.5, 0], [6**-0.5, 1 / 3, 6**-0.5], [0, 6**-0.5, 1 / 2]]
    once = [sum(p[i][j] * float(x[j]) for j in range(3)) for i in range(3)]
    expected = [0.75 * after + 0.25 * float(before) for after, before in zip(once, x, strict=True)]
    assert APPNPLayer(0.25)(x, at).flatten().tolist() == pytest.approx(expected)
    mlp = MLPLayer(1, 1)
    mlp.linear.weight.data.fill_(3.0)
    assert mlp(x, at).flatten().tolist() == [3.0, 6.0, 12.0]


def test_ggnn_keeps_the_state_when_its_gate_is_open() -> None:
    layer = GGNNLayer(4)
    layer.cell.bias_ih.data[4:8] = 100.0  # the update gate z: X' = (1 - z) new + z X
    x = torch.randn(3, 4)
    torch.testing.assert_close(layer(x, context(PATH, x)), x)


def hops(graph: Graph, depth: int) -> tuple[Tensor, list[Tensor]]:
    """Return dense P and X, P X, ..., P^depth X."""
    p, states = Operators(graph, torch.float64).p.dense(), [torch.randn(NODES, 5, dtype=torch.float64)]
    for _ in range(depth):
        states.append(p @ states[-1])
    return p, states


@pytest.mark.parametrize("mode", ["cat", "max"])
def test_join_is_pygs_jumping_knowledge(mode: str) -> None:
    states = [torch.randn(NODES, 5, requires_grad=True) for _ in range(4)]
    join = Join(3, 5, mode)
    joined, expected = join(states), JumpingKnowledge(mode)(states[1:])
    assert torch.equal(joined, expected) and joined.shape[1] == join.width
    towards = torch.randn_like(joined)
    found = torch.autograd.grad(joined, states[1:], towards)
    assert all(map(torch.equal, found, torch.autograd.grad(expected, states[1:], towards)))


def test_generalized_pagerank_is_its_polynomial_and_starts_as_appnp(graph: Graph) -> None:
    p, states = hops(graph, 5)
    readout = GeneralizedPageRank(5, 5, alpha=0.2).double()
    assert float(readout.gamma.detach().sum()) == pytest.approx(1.0)
    layer, at = APPNPLayer(0.2), context(graph, states[0])
    y = states[0]
    for _ in range(5):
        y = layer(y, at)
    torch.testing.assert_close(readout(states), y, atol=1e-6, rtol=1e-6)
    readout.gamma.data = torch.randn(6, dtype=torch.float64)
    polynomial = sum(gamma * torch.linalg.matrix_power(p, k) for k, gamma in enumerate(readout.gamma.tolist()))
    torch.testing.assert_close(readout(states), polynomial @ states[0])


def test_gate_weighs_every_hop_of_every_node(graph: Graph) -> None:
    _, states = hops(graph, 4)
    gate = AdaptiveGate(5).double()
    stacked = torch.stack(states, dim=1)  # [N, L + 1, F]
    weights = torch.sigmoid(stacked @ gate.projection.weight + gate.projection.bias)
    torch.testing.assert_close(gate(states), (weights * stacked).sum(dim=1))
    gate.projection.weight.data.zero_()
    torch.testing.assert_close(gate(states), 0.5 * sum(states))


def test_appnp_tends_to_personalised_pagerank(graph: Graph) -> None:
    p, states = hops(graph, 0)
    layer, at, y = APPNPLayer(0.1), context(graph, states[0]), states[0]
    for _ in range(300):
        y = layer(y, at)
    limit = 0.1 * torch.linalg.solve(torch.eye(NODES, dtype=torch.float64) - 0.9 * p, states[0])
    torch.testing.assert_close(y, limit)


@pytest.mark.parametrize(
    "layer,maps",
    [(GATLayer(4, 2), 1), (SAGELayer(4, 4), 1), (GINLayer(4, 4, 0.0), 2), (GGNNLayer(4), 1), (MLPLayer(4, 4), 1)],
    ids=lambda case: type(case).__name__,
)
def test_dropout_stands_before_maps_with_weights(layer: nn.Module, maps: int, graph: Graph) -> None:
    x = torch.randn(NODES, 4)
    at, calls = context(graph, x), []
    at.drop = lambda y: calls.append(y.shape) or y
    layer(x, at)
    assert calls == [x.shape] * maps


def test_layers_without_weights_do_not_drop(graph: Graph) -> None:
    x = torch.randn(NODES, 4)
    at = context(graph, x)
    at.drop = lambda y: pytest.fail("there is no map with weights")
    layers: Sequence[nn.Module] = [APPNPLayer(0.1), SGCLayer()]
    assert all(torch.isfinite(layer(x, at)).all() for layer in layers)
