"""Sparse products, layers and the network around them, against dense computations and PyG."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch_geometric.nn import GCN2Conv, GCNConv, SGConv
from torch_geometric.utils import erdos_renyi_graph

from baselines.gnn_oversmoothing.batched import BatchedGCN, batched_task
from baselines.gnn_oversmoothing.graphs import Graph, Task, random_split
from baselines.gnn_oversmoothing.layers.base import Context, Readout
from baselines.gnn_oversmoothing.layers.gcn import GCNLayer
from baselines.gnn_oversmoothing.layers.gcnii import GCNIILayer
from baselines.gnn_oversmoothing.layers.sgc import SGCLayer
from baselines.gnn_oversmoothing.network import DeepGNN, representations
from baselines.gnn_oversmoothing.operators import Operators
from baselines.gnn_oversmoothing.sparse import SparseOperator, dropout, from_dense, weighted_matmul
from baselines.gnn_oversmoothing.training import gradient_norms


@pytest.fixture
def graph() -> Graph:
    torch.manual_seed(0)
    return Graph.from_edges(erdos_renyi_graph(12, 0.3), 12)


@pytest.fixture
def x() -> Tensor:
    return torch.randn(12, 5, generator=torch.Generator().manual_seed(1))


def test_graph_is_undirected_without_loops_and_repetitions() -> None:
    graph = Graph.from_edges(torch.tensor([[0, 1, 1, 2, 0], [1, 0, 1, 3, 1]]), 5)
    assert graph.edge_index.tolist() == [[0, 1, 2, 3], [1, 0, 3, 2]]
    assert graph.degree.tolist() == [1, 1, 1, 1, 0]


def test_sparse_product_and_its_first_two_gradients() -> None:
    torch.manual_seed(0)
    dense = torch.randn(6, 4, dtype=torch.float64) * (torch.rand(6, 4) < 0.5)
    operator = from_dense(dense)
    assert torch.equal(operator.dense(), dense)
    x = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(operator @ x, dense @ x)
    assert torch.autograd.gradcheck(lambda y: operator @ y, (x,))
    assert torch.autograd.gradgradcheck(lambda y: operator @ y, (x,))


def test_sparse_operator_refuses_nothing_and_sorts_entries() -> None:
    row, col = torch.tensor([2, 0, 0]), torch.tensor([1, 3, 0])
    operator = SparseOperator(row, col, torch.tensor([1.0, 2.0, 3.0]), (3, 4))
    assert operator.dense().tolist() == [[3, 0, 0, 2], [0, 0, 0, 0], [0, 1, 0, 0]]
    assert torch.equal(operator.transpose.to_dense(), operator.dense().T)


def test_dropout_is_inverted_dropout() -> None:
    torch.manual_seed(0)
    ones = torch.ones(100_000)
    dropped = dropout(ones, 0.25, training=True)
    assert set(dropped.unique().tolist()) == {0.0, float(torch.tensor(1 / 0.75))}
    assert float(dropped.mean()) == pytest.approx(1.0, abs=4 * (0.25 / 0.75 / 1e5) ** 0.5)
    assert dropout(ones, 0.25, training=False) is ones
    operator = from_dense(torch.ones(50, 40)).dropout(0.5, training=True)
    assert set(operator.values.unique().tolist()) == {0.0, 2.0}
    assert torch.equal(operator.transpose.to_dense(), operator.dense().T)


def test_weighted_product_has_gradients_for_its_entries(graph: Graph) -> None:
    pattern = Operators(graph, torch.float64).looped
    torch.manual_seed(0)
    value = torch.randn(pattern.values.numel(), dtype=torch.float64, requires_grad=True)
    x = torch.randn(12, 3, dtype=torch.float64, requires_grad=True)
    row, col = pattern.indices
    full = torch.zeros(12, 12, dtype=torch.float64).index_put((row.long(), col.long()), value)
    torch.testing.assert_close(weighted_matmul(pattern, value, x), full @ x)
    assert torch.autograd.gradcheck(lambda v, y: weighted_matmul(pattern, v, y), (value, x))


def test_operators_are_the_matrices_of_their_names(graph: Graph) -> None:
    operators = Operators(graph, torch.float64)
    a = torch.from_numpy(graph.adjacency().toarray())
    degree = a.sum(dim=1)
    scale = (degree + 1.0).rsqrt()
    torch.testing.assert_close(operators.p.dense(), scale[:, None] * (a + torch.eye(12)) * scale)
    torch.testing.assert_close(operators.mean.dense(), a / degree.clamp(min=1.0)[:, None])
    torch.testing.assert_close(operators.adjacency.dense(), a)
    torch.testing.assert_close(operators.looped.dense(), a + torch.eye(12))


def test_complete_operators_are_those_of_the_listed_complete_graph(graph: Graph) -> None:
    complete = Operators(graph, torch.float64).complete(block=4)
    listed = Operators(complete.graph, torch.float64)
    x = torch.randn(12, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(complete.p @ x, listed.p @ x)
    torch.testing.assert_close(complete.mean @ x, listed.mean @ x)
    assert listed.graph.degree.tolist() == [3] * 12
    large = Operators(Graph(10_000, torch.zeros(2, 0, dtype=torch.long)), torch.float32).complete()
    assert float((large.p @ torch.ones(10_000, 1)).min()) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="too many"):
        large.graph  # noqa: B018


def test_dropedge_keeps_both_directions_at_its_rate_and_normalises_anew() -> None:
    torch.manual_seed(0)
    graph = Graph.from_edges(erdos_renyi_graph(200, 0.2), 200)
    thinned = Operators(graph).without_edges(0.3).graph
    a, b = graph.adjacency().toarray(), thinned.adjacency().toarray()
    assert np.array_equal(b, b.T) and np.all(b <= a)
    edges = a.sum() / 2
    assert abs(b.sum() / 2 - 0.7 * edges) < 4 * (0.3 * 0.7 * edges) ** 0.5
    again = Graph.from_edges(thinned.edge_index, 200)
    torch.testing.assert_close(Operators(thinned).p.dense(), again.propagation().dense())


def test_gcn_layer_is_gcnconv(graph: Graph, x: Tensor) -> None:
    conv = GCNConv(5, 3)
    layer = GCNLayer(5, 3, bias=True)
    layer.linear.weight.data = conv.lin.weight.data.T
    conv.bias.data = layer.bias.data = torch.tensor([1.0, -1.0, 0.5])
    context = Context(Operators(graph), x)
    torch.testing.assert_close(layer(x, context), conv(x, graph.edge_index))
    torch.testing.assert_close(layer(from_dense(x), context), conv(x, graph.edge_index))


@pytest.mark.parametrize("number", [1, 7])
def test_gcnii_layer_is_gcn2conv(graph: Graph, x: Tensor, number: int) -> None:
    x0 = torch.randn(12, 5, generator=torch.Generator().manual_seed(2))
    conv = GCN2Conv(5, alpha=0.1, theta=0.5, layer=number)
    layer = GCNIILayer(5, 0.1, 0.5, number)
    layer.linear.weight.data = conv.weight1.data
    torch.testing.assert_close(layer(x, Context(Operators(graph), x0)), conv(x, x0, graph.edge_index))


def test_sgc_layers_are_sgconv(graph: Graph, x: Tensor) -> None:
    conv = SGConv(5, 3, K=4)
    y, context = x, Context(Operators(graph), x)
    for _ in range(4):
        y = SGCLayer()(y, context)
    torch.testing.assert_close(conv.lin(y), conv(x, graph.edge_index))


def network_of(depth: int, dropout: float = 0.5, relu: bool = True, **options: Any) -> DeepGNN:
    torch.manual_seed(3)
    layers = [GCNLayer(4, 4) for _ in range(depth)]
    return DeepGNN(layers, width=4, num_features=5, num_classes=2, dropout=dropout, relu=relu, **options)


def test_network_is_its_formula(graph: Graph, x: Tensor) -> None:
    network, operators = network_of(2).eval(), Operators(graph)
    a = operators.p.dense()
    h = torch.relu(x @ network.encoder.weight + network.encoder.bias)
    states = [h]
    for layer in network.layers:
        h = torch.relu(a @ h @ layer.linear.weight)
        states.append(h)
    torch.testing.assert_close(network(x, operators), h @ network.decoder.weight + network.decoder.bias)
    torch.testing.assert_close(representations(network, x, operators), states)
    torch.testing.assert_close(network(from_dense(x), operators), network(x, operators))
    assert network.is_plain


def test_norm_skip_and_complete_last_layer_stand_where_the_formula_says(graph: Graph, x: Tensor) -> None:
    class Doubling(torch.nn.Module):
        def forward(self, y: Tensor) -> Tensor:
            return 2.0 * y

    network = network_of(2, norms=[Doubling(), None], residual=True, complete_last=True).eval()
    operators = Operators(graph)
    a, w = operators.p.dense(), [layer.linear.weight for layer in network.layers]
    h = torch.relu(x @ network.encoder.weight + network.encoder.bias)
    h = h + torch.relu(2.0 * (a @ h @ w[0]))
    h = h + torch.relu((h @ w[1]).mean(dim=0, keepdim=True))
    torch.testing.assert_close(representations(network, x, operators)[-1], h)
    assert not network.is_plain


def test_readout_sees_all_layers_and_sets_the_width_of_the_decoder(graph: Graph, x: Tensor) -> None:
    class Both(Readout):
        width = 8

        def forward(self, states: list[Tensor]) -> Tensor:
            return torch.cat([states[0], states[-1]], dim=1)

    network = network_of(3, readout=Both()).eval()
    states = representations(network, x, Operators(graph))
    expected = torch.cat([states[0], states[3]], dim=1) @ network.decoder.weight + network.decoder.bias
    torch.testing.assert_close(network(x, Operators(graph)), expected)


def test_network_without_ends_is_kipfs(graph: Graph, x: Tensor) -> None:
    layers = [GCNLayer(5, 4), GCNLayer(4, 2)]
    network = DeepGNN(layers, width=None, num_features=5, num_classes=2, dropout=0.0, relu=True)
    operators = Operators(graph)
    a = operators.p.dense()
    expected = a @ torch.relu(a @ x @ layers[0].linear.weight) @ layers[1].linear.weight
    torch.testing.assert_close(network(from_dense(x), operators), expected)
    torch.testing.assert_close(representations(network, from_dense(x), operators)[0], x)


def test_dropout_stands_only_before_weights(graph: Graph, x: Tensor) -> None:
    network = DeepGNN([SGCLayer()] * 3, width=4, num_features=5, num_classes=2, dropout=0.5, relu=False).train()
    calls = 0

    def counted(y: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        return y

    network._drop = counted  # type: ignore[method-assign]
    network(x, Operators(graph))
    assert calls == 2, "before the encoder and before the decoder"


def test_gradient_norms_are_those_of_the_loss(graph: Graph, x: Tensor) -> None:
    network = network_of(3).double()
    labels = torch.arange(12) % 2
    masks = [torch.arange(12) < 6, torch.arange(12) >= 9, torch.arange(12) >= 6]
    task = Task("toy", graph, x.double(), labels, *masks)
    operators = Operators(graph, torch.float64)
    norms = gradient_norms(network, task, operators)
    states = representations(network, task.features, operators)
    last = states[3].requires_grad_()
    loss = torch.nn.functional.cross_entropy((last @ network.decoder.weight + network.decoder.bias)[:6], labels[:6])
    (expected,) = torch.autograd.grad(loss, last)
    assert len(norms) == 4 and norms[3] == pytest.approx(float(expected.norm()))
    for matrix in [layer.linear.weight for layer in network.layers]:
        matrix.data.zero_()
    assert gradient_norms(network, task, operators)[:3] == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("sparse", [False, True])
def test_batched_networks_are_the_single_ones(graph: Graph, x: Tensor, sparse: bool) -> None:
    torch.manual_seed(0)
    batched = BatchedGCN(3, (5, 4, 2), depth=4, rate=0.0)
    labels, nodes = torch.arange(12) % 2, torch.arange(12)
    task = Task("toy", graph, from_dense(x) if sparse else x, labels, nodes < 6, nodes > 8, nodes > 5)
    p, features = batched_task(task, 3, torch.float32)
    singles = [batched.single(number, 0.0) for number in range(3)]
    together = batched(features, p)
    for number, network in enumerate(singles):
        torch.testing.assert_close(together[number], network(task.features, Operators(graph)))
    losses = [torch.nn.functional.cross_entropy(y[:6], labels[:6]) for y in together]
    torch.testing.assert_close(batched.loss(features, p, task), torch.stack(losses).sum())


def test_random_split_covers_every_node_once() -> None:
    masks = random_split(101, (0.2, 0.3), np.random.default_rng(0))
    assert np.array_equal(np.sum(masks, axis=0), np.ones(101))
    assert [int(mask.sum()) for mask in masks] == [20, 30, 51]
