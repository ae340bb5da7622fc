"""Scores of a solution, as plain functions of arrays."""

from __future__ import annotations

import numpy as np

from baselines.pinn_pde.problem import Function


def relative_l2(prediction: np.ndarray, reference: np.ndarray) -> float:
    r"""Relative error $\|\hat u - u\|_2 / \|u\|_2$ over all grid points.

    Raises:
        ValueError: The shapes differ (numpy would broadcast [N] against [N, 1] to [N, N] and say nothing).
    """
    if prediction.shape != reference.shape:
        raise ValueError(f"prediction {prediction.shape} and reference {reference.shape} differ in shape")
    return float(np.linalg.norm(prediction - reference) / np.linalg.norm(reference))


def max_error(prediction: np.ndarray, reference: np.ndarray) -> float:
    r"""Largest absolute error $\max |\hat u - u|$ over all grid points."""
    if prediction.shape != reference.shape:
        raise ValueError(f"prediction {prediction.shape} and reference {reference.shape} differ in shape")
    return float(np.abs(prediction - reference).max())


def rms(values: np.ndarray) -> float:
    r"""Root mean square $\sqrt{\mathrm{mean}(r^2)}$ over points and equations."""
    return float(np.sqrt(np.mean(np.square(values))))


def energy(u: np.ndarray, x: np.ndarray) -> np.ndarray:
    r"""Energy $E(t) = \int u(x, t)^2 dx$ by the trapezoidal rule.

    Args:
        u: [X, T].
        x: [X].

    Returns:
        E, [T].
    """
    return np.asarray(np.trapezoid(u**2, x, axis=0))


def decay_rate(quantity: np.ndarray, t: np.ndarray) -> float:
    r"""Rate $\lambda$ of the least-squares fit $\log q = c - \lambda t$.

    Args:
        quantity: Positive values, [T].
        t: Times, [T].

    Returns:
        The rate in 1 / time; NaN where the quantity is not positive, because then there is no such fit.
    """
    if np.any(quantity <= 0):
        return float("nan")
    return float(-np.polyfit(t, np.log(quantity), 1)[0])


def steepest_slope(predict: Function, center: float, times: np.ndarray, h: float = 1e-4) -> float:
    r"""Largest downward slope $\max_t -u_x(x_0, t)$, by central differences of width $2 h$.

    Args:
        predict: maps [N, 2] (x, t) to [N, 1].
        center: position $x_0$ of the front.
        times: [T].
        h: half width of the difference; small against the front, large against rounding.
    """
    left, right = (predict(np.stack([np.full_like(times, center + s), times], axis=1)) for s in (-h, h))
    return float(np.max((left[:, 0] - right[:, 0]) / (2.0 * h)))


def outward_flux(predict: Function, size: float = 1.0, points: int = 401, h: float = 1e-3) -> float:
    r"""Flux $-\oint \partial u / \partial n \, ds$ out of the square $[0, L]^2$.

    One-sided differences of second order inside the domain, trapezoidal rule along each side.

    Args:
        predict: maps [N, 2] (x, y) to [N, 1].
        size: side length L.
        points: points on each side.
        h: spacing of the differences.
    """
    s = np.linspace(0.0, size, points)
    total = 0.0
    for axis in (0, 1):
        for wall, inward in ((0.0, h), (size, -h)):
            u = []
            for step in range(3):
                xy = np.empty((points, 2))
                xy[:, axis], xy[:, 1 - axis] = wall + step * inward, s
                u.append(predict(xy)[:, 0])
            along_inward_normal = (-3.0 * u[0] + 4.0 * u[1] - u[2]) / (2.0 * h)
            total += float(np.trapezoid(along_inward_normal, s))  # -du/dn, n outward
    return total
