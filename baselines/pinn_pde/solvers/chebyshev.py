"""Chebyshev collocation on a rectangle: nodes, derivatives, interpolation, and the Poisson and Helmholtz equations."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Function = Callable[[np.ndarray], np.ndarray]


def nodes(n: int, low: float = -1.0, high: float = 1.0) -> np.ndarray:
    r"""Chebyshev points $\cos(j \pi / n)$ carried to [low, high], increasing, [n + 1]."""
    unit = np.sin(0.5 * np.pi * np.arange(-n, n + 1, 2) / n)  # symmetric to the last bit
    return 0.5 * (low + high) + 0.5 * (high - low) * unit


def _barycentric(count: int) -> np.ndarray:
    """Barycentric weights of the Chebyshev points, [count]."""
    weights = (-1.0) ** np.arange(count)
    weights[[0, -1]] *= 0.5
    return weights


def derivative(x: np.ndarray) -> np.ndarray:
    r"""Matrix that differentiates the polynomial through values at Chebyshev points, [n + 1, n + 1].

    $D_{ij} = w_j / (w_i (x_i - x_j))$ with barycentric weights, and rows that sum to zero.

    Args:
        x: Chebyshev points, [n + 1].

    Source: J.-P. Berrut, L. N. Trefethen, SIAM Review 46 (2004), section 9.
    """
    w = _barycentric(len(x))
    difference = x[:, None] - x[None, :]
    np.fill_diagonal(difference, 1.0)
    matrix = (w[None, :] / w[:, None]) / difference
    np.fill_diagonal(matrix, 0.0)
    np.fill_diagonal(matrix, -matrix.sum(axis=1))
    return np.asarray(matrix)


def interpolation(x: np.ndarray, targets: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Matrix from values at nodes to values of the polynomial at targets, [T, n + 1]: barycentric formula.

    Args:
        x: nodes, [n + 1].
        targets: [T].
        weights: barycentric weights; those of the Chebyshev points with both ends unless given.
    """
    w = _barycentric(len(x)) if weights is None else weights
    difference = targets[:, None] - x[None, :]
    exact = difference == 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        matrix = w / difference
        matrix = matrix / matrix.sum(axis=1, keepdims=True)
    hit = exact.any(axis=1)
    matrix[hit] = exact[hit]
    return np.asarray(matrix)


def evaluate(x: np.ndarray, y: np.ndarray, values: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The polynomial through values on a tensor grid, anywhere in the rectangle.

    Args:
        x: Chebyshev points, [n + 1].
        y: [m + 1].
        values: [n + 1, m + 1].
        points: [N, 2].

    Returns:
        Values, [N, 1].
    """
    row, column = interpolation(x, points[:, 0]), interpolation(y, points[:, 1])
    return np.asarray(np.einsum("pi,pi->p", row @ values, column)[:, None])


def poisson(
    n: int,
    low: tuple[float, float],
    high: tuple[float, float],
    source: Function,
    boundary: Function,
    shift: float = 0.0,
) -> Function:
    r"""Solve $-\Delta u - k^2 u = f$ in a rectangle with $u = g$ on its edge, for polynomials of degree n.

    The equation holds at the (n - 1)^2 inner Chebyshev points. The matrix is a Kronecker sum, so that the eigenvectors
    of the two small second-derivative matrices diagonalise it: $O(n^3)$ operations.

    Args:
        n: degree in each coordinate, at least 2.
        low: lower left corner.
        high: upper right corner.
        source: f, points [N, 2] to [N, 1].
        boundary: g, likewise.
        shift: $k^2$; the equation must have one solution.

    Returns:
        The solution, points [N, 2] to [N, 1].

    Raises:
        ValueError: The degree leaves no inner point.

    Source: R. E. Lynch, J. R. Rice, D. H. Thomas, Numer. Math. 6 (1964).
    """
    if n < 2:
        raise ValueError(f"the degree must be at least 2; got {n}")
    x, y = nodes(n, low[0], high[0]), nodes(n, low[1], high[1])
    second = [derivative(z) @ derivative(z) for z in (x, y)]
    grid = np.stack([a.ravel() for a in np.meshgrid(x, y, indexing="ij")], axis=1)
    values = boundary(grid).reshape(n + 1, n + 1)
    values[1:-1, 1:-1] = 0.0
    right = source(grid).reshape(n + 1, n + 1) + second[0] @ values + values @ second[1].T
    (a, p), (b, q) = (np.linalg.eig(-matrix[1:-1, 1:-1]) for matrix in second)
    inner = np.linalg.solve(p, np.linalg.solve(q, right[1:-1, 1:-1].T).T) / (a[:, None] + b[None, :] - shift)
    values[1:-1, 1:-1] = np.real(p @ inner @ q.T)
    return lambda points: evaluate(x, y, values, points)
