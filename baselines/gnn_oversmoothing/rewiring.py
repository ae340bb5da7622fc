"""Rewiring: add a few edges, perhaps remove some, so that messages meet fewer bottlenecks.

Every method takes and returns a symmetric adjacency matrix A [N, N] of ones without self-loops.  None joins two
connected components and none splits one, so spectral gap and total resistance before and after are comparable.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg.blas import dger
from scipy.sparse.csgraph import connected_components

from baselines.gnn_oversmoothing.curvature import (
    balanced_forman,
    hop_distance,
    insertion_gains,
    ollivier,
    transport,
    undirected_edges,
)
from baselines.gnn_oversmoothing.graphs import Graph
from baselines.gnn_oversmoothing.resistance import induced, laplacian_pseudo_inverse

ROWS = 64  # rows of a dense matrix that are compared at once, so that they stay in the processor's cache
FIRST_STEPS = 1000  # power iterations before the first insertion of FoSR

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def rewired(graph: Graph, method: Callable[[sparse.csr_array, int], sparse.csr_array], share: float) -> Graph:
    """Apply a method that inserts `share` times the number of edges (rounded) to a graph."""
    adjacency = graph.adjacency()
    result = method(adjacency, round(share * adjacency.nnz / 2)).sorted_indices().tocoo()
    index = torch.from_numpy(np.stack([result.row, result.col]).astype(np.int64))
    return Graph(graph.num_nodes, index.to(graph.edge_index.device))


def sdrf(
    adjacency: sparse.csr_array,
    insertions: int,
    temperature: float,
    remove_above: float | None,
    generator: np.random.Generator,
) -> sparse.csr_array:
    """Stochastic discrete Ricci flow: add edges around the edge of lowest Balanced Forman curvature.

    In every step all edges (k, l) between the closed neighbourhoods of the ends of that edge are candidates; one is
    drawn with probability proportional to exp(temperature * gain), gain the change of that edge's curvature.  Then
    the edge of highest curvature is removed if its curvature is above `remove_above`.  An edge of positive curvature
    lies on a triangle or a 4-cycle, so its removal disconnects nothing.

    Source: Topping et al., Understanding Over-Squashing and Bottlenecks on Graphs via Curvature, ICLR 2022, Alg. 1.

    Args:
        adjacency: A, [N, N].
        insertions: number of steps; fewer if the edge of lowest curvature has no candidate left.
        temperature: 0 draws uniformly, a large value takes the best.
        remove_above: curvature above which an edge is removed, at least 0; None removes nothing.
        generator: source of the draws.
    """
    flow = _Flow(adjacency)
    for _ in range(insertions):
        candidates, gains = insertion_gains(flow.adjacency, *flow.edge(int(flow.values.argmin())))
        if gains.size == 0:
            break
        chosen = generator.choice(gains.size, p=_softmax(temperature * gains))
        flow.insert(*map(int, candidates[:, chosen]))
        highest = int(flow.values.argmax())
        if remove_above is not None and flow.values[highest] > remove_above:
            flow.remove(highest)
    return flow.adjacency


class _Flow:
    """A graph that changes, with the Balanced Forman curvature of its edges kept up to date.

    Only edges at u or v, and between a neighbour of u and one of v, feel a change of the edge (u, v).
    """

    def __init__(self, adjacency: sparse.csr_array) -> None:
        self.adjacency, self.size = adjacency, adjacency.shape[0]
        self.keys = self._key(undirected_edges(adjacency))  # [m], sorted
        self.values = balanced_forman(adjacency)  # [m]

    def edge(self, number: int) -> tuple[int, int]:
        return divmod(int(self.keys[number]), self.size)

    def insert(self, u: int, v: int) -> None:
        self.adjacency = _changed(self.adjacency, u, v, 1.0)
        key = self._key(np.array([[u], [v]]))
        place = np.searchsorted(self.keys, key)
        self.keys, self.values = np.insert(self.keys, place, key), np.insert(self.values, place, 0.0)
        self._update(u, v)

    def remove(self, number: int) -> None:
        u, v = self.edge(number)
        self.adjacency = _changed(self.adjacency, u, v, -1.0)
        self.keys, self.values = np.delete(self.keys, number), np.delete(self.values, number)
        self._update(u, v)

    def _update(self, u: int, v: int) -> None:
        at_u, at_v = (self.adjacency.indices[slice(*self.adjacency.indptr[w : w + 2])] for w in (u, v))
        row, col = self.adjacency[at_u][:, at_v].nonzero()
        ends = [(at_u[row], at_v[col]), (np.full_like(at_u, u), at_u), (np.full_like(at_v, v), at_v)]
        keys = np.unique(self._key(np.concatenate([np.stack(pair) for pair in ends], axis=1)))
        if keys.size:
            edges = np.stack(np.divmod(keys, self.size))
            self.values[np.searchsorted(self.keys, keys)] = balanced_forman(self.adjacency, edges)

    def _key(self, edges: IntArray) -> IntArray:
        return edges.min(axis=0).astype(np.int64) * self.size + edges.max(axis=0)


def fosr(
    adjacency: sparse.csr_array, insertions: int, power_steps: int, generator: np.random.Generator
) -> sparse.csr_array:
    """First-order spectral rewiring: add the edge that raises the spectral gap most, to first order.

    With x the eigenvector of D^(-1/2) A D^(-1/2) for its second largest eigenvalue, the new edge (u, v) changes that
    eigenvalue by about 2 x_u x_v / sqrt((1 + d_u) (1 + d_v)): the pair with the smallest value is joined.  x is kept
    by power iteration on (I + D^(-1/2) A D^(-1/2)) / 2, whose eigenvalues are not negative, and follows the graph
    with a few steps after every insertion.  Each connected component gets insertions in proportion to its edges.

    Source: Karhadkar, Banerjee and Montufar, FoSR: First-Order Spectral Rewiring for Addressing Oversquashing in
    GNNs, ICLR 2023, arXiv 2210.11790.

    Args:
        adjacency: A, [N, N].
        insertions: number of edges to add; fewer where no edge raises the gap to first order.
        power_steps: power iterations after every insertion.
        generator: source of the start vector.
    """

    def in_component(part: sparse.csr_array, count: int) -> list[tuple[int, int]]:
        added: list[tuple[int, int]] = []
        x = _second_eigenvector(part, generator.standard_normal(part.shape[0]), FIRST_STEPS)
        while len(added) < count:
            pair = _most_opposite(part, x / np.sqrt(1.0 + part.sum(axis=1)))
            if pair is None:
                break
            added.append(pair)
            part = _changed(part, *pair, 1.0)
            x = _second_eigenvector(part, x, power_steps)
        return added

    return _by_component(adjacency, insertions, in_component)


def _second_eigenvector(adjacency: sparse.csr_array, x: FloatArray, steps: int) -> FloatArray:
    degree = adjacency.sum(axis=1)
    leading, scale = np.sqrt(degree / degree.sum()), 1.0 / np.sqrt(degree)
    for _ in range(steps):
        x = x + scale * (adjacency @ (scale * x))
        x = x - leading * (leading @ x)
        x = x / np.linalg.norm(x)
    return x


def _most_opposite(adjacency: sparse.csr_array, y: FloatArray) -> tuple[int, int] | None:
    """Return the pair (u, v) that is no edge with the smallest y_u y_v < 0, or None.

    A node has at most d_max neighbours, so one of the d_max + 1 largest entries is free for it: no others matter.
    """
    most = int(np.diff(adjacency.indptr).max()) + 1
    order = np.argsort(y, kind="stable")
    low, high = order[:most], order[-most:]
    product = np.outer(y[low], y[high])
    product[adjacency[low][:, high].toarray() > 0] = np.inf
    product[low[:, None] == high[None, :]] = np.inf
    first, second = np.unravel_index(int(product.argmin()), product.shape)
    return (int(low[first]), int(high[second])) if product[first, second] < 0.0 else None


def gtr(adjacency: sparse.csr_array, insertions: int) -> sparse.csr_array:
    """Greedy total resistance: add the edge that lowers the total effective resistance most, again and again.

    The edge (u, v) lowers N tr L^+ by N B_uv / (1 + R_uv), B_uv = ||L^+ (e_u - e_v)||^2 the squared biharmonic
    distance.  L^+ and (L^+)^2 are updated by Sherman and Morrison's formula: O(N^2) for an insertion.  Each connected
    component gets insertions in proportion to its edges.

    Source: Black, Wan, Nayyeri and Wang, Understanding Oversquashing in GNNs through the Lens of Effective
    Resistance, ICML 2023, arXiv 2302.06835.
    """

    def in_component(part: sparse.csr_array, count: int) -> list[tuple[int, int]]:
        inverse = np.asfortranarray(laplacian_pseudo_inverse(part))
        squared = np.asfortranarray(inverse @ inverse)
        blocked = part.toarray() > 0
        np.fill_diagonal(blocked, True)
        added: list[tuple[int, int]] = []
        for _ in range(min(count, int((~blocked).sum()) // 2)):
            u, v = _largest_drop(inverse, squared, blocked)
            y, z = inverse[:, u] - inverse[:, v], squared[:, u] - squared[:, v]
            share = 1.0 / (1.0 + y[u] - y[v])
            w = share * z - 0.5 * share**2 * (y @ y) * y
            inverse = dger(-share, y, y, a=inverse, overwrite_a=1)
            squared = dger(-1.0, w, y, a=dger(-1.0, y, w, a=squared, overwrite_a=1), overwrite_a=1)
            blocked[[u, v], [v, u]] = True
            added.append((u, v))
        return added

    return _by_component(adjacency, insertions, in_component)


def _largest_drop(inverse: FloatArray, squared: FloatArray, blocked: NDArray[np.bool_]) -> tuple[int, int]:
    """Return the free pair u < v with the largest B_uv / (1 + R_uv)."""
    a, b = inverse.diagonal(), squared.diagonal()
    best, pair = -np.inf, (0, 0)
    for start in range(0, a.size, ROWS):
        rows, columns = slice(start, start + ROWS), slice(start, None)
        drop = b[rows, None] + b[None, columns] - 2.0 * squared.T[rows, columns]
        drop /= 1.0 + a[rows, None] + a[None, columns] - 2.0 * inverse.T[rows, columns]
        drop[blocked[rows, columns]] = -np.inf
        u, v = np.unravel_index(int(drop.argmax()), drop.shape)
        if drop[u, v] > best:
            best, pair = float(drop[u, v]), (start + int(u), start + int(v))
    return pair


def borf(adjacency: sparse.csr_array, insertions: int, removals: int, batches: int) -> sparse.csr_array:
    """Batch Ollivier-Ricci flow: shorten the costliest transports of the lowest edges, remove the highest edges.

    In every batch the Ollivier curvature (no idleness) of all edges is computed once.  For each of the edges of lowest
    curvature the pair (p, q) that the optimal transport pays most for, max pi(p, q) d(p, q), is joined unless it is an
    edge already.  Then edges of highest curvature are removed; one whose curvature is no longer positive stays, since
    it may be a bridge.

    Source: Nguyen et al., Revisiting Over-Smoothing and Over-Squashing Using Ollivier-Ricci Curvature, ICML 2023,
    arXiv 2211.15779.

    Args:
        adjacency: A, [N, N].
        insertions: edges looked at in all batches together; an upper bound of the edges added.
        removals: upper bound of the edges removed, in all batches together.
        batches: number of batches.
    """
    for batch in range(batches):
        edges, curvature, distance = undirected_edges(adjacency), ollivier(adjacency), hop_distance(adjacency)
        order = np.argsort(curvature, kind="stable")
        pairs = set()
        for i, j in edges[:, order[: _part(insertions, batches, batch)]].T:
            cost, sources, targets = transport(adjacency, distance, int(i), int(j))
            p, q = np.unravel_index(int(cost.argmax()), cost.shape)
            if distance[sources[p], targets[q]] > 1:
                pairs.add((int(min(sources[p], targets[q])), int(max(sources[p], targets[q]))))
        adjacency = _with_edges(adjacency, sorted(pairs))
        for i, j in edges[:, order[::-1][: _part(removals, batches, batch)]].T:
            if ollivier(adjacency, np.array([[i], [j]]))[0] > 1e-9:
                adjacency = _changed(adjacency, int(i), int(j), -1.0)
    return adjacency


def random_edges(adjacency: sparse.csr_array, insertions: int, generator: np.random.Generator) -> sparse.csr_array:
    """Add edges between pairs drawn uniformly within a component: the control that knows no objective."""

    def in_component(part: sparse.csr_array, count: int) -> list[tuple[int, int]]:
        free = np.argwhere(np.triu(part.toarray() == 0, 1))
        return [(int(u), int(v)) for u, v in generator.permutation(free)[:count]]

    return _by_component(adjacency, insertions, in_component)


def _by_component(
    adjacency: sparse.csr_array,
    insertions: int,
    choose: Callable[[sparse.csr_array, int], list[tuple[int, int]]],
) -> sparse.csr_array:
    """Add what `choose` returns for each component; components share the insertions in proportion to their edges."""
    component = connected_components(adjacency, directed=False)[1]
    added: list[tuple[int, int]] = []
    for number in np.unique(component):
        nodes = np.flatnonzero(component == number)
        part = induced(adjacency, nodes)
        count = round(insertions * part.nnz / max(adjacency.nnz, 1))
        if count:
            added += [(int(nodes[u]), int(nodes[v])) for u, v in choose(part, count)]
    return _with_edges(adjacency, added)


def _with_edges(adjacency: sparse.csr_array, pairs: list[tuple[int, int]]) -> sparse.csr_array:
    if not pairs:
        return adjacency
    row, col = np.array(pairs).T
    one = sparse.csr_array((np.ones(row.size), (row, col)), shape=adjacency.shape)
    return (adjacency + one + one.T).tocsr()


def _changed(adjacency: sparse.csr_array, u: int, v: int, value: float) -> sparse.csr_array:
    """Return A with 1 or -1 added to the entries (u, v) and (v, u); zeros are not stored."""
    change = sparse.csr_array(([value, value], ([u, v], [v, u])), shape=adjacency.shape)
    return (adjacency + change).tocsr()


def _part(total: int, batches: int, batch: int) -> int:
    """Return how many of `total` belong to a batch, as evenly as possible."""
    return total * (batch + 1) // batches - total * batch // batches


def _softmax(values: FloatArray) -> FloatArray:
    weight = np.exp(values - values.max())
    result: FloatArray = weight / weight.sum()
    return result
