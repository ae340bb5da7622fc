"""MADGap, group distance ratio and information gain against loops over pairs and closed forms."""

import itertools
import math

import networkx as nx
import pytest
import torch
from torch import Tensor

from baselines.gnn_oversmoothing import metrics
from baselines.gnn_oversmoothing import pair_metrics as pm
from baselines.gnn_oversmoothing.graphs import Graph
from baselines.gnn_oversmoothing.sparse import from_dense

DOUBLE = torch.float64


def graph_of(network: nx.Graph) -> Graph:
    return Graph.from_edges(torch.tensor(list(network.edges())).T, network.number_of_nodes())


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE)


def cosine_distance(a: Tensor, b: Tensor) -> float:
    return 1.0 - float(a @ b / (a.norm() * b.norm()))


def chen_by_loops(x: Tensor, pairs: list[tuple[int, int]]) -> float:
    """The published recipe with python loops: row means of the non-zero entries, then the mean of non-zero rows."""
    means = []
    for i in range(len(x)):
        row = [d for a, j in pairs if a == i and (d := cosine_distance(x[i], x[j])) > 1e-14]
        if row:
            means.append(sum(row) / len(row))
    return sum(means) / len(means) if means else 0.0


def ratio_by_loops(x: Tensor, y: list[int]) -> float:
    """The paper's group distance ratio with python loops."""
    classes = sorted(set(y))

    def mean(i: int, j: int) -> float:
        pairs = [(a, b) for a in range(len(y)) for b in range(len(y)) if y[a] == i and y[b] == j]
        return sum(float((x[a] - x[b]).norm()) for a, b in pairs) / len(pairs)

    outside = sum(mean(i, j) for i, j in itertools.permutations(classes, 2)) / (len(classes) - 1) ** 2
    return outside / (sum(mean(i, i) for i in classes) / len(classes))


def clusters(count: int, size: int, spread: float) -> tuple[Tensor, Tensor]:
    labels = torch.arange(count).repeat_interleave(size)
    return 5.0 * torch.eye(count, dtype=DOUBLE)[labels] + spread * noise(count * size, count), labels


# Hops


@pytest.mark.parametrize(
    "network",
    [
        nx.path_graph(13),
        nx.cycle_graph(17),
        nx.balanced_tree(2, 4),
        nx.disjoint_union(nx.path_graph(11), nx.star_graph(3)),
        nx.gnp_random_graph(60, 0.04, seed=3),
    ],
    ids=["path", "cycle", "tree", "two components", "random with isolated nodes"],
)
@pytest.mark.parametrize("limit", [3, 7])
def test_hops_are_shortest_paths(network: nx.Graph, limit: int) -> None:
    nodes = torch.arange(0, len(network), 2)
    found = pm.hop_counts(graph_of(network), nodes, limit)
    lengths = dict(nx.all_pairs_shortest_path_length(network))
    for a, i in enumerate(nodes.tolist()):
        for b, j in enumerate(nodes.tolist()):
            length = lengths[i].get(j)
            assert found[a, b] == (-1 if length is None else min(length, limit + 1))


def test_pairs_near_and_remote_on_a_path() -> None:
    network = nx.path_graph(12)
    pairs = pm.Pairs.of(graph_of(network), torch.arange(12) % 2, torch.eye(12))
    steps = [(i, j, abs(i - j)) for i in range(12) for j in range(12)]
    assert {tuple(p) for p in pairs.near.T.tolist()} == {(i, j) for i, j, d in steps if 1 <= d <= 3}
    assert {tuple(p) for p in pairs.remote.T.tolist()} == {(i, j) for i, j, d in steps if d >= 8}


# MAD and MADGap


@pytest.mark.parametrize("network", [nx.cycle_graph(20), nx.karate_club_graph(), nx.balanced_tree(3, 3)])
def test_masked_mad_against_loops(network: nx.Graph) -> None:
    x = noise(len(network), 4)
    x[3] = x[2]  # equal rows drop out of the mean
    x[5] = 2.0 * x[4]
    graph = graph_of(network)
    both = [(int(i), int(j)) for i, j in graph.edge_index.T]
    assert metrics.mean_average_distance_chen(x, graph) == pytest.approx(chen_by_loops(x, both), rel=1e-12)
    assert pm.masked_mad(x, graph.edge_index) == pytest.approx(chen_by_loops(x, both), rel=1e-12)


def test_collapsed_pairs_vanish_from_the_mean_of_chen() -> None:
    """Half of the edges collapse: the survey's MAD halves, Chen's does not see it."""
    graph = graph_of(nx.disjoint_union(nx.path_graph(2), nx.path_graph(2)))
    apart = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    half = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 2.0], [1.0, 2.0]])
    assert metrics.mean_average_distance(apart, graph) == metrics.mean_average_distance_chen(apart, graph) == 1.0
    assert metrics.mean_average_distance(half, graph) == pytest.approx(0.5)
    assert metrics.mean_average_distance_chen(half, graph) == 1.0
    assert metrics.mean_average_distance_chen(torch.ones(4, 2), graph) == 0.0


