"""Harmonic functions by least squares on the boundary: the largest boundary error bounds the error everywhere.

If a harmonic function misses the boundary values by at most e, it misses the solution by at most e (maximum principle).
The error bars of this module are that number, taken on many more boundary points than the fit has.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

Function = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Fit:
    """A function that satisfies its equation exactly and its boundary values nearly."""

    values: Function
    """Points [N, 2] to [N, 1]."""
    boundary_error: float
    """Largest error on the boundary, hence anywhere."""
    degrees_of_freedom: int
    coefficients: np.ndarray


def least_squares(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Coefficients of least misfit, with columns scaled to length 1 first and tiny singular values dropped."""
    scale = np.linalg.norm(matrix, axis=0)
    solution, *_ = np.linalg.lstsq(matrix / scale, right, rcond=1e-15)
    return np.asarray(solution / scale)


def clustered(count: int) -> np.ndarray:
    """Numbers in [0, 1], both ends included and dense near them, [count]."""
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * np.arange(count) / (count - 1)))


# Square with four holes -----------------------------------------------------------------------------------------------


def _hole_columns(z: np.ndarray, center: float, radius: float, order: int) -> np.ndarray:
    r"""Harmonic functions with all symmetries of the square and its four holes, [N, columns].

    $1$ and $\mathrm{Re}\, z^{4 k}$; and around the holes $\log |w|$ and $\mathrm{Re}\, w^{-k}$, w the local coordinate
    turned towards the centre of the square, each less its mirror images in the two nearest sides, plus its image in
    both: without them the polynomials would converge slowly, because the solution, continued by reflection, has
    singularities inside the images of the holes.
    """
    columns = [np.real(z ** (4 * k)) for k in range(order // 2 + 1)]
    c = center * (1 + 1j)
    multipoles = [np.zeros_like(columns[0]) for _ in range(order + 1)]
    for turn in (1, 1j, -1, -1j):
        s = turn * z
        for image, sign in ((s, 1.0), (1.0 - s.conj(), -1.0), (s.conj() + 1j, -1.0), (1.0 + 1j - s, 1.0)):
            w = (image - c) * np.exp(-0.25j * np.pi) / radius
            multipoles[0] += sign * np.log(np.abs(w))
            power = np.ones_like(w)
            for k in range(1, order + 1):
                power = power / w
                multipoles[k] += sign * power.real
    return np.stack(columns + multipoles, axis=1)


def square_with_holes(order: int, center: float = 0.3, radius: float = 0.1) -> Fit:
    r"""Laplace equation in $[-1/2, 1/2]^2$ less four discs around $(\pm c, \pm c)$: 1 on the square, 0 on the discs.

    Args:
        order: highest multipole of a hole; polynomials go to $z^{2 \cdot order}$.
        center: $c$.
        radius: of the discs.

    Returns:
        The fit; coefficient `order // 2 + 1` is that of the four logarithms, so that each disc takes up the flux
        $2 \pi$ times it.
    """

    def boundary(count: int) -> tuple[np.ndarray, np.ndarray]:
        side = 0.5 + 0.5j * clustered(count)  # an eighth of the square and half a disc: the rest follows
        angle = 0.25 * np.pi + np.pi * np.linspace(0.0, 1.0, count)
        disc = center * (1 + 1j) + radius * np.exp(1j * angle)
        return np.concatenate([side, disc]), np.repeat([1.0, 0.0], count)

    z, right = boundary(6 * order + 20)
    coefficients = least_squares(_hole_columns(z, center, radius, order), right)

    def values(points: np.ndarray) -> np.ndarray:
        complex_points = points[:, 0] + 1j * points[:, 1]
        return np.asarray(_hole_columns(complex_points, center, radius, order) @ coefficients)[:, None]

    fine, exact = boundary(40 * order + 7)
    found = values(np.stack([fine.real, fine.imag], axis=1))[:, 0]
    return Fit(values, float(np.abs(found - exact).max()), len(coefficients), coefficients)


# L-shape --------------------------------------------------------------------------------------------------------------

_CORNERS = ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (-1.0, 1.0), (1.0, -1.0), (-1.0, -1.0))
_BISECTORS = (1.25, -0.75, -0.75, -0.25, 0.75, 0.25)  # direction into the domain, in units of pi


def _corner_logarithms(z: np.ndarray) -> np.ndarray:
    r"""The part of $-\Delta u = 1$ in the L-shape that no power series at a corner contains, [N].

    At a corner of angle $\alpha$ with $u = 0$ on both sides, $-r^2 / 4$ is completed by
    $\frac{1}{4} r^2 \cos 2 \phi$ and $C\, \mathrm{Im}(w^2 \log w)$, $w = r e^{i \phi}$. On the second side they sum to
    $-\frac{1}{4} + \frac{1}{4} \cos 2 \alpha + C \alpha \cos 2 \alpha$, which vanishes for $C = -1 / (2 \alpha)$ when
    $\cos 2 \alpha = -1$: $-1 / \pi$ at a right angle and $-1 / (3 \pi)$ at the corner of $3 \pi / 2$.
    """
    total = np.zeros(z.shape)
    for (x, y), bisector in zip(_CORNERS, _BISECTORS, strict=True):
        angle = 1.5 * np.pi if (x, y) == (0.0, 0.0) else 0.5 * np.pi
        turned = (z - complex(x, y)) * np.exp(-1j * np.pi * bisector)  # cut on the far side of the corner
        log = np.log(np.where(turned == 0, 1.0, turned)) + 0.5j * angle
        total -= np.imag((turned * np.exp(0.5j * angle)) ** 2 * log) / (2.0 * angle)
    return total


def _root(z: np.ndarray) -> np.ndarray:
    """Cube root of the corner's coordinate, real on the axis of symmetry."""
    return np.asarray(np.power(z * np.exp(-1.25j * np.pi) + 0.0, 1.0 / 3.0))


def _arnoldi(t: np.ndarray, degree: int) -> tuple[np.ndarray, np.ndarray]:
    """Polynomials with real coefficients, orthonormal on points and their conjugates: values [N, n + 1], recurrence.

    Source: P. D. Brubeck, Y. Nakatsukasa, L. N. Trefethen, SIAM Review 63 (2021).
    """
    q = np.zeros((len(t), degree + 1), dtype=complex)
    h = np.zeros((degree + 1, degree))
    q[:, 0] = 1.0
    for k in range(degree):
        v = t * q[:, k]
        for _ in range(2):  # twice is enough for orthogonality to rounding
            step = np.real(q[:, : k + 1].conj().T @ v) / len(t)
            v = v - q[:, : k + 1] @ step
            h[: k + 1, k] += step
        h[k + 1, k] = np.linalg.norm(v) / np.sqrt(len(t))
        q[:, k + 1] = v / h[k + 1, k]
    return q, h


def _polynomials(t: np.ndarray, h: np.ndarray) -> np.ndarray:
    """The same polynomials at other points, [N, n + 1]."""
    q = np.ones((len(t), len(h)), dtype=complex)
    for k in range(len(h) - 1):
        q[:, k + 1] = (t * q[:, k] - q[:, : k + 1] @ h[: k + 1, k]) / h[k + 1, k]
    return q


def l_shape(degree: int) -> Fit:
    r"""Solve $-\Delta u = 1$ in $[-1, 1]^2$ less $(0, 1]^2$ with $u = 0$ on the edge.

    $$u = -\tfrac{1}{4} |z|^2 + \sum_j C_j\, \mathrm{Im}(w_j^2 \log w_j) + \mathrm{Re}\, P(z^{1/3})$$

    with the logarithms of all six corners, whose factors are known, and a polynomial P in the cube root, which contains
    the corner's own $r^{2 k / 3} \sin(2 k \phi / 3)$ and the powers of z. Both sides of the fit are analytic in
    $z^{1/3}$, hence the misfit falls exponentially with the degree.

    Args:
        degree: of P; as many real coefficients and one more, by symmetry about the diagonal.

    Returns:
        The fit.

    Source: L. Fox, P. Henrici, C. Moler, SIAM J. Numer. Anal. 4 (1967), particular solutions for the L-shape.
    """

    def boundary(count: int) -> np.ndarray:
        corners = np.array([0, 1j, -1 + 1j, -1 - 1j])  # half of the edge
        s = clustered(count)
        sides = [1j * s**3]  # dense near the corner, where the cube root is steep
        sides += [a + (b - a) * s for a, b in pairwise(corners[1:])]
        return np.concatenate(sides)

    def particular(z: np.ndarray) -> np.ndarray:
        return -0.25 * np.abs(z) ** 2 + _corner_logarithms(z)

    z = boundary(3 * degree)
    q, h = _arnoldi(_root(z), degree)
    coefficients = least_squares(q.real, -particular(z))

    def values(points: np.ndarray) -> np.ndarray:
        z = points[:, 0] + 1j * points[:, 1]
        return np.asarray(particular(z) + _polynomials(_root(z), h).real @ coefficients)[:, None]

    fine = boundary(11 * degree + 3)
    error = float(np.abs(values(np.stack([fine.real, fine.imag], axis=1))).max())
    return Fit(values, error, degree + 1, coefficients)
