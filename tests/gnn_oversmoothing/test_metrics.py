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


@pytest.mark.parametrize("n", [3, 6])
def test_energies_of_one_node_on_a_complete_graph(n: int) -> None:
    x, graph = torch.eye(n)[:, :1], graph_of(nx.complete_graph(n))
    assert metrics.dirichlet_energy(x, graph) == pytest.approx(2 * (n - 1) / n)
    assert metrics.energy_quotient(7 * x, graph) == pytest.approx(2 * (n - 1) / n)
    assert metrics.normalised_energy(x, graph) == pytest.approx(1 - 1 / n)


def test_energies_of_coordinates_on_a_grid() -> None:
    """Every edge changes one coordinate by one."""
    network = nx.grid_2d_graph(5, 7)
    x = torch.tensor(list(network), dtype=torch.float64)
    graph = graph_of(nx.convert_node_labels_to_integers(network))
    m = 4 * 7 + 5 * 6
    assert metrics.dirichlet_energy(x, graph) == pytest.approx(2 * m / 35)
    corner = torch.zeros(35, 1, dtype=torch.float64)
    corner[0] = 1.0
    assert metrics.rayleigh_quotient(corner, graph) == pytest.approx(1 - 1 / 3)


def test_energies_on_a_tree() -> None:
    """x is the depth, then the entry sqrt(1 + d) of the smooth vector with the sign turned below the root's left."""
    network = nx.balanced_tree(2, 4)
    depth = torch.tensor([nx.shortest_path_length(network, 0, i) for i in network])[:, None]
    graph = graph_of(network)
    assert metrics.dirichlet_energy(depth, graph) == pytest.approx(2 * 30 / 31)
    below = torch.tensor(
        [nx.has_path(nx.subgraph_view(network, filter_node=lambda j: j != 0), 1, i) for i in range(1, 31)]
    )
    x = (graph.degree + 1.0).double().sqrt()[:, None]
    x[1:][below] *= -1.0
    assert metrics.normalised_energy(x, graph) == pytest.approx(2.0**2), "only the edge from the root changes sign"


def test_numerical_rank_is_that_of_numpy() -> None:
    import numpy as np

    generator = torch.Generator().manual_seed(0)
    left, right = (torch.randn(40, 3, generator=generator, dtype=torch.float64) for _ in range(2))
    for size, rank in ((0.0, 3), (1e-17, 3), (1e-9, 8)):
        x = left @ right[:8].T + size * torch.randn(40, 8, generator=generator, dtype=torch.float64)
        assert metrics.numerical_rank(x) == rank == np.linalg.matrix_rank(x.numpy())


def test_rank_one_distance_of_known_singular_values() -> None:
    x = torch.diag(torch.tensor([6.0, 3.0, 1.0]))
    assert metrics.rank_one_distance(x) == pytest.approx(0.4)
    assert metrics.rank_one_distance(x[:, :1] @ torch.ones(1, 4)) == pytest.approx(0.0, abs=1e-15)


def test_rank_one_distance_is_the_smallest() -> None:
    """No other matrix of rank one is nearer: perturbed ones, and Roth's choice of the largest row and column."""
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(12, 5, generator=generator, dtype=torch.float64)
    x = x / torch.linalg.matrix_norm(x, "nuc")
    found = metrics.rank_one_distance(x)
    u, sigma, v = torch.linalg.svd(x, full_matrices=False)
    nearest = sigma[0] * torch.outer(u[:, 0], v[0])
    assert float(torch.linalg.matrix_norm(x - nearest, "nuc")) == pytest.approx(found, rel=1e-12)
    for _ in range(200):
        noise = 0.1 * torch.randn(17, generator=generator, dtype=torch.float64)
        other = sigma[0] * torch.outer(u[:, 0] + noise[:12], v[0] + noise[12:])
        assert float(torch.linalg.matrix_norm(x - other, "nuc")) > found
    row, column = x[x.sum(1).argmax()], x[:, x.sum(0).argmax()]
    roth = torch.outer(column, row)
    roth = roth / torch.linalg.matrix_norm(roth, "nuc")
    assert float(torch.linalg.matrix_norm(x - roth, "nuc")) > found


def test_stable_rank_gives_the_frobenius_distance() -> None:
    x = torch.randn(9, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    u, sigma, v = torch.linalg.svd(x / x.norm(), full_matrices=False)
    nearest = sigma[0] * torch.outer(u[:, 0], v[0])
    distance = float((x / x.norm() - nearest).norm())
    assert distance == pytest.approx(math.sqrt(1 - 1 / metrics.stable_rank(x)))


def test_scale_matters_only_for_the_energies(network: nx.Graph, x: Tensor) -> None:
    graph = graph_of(network)
    one, tiny = metrics.measure(x, graph), metrics.measure(1e-100 * x, graph)
    for name, value in one.items():
        factor = 1e-200 if name in ("energy", "normalised_energy") else 1.0
        assert tiny[name] == pytest.approx(factor * value, rel=1e-9), name


def test_zero_matrix_has_numbers() -> None:
    found = metrics.measure(torch.zeros(5, 2), graph_of(nx.complete_graph(5)))
    assert found.pop("mean_average_distance") == 4.0, "zero rows have no direction: each of 4 neighbours counts 1"
    assert found.pop("mean_average_distance_chen") == 1.0
    assert set(found.values()) == {0.0}


def test_measure_agrees_with_the_single_functions(network: nx.Graph, x: Tensor) -> None:
    graph = graph_of(network)
    every = metrics.measure(3e-7 * x, graph)
    of_graph = {"energy": metrics.dirichlet_energy} | {
        name: getattr(metrics, name)
        for name in (
            "normalised_energy",
            "energy_quotient",
            "rayleigh_quotient",
            "mean_average_distance",
            "mean_average_distance_chen",
        )
    }
    of_matrix = [metrics.effective_rank, metrics.stable_rank, metrics.numerical_rank, metrics.rank_one_distance]
    assert set(every) == set(of_graph) | {function.__name__ for function in of_matrix}
    for name, function in of_graph.items():
        assert every[name] == pytest.approx(function(3e-7 * x, graph), rel=1e-12), name
    for function in of_matrix:
        assert every[function.__name__] == pytest.approx(function(x), rel=1e-12)
