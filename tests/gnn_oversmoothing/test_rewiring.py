"""Every rewiring against its own objective, brute force on small graphs, and what all of them must leave alone."""

import itertools

import networkx as nx
import numpy as np
import pytest
import torch
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from baselines.common import options
from baselines.gnn_oversmoothing import curvature, resistance, rewiring, rewiring_study
from baselines.gnn_oversmoothing.graphs import Graph, Task

RINGS = [nx.barbell_graph(10, 0), nx.ring_of_cliques(6, 5), nx.path_graph(30)]
NAMES = options.groups("gnn_oversmoothing")["rewiring"]


def adjacency(network: nx.Graph) -> sparse.csr_array:
    return nx.to_scipy_sparse_array(network, nodelist=sorted(network), weight=None, dtype=float, format="csr")


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def union() -> nx.Graph:
    """Five components, one of them with communities, two single nodes."""
    parts = [nx.ring_of_cliques(4, 5), nx.balanced_tree(2, 3), nx.cycle_graph(7), nx.empty_graph(2)]
    return nx.disjoint_union_all(parts)


@pytest.mark.parametrize("name", NAMES)
def test_result_is_a_simple_graph_with_the_same_components(name: str) -> None:
    before = Graph.from_edges(torch.tensor(list(union().edges)).T, len(union()))
    option = options.option_class("gnn_oversmoothing", "rewiring", name)()
    if hasattr(option, "share"):
        option.share = 0.5  # a good part of the graph
    after = option.rewire(before, 3)
    matrix = after.adjacency()
    assert after.num_nodes == before.num_nodes and set(matrix.data) == {1.0}
    assert (matrix != matrix.T).nnz == 0 and not matrix.diagonal().any()
    keys = after.edge_index[0] * after.num_nodes + after.edge_index[1]
    assert (keys.diff() > 0).all(), "sorted, each once"
    components = [connected_components(g.adjacency(), directed=False)[1].tolist() for g in (before, after)]
    assert components[0] == components[1]
    again = option.rewire(before, 3)
    assert torch.equal(again.edge_index, after.edge_index)
    changed = (matrix != before.adjacency()).nnz > 0
    assert changed == (name not in ("none", "fully_adjacent"))
    assert option.complete_last == (name == "fully_adjacent")


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("none", "fully_adjacent")])
def test_bad_share(name: str) -> None:
    with pytest.raises(ValueError, match=r"rewiring\.share must lie between 0 and 1; got 1\.5"):
        options.option_class("gnn_oversmoothing", "rewiring", name)(share=1.5)


def test_number_of_insertions() -> None:
    a = adjacency(nx.gnp_random_graph(60, 0.1, seed=0))
    for method in (
        lambda: rewiring.fosr(a, 12, 10, generator()),
        lambda: rewiring.gtr(a, 12),
        lambda: rewiring.random_edges(a, 12, generator()),
        lambda: rewiring.sdrf(a, 12, 50.0, None, generator()),
    ):
        assert method().nnz == a.nnz + 24


@pytest.mark.parametrize("network", RINGS, ids=["barbell", "ring of cliques", "path"])
def test_fosr_raises_the_gap_more_than_random_edges(network: nx.Graph) -> None:
    a = adjacency(network)
    gap = resistance.spectral_gap(rewiring.fosr(a, 5, 50, generator()))
    others = [resistance.spectral_gap(rewiring.random_edges(a, 5, generator(seed))) for seed in range(20)]
    assert gap > resistance.spectral_gap(a) and gap > np.mean(others)


