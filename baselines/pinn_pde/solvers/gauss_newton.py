"""Nonlinear least squares on few parameters, and on a coefficient whose smoothness the data decide."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from baselines.pinn_pde.robust import SQUARES, Loss

ForwardMap = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Parameters [P] to standardised residuals [M] and their derivatives [M, P]."""


@dataclass(frozen=True)
class Fit:
    """A fitted parameter vector."""

    values: np.ndarray  # [P]
    residuals: np.ndarray  # [M]
    jacobian: np.ndarray  # [M, P], at the values
    iterations: int
    converged: bool


def levenberg_marquardt(
    model: ForwardMap,
    start: np.ndarray,
    scale: np.ndarray,
    loss: Loss = SQUARES,
    iterations: int = 100,
    tolerance: float = 1e-10,
    longest: float = np.inf,
) -> Fit:
    r"""Minimise $\sum_i \rho(r_i(\theta))$.

    Each step solves $\min_s \|W^{1/2} (r + J S s)\|^2 + \mu \|s\|^2$ with the weights of the loss, S the scales, by QR.
    The damping $\mu$ falls by 10 after a step that lowers the loss and rises by 4 after one that does not or where
    the model raises ArithmeticError; such a step is undone.

    Args:
        model: residuals and Jacobian.
        start: [P].
        scale: typical sizes of the parameters, [P].
        loss: least squares unless given.
        iterations: limit.
        tolerance: ends when a step, in scales, is below it, or promises a relative decrease below 1e-12.
        longest: limit of each component of a step, in scales.

    Source: K. Levenberg, Quart. Appl. Math. 2 (1944); D. W. Marquardt, J. SIAM 11 (1963).
    """
    theta = np.array(start, dtype=np.float64)
    residuals, jacobian = model(theta)
    value, damping, converged, done = float(np.sum(loss.value(residuals))), 1e-3, False, 0
    while done < iterations and not converged:
        done += 1
        root = np.sqrt(loss.weights(residuals))
        triangle = _triangle(np.column_stack([root[:, None] * jacobian * scale, root * residuals]))
        size = float(np.linalg.norm(triangle[:, :-1]))
        step = _damped(triangle, damping * size**2 / len(theta))
        if not np.all(np.isfinite(step)):
            break
        trial = theta + scale * step * min(1.0, longest / max(float(np.abs(step).max()), 1e-300))
        try:
            new, tried = model(trial)
        except ArithmeticError:
            damping *= 4.0
            continue
        new_value = float(np.sum(loss.value(new)))
        small = float(np.linalg.norm(step)) < tolerance * (1.0 + float(np.linalg.norm(theta / scale)))
        moved = triangle @ np.append(step, 1.0)  # as long as the weighted linearised residuals after the step
        small |= 0.5 * float(triangle[:, -1] @ triangle[:, -1] - moved @ moved) < 1e-12 * value
        if new_value <= value:
            converged = small
            theta, residuals, jacobian, value = trial, new, tried, new_value
            damping = max(damping / 10.0, 1e-18)
        else:
            converged = small  # rounding: nothing below is left to find
            damping *= 4.0
    return Fit(theta, residuals, jacobian, done, converged)


def _triangle(rows: np.ndarray) -> np.ndarray:
    """The triangular factor R of rows = Q R."""
    return np.asarray(np.linalg.qr(rows, mode="r"))


def _damped(triangle: np.ndarray, damping: float) -> np.ndarray:
    """Solution of the damped least-squares problem whose matrix and right side have the triangular factor [R, c]."""
    from scipy.linalg import solve_triangular

    count = triangle.shape[1] - 1
    rows = np.concatenate([triangle, np.column_stack([np.sqrt(damping) * np.eye(count), np.zeros(count)])])
    reduced = _triangle(rows)
    return np.asarray(-solve_triangular(reduced[:count, :-1], reduced[:count, -1]))


def only_after(count: int, loss: Loss) -> Loss:
    """The loss for all residuals but the first `count`, which are constraints and keep their squares."""

    def joined(
        plain: Callable[[np.ndarray], np.ndarray], robust: Callable[[np.ndarray], np.ndarray]
    ) -> Callable[[np.ndarray], np.ndarray]:
        return lambda residuals: np.concatenate([plain(residuals[:count]), robust(residuals[count:])])

    return Loss(joined(SQUARES.value, loss.value), joined(SQUARES.weights, loss.weights))


