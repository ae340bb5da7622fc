"""The tree of NeighborsMatch: structure, labels, sharing, pruning, and that the task can be solved."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch_geometric.nn import GCNConv

from baselines.gnn_oversmoothing.layers.base import GraphLayer
from baselines.gnn_oversmoothing.layers.gcn import GCNLayer
from baselines.gnn_oversmoothing.tree_network import TreeNetwork, answers, train
from baselines.gnn_oversmoothing.trees import MatchTree, information_bits, labels, layer_operators, lookup, permutations

CPU = torch.device("cpu")


def test_smallest_tree_is_as_drawn() -> None:
    tree = MatchTree(2)  # roots 0-3 above 4, 5; leaves 6, 7 below 4 and 8, 9 below 5
    assert tree.level_sizes == [4, 2, 4] and tree.num_nodes() == 10 and tree.distance == 2
    assert [tree.num_nodes(depth) for depth in range(3)] == [4, 6, 10]
    roots = [(root, child) for root in range(4) for child in (4, 5)]
    assert list(map(tuple, tree.edges.T)) == [*roots, (4, 6), (4, 7), (5, 8), (5, 9)]


def test_chain_puts_the_tree_further_away() -> None:
    tree = MatchTree(1, chain=3)  # roots 0, 1 above 2 - 3 - 4, leaves 5, 6 below 4
    assert tree.level_sizes == [2, 1, 1, 1, 2] and tree.distance == 4
    assert list(map(tuple, tree.edges.T)) == [(0, 2), (1, 2), (2, 3), (3, 4), (4, 5), (4, 6)]


@pytest.mark.parametrize("radius", [1, 2, 3, 4, 5])
def test_every_root_sees_every_leaf_once_at_its_distance(radius: int) -> None:
    for chain in (0, 2):
        tree = MatchTree(radius, chain)
        a = np.zeros((tree.num_nodes(), tree.num_nodes()), dtype=int)
        a[tuple(tree.edges)] = 1
        walks = np.linalg.matrix_power(a, tree.distance)
        assert (walks[: tree.num_keys, -tree.num_keys :] == 1).all()
        assert walks.sum() == tree.num_keys**2, "no other walk is as long"


def test_labels_are_the_values_of_the_matching_leaves() -> None:
    values = np.array([[2, 0, 3, 1], [0, 1, 2, 3]])
    assert [lookup(values[0], key) for key in range(4)] == [2, 0, 3, 1]
    expected = [lookup(row, key) for row in values for key in range(4)]
    assert labels(torch.from_numpy(values)).tolist() == expected


def test_published_numbers_of_examples() -> None:
    random = np.random.default_rng(0)
    counts = [permutations(radius, 1000, random).size for radius in (2, 3, 4, 5)]
    assert counts == [96, 8000, 16000, 32000]
    drawn = permutations(3, 1000, random)
    assert len({row.tobytes() for row in drawn}) == 1000, "no permutation twice"
    assert (np.sort(drawn, axis=1) == np.arange(8)).all()
    assert {tuple(row) for row in permutations(2, 1000, random)} == set(itertools.permutations(range(4)))


def test_information_is_the_logarithm_of_a_factorial() -> None:
    for radius in (1, 2, 3):
        assert information_bits(radius) == pytest.approx(math.log2(math.factorial(2**radius)))
    assert information_bits(4) == pytest.approx(44.25, abs=0.01)


def network_of(tree: MatchTree, layers: list[GraphLayer], complete_last: bool = False) -> TreeNetwork:
    torch.manual_seed(0)
    return TreeNetwork(layers, tree, 8, complete_last).double()


def separate_trees(network: TreeNetwork, convs: list[GCNConv], values: Tensor, key: int) -> Tensor:
    """Return the logits of one example on a tree of its own with PyG's layers, nothing shared and nothing left out."""
    tree, keys = network.tree, network.tree.num_keys
    keep = [key, *range(keys, tree.num_nodes())]
    renumber = {node: number for number, node in enumerate(keep)}
    pairs = [(renumber[c], renumber[p]) for p, c in tree.edges.T.tolist() if p in renumber]
    x = torch.zeros(len(keep), 2 * keys, dtype=torch.float64)
    x[0, key] = 1.0
    for leaf in range(keys):
        x[len(keep) - keys + leaf, [leaf, keys + int(values[leaf])]] = 1.0
    h = network.encoder(x)
    for number, (conv, norm) in enumerate(zip(convs, network.norms, strict=True)):
        edges = torch.tensor(pairs).T
        if network.complete_last and number == len(convs) - 1:
            edges = torch.stack([torch.arange(len(keep)), torch.zeros(len(keep), dtype=torch.long)])
        h = norm(h + torch.relu(conv(h, edges)))
    return network.decoder(h[0])


