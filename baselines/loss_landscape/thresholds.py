"""Where optimizers lose stability on a quadratic: by formula, by the spectral radius of a step, and by running them.

On `f(x) = lambda x^2 / 2` a step of gradient descent multiplies `x` by `1 - eta lambda`. The iterates shrink if
`|1 - eta lambda| < 1`, that is for `0 < lambda < 2/eta`, and grow beyond. With momentum a step is a linear map of `x`
and the velocity `v`; stability is lost where an eigenvalue of its matrix leaves the unit disk, always at -1 here. A
diagonal preconditioner P changes nothing but the meaning of lambda: an eigenvalue of P^-1 H takes its place.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer

Build = Callable[[Sequence[Tensor]], Optimizer]
StepMatrix = Callable[[float], np.ndarray]
"""The matrix of one step on a quadratic, as a function of its curvature."""

TOO_FAR = 1e30  # growth at which a run has certainly left the minimum, whatever it did in its first steps


def gradient_descent(lr: float) -> float:
    """Curvature above which gradient descent with step size `lr` diverges on a quadratic: 2 / lr.

    Raises:
        ValueError: If `lr` is not positive.
    """
    if not lr > 0:
        raise ValueError(f"the step size must be positive; got {lr}")
    return 2 / lr


def polyak(lr: float, beta: float) -> float:
    """With heavy-ball momentum, v' = beta v + g, x' = x - lr v': 2 (1 + beta) / lr."""
    return (1 + beta) * gradient_descent(lr)


def nesterov(lr: float, beta: float) -> float:
    """With torch's Nesterov momentum, v' = beta v + g, x' = x - lr (g + beta v'): 2 (1 + beta) / (lr (1 + 2 beta))."""
    return (1 + beta) / (1 + 2 * beta) * gradient_descent(lr)


def averaged(lr: float, beta: float) -> float:
    """With an averaged gradient, v' = beta v + (1 - beta) g, x' = x - lr v': 2 (1 + beta) / ((1 - beta) lr).

    This is Adam's edge on P^-1 H.
    """
    return (1 + beta) / (1 - beta) * gradient_descent(lr)


def sam(lr: float, rho: float, gradient_norm: float) -> float:
    """Sharpness-aware minimisation, at a momentary gradient norm G: (G / 2 rho) (sqrt(1 + 8 rho / (lr G)) - 1).

    Long and Bartlett (2023), arXiv:2309.12488. For rho -> 0 or G -> infinity it tends to 2 / lr; it is always below.

    Raises:
        ValueError: If an argument is not positive.
    """
    if not (rho > 0 and gradient_norm > 0):
        raise ValueError(f"radius and gradient norm must be positive; got {rho} and {gradient_norm}")
    share = 4 * rho * gradient_descent(lr) / gradient_norm
    return 2 * gradient_descent(lr) / (math.sqrt(1 + share) + 1)  # the same without cancellation


def momentum_step(lr: float, beta: float = 0.0, *, nesterov: bool = False, average: bool = False) -> StepMatrix:
    """The step of gradient descent with momentum as a linear map of (x, v).

    v' = beta v + a lambda x,  x' = x - lr (c lambda x + d v'),
    with a = 1 - beta for an averaged gradient and 1 otherwise, (c, d) = (1, beta) for Nesterov and (0, 1) otherwise.
    """
    a = 1 - beta if average else 1.0
    c, d = (1.0, beta) if nesterov else (0.0, 1.0)

    def matrix(curvature: float) -> np.ndarray:
        return np.array(
            [[1 - lr * (c + d * a) * curvature, -lr * d * beta], [a * curvature, beta]],
        )

    return matrix


def sam_step(lr: float, rho: float, gradient_norm: float) -> StepMatrix:
    """The step of SAM at a fixed gradient norm G: the gradient is taken at x + rho lambda x / G."""

    def matrix(curvature: float) -> np.ndarray:
        return np.array([[1 - lr * curvature * (1 + rho * curvature / gradient_norm)]])

    return matrix


def spectral_radius(matrix: np.ndarray) -> float:
    """Largest modulus of an eigenvalue."""
    return float(np.abs(np.linalg.eigvals(matrix)).max())


