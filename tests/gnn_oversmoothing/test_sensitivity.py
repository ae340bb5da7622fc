"""Jacobians, their bound, closed forms of operator entries, and the transfer graphs."""

import math
import warnings

import networkx as nx
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from baselines.gnn_oversmoothing import transfer_graphs
from baselines.gnn_oversmoothing.graph_transfer_study import entry, normalised
from baselines.gnn_oversmoothing.layers.gcn import GCNLayer
from baselines.gnn_oversmoothing.network import DeepGNN
from baselines.gnn_oversmoothing.operators import Operators
from baselines.gnn_oversmoothing.resistance import effective_resistance
from baselines.gnn_oversmoothing.sensitivity import gcn_bound, jacobians, sensitivities, walk_weight
from baselines.gnn_oversmoothing.transfer_graphs import TOPOLOGIES, TransferGraph, operator_entry, published_entry

WIDTH = 6


def to_networkx(member: TransferGraph) -> nx.Graph:
    graph = nx.Graph()
    graph.add_nodes_from(range(member.graph.num_nodes))
    graph.add_edges_from(member.graph.edge_index.T.tolist())
    return graph


@pytest.mark.parametrize("distance", [3, 4, 5, 8])
@pytest.mark.parametrize("name", [*TOPOLOGIES, "binary_tree"])
def test_source_and_target_are_at_the_distance(name: str, distance: int) -> None:
    member = getattr(transfer_graphs, name)(distance)
    graph = to_networkx(member)
    assert nx.is_connected(graph)
    assert nx.shortest_path_length(graph, member.source, member.target) == distance == member.distance
    assert nx.diameter(graph) >= distance


def test_degrees_are_those_of_the_papers_graphs() -> None:
    degrees = {name: sorted(make(6).graph.degree.tolist()) for name, make in TOPOLOGIES.items()}
    assert degrees["ring"] == [2] * 12
    assert degrees["crossed_ring"] == [2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4]
    assert degrees["clique_path"] == [1, 2, 2, 2, 2, 5, 5, 5, 5, 5, 6]


@pytest.mark.parametrize("distance", [3, 4, 5, 7])
@pytest.mark.parametrize("name", [*TOPOLOGIES, "binary_tree"])
def test_closed_forms_are_dense_powers(name: str, distance: int) -> None:
    member = getattr(transfer_graphs, name)(distance)
    for self_loops in (False, True):
        dense = entry(member, self_loops)
        assert operator_entry(name, distance, self_loops) == pytest.approx(dense, rel=1e-12)
    p = Operators(member.graph, torch.float64).p
    assert np.allclose(p.dense(), normalised(member.graph, True), atol=1e-15)
    assert walk_weight(p, distance, member.target, member.source) == pytest.approx(dense, rel=1e-12)


def test_what_the_readme_prints() -> None:
    """Ring is right; the clique-path misses sqrt((r - 1) / (r - 2)); the crossed ring decays as 2^-r, not 1.5^-r."""
    for r in (4, 6, 9):
        assert published_entry("ring", r) == pytest.approx(operator_entry("ring", r, False))
        ratio = published_entry("clique_path", r) / operator_entry("clique_path", r, False)
        assert ratio == pytest.approx(math.sqrt((r - 1) / (r - 2)))
        falls = operator_entry("crossed_ring", r + 1, False) / operator_entry("crossed_ring", r, False)
        assert falls == pytest.approx(1 / 2) and published_entry("crossed_ring", r + 1) / published_entry(
            "crossed_ring", r
        ) == pytest.approx(2 / 3)


def test_topping_tree_value_is_that_of_the_row_normalised_walk() -> None:
    for r in (2, 4):
        member = transfer_graphs.binary_tree(r + 1)
        a = member.graph.adjacency().toarray()
        walk = np.linalg.matrix_power(a / a.sum(axis=1, keepdims=True), r + 1)
        assert walk[member.target, member.source] == pytest.approx(3.0**-r / 2)
        symmetric = entry(member, self_loops=False)
        assert symmetric == pytest.approx(3.0**-r / math.sqrt(2))


def test_closed_form_errors_are_said() -> None:
    with pytest.raises(ValueError, match="at least 3"):
        operator_entry("ring", 2, True)
    with pytest.raises(ValueError, match="known are"):
        operator_entry("torus", 4, True)


def test_resistance_orders_the_topologies() -> None:
    values = []
    for make in TOPOLOGIES.values():
        member = make(6)
        values.append(effective_resistance(member.graph.adjacency())[member.source, member.target])
    assert values == sorted(values)
    assert values[1] == pytest.approx(3.0), "two paths of six resistors in parallel"
    assert values[2] == pytest.approx(5.0 + 2.0 / 6.0), "five resistors and a clique of six"


@pytest.fixture
def member() -> TransferGraph:
    return transfer_graphs.crossed_ring(4)


def network_of(depth: int, scale: float = 1.0) -> DeepGNN:
    torch.manual_seed(1)
    layers = [GCNLayer(WIDTH, WIDTH, bias=True) for _ in range(depth)]
    network = DeepGNN(layers, width=WIDTH, num_features=3, num_classes=3, dropout=0.0, relu=True).double()
    for layer in layers:
        layer.linear.weight.data *= scale
    return network