def test_fosr_follows_the_eigenvector() -> None:
    """Its first edge is the one that the dense eigenvector would choose."""
    a = adjacency(nx.connected_watts_strogatz_graph(40, 4, 0.2, seed=1))
    degree = a.sum(axis=1)
    _, vectors = np.linalg.eigh(a.toarray() / np.sqrt(np.outer(degree, degree)))
    y = vectors[:, -2] / np.sqrt(1 + degree)
    product = np.where((a.toarray() > 0) | np.eye(40, dtype=bool), np.inf, np.outer(y, y))
    added = rewiring.fosr(a, 1, 10, generator()) - a
    u, v = added.nonzero()[0][0], added.nonzero()[1][0]
    assert product[u, v] == pytest.approx(product.min(), rel=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_most_opposite_pair_by_brute_force(seed: int) -> None:
    network = nx.barabasi_albert_graph(60, 2, seed=seed)
    y = generator(seed).standard_normal(60)
    pair = rewiring._most_opposite(adjacency(network), y)
    assert pair is not None
    best = min(y[u] * y[v] for u, v in itertools.combinations(range(60), 2) if not network.has_edge(u, v))
    assert y[pair[0]] * y[pair[1]] == best and not network.has_edge(*pair)
    assert rewiring._most_opposite(adjacency(nx.complete_graph(5)), generator().standard_normal(5)) is None


def test_gtr_takes_the_greedy_maximum() -> None:
    """Three insertions, each the best of all pairs by recomputing the total resistance."""
    network = nx.connected_watts_strogatz_graph(16, 4, 0.3, seed=5)
    found = rewiring.gtr(adjacency(network), 3)
    for _ in range(3):
        totals = {}
        for u, v in nx.non_edges(network):
            trial = network.copy()
            trial.add_edge(u, v)
            totals[u, v] = resistance.total_effective_resistance(adjacency(trial))
        network.add_edge(*min(totals, key=totals.__getitem__))
    best = resistance.total_effective_resistance(adjacency(network))
    assert resistance.total_effective_resistance(found) == pytest.approx(best, rel=1e-12)


def test_gtr_completes_a_small_graph_and_stops() -> None:
    assert rewiring.gtr(adjacency(nx.cycle_graph(5)), 50).nnz == 20


@pytest.mark.parametrize("network", [RINGS[0], nx.balanced_tree(3, 3)], ids=["barbell", "tree"])
def test_sdrf_raises_the_lowest_curvature(network: nx.Graph) -> None:
    a = adjacency(network)
    flowed = rewiring.sdrf(a, 39, 100.0, None, generator())
    assert curvature.balanced_forman(flowed).min() > curvature.balanced_forman(a).min() + 0.1


def test_sdrf_keeps_curvature_up_to_date() -> None:
    flow = rewiring._Flow(adjacency(nx.gnp_random_graph(40, 0.12, seed=2)))
    rng = generator(1)
    for step in range(60):
        if step % 3 == 2:
            flow.remove(int(rng.integers(flow.values.size)))
        else:
            free = np.argwhere(np.triu(flow.adjacency.toarray() == 0, 1))
            flow.insert(*map(int, free[rng.integers(len(free))]))
        edges = curvature.undirected_edges(flow.adjacency)
        assert [flow.edge(k) for k in range(flow.values.size)] == list(map(tuple, edges.T.tolist()))
        np.testing.assert_allclose(flow.values, curvature.balanced_forman(flow.adjacency), atol=1e-12)


def test_sdrf_removes_only_above_the_threshold() -> None:
    a = adjacency(nx.ring_of_cliques(5, 6))
    kept, thinned = (rewiring.sdrf(a, 10, 100.0, bound, generator()) for bound in (None, 0.5))
    assert kept.nnz == a.nnz + 20 > thinned.nnz
    assert ((a - thinned) > 0).nnz > 0


def test_sdrf_stops_where_nothing_can_be_added() -> None:
    assert rewiring.sdrf(adjacency(nx.complete_graph(6)), 5, 10.0, None, generator()).nnz == 30


def test_borf_raises_its_own_curvature() -> None:
    a = adjacency(nx.barbell_graph(10, 0))
    flowed = rewiring.borf(a, 6, 0, 3)
    assert flowed.nnz > a.nnz
    assert curvature.ollivier(flowed).min() > curvature.ollivier(a).min() + 0.1


def test_borf_joins_the_costliest_pair_and_removes_the_highest_edge() -> None:
    network = nx.barbell_graph(4, 0)  # bridge (3, 4): every transport from {0, 1, 2} to {5, 6, 7} costs 3
    a = adjacency(network)
    added = np.argwhere((rewiring.borf(a, 1, 0, 1) - a).toarray() > 0)
    assert len(added) == 2 and {int(added[0][0]) // 4, int(added[0][1]) // 4} == {0, 1}
    assert 3 not in added and 4 not in added
    removed = np.argwhere((a - rewiring.borf(a, 0, 1, 1)).toarray() > 0)
    values = curvature.ollivier(a, removed[:1].T)
    assert values[0] == pytest.approx(curvature.ollivier(a).max())


def test_bridges_have_no_positive_curvature() -> None:
    """Why no removal can disconnect a graph."""
    network = nx.disjoint_union(nx.gnp_random_graph(20, 0.3, seed=0), nx.gnp_random_graph(20, 0.3, seed=1))
    network.add_edges_from([(0, 20), (5, 40), (40, 41)])
    a = adjacency(network)
    bridges = np.array(list(nx.bridges(network))).T
    assert bridges.shape[1] >= 3
    assert (curvature.balanced_forman(a, bridges) <= 0).all() and (curvature.ollivier(a, bridges) <= 1e-12).all()


def test_interval_is_student_t() -> None:
    from scipy import stats

    values = generator(7).standard_normal(9)
    expected = stats.t.interval(0.95, 8, values.mean(), stats.sem(values))
    assert rewiring_study.interval(values) == pytest.approx(expected, rel=1e-9)


def test_structure_of_the_barbell() -> None:
    network = nx.barbell_graph(8, 0)
    graph = Graph.from_edges(torch.tensor(list(network.edges)).T, 16)
    masks = [torch.ones(16, dtype=torch.bool)] * 3
    task = Task("barbell", graph, torch.eye(16), torch.arange(16) // 8, *masks)
    found = rewiring_study.structure(graph.adjacency(), task, transport=True)
    assert found["edges"] == 57 and found["components"] == 1
    assert found["forman_min"] == pytest.approx(-1.5) and found["homophily"] == pytest.approx(56 / 57)
    assert found["ollivier_min"] == pytest.approx(-2 * (1 - 2 / 8))
    # 7 pairs within each clique cost 2/8 a pair; between them 1 ohm of the bridge and 2/8 on each side without it
    within, between = 2 * 28 * 2 / 8, 64 * 1 + 2 * 8 * 7 * 2 / 8
    assert found["total_resistance"] == pytest.approx(within + between)
