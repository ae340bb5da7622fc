"""Legendre-Gauss-Lobatto points: quadrature, differentiation and interpolation of spectral accuracy on an interval."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.polynomial import legendre


class Rule(NamedTuple):
    """Points of one interval."""

    nodes: np.ndarray  # [n + 1], ends included
    weights: np.ndarray  # quadrature, exact for polynomials up to degree 2 n - 1, [n + 1]
    derivative: np.ndarray  # values at the nodes to derivatives there, [n + 1, n + 1]
    barycentric: np.ndarray  # weights of the barycentric formula, [n + 1]

    def interpolation(self, points: np.ndarray) -> np.ndarray:
        """Values at the nodes to values of their polynomial at points [M], as a matrix [M, n + 1]."""
        distance = points[:, None] - self.nodes
        exact = distance == 0.0
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = self.barycentric / distance
            matrix = terms / terms.sum(axis=1, keepdims=True)
        hit = exact.any(axis=1)
        matrix[hit] = exact[hit]
        return np.asarray(matrix)


def lobatto(degree: int, low: float = -1.0, high: float = 1.0) -> Rule:
    r"""The points where $(1 - x^2) P_n'(x) = 0$, with weights $2 / (n (n + 1) P_n(x)^2)$.

    Barycentric weights are proportional to $(-1)^j \sqrt{w_j}$; the derivative matrix follows from them, its diagonal
    from the derivative of a constant being zero.

    Args:
        degree: n >= 1.
        low: left end.
        high: right end.

    Source: C. Canuto, M. Y. Hussaini, A. Quarteroni, T. A. Zang, Spectral Methods (Springer 2006), section 2.3;
    J.-P. Berrut and L. N. Trefethen, SIAM Review 46 (2004) 501-517.
    """
    series = np.zeros(degree + 1)
    series[-1] = 1.0
    first = legendre.legder(series)
    inner = np.sort(legendre.legroots(first).real) if degree > 1 else np.empty(0)
    second = legendre.legder(first)
    for _ in range(3):  # Newton: roots of a companion matrix are good to a few digits less than double precision
        if len(inner):
            inner = inner - legendre.legval(inner, first) / legendre.legval(inner, second)
    x = np.concatenate([[-1.0], inner, [1.0]])
    weights = 2.0 / (degree * (degree + 1) * legendre.legval(x, series) ** 2)
    barycentric = np.sqrt(weights) * (-1.0) ** np.arange(degree + 1)
    difference = x[:, None] - x + np.eye(degree + 1)
    derivative = barycentric / barycentric[:, None] / difference
    np.fill_diagonal(derivative, 0.0)
    np.fill_diagonal(derivative, -derivative.sum(axis=1))
    half = 0.5 * (high - low)
    return Rule(low + half * (x + 1.0), half * weights, derivative / half, barycentric)
