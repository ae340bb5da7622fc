"""Graphs on which a label must travel from a source u to a target v, and what their operators let through.

With L layers on nodes at distance L only shortest walks count, so for a symmetrically normalised operator S

    (S^L)_vu = w / (sqrt(d_u d_v) prod_i d_i),

w the number of shortest walks, i the inner nodes of one of them, and d the degrees, plus one with self-loops (all
shortest walks of these graphs meet the same degrees).

Source of the graphs: Di Giovanni et al., On Over-Squashing in Message Passing Neural Networks, ICML 2023; repository
lrnzgiusti/on-oversquashing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from baselines.gnn_oversmoothing.graphs import Graph, Task

SHORTEST = 3  # least distance at which the topologies differ


@dataclass(frozen=True)
class TransferGraph:
    """A graph with a source and a target.

    Attributes:
        graph: connected.
        source: u, whose label is to be read.
        target: v, where it is to be read.
        distance: edges between them.
    """

    graph: Graph
    source: int
    target: int
    distance: int


def ring(distance: int) -> TransferGraph:
    """Return the cycle of 2 d nodes; source and target are opposite."""
    size = 2 * distance
    edges = [(node, (node + 1) % size) for node in range(size)]
    return _transfer(edges, size, distance, distance)


def crossed_ring(distance: int) -> TransferGraph:
    """Return the ring with crosses: both nodes at distance k are connected to both at k + 1, 0 < k < d - 1."""
    size = 2 * distance
    edges = [(node, (node + 1) % size) for node in range(size)]
    for near in range(1, distance - 1):
        edges += [(near, size - near - 1), (size - near, near + 1)]
    return _transfer(edges, size, distance, distance)


def clique_path(distance: int) -> TransferGraph:
    """Return a clique of d nodes, the source in it, with a path of d - 1 nodes that ends at the target."""
    clique = [(first, second) for second in range(distance) for first in range(second)]
    path = [(node, node + 1) for node in range(distance - 1, 2 * distance - 2)]
    return _transfer(clique + path, 2 * distance - 1, 2 * distance - 2, distance)


def binary_tree(distance: int) -> TransferGraph:
    """Return the binary tree of depth d; the source is a leaf, the target the root."""
    size = 2 ** (distance + 1) - 1
    edges = [(child, (child - 1) // 2) for child in range(1, size)]
    return _transfer(edges, size, size - 1, distance, target=0)


TOPOLOGIES = {"crossed_ring": crossed_ring, "ring": ring, "clique_path": clique_path}


def _transfer(
    edges: list[tuple[int, int]], size: int, far: int, distance: int, target: int | None = None
) -> TransferGraph:
    graph = Graph.from_edges(torch.tensor(edges).T, size)
    return TransferGraph(graph, 0, far, distance) if target is None else TransferGraph(graph, far, target, distance)


def operator_entry(topology: str, distance: int, self_loops: bool) -> float:
    """Return (S^d)_vu of the symmetrically normalised operator S in closed form, d >= 3.

    Args:
        topology: ring, crossed_ring, clique_path or binary_tree.
        distance: d.
        self_loops: whether S is GCN's P; else D^(-1/2) A D^(-1/2).
    """
    d, s = distance, int(self_loops)
    if d < SHORTEST:
        raise ValueError(f"the closed forms need a distance of at least {SHORTEST}; got {d}")
    if topology == "ring":
        return 2.0 / (2 + s) ** d
    if topology == "crossed_ring":
        return float(2 ** (d - 1)) / ((2 + s) * (3 + s) ** 2 * (4 + s) ** (d - 3))
    if topology == "clique_path":
        return 1.0 / (math.sqrt((d - 1 + s) * (1 + s)) * (d + s) * (2 + s) ** (d - 2))
    if topology == "binary_tree":
        return 1.0 / (math.sqrt((2 + s) * (1 + s)) * (3 + s) ** (d - 1))
    raise ValueError(f"no closed form for {topology}; known are ring, crossed_ring, clique_path, binary_tree")


def published_entry(topology: str, distance: int) -> float:
    """Return the closed form that the README of lrnzgiusti/on-oversquashing prints for (S^r)_vu, r the distance.

    The dense matrix power gives the first exactly, the other two for no normalisation (docs/gnn_oversmoothing.md).
    """
    r = distance
    forms = {
        "ring": 2.0 ** -(r - 1),
        "crossed_ring": 1.5 ** -(r - 1),
        "clique_path": 2.0 ** -(r - 2) / (r * math.sqrt(r - 2)),
    }
    return forms[topology]


def transfer_task(transfer: TransferGraph, num_classes: int) -> Task:
    """Return the task: one copy of the graph for every class, side by side.

    The source carries the class one-hot, the target zeros, all other nodes ones.  There are no other examples, so
    training and test accuracy are the same thing.
    """
    n, copies = transfer.graph.num_nodes, torch.arange(num_classes)
    features = torch.ones(num_classes, n, num_classes)
    features[:, transfer.target] = 0.0
    features[copies, transfer.source] = torch.eye(num_classes)
    targets = torch.zeros(num_classes, n, dtype=torch.bool)
    targets[:, transfer.target] = True
    mask = targets.flatten()
    edges = (transfer.graph.edge_index[:, None, :] + n * copies[:, None]).flatten(1)
    graph = Graph(n * num_classes, edges)
    labels = copies.repeat_interleave(n)
    return Task("graph transfer", graph, features.flatten(0, 1), labels, mask, mask, mask)
