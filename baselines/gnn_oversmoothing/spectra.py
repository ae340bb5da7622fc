"""The spectral gap of the propagation matrix, and the decay of the Dirichlet energy it predicts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import LinearOperator, eigsh

DENSE_NODES = 400  # up to here a dense eigenvalue problem is as fast as Lanczos, and has no tolerance
VANISHED = 1e-13  # share of a matrix below which its energy is rounding error

FloatArray = NDArray[np.float64]


def propagation_matrix(adjacency: sparse.csr_array) -> sparse.csr_array:
    """Return P = (D + I)^(-1/2) (A + I) (D + I)^(-1/2) in float64, [N, N]."""
    scale = sparse.diags_array(1.0 / np.sqrt(adjacency.sum(axis=1) + 1.0))
    return (scale @ (adjacency + sparse.eye_array(adjacency.shape[0])) @ scale).tocsr()


def invariant_subspace(adjacency: sparse.csr_array) -> sparse.csr_array:
    """Return an orthonormal basis [N, c] of the eigenspace of P for the eigenvalue 1.

    One vector for each of the c connected components: sqrt(d_i + 1) on the component, zero elsewhere.
    """
    count, component = connected_components(adjacency, directed=False)
    weight = adjacency.sum(axis=1) + 1.0
    value = np.sqrt(weight / np.bincount(component, weight)[component])
    nodes = np.arange(adjacency.shape[0])
    return sparse.csr_array((value, (nodes, component)), shape=(adjacency.shape[0], count))


def decay_eigenvalues(adjacency: sparse.csr_array, count: int = 1) -> FloatArray:
    """Return the largest moduli of the eigenvalues of P other than the eigenvalue 1.

    The first is lambda = max(|lambda_2|, |lambda_N|) on a connected graph.  With more components the
    eigenvalue 1 is repeated; those vectors carry no Dirichlet energy and are left out, so lambda < 1 always.

    Args:
        adjacency: A, symmetric, without self-loops, [N, N].
        count: how many moduli.

    Returns:
        Moduli in falling order, [min(count, N - c)]; zeros where P has no further eigenvalue.
    """
    p, basis = propagation_matrix(adjacency), invariant_subspace(adjacency)
    size = p.shape[0]
    if size <= DENSE_NODES or count >= size - 1:
        values = np.linalg.eigvalsh((p - basis @ basis.T).toarray())
    else:
        deflated = LinearOperator((size, size), matvec=lambda x: p @ x - basis @ (basis.T @ x), dtype=np.float64)
        start = np.sin(np.arange(1.0, size + 1.0))  # fixed, so that the result is the same in every run
        values = eigsh(deflated, k=count, which="LM", v0=start, return_eigenvectors=False, tol=1e-10)
    return np.sort(np.abs(values))[::-1][:count]


def linear_decay(adjacency: sparse.csr_array, features: FloatArray, layers: int) -> FloatArray:
    """Return log(E_sym(P^l X) / E_sym(X)) for l = 0..layers, E_sym the normalised Dirichlet energy.

    The part of X in the invariant subspace has no energy; it is projected out and the rest rescaled in every
    layer, so the values are exact to rounding however small the energy has become.

    Args:
        adjacency: A, [N, N].
        features: X, [N, F].
        layers: number of products with P.

    Returns:
        [layers + 1], the first entry 0.

    Raises:
        ValueError: if X, or P X, lies in the invariant subspace.
    """
    p, basis = propagation_matrix(adjacency), invariant_subspace(adjacency)
    x, log_scale = features.astype(np.float64), 0.0
    logs: list[float] = []
    for _ in range(layers + 1):
        x = x - basis @ (basis.T @ x)
        norm = float(np.linalg.norm(x))
        if norm < VANISHED * (1.0 if logs else float(np.linalg.norm(features))):
            raise ValueError(f"no Dirichlet energy is left after {len(logs)} layers; there is no slope to measure")
        x, log_scale = x / norm, log_scale + np.log(norm)
        propagated = p @ x
        logs.append(np.log(np.sum(x * (x - propagated))) + 2.0 * log_scale)
        x = propagated
    return np.asarray(logs) - logs[0]


def slope(log_energy: FloatArray, first: int, last: int) -> float:
    """Return the mean slope per layer of a log energy [L + 1] between two layers."""
    return float((log_energy[last] - log_energy[first]) / (last - first))


def layers_to_rate(decay: FloatArray, tolerance: float) -> float:
    """Return the layer from which two leading modes follow the gap within a tolerance.

    The second mode's energy relative to the first falls as (lambda'/lambda)^(2l), lambda and lambda' the two
    largest moduli; started equal, it is below the tolerance after log(tolerance) / (2 log(lambda'/lambda)) layers.

    Args:
        decay: the two largest moduli, as from `decay_eigenvalues`.
        tolerance: energy left in the second mode relative to the first.

    Returns:
        Number of layers; infinite if the two moduli are equal.
    """
    if decay.size < 2 or decay[1] == 0.0:
        return 0.0
    ratio = float(np.log(decay[1] / decay[0]))
    return float(np.log(tolerance) / (2.0 * ratio)) if ratio < 0.0 else float("inf")
