"""Where optimizers lose stability on a quadratic: by formula, and by running them.

On `f(x) = lambda x^2 / 2` a step of gradient descent multiplies `x` by `1 - eta lambda`. The iterates shrink if
`|1 - eta lambda| < 1`, that is for `0 < lambda < 2/eta`, and grow beyond.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.optim import Optimizer

Build = Callable[[Sequence[Tensor]], Optimizer]


def gradient_descent(lr: float) -> float:
    """Curvature above which gradient descent with step size `lr` diverges on a quadratic: 2 / lr.

    Raises:
        ValueError: If `lr` is not positive.
    """
    if not lr > 0:
        raise ValueError(f"the step size must be positive; got {lr}")
    return 2 / lr


def grows(build: Build, curvature: float, steps: int = 64) -> bool:
    """Whether an optimizer ends farther from the minimum of `curvature * x**2 / 2` than it started.

    The optimizer is run, in double precision from x = 1. For gradient descent the answer is exact for every
    number of steps.
    """
    x = torch.ones(1, dtype=torch.float64)
    optimizer = build([x])
    for _ in range(steps):
        x.grad = curvature * x
        optimizer.step()
    return abs(x.item()) > 1.0


def measured(build: Build, low: float, high: float, *, rtol: float = 1e-12) -> float:
    """Curvature at which an optimizer loses stability, by bisection on running it.

    Args:
        build: Makes the optimizer from its parameters.
        low: A curvature at which it is stable.
        high: A curvature at which it is not.
        rtol: Width of the final bracket relative to its position.

    Raises:
        ValueError: If the bracket does not hold the threshold.
    """
    if grows(build, low) or not grows(build, high):
        raise ValueError(f"no loss of stability between the curvatures {low} and {high}")
    while high - low > rtol * high:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if grows(build, middle) else (middle, high)
    return (low + high) / 2
