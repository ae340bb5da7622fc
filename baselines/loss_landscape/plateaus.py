"""Gradient flow of a two-layer network over many decades of time, and the plateaus that it passes.

Small initial weights make training slow for long and fast for short times. The flow d theta/dt = -grad L is stiff, so
it is integrated by an implicit method with the exact Hessian: a million units of time take a second.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.integrate import solve_ivp

from baselines.loss_landscape.critical_points import TwoLayer


def two_steps(points: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Two equal steps, y = tanh(x - 6) + tanh(x + 6) at even points x of [-15, 15]: two units fit them exactly."""
    x = np.linspace(-15, 15, points)
    return x, np.tanh(x - 6) + np.tanh(x + 6)


@dataclass(frozen=True)
class Flow:
    """A trajectory of gradient flow at the times where the integrator stopped."""

    times: np.ndarray
    """[T]"""
    losses: np.ndarray
    """[T]"""
    gradients: np.ndarray
    """Norms of the gradient, [T]."""
    end: np.ndarray
    """Parameters at the last time, [P]."""


def gradient_flow(
    problem: TwoLayer,
    start: np.ndarray,
    horizon: float,
    *,
    until: float | None = None,
    rtol: float = 1e-6,
    atol: float = 1e-9,
) -> Flow:
    """Integrate d theta/dt = -grad L by backward differentiation formulas (scipy's BDF).

    Args:
        problem: The loss L.
        start: Parameters, [P].
        horizon: Final time.
        until: Stop when the loss falls to this value; the last time is then the time of that event.
        rtol: Relative tolerance of a step.
        atol: Absolute tolerance of a step; must lie well below a perturbation whose growth is to be seen.

    Raises:
        FloatingPointError: If the integrator gives up.
    """

    def right(_: float, theta: np.ndarray) -> np.ndarray:
        return -problem.gradient(theta)

    def jacobian(_: float, theta: np.ndarray) -> np.ndarray:
        return -problem.hessian(theta)

    def level(_: float, theta: np.ndarray) -> float:
        return float(problem.loss(theta)) - (until or 0.0)

    level.terminal = True  # type: ignore[attr-defined]
    events = None if until is None else level
    done = solve_ivp(right, (0, horizon), start, method="BDF", jac=jacobian, events=events, rtol=rtol, atol=atol)
    if not done.success:
        raise FloatingPointError(f"gradient flow stopped at time {done.t[-1]:.3g}: {done.message}")
    path = done.y.T
    gradients = np.linalg.norm(problem.gradient(path), axis=1)
    return Flow(done.t, problem.loss(path), gradients, path[-1])


def plateaus(gradients: np.ndarray, window: int = 2) -> np.ndarray:
    """Indices of the local minima of the gradient's norm along a trajectory, without its ends.

    Args:
        gradients: Norms of the gradient, [T].
        window: A minimum is the least of so many values on each side.
    """
    inside = range(window, len(gradients) - window)
    least = [i for i in inside if gradients[i] == gradients[i - window : i + window + 1].min()]
    return np.array(least, dtype=int)


def nearest(losses: np.ndarray, value: float) -> float:
    """Smallest relative distance |L / value - 1| of the plateaus' losses from a critical value; 1 if there are none."""
    return float(np.abs(losses / value - 1).min(initial=1.0))


def escape_time(
    problem: TwoLayer, start: np.ndarray, noise: Sequence[float], direction: np.ndarray, horizon: float, drop: float
) -> np.ndarray:
    """Times at which gradient flow has left a saddle, from starts at several small distances from it.

    Close to a saddle a perturbation of size delta grows as delta exp(r t), r = -(most negative eigenvalue). What comes
    after is the same for all, so the times differ by ln(delta_1 / delta_2) / r.

    Args:
        problem: The loss.
        start: The saddle, [P].
        noise: Sizes delta of the perturbation.
        direction: What is perturbed, [P].
        horizon: Longest time to wait.
        drop: Relative decrease of the loss that counts as having left.

    Returns:
        One time a size.
    """
    level = (1 - drop) * float(problem.loss(start))
    flows = [
        gradient_flow(problem, start + delta * direction, horizon, until=level, rtol=1e-9, atol=1e-13)
        for delta in noise
    ]
    return np.array([flow.times[-1] for flow in flows])
