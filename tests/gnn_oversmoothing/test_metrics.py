"""Every metric against a closed form or a dense computation."""

import math

import networkx as nx
import pytest
import torch
from torch import Tensor

from baselines.gnn_oversmoothing import metrics
from baselines.gnn_oversmoothing.graphs import Graph

GRAPHS = {
    "cycle": nx.cycle_graph(7),
    "complete": nx.complete_graph(5),
    "path": nx.path_graph(6),
    "grid": nx.convert_node_labels_to_integers(nx.grid_2d_graph(3, 4)),
    "karate": nx.karate_club_graph(),
    "two components": nx.disjoint_union(nx.cycle_graph(4), nx.star_graph(3)),
}


def graph_of(network: nx.Graph) -> Graph:
    edges = torch.tensor(list(network.edges())).T
    return Graph.from_edges(edges, network.number_of_nodes())


def dense_adjacency(network: nx.Graph) -> Tensor:
    return torch.from_numpy(nx.to_numpy_array(network, nodelist=sorted(network), weight=None))


@pytest.fixture(params=GRAPHS)
def network(request: pytest.FixtureRequest) -> nx.Graph:
    return GRAPHS[request.param]


@pytest.fixture
def x(network: nx.Graph) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(network.number_of_nodes(), 3, generator=generator, dtype=torch.float64)


def test_dirichlet_energy_is_a_trace(network: nx.Graph, x: Tensor) -> None:
    a = dense_adjacency(network)
    trace = torch.trace(x.T @ (torch.diag(a.sum(1)) - a) @ x)
    assert metrics.dirichlet_energy(x, graph_of(network)) == pytest.approx(2 * float(trace) / len(a), rel=1e-12)


def test_normalised_energy_is_a_trace(network: nx.Graph, x: Tensor) -> None:
    a = dense_adjacency(network)
    scale = torch.diag((a.sum(1) + 1).rsqrt())
    identity = torch.eye(len(a), dtype=torch.float64)
    trace = torch.trace(x.T @ (identity - scale @ (a + identity) @ scale) @ x)
    assert metrics.normalised_energy(x, graph_of(network)) == pytest.approx(float(trace), rel=1e-12)


def test_energy_of_a_wave_on_a_cycle() -> None:
    n, k = 12, 3
    wave = torch.cos(2 * math.pi * k * torch.arange(n, dtype=torch.float64) / n)[:, None]
    laplacian = 2 - 2 * math.cos(2 * math.pi * k / n)  # eigenvalue of D - A
    graph = graph_of(nx.cycle_graph(n))
    assert metrics.dirichlet_energy(wave, graph) == pytest.approx(2 / n * laplacian * n / 2)
    assert metrics.rayleigh_quotient(wave, graph) == pytest.approx(laplacian / 3)  # d + 1 = 3


def test_quotient_on_a_complete_graph() -> None:
    x = torch.tensor([[1.0], [-1.0], [0.0], [0.0]], dtype=torch.float64)  # orthogonal to the constants
    assert metrics.rayleigh_quotient(x, graph_of(nx.complete_graph(4))) == pytest.approx(1.0)


def test_energies_vanish_where_they_should() -> None:
    graph = graph_of(GRAPHS["karate"])
    constant = torch.ones(34, 2, dtype=torch.float64)
    limit = (graph.degree + 1.0).double().sqrt()[:, None] * torch.tensor([[1.0, -2.0]])
    assert metrics.dirichlet_energy(constant, graph) == 0.0
    assert metrics.normalised_energy(constant, graph) > 1.0
    assert metrics.normalised_energy(limit, graph) < 1e-28
    assert metrics.dirichlet_energy(limit, graph) > 1.0
    assert metrics.mean_average_distance(limit, graph) == pytest.approx(0.0, abs=1e-12)


def test_mad_sums_over_neighbours(network: nx.Graph, x: Tensor) -> None:
    total = 0.0
    for i in network:
        for j in network.neighbors(i):
            total += 1.0 - float(torch.nn.functional.cosine_similarity(x[i], x[j], dim=0))
    graph = graph_of(network)
    assert metrics.mean_average_distance(x, graph) == pytest.approx(total / graph.num_nodes, rel=1e-10)


@pytest.mark.parametrize("rank", [1, 2, 5])
def test_ranks_of_equal_singular_values(rank: int) -> None:
    q, _ = torch.linalg.qr(torch.randn(20, rank, generator=torch.Generator().manual_seed(1), dtype=torch.float64))
    assert metrics.effective_rank(7 * q) == pytest.approx(rank)
    assert metrics.stable_rank(7 * q) == pytest.approx(rank)


def test_ranks_of_known_singular_values() -> None:
    x = torch.diag(torch.tensor([3.0, 1.0]))
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert metrics.effective_rank(x) == pytest.approx(math.exp(entropy))
    assert metrics.stable_rank(x) == pytest.approx(10 / 9)


def test_scale_matters_only_for_the_energies(network: nx.Graph, x: Tensor) -> None:
    graph = graph_of(network)
    one, tiny = metrics.measure(x, graph), metrics.measure(1e-100 * x, graph)
    for name in ("rayleigh_quotient", "mean_average_distance", "effective_rank", "stable_rank"):
        assert tiny[name] == pytest.approx(one[name], rel=1e-9), name
    for name in ("energy", "normalised_energy"):
        assert tiny[name] == pytest.approx(1e-200 * one[name], rel=1e-9), name


def test_zero_matrix_has_numbers() -> None:
    assert set(metrics.measure(torch.zeros(5, 2), graph_of(nx.complete_graph(5))).values()) <= {0.0, 4.0}


def test_measure_agrees_with_the_single_functions(network: nx.Graph, x: Tensor) -> None:
    graph, every = graph_of(network), metrics.measure(x, graph_of(network))
    assert every["energy"] == metrics.dirichlet_energy(x, graph)
    assert every["normalised_energy"] == metrics.normalised_energy(x, graph)
    assert every["rayleigh_quotient"] == pytest.approx(metrics.rayleigh_quotient(x, graph))
    assert every["effective_rank"] == metrics.effective_rank(x)
    assert every["stable_rank"] == metrics.stable_rank(x)