def test_mad_of_a_wave_on_a_cycle() -> None:
    """Node i points in the direction 2 pi i / n: every neighbour is at 1 - cos(2 pi / n)."""
    n = 24
    angle = 2 * math.pi * torch.arange(n, dtype=DOUBLE) / n
    x, graph = torch.stack([angle.cos(), angle.sin()], dim=1), graph_of(nx.cycle_graph(n))
    step = 1 - math.cos(2 * math.pi / n)
    assert metrics.mean_average_distance(x, graph) == pytest.approx(2 * step)
    assert metrics.mean_average_distance_chen(x, graph) == pytest.approx(step)
    pairs = pm.Pairs.of(graph, torch.arange(n) % 2, x)
    near = [1 - math.cos(2 * math.pi * k / n) for k in (1, 2, 3)]
    far = [1 - math.cos(2 * math.pi * k / n) for k in (8, 9, 10, 11, 12, 13, 14, 15, 16)]
    gap = sum(far) / len(far) - sum(near) / len(near)
    assert pm.mad_gap(x, pairs.near, pairs.remote) == pytest.approx(gap)
    assert pm.measure_pairs(1e-120 * x, pairs)["mad_gap"] == pytest.approx(gap), "scale-free"


def test_mad_is_exact_for_almost_parallel_rows() -> None:
    x = torch.tensor([[1.0, 0.0], [1.0, 1e-9]], dtype=DOUBLE)
    assert metrics.mean_average_distance(x, graph_of(nx.path_graph(2))) == pytest.approx(0.5e-18, rel=1e-6)


def test_rows_of_very_different_size_have_directions() -> None:
    x = torch.tensor([[1.0, 0.0], [0.0, 1e-200], [0.0, 1e-100]], dtype=DOUBLE)
    graph = graph_of(nx.complete_graph(3))
    assert metrics.mean_average_distance(x, graph) == pytest.approx(2 * (1 + 1 + 0) / 3)


def test_no_remote_pairs_no_gap() -> None:
    network = nx.karate_club_graph()
    pairs = pm.Pairs.of(graph_of(network), torch.arange(34) % 2, torch.eye(34))
    assert pairs.remote.numel() == 0
    assert set(pm.measure_pairs(noise(34, 3), pairs)) == {"instance_information_gain", "group_distance_ratio"}


# Group distance ratio


@pytest.mark.parametrize("count", [2, 3, 7])
@pytest.mark.parametrize("spread", [0.01, 1.0])
def test_group_distance_ratio_against_loops(count: int, spread: float) -> None:
    x, labels = clusters(count, 6, spread)
    x, labels = x[:-3], labels[:-3]  # classes of unequal size
    expected = ratio_by_loops(x, labels.tolist())
    assert pm.group_distance_ratio(x, labels) == pytest.approx(expected, rel=1e-9)
    assert pm.group_distance_ratio(x.flip(0), 10 * labels.flip(0)) == pytest.approx(expected, rel=1e-9)


def test_pyg_is_wrong_for_more_than_two_classes() -> None:
    """PyG sums C terms where the paper has C (C - 1), so separated clusters look mixed there."""
    from torch_geometric.nn import DiffGroupNorm

    two, seven = clusters(2, 20, 1.0), clusters(7, 20, 1.0)
    assert DiffGroupNorm.group_distance_ratio(*two, eps=0.0) == pytest.approx(pm.group_distance_ratio(*two), rel=1e-6)
    ours, theirs = pm.group_distance_ratio(*seven), DiffGroupNorm.group_distance_ratio(*seven, eps=0.0)
    assert theirs == pytest.approx(ours / 6, rel=1e-6), "equal sizes: too small by C - 1"
    assert theirs < 1.0 < ours


@pytest.mark.parametrize("count", [2, 5])
def test_ratio_of_classes_that_do_not_differ(count: int) -> None:
    labels = torch.arange(200 * count) % count
    assert pm.group_distance_ratio(noise(200 * count, 8), labels) == pytest.approx(count / (count - 1), rel=0.02)
    assert pm.group_distance_ratio(torch.full((10 * count, 3), 0.1), labels[: 10 * count]) == count / (count - 1)


def test_ratio_of_rows_that_share_a_large_part() -> None:
    x, labels = clusters(3, 8, 1.0)
    moved = pm.group_distance_ratio(1e6 + x, labels)
    assert moved == pytest.approx(pm.group_distance_ratio(x, labels), rel=1e-8)


def test_ratio_needs_two_classes_and_may_be_infinite() -> None:
    with pytest.raises(ValueError, match="at least two classes; got 1"):
        pm.group_distance_ratio(noise(4, 2), torch.zeros(4))
    assert pm.group_distance_ratio(torch.tensor([[0.0], [0.0], [1.0]]), torch.tensor([0, 0, 1])) == math.inf