@pytest.mark.parametrize("complete_last", [False, True])
@pytest.mark.parametrize(("radius", "chain"), [(2, 0), (3, 0), (2, 2)])
def test_sharing_and_pruning_change_nothing(radius: int, chain: int, complete_last: bool) -> None:
    tree = MatchTree(radius, chain)
    layers: list[GraphLayer] = [GCNLayer(8, 8, bias=True) for _ in range(tree.distance + 1)]
    network = network_of(tree, layers, complete_last)
    convs = []
    for layer in layers:
        assert isinstance(layer, GCNLayer) and layer.bias is not None
        layer.bias.data.normal_()
        conv = GCNConv(8, 8).double()
        conv.lin.weight.data, conv.bias.data = layer.linear.weight.data.T, layer.bias.data
        convs.append(conv)
    values = torch.from_numpy(permutations(radius, 3, np.random.default_rng(0))[:3])
    logits = network(values).view(len(values), tree.num_keys, -1)
    for row, permutation in enumerate(values):
        for key in range(tree.num_keys):
            torch.testing.assert_close(logits[row, key], separate_trees(network, convs, permutation, key))


def test_operators_leave_out_only_what_no_root_can_see() -> None:
    tree = MatchTree(3)
    kept = [kept for _, kept in layer_operators(tree, 4, 2)]
    assert kept == [tree.num_nodes(depth) for depth in (3, 2, 1, 0)]
    given = [operators.graph.num_nodes for operators, _ in layer_operators(tree, 4, 2)]
    assert given == [2 * tree.num_nodes(depth) for depth in (3, 3, 2, 1)]
    adjacent = layer_operators(tree, 4, 1, complete_last=True)
    last = adjacent[-1][0].adjacency.dense()
    assert last[:8].sum(dim=1).tolist() == [15.0] * 8 and torch.equal(last[8:, 8:], torch.eye(14))


@pytest.mark.parametrize(("radius", "chain"), [(2, 0), (3, 0), (2, 3)])
def test_a_wide_network_built_by_hand_solves_the_task(radius: int, chain: int) -> None:
    """Sums carry the table of all (key, value) pairs to every root, which reads the row of its own key."""
    tree = MatchTree(radius, chain)
    keys = tree.num_keys
    width = keys + keys * keys
    values = torch.from_numpy(permutations(radius, 50, np.random.default_rng(0)))
    x = torch.zeros(len(values), tree.num_nodes(), width)
    x[:, range(keys), range(keys)] = 1.0
    leaf = torch.arange(keys)
    x[torch.arange(len(values))[:, None], tree.num_nodes() - keys + leaf, keys + leaf * keys + values] = 1.0
    for operators, kept in layer_operators(tree, tree.distance, len(values)):
        message = (operators.adjacency @ x.reshape(-1, width)).view(len(values), -1, width)
        message[..., :keys] = x[..., :keys]  # the keys of leaves are not the root's
        x = message[:, :kept]
    table = x[..., keys:].view(len(values), keys, keys, keys)
    read = torch.einsum("bkq,bkqv->bkv", x[..., :keys], table)
    assert torch.equal(read.argmax(dim=-1).flatten(), labels(values))


def test_training_solves_four_leaves_and_stops_there() -> None:
    tree = MatchTree(2)
    layers: list[GraphLayer] = [GCNLayer(32, 32) for _ in range(3)]
    torch.manual_seed(0)
    network = TreeNetwork(layers, tree, 32)
    values = torch.from_numpy(permutations(2, 1000, np.random.default_rng(0)))
    mask = torch.ones(values.shape, dtype=torch.bool)
    seen: list[float] = []
    fit = train(
        network, values, mask, torch.Generator().manual_seed(0), steps=1500, batch_size=96, learning_rate=5e-3,
        plateau=300, patience=600, on_epoch=lambda steps, loss, accuracy: seen.append(accuracy),
    )  # fmt: skip
    assert fit.best == 1.0 and fit.accuracies[-1] == 1.0 and len(fit.accuracies) < 1500
    assert seen == fit.accuracies and max(seen[:-1]) < 1.0, "it stops at the first epoch without an error"
    assert answers(network, values, 24).double().mean() > 0.98
    assert math.isnan(fit.test_accuracy), "nothing was held out"


def test_training_gives_up_without_progress() -> None:
    tree = MatchTree(2)
    network = TreeNetwork([GCNLayer(4, 4), GCNLayer(4, 4)], tree, 4)
    values = torch.from_numpy(permutations(2, 1000, np.random.default_rng(0)))
    mask = torch.rand(values.shape, generator=torch.Generator().manual_seed(0)) < 0.8
    fit = train(
        network, values, mask, torch.Generator().manual_seed(0), steps=500, batch_size=64, learning_rate=1e-12,
        plateau=5, patience=20,
    )  # fmt: skip
    assert fit.steps == 2 * len(fit.losses) == 22, "20 steps after the first epoch"
    assert fit.best < 0.5
    assert 0.0 <= fit.test_accuracy < 0.6
    with pytest.raises(ValueError, match="at least as many layers"):
        TreeNetwork([GCNLayer(4, 4)], tree, 4)(values)
    assert isinstance(network.norms[0], nn.LayerNorm)
