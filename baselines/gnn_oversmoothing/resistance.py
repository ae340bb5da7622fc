"""Effective resistance and spectral gap: how well a graph carries messages between distant nodes.

L = D - A is the Laplacian, L^+ its pseudo-inverse.  On a disconnected graph every quantity is that of the connected
components: the resistance between two components is infinite, the total resistance runs over the connected pairs, and
the spectral gap is that of the largest component.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import LinearOperator, eigsh

DENSE_NODES = 400  # up to here a dense eigenvalue problem is as fast as Lanczos, and has no tolerance

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def laplacian_pseudo_inverse(adjacency: sparse.csr_array) -> FloatArray:
    """Return L^+, dense, [N, N]; zero between connected components.

    L + sum_c 1_c 1_c^T / n_c is positive definite, and its inverse is L^+ plus the same projection: one Cholesky
    factorisation, O(N^3).

    Args:
        adjacency: A, symmetric, without self-loops, [N, N].
    """
    component = _components(adjacency)
    size = np.bincount(component)[component]
    projection = (component[:, None] == component[None, :]) / size[:, None]
    shifted = projection - adjacency.toarray()
    np.fill_diagonal(shifted, shifted.diagonal() + adjacency.sum(axis=1))
    factor = linalg.cho_factor(shifted, lower=True, overwrite_a=True)
    inverse: FloatArray = linalg.cho_solve(factor, np.eye(component.size), overwrite_b=True) - projection
    return 0.5 * (inverse + inverse.T)


def effective_resistance(adjacency: sparse.csr_array) -> FloatArray:
    """Return R_uv = (e_u - e_v)^T L^+ (e_u - e_v) for all pairs, [N, N]; infinite between components.

    The resistance between u and v when every edge is a resistor of 1 ohm.

    Source: Klein and Randic, Resistance Distance, Journal of Mathematical Chemistry, 1993.
    """
    component = _components(adjacency)
    inverse = laplacian_pseudo_inverse(adjacency)
    diagonal = inverse.diagonal()
    resistance = diagonal[:, None] + diagonal[None, :] - 2.0 * inverse
    resistance[component[:, None] != component[None, :]] = np.inf
    np.fill_diagonal(resistance, 0.0)
    return resistance


def total_effective_resistance(adjacency: sparse.csr_array) -> float:
    """Return the sum of R_uv over the connected pairs u < v: sum over components c of n_c tr L_c^+.

    On a connected graph N tr L^+, the Kirchhoff index.

    Source: Black, Wan, Nayyeri and Wang, Understanding Oversquashing in GNNs through the Lens of Effective
    Resistance, ICML 2023, arXiv 2302.06835.
    """
    component = _components(adjacency)
    size = np.bincount(component)[component]
    return float(size @ laplacian_pseudo_inverse(adjacency).diagonal())


def commute_time(adjacency: sparse.csr_array) -> FloatArray:
    """Return the expected number of steps of a random walk from u to v and back, 2 m_c R_uv, [N, N].

    m_c is the number of edges of the component; infinite between components.

    Source: Chandra et al., The Electrical Resistance of a Graph Captures its Commute and Cover Times, STOC 1989.
    """
    component = _components(adjacency)
    twice_edges = np.bincount(component, adjacency.sum(axis=1))[component]
    resistance = effective_resistance(adjacency)
    connected = np.isfinite(resistance)
    return np.where(connected, twice_edges[:, None] * np.where(connected, resistance, 0.0), np.inf)


def edge_update(inverse: FloatArray, u: int, v: int, weight: float = 1.0) -> FloatArray:
    """Return L^+ after the weight of the edge (u, v) rose by `weight`; u and v must be connected before and after.

    (L + w b b^T)^+ = L^+ - w y y^T / (1 + w R_uv) with b = e_u - e_v and y = L^+ b: O(N^2) instead of O(N^3).
    -1 removes an edge.

    Source: Sherman and Morrison 1950; in this setting Black et al., ICML 2023.

    Raises:
        ValueError: if the edge to remove is a bridge (R_uv = 1), whose removal disconnects the graph.
    """
    y = inverse[u] - inverse[v]
    denominator = 1.0 + weight * float(y[u] - y[v])
    if denominator < 1e-9:
        raise ValueError(f"edge ({u}, {v}) is a bridge: without it the graph falls apart; remove another edge")
    return inverse - (weight / denominator) * np.outer(y, y)


def spectral_gap(adjacency: sparse.csr_array) -> float:
    """Return lambda_1 of the normalised Laplacian I - D^(-1/2) A D^(-1/2) of the largest component.

    Cheeger: h^2 / 2 <= lambda_1 <= 2 h, h the smallest share of edges that leave a set with at most half of the
    degrees.  Dense up to 400 nodes, else Lanczos with a fixed start; 0 for a single node.

    Source: Chung, Spectral Graph Theory, 1997, chapters 1 and 2.
    """
    part = induced(adjacency, largest_component(adjacency))
    size = part.shape[0]
    if size < 2:
        return 0.0
    degree = part.sum(axis=1)
    scale = sparse.diags_array(1.0 / np.sqrt(degree))
    normalised = (scale @ part @ scale).tocsr()
    if size <= DENSE_NODES:
        return float(1.0 - np.linalg.eigvalsh(normalised.toarray())[-2])
    leading = np.sqrt(degree / degree.sum())

    def lazy_walk(x: FloatArray) -> FloatArray:
        """Apply (I + D^(-1/2) A D^(-1/2)) / 2, whose eigenvalues are not negative, without the eigenvalue 1."""
        x = x - leading * (leading @ x)
        y: FloatArray = 0.5 * (x + normalised @ x)
        return y - leading * (leading @ y)

    start = np.sin(np.arange(1.0, size + 1.0))  # fixed, so that the result is the same in every run
    operator = LinearOperator((size, size), matvec=lazy_walk, dtype=np.float64)
    value = eigsh(operator, k=1, which="LA", v0=start, return_eigenvectors=False, tol=1e-10)
    return float(2.0 * (1.0 - value[0]))


def largest_component(adjacency: sparse.csr_array) -> IntArray:
    """Return the nodes of the largest connected component, rising; the first found of several."""
    component = _components(adjacency)
    return np.flatnonzero(component == np.bincount(component).argmax())


def induced(adjacency: sparse.csr_array, nodes: IntArray) -> sparse.csr_array:
    """Return the adjacency matrix of the subgraph on some nodes."""
    return adjacency[nodes][:, nodes].tocsr()


def _components(adjacency: sparse.csr_array) -> IntArray:
    return np.asarray(connected_components(adjacency, directed=False)[1], dtype=np.int64)
