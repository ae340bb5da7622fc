"""Sparse products, layers and the network around them, against dense computations and PyG."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch_geometric.nn import GCN2Conv, GCNConv, SGConv
from torch_geometric.utils import erdos_renyi_graph

from baselines.gnn_oversmoothing.graphs import Graph, random_split
from baselines.gnn_oversmoothing.layers import GCN2Layer, GCNLayer, SGCLayer
from baselines.gnn_oversmoothing.network import DeepGNN, representations
from baselines.gnn_oversmoothing.sparse import SparseOperator, dropout, from_dense


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


def test_gcn_layer_is_gcnconv(graph: Graph, x: Tensor) -> None:
    conv = GCNConv(5, 3)
    layer = GCNLayer(5, 3, bias=True)
    layer.linear.weight.data = conv.lin.weight.data.T
    conv.bias.data = layer.bias.data = torch.tensor([1.0, -1.0, 0.5])
    torch.testing.assert_close(layer(x, x, graph.propagation()), conv(x, graph.edge_index))
    torch.testing.assert_close(layer(from_dense(x), x, graph.propagation()), conv(x, graph.edge_index))


@pytest.mark.parametrize("number", [1, 7])
def test_gcn2_layer_is_gcn2conv(graph: Graph, x: Tensor, number: int) -> None:
    x0 = torch.randn(12, 5, generator=torch.Generator().manual_seed(2))
    conv = GCN2Conv(5, alpha=0.1, theta=0.5, layer=number)
    layer = GCN2Layer(5, 0.1, 0.5, number)
    layer.linear.weight.data = conv.weight1.data
    torch.testing.assert_close(layer(x, x0, graph.propagation()), conv(x, x0, graph.edge_index))


def test_sgc_layers_are_sgconv(graph: Graph, x: Tensor) -> None:
    conv = SGConv(5, 3, K=4)
    y, p = x, graph.propagation()
    for _ in range(4):
        y = SGCLayer()(y, x, p)
    torch.testing.assert_close(conv.lin(y), conv(x, graph.edge_index))


def network_of(depth: int, dropout: float = 0.5, relu: bool = True) -> DeepGNN:
    torch.manual_seed(3)
    layers = [GCNLayer(4, 4, bias=False) for _ in range(depth)]
    return DeepGNN(layers, width=4, num_features=5, num_classes=2, dropout=dropout, relu=relu)


def test_network_is_its_formula(graph: Graph, x: Tensor) -> None:
    network, p = network_of(2).eval(), graph.propagation()
    a = p.dense()
    h = torch.relu(x @ network.encoder.weight + network.encoder.bias)
    states = [h]
    for layer in network.layers:
        h = torch.relu(a @ h @ layer.linear.weight)
        states.append(h)
    torch.testing.assert_close(network(x, p), h @ network.decoder.weight + network.decoder.bias)
    torch.testing.assert_close(representations(network, x, p), states)
    torch.testing.assert_close(network(from_dense(x), p), network(x, p))


def test_network_without_ends_is_kipfs(graph: Graph, x: Tensor) -> None:
    layers = [GCNLayer(5, 4, bias=False), GCNLayer(4, 2, bias=False)]
    network = DeepGNN(layers, width=None, num_features=5, num_classes=2, dropout=0.0, relu=True)
    a = graph.propagation().dense()
    expected = a @ torch.relu(a @ x @ layers[0].linear.weight) @ layers[1].linear.weight
    torch.testing.assert_close(network(from_dense(x), graph.propagation()), expected)
    first = representations(network, from_dense(x), graph.propagation())[0]
    torch.testing.assert_close(first, x)


def test_dropout_stands_only_before_weights(graph: Graph, x: Tensor) -> None:
    network = DeepGNN([SGCLayer()] * 3, width=4, num_features=5, num_classes=2, dropout=0.5, relu=False).train()
    network.decoder.weight.data.fill_(0.0)
    calls = 0

    def counted(y: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        return y

    network._drop = counted  # type: ignore[method-assign]
    network(x, graph.propagation())
    assert calls == 2, "before the encoder and before the decoder"


def test_random_split_covers_every_node_once() -> None:
    masks = random_split(101, (0.2, 0.3), np.random.default_rng(0))
    assert np.array_equal(np.sum(masks, axis=0), np.ones(101))
    assert [int(mask.sum()) for mask in masks] == [20, 30, 51]