def threshold(step: StepMatrix, *, rtol: float = 1e-14) -> float:
    """Curvature at which the spectral radius of a step passes 1, by bisection; one function for every optimizer.

    Args:
        step: The step's matrix as a function of the curvature; stable for small positive curvatures.
        rtol: Width of the final bracket relative to its position.

    Raises:
        ValueError: If no curvature from 1e-12 to 1e12 is stable, or none is unstable.
    """

    def unstable(curvature: float) -> bool:
        return spectral_radius(step(curvature)) > 1

    low = high = 1.0
    while unstable(low):
        low, high = low / 2, low
        if low < 1e-12:
            raise ValueError("unstable at every curvature")
    while not unstable(high):
        low, high = high, 2 * high
        if high > 1e12:
            raise ValueError("stable at every curvature")
    return _bisect(unstable, low, high, rtol)


def memory(step: StepMatrix, *, left: float = 1e-10) -> int:
    """Steps after which, at the threshold, all of a step's modes but the critical one have faded; even.

    Args:
        step: The step's matrix as a function of the curvature.
        left: What may be left of the other modes.
    """
    moduli = np.sort(np.abs(np.linalg.eigvals(step(threshold(step)))))
    second = moduli[-2] if len(moduli) > 1 else 0.0
    return 16 if second < 0.1 else max(16, 2 * math.ceil(math.log(left) / math.log(second) / 2))


def grows(build: Build, curvature: float, steps: int = 64, *, start: float = 1.0, slope: float = 0.0) -> bool:
    """Whether an optimizer moves away from the minimum of `curvature * x**2 / 2 + slope * z` in x.

    The optimizer is run in double precision from x = `start`: twice `steps` steps, and it grows if the second half
    does. For gradient descent the answer is exact for every number of steps, otherwise if `steps` is at least
    `memory`.

    Args:
        build: Makes the optimizer from its parameters.
        curvature: lambda.
        steps: Half the number of steps.
        start: Initial x. So small a value that the gradient is far below an adaptive optimizer's `eps` fixes its
            preconditioner at `eps`.
        slope: Gradient in z, for an optimizer that looks at the norm of the whole gradient.
    """
    w = torch.tensor([start, 0.0], dtype=torch.float64)
    optimizer = build([w])
    other = torch.tensor([0.0, slope], dtype=torch.float64)
    pull = torch.tensor([curvature, 0.0], dtype=torch.float64)

    def closure() -> float:
        w.grad = pull * w + other
        return 0.0

    middle = start
    for step in range(2 * steps):
        closure()
        optimizer.step(*([closure] if needs_closure(optimizer) else []))
        now = abs(w[0].item())
        if not now < TOO_FAR * start:
            return True
        if step + 1 == steps:
            middle = now
    return now > middle


def measured(
    build: Build,
    low: float,
    high: float,
    *,
    rtol: float = 1e-12,
    steps: int = 64,
    start: float = 1.0,
    slope: float = 0.0,
) -> float:
    """Curvature at which an optimizer loses stability, by bisection on running it.

    Args:
        build: Makes the optimizer from its parameters.
        low: A curvature at which it is stable.
        high: A curvature at which it is not.
        rtol: Width of the final bracket relative to its position.
        steps: See `grows`.
        start: See `grows`.
        slope: See `grows`.

    Raises:
        ValueError: If the bracket does not hold the threshold.
    """

    def unstable(curvature: float) -> bool:
        return grows(build, curvature, steps, start=start, slope=slope)

    if unstable(low) or not unstable(high):
        raise ValueError(f"no loss of stability between the curvatures {low} and {high}")
    return _bisect(unstable, low, high, rtol)


def needs_closure(optimizer: Optimizer) -> bool:
    """Whether a step evaluates the gradient again, so that `step` must be given a closure."""
    return bool(getattr(optimizer, "needs_closure", False))


def _bisect(unstable: Callable[[float], bool], low: float, high: float, rtol: float) -> float:
    while high - low > rtol * high:
        middle = math.sqrt(low * high)
        if not low < middle < high:
            break  # no number between them
        low, high = (low, middle) if unstable(middle) else (middle, high)
    return (low + high) / 2
