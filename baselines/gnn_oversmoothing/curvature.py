"""Curvature of the edges of a graph: Balanced Forman by its definition, and Ollivier-Ricci by optimal transport.

Negative curvature marks the edges through which many pairs of nodes must exchange their messages.  Graphs are given
as symmetric adjacency matrices A [N, N] of ones without self-loops, edges as [2, E] pairs (i, j).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

WORK = 20_000_000  # walks of three steps that are counted at once: bounds the memory of a block of edges

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def undirected_edges(adjacency: sparse.csr_array) -> IntArray:
    """Return every edge once as (i, j) with i < j, sorted, [2, m]."""
    upper = sparse.triu(adjacency, 1).tocsr().sorted_indices().tocoo()
    return np.stack([upper.row, upper.col]).astype(np.int64)


def balanced_forman(adjacency: sparse.csr_array, edges: IntArray | None = None) -> FloatArray:
    r"""Return the Balanced Forman curvature of edges, [E].

    Ric(i, j) = 2/d_i + 2/d_j - 2 + 2 T / max(d_i, d_j) + T / min(d_i, d_j) + (Q_i + Q_j) / (gamma max(d_i, d_j)),
    and 0 if one of the degrees is 1.  T is the number of triangles on the edge.  Q_i is the number of neighbours k of
    i, k != j and not adjacent to j, that lie on a 4-cycle i-k-w-j without diagonals; gamma is the largest number of
    such w for one k, or of such k for one w.

    With C the adjacency matrix between P = N(i) \ N(j) \ {j} and R = N(j) \ N(i) \ {i}, Q_i and Q_j are the
    numbers of rows and columns of C that are not zero, and gamma is their largest sum.  All edges at once: row sums
    of C are walks of length 2 from R, counted by one sparse product.

    Source: Topping et al., Understanding Over-Squashing and Bottlenecks on Graphs via Curvature, ICLR 2022, Def. 1.

    Args:
        adjacency: A, [N, N].
        edges: pairs (i, j), [2, E]; all edges as in `undirected_edges` if None.
    """
    edges = undirected_edges(adjacency) if edges is None else edges
    degree = adjacency.sum(axis=1)
    two_steps = adjacency @ degree
    block = np.cumsum(two_steps[edges].sum(axis=0)) // WORK
    parts = np.split(edges, np.flatnonzero(np.diff(block)) + 1, axis=1)
    return np.concatenate([_forman_block(adjacency, degree, part) for part in parts])


def _forman_block(adjacency: sparse.csr_array, degree: FloatArray, edges: IntArray) -> FloatArray:
    i, j = edges
    triangles = adjacency[i].multiply(adjacency[j]).tocsr()  # [E, N]
    only_i = adjacency[i] - triangles - _indicator(j, adjacency.shape[0])  # P, a row for each edge
    only_j = adjacency[j] - triangles - _indicator(i, adjacency.shape[0])  # R
    row_sums = (only_j @ adjacency).multiply(only_i).tocsr()
    column_sums = (only_i @ adjacency).multiply(only_j).tocsr()
    gamma = np.maximum(_row_maximum(row_sums), _row_maximum(column_sums))
    return forman_formula(
        degree[i], degree[j], triangles.sum(axis=1), np.diff(row_sums.indptr), np.diff(column_sums.indptr), gamma
    )


def forman_formula(d_i: Any, d_j: Any, triangles: Any, q_i: Any, q_j: Any, gamma: Any) -> FloatArray:
    """Return the curvature from degrees and counts, elementwise; gamma = 0 means no 4-cycles."""
    small, large = np.minimum(d_i, d_j), np.maximum(d_i, d_j)
    curvature = 2.0 / d_i + 2.0 / d_j - 2.0 + 2.0 * triangles / large + triangles / small
    curvature = curvature + (q_i + q_j) / (np.maximum(gamma, 1) * large)
    return np.where(small == 1, 0.0, curvature)


def insertion_gains(adjacency: sparse.csr_array, i: int, j: int) -> tuple[IntArray, FloatArray]:
    """Return every edge that can be added between the closed neighbourhoods of i and j, and what Ric(i, j) gains.

    In the notation of `balanced_forman` an edge between P and R sets one entry of C; an edge between i and R makes a
    4-cycle neighbour a triangle, so a column of C goes (and a row for an edge between j and P); any other edge leaves
    Ric(i, j) as it is.  No curvature is recomputed.

    Args:
        adjacency: A, [N, N].
        i: one end of an edge.
        j: the other end.

    Returns:
        The candidates (k, l), k = i or a neighbour of i, l = j or a neighbour of j, [2, K], and their gains, [K].
    """
    near_i, near_j = _neighbours(adjacency, i), _neighbours(adjacency, j)
    common = np.intersect1d(near_i, near_j)
    p = np.setdiff1d(near_i, np.append(common, j))
    r = np.setdiff1d(near_j, np.append(common, i))
    c = adjacency[p][:, r].toarray()  # [|P|, |R|]
    d_i, d_j, t = near_i.size, near_j.size, common.size
    before = forman_formula(d_i, d_j, t, *_summary(c))
    rows, columns = c.sum(axis=1, keepdims=True), c.sum(axis=0, keepdims=True)
    q_i, q_j, gamma = _summary(c)
    between = forman_formula(
        d_i, d_j, t, q_i + (rows == 0), q_j + (columns == 0), np.maximum(gamma, np.maximum(rows, columns) + 1)
    )
    to_r = forman_formula(d_i + 1, d_j, t + 1, *_without_each_column(c))
    to_p = forman_formula(d_i, d_j + 1, t + 1, *_without_each_column(c.T))
    free = np.nonzero(c == 0)
    candidates = [
        np.stack([p[free[0]], r[free[1]]]),
        np.stack([np.full_like(r, i), r]),
        np.stack([p, np.full_like(p, j)]),
        _non_edges(adjacency, common, r),
        _non_edges(adjacency, p, common),
        _non_edges(adjacency, common, common),
    ]
    after = [between[free], to_r, to_p]
    unchanged = sum(part.shape[1] for part in candidates[3:])
    gains = np.concatenate([*(values - before for values in after), np.zeros(unchanged)])
    return np.concatenate(candidates, axis=1), gains


def published_formula(adjacency: sparse.csr_array, edges: IntArray | None = None) -> FloatArray:
    """Return what the widely copied matrix code computes in place of Balanced Forman curvature, [E].

    It has the degree and triangle terms of the definition, also where a degree is 1, but counts as a 4-cycle every
    k in N(j) with (A^2)_ik > A_ik, and every k in N(i) with (A^2)_jk > A_jk.  This includes k = i, whose (A^2)_ii
    is its degree, and paths i-j-k, which lie on no 4-cycle.  The divisor gamma is the largest such difference.

    Source: description of the code that was published with Topping et al. in docs/gnn_oversmoothing.md.
    """
    i, j = edges = undirected_edges(adjacency) if edges is None else edges
    degree = adjacency.sum(axis=1)
    excess = (adjacency @ adjacency - adjacency).tocsr()
    excess.data = np.maximum(excess.data, 0.0)
    excess.eliminate_zeros()
    parts = [excess[i].multiply(adjacency[j]).tocsr(), excess[j].multiply(adjacency[i]).tocsr()]
    cycles = sum(np.diff(part.indptr) for part in parts)
    gamma = np.maximum(_row_maximum(parts[0]), _row_maximum(parts[1]))
    triangles = adjacency[i].multiply(adjacency[j]).sum(axis=1)
    small, large = np.sort(degree[edges], axis=0)
    return 2.0 / small + 2.0 / large - 2.0 + (2.0 / large + 1.0 / small) * triangles + cycles / (gamma * large)


def hop_distance(adjacency: sparse.csr_array) -> NDArray[np.uint8]:
    """Return the distance of all pairs in hops, 3 standing for three or more, dense, [N, N].

    Neighbours of the two ends of an edge are never further apart than 3.
    """
    distance = np.full(adjacency.shape, 3, dtype=np.uint8)
    distance[(adjacency @ adjacency).nonzero()] = 2
    distance[adjacency.nonzero()] = 1
    np.fill_diagonal(distance, 0)
    return distance


def transport(
    adjacency: sparse.csr_array, distance: NDArray[np.uint8], i: int, j: int, idleness: float = 0.0
) -> tuple[FloatArray, IntArray, IntArray]:
    """Return the cost pi * d of the optimal transport from the walk at i to the walk at j, its sources and targets.

    The walk stays at its node with probability `idleness` and moves to each neighbour with the same probability.

    Returns:
        pi(p, q) d(p, q), [S, T]; its sum is W_1.  The nodes p, [S], and q, [T].
    """
    from ot import emd

    sources, mass_i = _walk(adjacency, i, idleness)
    targets, mass_j = _walk(adjacency, j, idleness)
    cost = distance[np.ix_(sources, targets)].astype(np.float64)
    return emd(mass_i, mass_j, cost) * cost, sources, targets


def ollivier(adjacency: sparse.csr_array, edges: IntArray | None = None, idleness: float = 0.0) -> FloatArray:
    """Return the Ollivier-Ricci curvature 1 - W_1(m_i, m_j) of edges, [E]; m_i the lazy random walk at i.

    One optimal transport problem (POT, network simplex) for each edge.

    Source: Ollivier, Ricci Curvature of Markov Chains on Metric Spaces, Journal of Functional Analysis, 2009.

    Args:
        adjacency: A, [N, N].
        edges: pairs (i, j), [2, E]; all edges if None.
        idleness: probability to stay, from 0 to below 1.

    Raises:
        ValueError: if the idleness is out of range.
    """
    if not 0.0 <= idleness < 1.0:
        raise ValueError(f"idleness must be at least 0 and below 1; got {idleness}")
    edges = undirected_edges(adjacency) if edges is None else edges
    distance = hop_distance(adjacency)
    costs = [transport(adjacency, distance, int(i), int(j), idleness)[0].sum() for i, j in edges.T]
    return 1.0 - np.asarray(costs, dtype=np.float64)


def lin_lu_yau(adjacency: sparse.csr_array, edges: IntArray | None = None) -> FloatArray:
    """Return the limit of Ollivier's curvature divided by 1 - idleness for idleness -> 1, [E].

    The quotient is constant from idleness 1 / (max(d_i, d_j) + 1) on, hence 2 kappa_(1/2).  It is an upper bound of
    the Balanced Forman curvature (Topping et al., Theorem 2).

    Source: Lin, Lu and Yau, Ricci Curvature of Graphs, Tohoku Mathematical Journal, 2011; Bourne et al.,
    Ollivier-Ricci Idleness Functions of Graphs, SIAM Journal on Discrete Mathematics, 2018.
    """
    return 2.0 * ollivier(adjacency, edges, idleness=0.5)


def _walk(adjacency: sparse.csr_array, node: int, idleness: float) -> tuple[IntArray, FloatArray]:
    near = _neighbours(adjacency, node)
    mass = np.full(near.size, (1.0 - idleness) / near.size)
    return (near, mass) if idleness == 0.0 else (np.append(near, node), np.append(mass, idleness))


def _neighbours(adjacency: sparse.csr_array, node: int) -> IntArray:
    return adjacency.indices[adjacency.indptr[node] : adjacency.indptr[node + 1]].astype(np.int64)


def _indicator(nodes: IntArray, size: int) -> sparse.csr_array:
    """Return one row e_node for each node, [E, N]."""
    count = nodes.size
    return sparse.csr_array((np.ones(count), nodes, np.arange(count + 1)), shape=(count, size))


def _row_maximum(matrix: sparse.csr_array) -> FloatArray:
    """Return the largest entry of each row of a matrix without negative entries, [E]."""
    return np.asarray(matrix.max(axis=1).todense(), dtype=np.float64).ravel()


def _summary(c: FloatArray) -> tuple[int, int, float]:
    """Return the numbers of rows and columns that are not zero, and the largest sum of one."""
    rows, columns = c.sum(axis=1), c.sum(axis=0)
    gamma = float(max(rows.max(initial=0), columns.max(initial=0)))
    return int(np.count_nonzero(rows)), int(np.count_nonzero(columns)), gamma


def _without_each_column(c: FloatArray) -> tuple[IntArray, IntArray, FloatArray]:
    """Return `_summary` of C without column r, for every r, each [columns]."""
    rows, columns = c.sum(axis=1, keepdims=True), c.sum(axis=0)
    left = rows - c  # [rows, columns]: row sums without the column
    others = np.where(np.eye(columns.size, dtype=bool), 0.0, columns).max(axis=1, initial=0)
    gamma = np.maximum(left.max(axis=0, initial=0), others)
    return np.count_nonzero(left, axis=0), np.count_nonzero(columns) - (columns > 0), gamma


def _non_edges(adjacency: sparse.csr_array, first: IntArray, second: IntArray) -> IntArray:
    """Return the pairs of different nodes from two sets that are no edges, each once, [2, K]."""
    free = adjacency[first][:, second].toarray() == 0
    same = first.size == second.size and bool(np.array_equal(first, second))
    rows, columns = np.nonzero(np.triu(free, 1) if same else free)
    return np.stack([first[rows], second[columns]])