def difference_jacobian(
    values: Callable[[np.ndarray], np.ndarray], theta: np.ndarray, scale: np.ndarray, relative: float = 1e-4
) -> tuple[np.ndarray, np.ndarray]:
    """Values [M] and central differences [M, P], all from one call with a batch of parameters [2 P + 1, P].

    A solver that advances the whole batch with the same steps makes the same small errors in every copy, so that they
    cancel in the differences.

    Args:
        values: a batch of parameters [B, P] to predictions [B, M].
        theta: [P].
        scale: typical sizes, [P].
        relative: difference in scales; its error is of second order.
    """
    shifts = relative * np.diag(scale)
    batch = values(np.concatenate([theta[None], theta + shifts, theta - shifts]))
    count = len(theta)
    slopes = (batch[1 : count + 1] - batch[count + 1 :]) / (2.0 * relative * np.asarray(scale)[:, None])
    return batch[0], slopes.T


@dataclass(frozen=True)
class SmoothFit:
    """A coefficient fitted with a penalty on its roughness."""

    values: np.ndarray  # [P]
    covariance: np.ndarray  # posterior [P, P]
    penalty: float  # factor of the penalty that the evidence chose
    effective: float  # effective number of fitted parameters
    iterations: int


def smooth_gauss_newton(
    model: ForwardMap, roughness: np.ndarray, iterations: int = 30, tolerance: float = 1e-8, loss: Loss = SQUARES
) -> SmoothFit:
    r"""Gauss-Newton for $\min \|r(c)\|^2 + \lambda \|L c\|^2$, with $\lambda$ from the data (empirical Bayes).

    Linearised at the current c, the standardised data $d = J c - r$ are normal with covariance
    $I + J (\lambda L^T L)^{-1} J^T$ under the prior $L c \sim N(0, 1 / \lambda)$. With the singular values $s_k$ of
    $J L^{-1}$ and the components $b_k$ of d along its left vectors, minus twice the log evidence is, up to a constant,

    $$\sum_k \frac{\lambda b_k^2}{\lambda + s_k^2} + \log \frac{\lambda + s_k^2}{\lambda} ,$$

    minimised over $\lambda$. The size of the noise enters (residuals are standardised), the truth does not.

    Args:
        model: standardised residuals and Jacobian.
        roughness: L, square and regular, [P, P].
        iterations: limit.
        tolerance: ends when the relative change of c is below it.
        loss: robust weights if not least squares.

    Source: D. J. C. MacKay, Neural Computation 4 (1992) 415-447.
    """
    inverse = np.linalg.inv(roughness)
    c, best, done = np.zeros(len(roughness)), 1.0, 0
    for done in range(1, iterations + 1):  # noqa: B007
        residuals, jacobian = model(c)
        root = np.sqrt(loss.weights(residuals))
        left, size, right = np.linalg.svd((root[:, None] * jacobian) @ inverse, full_matrices=False)
        b = left.T @ (root * (jacobian @ c - residuals))
        best = _largest_evidence(size, b)
        new = inverse @ (right.T @ (size / (size**2 + best) * b))
        change = float(np.linalg.norm(roughness @ (new - c)) / (np.linalg.norm(roughness @ new) + 1e-300))
        c = new
        if change < tolerance:
            break
    spread = inverse @ right.T
    covariance = (spread / (size**2 + best)) @ spread.T
    return SmoothFit(c, covariance, best, float(np.sum(size**2 / (size**2 + best))), done)


def _largest_evidence(size: np.ndarray, b: np.ndarray) -> float:
    """The penalty factor of largest evidence: a scan over its logarithm, refined twice."""
    low, high = np.log(max(size[-1], 1e-9 * size[0]) ** 2) - 5.0, 2.0 * np.log(size[0]) + 10.0
    best = high
    for _ in range(4):
        logs = np.linspace(low, high, 81)
        factor = np.exp(logs)[:, None]
        minus = (factor * b**2 / (factor + size**2) + np.log1p(size**2 / factor)).sum(axis=1)
        k = int(np.argmin(minus))
        best = float(logs[k])
        low, high = float(logs[max(k - 1, 0)]), float(logs[min(k + 1, 80)])
    return float(np.exp(best))
