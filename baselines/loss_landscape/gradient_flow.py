"""Gradient flow dw/dt = -grad L(w), what gradient descent becomes for small steps, by the method of Runge and Kutta."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from baselines.loss_landscape.hessian import Hessian, top_eigenvalues
from baselines.loss_landscape.objective import Objective


@dataclass(frozen=True)
class FlowState:
    """A point of the flow."""

    time: float
    vector: Tensor
    """The parameters, shape [P]."""
    loss: float
    sharpness: float
    gradients: int
    """Gradients evaluated since the start, those of the sharpness not counted."""


def rk4(field: Callable[[Tensor], Tensor], w: Tensor, h: float) -> Tensor:
    """One step of the classical Runge-Kutta method of order 4 for dw/dt = field(w).

    Args:
        field: Right-hand side, [P] -> [P].
        w: Shape [P].
        h: Step.
    """
    k1 = field(w)
    k2 = field(w + h / 2 * k1)
    k3 = field(w + h / 2 * k2)
    k4 = field(w + h * k3)
    return w + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def gradient_flow(
    objective: Objective,
    times: Iterable[float],
    *,
    alpha: float = 1.0,
    largest: float = 1.0,
    tol: float = 1e-3,
    rng: np.random.Generator | None = None,
) -> Iterator[FlowState]:
    """Follow gradient flow from the objective's parameters at time 0, and yield it at given times.

    The step is min(alpha / sharpness, largest), shortened to end at the next time. The sharpness is measured anew at
    every time, so the times must be close enough for it to change little between them. The method is stable up to
    alpha = 2.78 on a quadratic; the rule is that of the code of Cohen et al. (2021, arXiv:2103.00065).

    Args:
        objective: What to minimise; its parameters follow the flow.
        times: Increasing, not negative.
        alpha: Step times sharpness.
        largest: Longest step.
        tol: See `top_eigenvalues`.
        rng: See `top_eigenvalues`.

    Raises:
        ValueError: If the times do not increase.
        FloatingPointError: If the loss is not finite.
    """

    def field(w: Tensor) -> Tensor:
        objective.assign(w)
        return -objective.gradient()

    rng = rng or np.random.default_rng(0)
    now, w, gradients, sharpness = 0.0, objective.vector(), 0, math.inf
    start: np.ndarray | None = None
    for time in times:
        if time < now:
            raise ValueError(f"times must increase from 0; got {time} after {now}")
        if math.isinf(sharpness):  # before the first step nothing is known
            sharpness, start, _ = _measure(objective, start, tol, rng)
        if time > now:
            step = min(alpha / sharpness, largest) if sharpness > 0 else largest
            count = math.ceil((time - now) / step)
            for _ in range(count):
                w = rk4(field, w, (time - now) / count)
            gradients += 4 * count
            now = time
            objective.assign(w)
        sharpness, start, loss = _measure(objective, start, tol, rng)
        if not math.isfinite(loss):
            raise FloatingPointError(f"the loss of gradient flow is {loss} at time {time}")
        yield FlowState(time, w.clone(), loss, sharpness, gradients)


def _measure(
    objective: Objective, start: np.ndarray | None, tol: float, rng: np.random.Generator
) -> tuple[float, np.ndarray, float]:
    """Sharpness, its eigenvector and the loss at the present parameters."""
    loss = objective.loss()
    if not torch.isfinite(loss):
        return math.nan, np.zeros(objective.size), loss.item()
    top = top_eigenvalues(Hessian(loss, objective.parameters), start=start, rng=rng, tol=tol)
    return float(top.values[0]), top.vectors[:, 0], loss.item()
