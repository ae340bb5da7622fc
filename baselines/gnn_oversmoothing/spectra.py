"""The spectral gap of the propagation matrix, and the decay of the Dirichlet energy it predicts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import LinearOperator, eigsh
from scipy.special import gammaln, logsumexp, xlogy

DENSE_NODES = 400  # up to here a dense eigenvalue problem is as fast as Lanczos, and has no tolerance
VANISHED = 1e-13  # share of a matrix below which its energy is rounding error
EQUAL = 1e-8  # moduli that differ by less, relatively, are one repeated modulus

FloatArray = NDArray[np.float64]


def largest_component(adjacency: sparse.csr_array) -> NDArray[np.int64]:
    """Return the nodes of the largest connected component (the first of equal ones), in rising order."""
    _, component = connected_components(adjacency, directed=False)
    return np.flatnonzero(component == np.bincount(component).argmax())


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


def diffusion_rates(adjacency: sparse.csr_array, count: int = 1) -> FloatArray:
    """Return the smallest eigenvalues of I - P other than 0, in rising order, [min(count, N - c)].

    The first is the rate lambda_1 of the heat equation x' = -(I - P) x: E_sym(x(t)) falls as exp(-2 lambda_1 t) in
    the end and is never above exp(-2 lambda_1 t) E_sym(x(0)).
    """
    p, basis = propagation_matrix(adjacency), invariant_subspace(adjacency)
    size = p.shape[0]
    if size <= DENSE_NODES or count >= size - 1:
        values = np.linalg.eigvalsh((p - 2.0 * basis @ basis.T).toarray())[basis.shape[1] :]
    else:
        lowered = LinearOperator((size, size), matvec=lambda x: p @ x - 2.0 * basis @ (basis.T @ x), dtype=np.float64)
        start = np.sin(np.arange(1.0, size + 1.0))
        values = eigsh(lowered, k=count, which="LA", v0=start, return_eigenvectors=False, tol=1e-10)
    return 1.0 - np.sort(values)[::-1][:count]


def decaying_parts(adjacency: sparse.csr_array, features: FloatArray) -> Iterator[tuple[FloatArray, float]]:
    """Yield (Y_l / ||Y_l||_F, log ||Y_l||_F) for l = 0, 1, ..., Y_l the part of P^l X outside the invariant subspace.

    The invariant part is projected out and the rest rescaled in every layer, so Y_l is exact to rounding however
    small it has become.

    Args:
        adjacency: A, [N, N].
        features: X, [N, F].

    Raises:
        ValueError: if X, or P X, lies in the invariant subspace.
    """
    p, basis = propagation_matrix(adjacency), invariant_subspace(adjacency)
    x, log_scale, size, layer = features.astype(np.float64), 0.0, float(np.linalg.norm(features)), 0
    while True:
        x = x - basis @ (basis.T @ x)
        norm = float(np.linalg.norm(x))
        if norm < VANISHED * size:
            raise ValueError(f"no Dirichlet energy is left after {layer} layers; there is no slope to measure")
        x, log_scale = x / norm, log_scale + np.log(norm)
        yield x, log_scale
        x, size, layer = p @ x, 1.0, layer + 1


def linear_decay(adjacency: sparse.csr_array, features: FloatArray, layers: int) -> FloatArray:
    """Return log(E_sym(P^l X) / E_sym(X)) for l = 0..layers, E_sym the normalised Dirichlet energy.

    Exact to rounding however small the energy has become; see `decaying_parts`.

    Args:
        adjacency: A, [N, N].
        features: X, [N, F].
        layers: number of products with P.

    Returns:
        [layers + 1], the first entry 0.

    Raises:
        ValueError: if X, or P X, lies in the invariant subspace.
    """
    p = propagation_matrix(adjacency)
    parts = zip(range(layers + 1), decaying_parts(adjacency, features), strict=False)
    logs = np.array([np.log(np.sum(x * (x - p @ x))) + 2.0 * log_scale for _, (x, log_scale) in parts])
    return logs - logs[0]


def continuous_decay(adjacency: sparse.csr_array, features: FloatArray, times: FloatArray) -> FloatArray:
    """Return log(E_sym(x(t)) / E_sym(x(0))) of the heat equation x' = -(I - P) x, x(0) = X.

    x(t) = exp(-t) exp(t P) X = sum_l exp(-t) t^l / l! P^l X: the layers averaged over a Poisson number of them.  The
    sum is cut where the rest is below rounding.

    Args:
        adjacency: A, [N, N].
        features: X, [N, F].
        times: t, at least 0, [T].

    Returns:
        [T]; -inf where x(t) is below the smallest float.
    """
    p, last = propagation_matrix(adjacency), float(np.max(times))
    sums = np.zeros((len(times), *features.shape))
    initial = 0.0
    for layer, (x, log_scale) in enumerate(decaying_parts(adjacency, features)):
        initial = initial or float(np.sum(x * (x - p @ x)) * np.exp(2.0 * log_scale))
        weight = np.exp(xlogy(layer, times) - times - gammaln(layer + 1.0) + log_scale)
        for number in np.flatnonzero(weight):
            sums[number] += weight[number] * x
        if layer > last + 12.0 * np.sqrt(last) + 30.0:
            break
    with np.errstate(divide="ignore"):
        return np.array([np.log(np.sum(x * (x - p @ x)) / initial) for x in sums])


def slope(log_energy: FloatArray, first: int, last: int) -> float:
    """Return the mean slope per layer of a log energy [L + 1] between two layers."""
    return float((log_energy[last] - log_energy[first]) / (last - first))


def layers_to_rate(decay: FloatArray, tolerance: float) -> float:
    """Return the layer from which the two leading moduli follow the gap within a tolerance.

    The second mode's energy relative to the first falls as (lambda'/lambda)^(2l), lambda and lambda' the two largest
    different moduli (a repeated one has one rate); started equal, it is below the tolerance after
    log(tolerance) / (2 log(lambda'/lambda)) layers.

    Args:
        decay: the largest moduli in falling order, as from `decay_eigenvalues`.
        tolerance: energy left in the second mode relative to the first.

    Returns:
        Number of layers; 0 with one modulus, infinite if several are given and all are equal.
    """
    if decay.size < 2 or decay[1] == 0.0:
        return 0.0
    smaller = decay[decay < (1.0 - EQUAL) * decay[0]]
    if smaller.size == 0:
        return float("inf")
    if smaller[0] == 0.0:
        return 0.0
    return float(np.log(tolerance) / (2.0 * np.log(smaller[0] / decay[0])))


def eigenvalues(adjacency: sparse.csr_array) -> FloatArray:
    """Return all eigenvalues of P but the c times repeated eigenvalue 1, in rising order, [N - c]; O(N^3)."""
    p, basis = propagation_matrix(adjacency), invariant_subspace(adjacency)
    return np.linalg.eigvalsh((p - 3.0 * basis @ basis.T).toarray())[basis.shape[1] :]


def expected_decay(values: FloatArray, layers: FloatArray) -> FloatArray:
    """Return log(S(l) / S(0)), S(l) = sum_k (1 - lambda_k) lambda_k^(2l): the mean of E_sym(P^l X) for Gaussian X.

    Args:
        values: eigenvalues lambda_k of P without the eigenvalue 1, as from `eigenvalues`.
        layers: l, [L].

    Returns:
        [L].
    """
    logs = _log_weights(values, np.append(0.0, layers))
    total = logsumexp(logs, axis=1)
    return total[1:] - total[0]


def slope_error(values: FloatArray, first: int, last: int, columns: int) -> float:
    """Return the standard error of the slope of log E_sym(P^l X) between two layers for Gaussian X [N, columns].

    E_sym(P^l X) = sum_k (1 - lambda_k) lambda_k^(2l) chi_k, chi_k independent chi-squared with `columns` degrees of
    freedom, the same in both layers.  To first order the log of the ratio has the variance
    2 / columns * sum_k (w_k(last) - w_k(first))^2, w_k(l) the share of mode k in layer l.
    """
    logs = _log_weights(values, np.array([first, last], dtype=float))
    share = np.exp(logs - logsumexp(logs, axis=1, keepdims=True))
    return float(np.sqrt(2.0 / columns * np.sum((share[1] - share[0]) ** 2)) / (last - first))


def survey_limit(adjacency: sparse.csr_array, features: FloatArray) -> float:
    """Return lim E(P^l X) / E(X), E the survey's Dirichlet energy, in closed form.

    On every component P^l X tends to b b^T X, b_i = sqrt(d_i + 1) / norm, so that E tends to
    2/N sum_components b^T (D - A) b ||b^T X||^2.  Zero iff every component is regular.

    Args:
        adjacency: A, [N, N].
        features: X, [N, F].
    """
    basis = invariant_subspace(adjacency)
    limit = basis @ (basis.T @ features)
    return _laplacian_form(adjacency, limit) / _laplacian_form(adjacency, features)


def expected_survey_limit(adjacency: sparse.csr_array) -> float:
    """Return the ratio of the means of lim E(P^l X) and E(X) for Gaussian X: sum_components b^T (D - A) b / (2m)."""
    return _laplacian_form(adjacency, invariant_subspace(adjacency).toarray()) / float(adjacency.sum())


def _laplacian_form(adjacency: sparse.csr_array, x: FloatArray) -> float:
    """Return tr(X^T (D - A) X) as a sum of squares over the edges."""
    row, col = sparse.triu(adjacency, 1).nonzero()
    return float(np.sum((x[row] - x[col]) ** 2))


def _log_weights(values: FloatArray, layers: FloatArray) -> FloatArray:
    """Return log((1 - lambda_k) lambda_k^(2l)), [L, K]."""
    with np.errstate(divide="ignore"):
        return np.log1p(-values) + xlogy(2.0 * layers[:, None], np.abs(values))
