r"""Linear evolution $u_t = A u$ by collocation in space and time at once.

Both directions are spectral: polynomials through Lobatto points in time, and any spatial basis whose operator is the
matrix $A$. The system of all unknowns is a Sylvester equation.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.linalg import solve_sylvester

from baselines.pinn_pde.solvers.lobatto import Rule, lobatto

Basis = Callable[[np.ndarray], np.ndarray]  # x [N] to the functions of an expansion there, [N, K]


def evolve(matrix: np.ndarray, start: np.ndarray, n: int, final_time: float) -> tuple[Rule, np.ndarray]:
    r"""Solve $u' = A u$, $u(0) = u_0$ with polynomials of degree n in time.

    With the differentiation matrix $D$ in time and $U$ the values at the points after the first,
    $D_{11} U - U A^T = -d_0 u_0^T$.

    Args:
        matrix: A, [K, K].
        start: u_0, [K].
        n: degree in time.
        final_time: end of the interval, which begins at 0.

    Returns:
        The points in time and the values there, [n + 1, K].
    """
    rule = lobatto(n, 0.0, final_time)
    later = solve_sylvester(rule.derivative[1:, 1:], -matrix.T, -np.outer(rule.derivative[1:, 0], start))
    return rule, np.vstack([start, later])


class SpaceTime:
    """The interpolant of values on a tensor grid, at any points.

    Args:
        basis: of the values in space.
        time: points in time, as many as rows.
        values: [n + 1, K].
    """

    def __init__(self, basis: Basis, time: Rule, values: np.ndarray) -> None:
        self._basis, self._time, self._values = basis, time, values

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Values at points [N, 2] with columns x and t, [N]."""
        in_time = self._time.interpolation(points[:, 1]) @ self._values  # [N, K]
        return np.asarray(np.einsum("nk,nk->n", self._basis(points[:, 0]), in_time))


def periodic_basis(points: np.ndarray, period: float) -> Basis:
    r"""Trigonometric Lagrange functions of an odd number n of equidistant points in one period.

    Each is the Dirichlet kernel $\sin(n \theta / 2) / (n \sin(\theta / 2))$, $\theta = 2 \pi (x - x_j) / \ell$.
    """
    count = len(points)

    def basis(x: np.ndarray) -> np.ndarray:
        half = np.pi * (x[:, None] - points) / period
        denominator = count * np.sin(half)
        near = np.abs(denominator) < 1e-9
        return np.asarray(np.where(near, 1.0, np.sin(count * half) / np.where(near, 1.0, denominator)))

    return basis


def periodic_derivative(count: int, period: float) -> np.ndarray:
    r"""First derivative of the trigonometric interpolant at an odd number n of points $j \ell / n$, [n, n].

    Raises:
        ValueError: The number is even (its highest mode would have no derivative).

    Source: L. N. Trefethen, Spectral Methods in MATLAB (SIAM 2000), chapter 3.
    """
    if count % 2 == 0:
        raise ValueError(f"an odd number of points is needed; got {count}")
    gap = np.arange(count)[:, None] - np.arange(count)
    elsewhere = np.where(gap == 0, 1, gap)
    matrix = np.where(gap == 0, 0.0, 0.5 * (-1.0) ** elsewhere / np.sin(np.pi * elsewhere / count))
    return np.asarray(matrix * 2.0 * np.pi / period)
