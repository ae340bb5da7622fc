"""Effective resistance, commute time and spectral gap against closed forms, random walks and brute force."""

import itertools

import networkx as nx
import numpy as np
import pytest
from scipy import sparse

from baselines.gnn_oversmoothing import resistance


def adjacency(network: nx.Graph) -> sparse.csr_array:
    return nx.to_scipy_sparse_array(network, nodelist=sorted(network), weight=None, dtype=float, format="csr")


UNION = nx.disjoint_union_all([nx.path_graph(4), nx.cycle_graph(5), nx.empty_graph(2)])


@pytest.mark.parametrize("network", [nx.karate_club_graph(), UNION], ids=["karate", "four components"])
def test_pseudo_inverse(network: nx.Graph) -> None:
    a = adjacency(network)
    laplacian = np.diag(a.sum(axis=1)) - a.toarray()
    np.testing.assert_allclose(resistance.laplacian_pseudo_inverse(a), np.linalg.pinv(laplacian), atol=1e-12)


def test_resistance_of_trees_is_distance() -> None:
    network = nx.random_labeled_tree(30, seed=0)
    distance = np.array(nx.floyd_warshall_numpy(network, nodelist=sorted(network)))
    np.testing.assert_allclose(resistance.effective_resistance(adjacency(network)), distance, atol=1e-11)


def test_resistance_of_cycle_and_complete_graph() -> None:
    n = 12
    k = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    a = adjacency(nx.cycle_graph(n))
    np.testing.assert_allclose(resistance.effective_resistance(a), k * (n - k) / n, atol=1e-12)
    assert resistance.total_effective_resistance(a) == pytest.approx((n**3 - n) / 12)
    complete = adjacency(nx.complete_graph(n))
    np.testing.assert_allclose(resistance.effective_resistance(complete), 2 / n * (1 - np.eye(n)), atol=1e-12)
    assert resistance.total_effective_resistance(complete) == pytest.approx(n - 1)


def test_foster_sum_over_edges() -> None:
    """Foster 1949: the resistances of the edges sum to N - 1."""
    network = nx.gnp_random_graph(50, 0.2, seed=3)
    r = resistance.effective_resistance(adjacency(network))
    assert sum(r[i, j] for i, j in network.edges) == pytest.approx(49)


def test_disconnected_graph() -> None:
    a = adjacency(UNION)
    r = resistance.effective_resistance(a)
    assert np.isinf(r[0, 4]) and np.isinf(r[9, 10]) and r[0, 3] == pytest.approx(3.0) and r[9, 9] == 0.0
    finite = r[np.triu_indices(11, 1)]
    assert resistance.total_effective_resistance(a) == pytest.approx(finite[np.isfinite(finite)].sum())
    assert resistance.commute_time(a)[0, 3] == pytest.approx(2 * 3 * 3) and np.isinf(resistance.commute_time(a)[0, 4])
    assert resistance.largest_component(a).tolist() == [4, 5, 6, 7, 8]
    assert resistance.spectral_gap(a) == pytest.approx(1 - np.cos(2 * np.pi / 5))


def test_commute_time_is_the_sum_of_hitting_times() -> None:
    network = nx.lollipop_graph(5, 3)
    a = adjacency(network)
    walk = a.toarray() / a.sum(axis=1)[:, None]

    def hitting(u: int, v: int) -> float:
        others = [k for k in range(8) if k != v]
        times = np.linalg.solve(np.eye(7) - walk[np.ix_(others, others)], np.ones(7))
        return float(times[others.index(u)])

    commute = resistance.commute_time(a)
    for u, v in [(0, 7), (2, 5), (6, 7)]:
        assert commute[u, v] == pytest.approx(hitting(u, v) + hitting(v, u))


@pytest.mark.parametrize("weight,edge", [(1.0, (0, 33)), (-1.0, (0, 1))])
def test_edge_update_equals_recomputation(weight: float, edge: tuple[int, int]) -> None:
    network = nx.karate_club_graph()
    before = resistance.laplacian_pseudo_inverse(adjacency(network))
    (network.add_edge if weight > 0 else network.remove_edge)(*edge)
    after = resistance.laplacian_pseudo_inverse(adjacency(network))
    np.testing.assert_allclose(resistance.edge_update(before, *edge, weight), after, atol=1e-12)


def test_removing_a_bridge_is_refused() -> None:
    inverse = resistance.laplacian_pseudo_inverse(adjacency(nx.path_graph(4)))
    with pytest.raises(ValueError, match=r"edge \(1, 2\) is a bridge"):
        resistance.edge_update(inverse, 1, 2, -1.0)


@pytest.mark.parametrize(
    "network,gap",
    [
        (nx.complete_graph(7), 7 / 6),
        (nx.cycle_graph(11), 1 - np.cos(2 * np.pi / 11)),
        (nx.path_graph(9), 1 - np.cos(np.pi / 8)),
        (nx.star_graph(5), 1.0),
        (nx.convert_node_labels_to_integers(nx.hypercube_graph(4)), 2 / 4),
        (nx.empty_graph(3), 0.0),
    ],
)
def test_spectral_gap_closed_forms(network: nx.Graph, gap: float) -> None:
    assert resistance.spectral_gap(adjacency(network)) == pytest.approx(gap, abs=1e-12)


@pytest.mark.parametrize("network", [nx.gnp_random_graph(300, 0.02, seed=1), nx.barbell_graph(20, 3)])
def test_lanczos_agrees_with_dense(network: nx.Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    dense = resistance.spectral_gap(adjacency(network))
    monkeypatch.setattr(resistance, "DENSE_NODES", 0)
    assert resistance.spectral_gap(adjacency(network)) == pytest.approx(dense, rel=1e-8)


@pytest.mark.parametrize(
    "network", [nx.barbell_graph(5, 0), nx.cycle_graph(10), nx.barabasi_albert_graph(11, 2, seed=2), nx.path_graph(8)]
)
def test_cheeger_bounds(network: nx.Graph) -> None:
    """h^2 / 2 <= lambda_1 <= 2 h with h by trying every set of nodes."""
    degree, total = dict(network.degree), 2 * network.number_of_edges()
    shares = []
    for size in range(1, len(network)):
        for nodes in itertools.combinations(network, size):
            volume = sum(degree[v] for v in nodes)
            if 0 < volume <= total / 2:
                shares.append(nx.cut_size(network, nodes) / volume)
    h, gap = min(shares), resistance.spectral_gap(adjacency(network))
    assert h**2 / 2 <= gap + 1e-12 and gap <= 2 * h + 1e-12