# Instance information gain


def information_by_loops(x: Tensor, f: Tensor, variance: float = 0.1) -> float:
    x, f = x / x.norm(dim=1, keepdim=True), f / f.norm(dim=1, keepdim=True)
    n, total = len(x), 0.0
    for i in range(n):
        k_x = [math.exp(-float((x[i] - x[j]).square().sum()) / (2 * variance)) for j in range(n)]
        k_f = [math.exp(-float((f[i] - f[j]).square().sum()) / (2 * variance)) for j in range(n)]
        joint = sum(a * b for a, b in zip(k_x, k_f, strict=True)) / n
        total += math.log2(joint / (sum(k_x) / n * sum(k_f) / n))
    return total / n


@pytest.mark.parametrize("variance", [0.1, 1.0])
def test_information_against_loops(variance: float) -> None:
    x, f = noise(30, 3), noise(30, 5, seed=1)
    found = pm.instance_information_gain(x, f, variance)
    assert found == pytest.approx(information_by_loops(x, f, variance), rel=1e-10)


def test_information_of_equal_rows_is_zero() -> None:
    assert pm.instance_information_gain(torch.ones(40, 3), noise(40, 6)) == pytest.approx(0.0, abs=1e-14)
    assert pm.instance_information_gain(torch.zeros(40, 3), noise(40, 6)) == pytest.approx(0.0, abs=1e-14)


@pytest.mark.parametrize("count", [2, 7, 16])
def test_information_of_orthogonal_groups(count: int) -> None:
    """M equal groups at right angles in both: distances are 0 or sqrt(2), so the sums are known."""
    rows = torch.eye(count, dtype=DOUBLE).repeat(5, 1)
    leak = math.exp(-2.0 / (2 * 0.1))
    exact = math.log2(count * (1 + (count - 1) * leak**2) / (1 + (count - 1) * leak) ** 2)
    assert pm.instance_information_gain(3.0 * rows, rows) == pytest.approx(exact, rel=1e-12)
    assert exact == pytest.approx(math.log2(count), abs=3e-3)


def test_information_of_independent_groups_is_zero() -> None:
    x, f = torch.eye(4, dtype=DOUBLE).repeat_interleave(3, 0), torch.eye(3, dtype=DOUBLE).repeat(4, 1)
    assert pm.instance_information_gain(x, f) == pytest.approx(0.0, abs=1e-12)


def test_information_counts_groups_that_no_argmax_tells_apart() -> None:
    """Groups with the same largest entry: the published code puts them into one bin."""
    x = torch.tensor([[1.0, 0.0], [0.8, -0.8]], dtype=DOUBLE).repeat_interleave(10, 0)
    f = torch.eye(20, dtype=DOUBLE)
    assert len(x.argmax(dim=1).unique()) == 1
    assert pm.instance_information_gain(x, f) > 0.5


# All of them


def test_measure_pairs_agrees_with_the_single_functions() -> None:
    network = nx.path_graph(30)
    labels, features, x = torch.arange(30) // 10, noise(30, 7), noise(30, 4, seed=2)
    dense, thin = (pm.Pairs.of(graph_of(network), labels, f) for f in (features, from_dense(features)))
    assert torch.equal(dense.input_kernel, thin.input_kernel)
    assert pm.measure_pairs(x, dense) == pytest.approx(
        {
            "instance_information_gain": pm.instance_information_gain(x, features),
            "mad_gap": pm.mad_gap(x, dense.near, dense.remote),
            "group_distance_ratio": pm.group_distance_ratio(x, labels),
        }
    )


def test_sample_is_fixed_and_close_to_all_pairs() -> None:
    network = nx.convert_node_labels_to_integers(nx.grid_2d_graph(30, 30))
    x = torch.tensor(list(nx.grid_2d_graph(30, 30)), dtype=DOUBLE) + 20.0
    labels = (x[:, 0] >= 35).long() + 2 * (x[:, 1] >= 35).long()
    every = pm.Pairs.of(graph_of(network), labels, x, most_nodes=900)
    some, again = (pm.Pairs.of(graph_of(network), labels, x, most_nodes=300) for _ in range(2))
    assert len(every.nodes) == 900 and len(some.nodes) == 300 and torch.equal(some.nodes, again.nodes)
    exact, sampled = pm.measure_pairs(x, every), pm.measure_pairs(x, some)
    for name in ("mad_gap", "group_distance_ratio"):
        assert sampled[name] == pytest.approx(exact[name], rel=0.1), name


def test_zero_representations_have_finite_metrics() -> None:
    pairs = pm.Pairs.of(graph_of(nx.path_graph(12)), torch.arange(12) % 3, torch.zeros(12, 2))
    found = pm.measure_pairs(torch.zeros(12, 4), pairs)
    assert found == {"instance_information_gain": 0.0, "mad_gap": 0.0, "group_distance_ratio": 1.5}
