"""Runge-Kutta-Chebyshev steps: an explicit method of order two for flows whose curvature is large.

An Euler step h of gradient flow is stable while h times the sharpness is below 2, so the number of gradients grows
like the sharpness. A method of s stages built on Chebyshev polynomials is stable up to 0.65 (s^2 - 1): its number of
gradients grows like the root. Sommeijer, Shampine and Verwer (1997), "RKC: an explicit solver for parabolic PDEs".
"""

import math
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from torch import Tensor

DAMPING = 2 / 13


class Stage(NamedTuple):
    """Y_j = (1 - mu - nu) Y_0 + mu Y_{j-1} + nu Y_{j-2} + mu_h h F_{j-1} + gamma_h h F_0."""

    mu: float
    nu: float
    mu_h: float
    gamma_h: float


def reach(stages: int) -> float:
    """The largest h times lambda that is stable, for real eigenvalues -lambda of the flow."""
    return 2 / 3 * (stages**2 - 1) * (1 - 2 / 15 * DAMPING)


def stages_for(stiffness: float, least: int = 3) -> int:
    """Number of stages that is stable for a step h with h times the sharpness = `stiffness`."""
    return max(least, math.ceil(math.sqrt(1 + 1.5 * max(stiffness, 0.0) / (1 - 2 / 15 * DAMPING))))


@cache
def coefficients(stages: int) -> tuple[float, list[Stage]]:
    """The factor of h F_0 in the first stage, and the stages 2 ... s.

    Raises:
        ValueError: For fewer than two stages.
    """
    if stages < 2:
        raise ValueError(f"a Runge-Kutta-Chebyshev step needs at least 2 stages; got {stages}")
    z = 1 + DAMPING / stages**2
    T = [np.polynomial.chebyshev.Chebyshev.basis(j) for j in range(stages + 1)]
    t, t1, t2 = ([float(p.deriv(m)(z)) if m else float(p(z)) for p in T] for m in range(3))
    w = t1[stages] / t2[stages]
    b = [t2[j] / t1[j] ** 2 if j >= 2 else 0.0 for j in range(stages + 1)]
    b[0] = b[1] = b[2]
    a = [1 - b[j] * t[j] for j in range(stages + 1)]
    found = []
    for j in range(2, stages + 1):
        mu_h = 2 * b[j] * w / b[j - 1]
        found.append(Stage(2 * b[j] * z / b[j - 1], -b[j] / b[j - 2], mu_h, -a[j - 1] * mu_h))
    return b[1] * w, found


def advance(speed: Callable[[Tensor], Tensor], start: Tensor, h: float, stages: int) -> Tensor:
    """One step of dy/dt = speed(y).

    Args:
        speed: The right-hand side; called once a stage.
        start: y at the beginning, any shape.
        h: Length of the step.
        stages: At least 2.
    """
    first, rest = coefficients(stages)
    begin = speed(start)
    before, now = start, start + first * h * begin
    for mu, nu, mu_h, gamma_h in rest:
        following = (1 - mu - nu) * start + mu * now + nu * before + mu_h * h * speed(now) + gamma_h * h * begin
        before, now = now, following
    return now