def jacobian_of(network: DeepGNN, member: TransferGraph, x: Tensor) -> Tensor:
    states = network.states(x, Operators(member.graph, torch.float64))
    return jacobians(states[-1], states[0], torch.tensor([member.target]), torch.tensor([member.source]))


def test_jacobian_is_a_difference_quotient(member: TransferGraph) -> None:
    network, operators = network_of(5), Operators(member.graph, torch.float64)
    x = torch.rand(member.graph.num_nodes, 3, dtype=torch.float64)
    block = jacobian_of(network, member, x)[0]
    first = network.states(x, operators)[0].detach()

    def last(given: Tensor) -> Tensor:
        for layer in network.layers:
            given = torch.relu(operators.p @ layer.linear(given) + layer.bias)
        return given[member.target]

    step = 1e-6
    for column in range(WIDTH):
        shifted = first.clone()
        shifted[member.source, column] += step
        torch.testing.assert_close((last(shifted) - last(first)) / step, block[:, column], atol=1e-7, rtol=1e-4)


def test_jacobian_agrees_with_pyg(member: TransferGraph) -> None:
    from torch_geometric.utils.influence import jacobian_l1

    network, operators = network_of(4), Operators(member.graph, torch.float64)
    x = torch.rand(member.graph.num_nodes, WIDTH, dtype=torch.float64)

    class Layers(nn.Module):
        def forward(self, given: Tensor, edge_index: Tensor) -> Tensor:
            for layer in network.layers:
                given = torch.relu(operators.p @ layer.linear(given) + layer.bias)
            return given

    from torch_geometric.data import Data

    data = Data(x=x, edge_index=member.graph.edge_index, num_nodes=member.graph.num_nodes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        influence = jacobian_l1(Layers(), data, 4, member.target, "cpu", vectorize=False)
    given = x.requires_grad_()
    output = Layers()(given, member.graph.edge_index)
    for node in range(member.graph.num_nodes):
        block = jacobians(output, given, torch.tensor([member.target]), torch.tensor([node]))
        assert float(block.abs().sum()) == pytest.approx(float(influence[node]), abs=1e-12)


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_bound_holds_and_can_fail(member: TransferGraph, scale: float) -> None:
    network = network_of(member.distance, scale)
    x = torch.rand(member.graph.num_nodes, 3, dtype=torch.float64)
    value = float(sensitivities(jacobian_of(network, member, x))[0])
    p = Operators(member.graph, torch.float64).p
    walks = walk_weight(p, member.distance, member.target, member.source)
    weights = [layer.linear.weight for layer in network.layers]
    assert 0.0 < value <= gcn_bound(weights, walks)
    assert value > gcn_bound([0.2 * weight for weight in weights], walks), "smaller singular values do not bound it"


def test_linear_network_with_orthogonal_weights_reaches_the_bound(member: TransferGraph) -> None:
    network = network_of(member.distance)
    network.relu = False
    for layer in network.layers:
        layer.linear.weight.data = torch.linalg.qr(torch.randn(WIDTH, WIDTH, dtype=torch.float64)).Q
    x = torch.rand(member.graph.num_nodes, 3, dtype=torch.float64)
    block = jacobian_of(network, member, x)
    p = Operators(member.graph, torch.float64).p
    walks = walk_weight(p, member.distance, member.target, member.source)
    assert float(sensitivities(block)[0]) == pytest.approx(walks, rel=1e-12)
    assert gcn_bound([layer.linear.weight for layer in network.layers], walks) == pytest.approx(walks, rel=1e-12)


def test_blocks_of_separate_graphs_do_not_mix() -> None:
    member = transfer_graphs.ring(3)
    task = transfer_graphs.transfer_task(member, 3)
    network, n = network_of(3), member.graph.num_nodes
    states = network.states(task.features.double(), Operators(task.graph, torch.float64))
    nodes = n * torch.arange(3)
    together = jacobians(states[-1], states[0], nodes + member.target, nodes + member.source)
    for label in range(3):
        alone = jacobian_of(network, member, task.features.double()[n * label : n * (label + 1)])
        torch.testing.assert_close(together[label], alone[0])


def test_transfer_examples() -> None:
    member = transfer_graphs.ring(3)
    task = transfer_graphs.transfer_task(member, 4)
    assert task.graph.num_nodes == 24 and int(task.train.sum()) == 4
    assert task.labels[task.train].tolist() == [0, 1, 2, 3]
    first = task.features[:6]
    assert first[member.source].tolist() == [1, 0, 0, 0] and first[member.target].tolist() == [0, 0, 0, 0]
    assert float(first.sum()) == 1 + 4 * 4
    order = task.graph.edge_index[0] * 24 + task.graph.edge_index[1]
    assert (order.diff() > 0).all(), "sorted, each once"
    assert set((task.graph.edge_index[0] // 6 - task.graph.edge_index[1] // 6).tolist()) == {0}
