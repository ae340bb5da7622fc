"""Strong-Wolfe line search with cubic interpolation, a pure function of phi(alpha) = f(x + alpha d)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

Phi = Callable[[float], tuple[float, float]]  # alpha -> phi(alpha), phi'(alpha)
GROWTH = 10.0  # longest extrapolation, in multiples of the last step
EDGE = 0.1  # a new point keeps this share of the bracket from both ends


@dataclass(frozen=True)
class Point:
    """The function along the direction at one step length."""

    alpha: float
    value: float
    slope: float


@dataclass(frozen=True)
class Search:
    """Outcome of a line search."""

    point: Point
    """The accepted point; if the search failed, the lowest point found (alpha = 0: none below the start)."""
    evaluations: int
    success: bool


def strong_wolfe(
    phi: Phi,
    value: float,
    slope: float,
    alpha: float = 1.0,
    *,
    c1: float = 1e-4,
    c2: float = 0.9,
    max_evaluations: int = 20,
    tolerance: float = 0.0,
) -> Search:
    r"""Find a step length that satisfies the strong Wolfe conditions.

    .. math:: \phi(\alpha) \le \phi(0) + c_1 \alpha \phi'(0), \qquad |\phi'(\alpha)| \le c_2 |\phi'(0)|

    Bracketing and interpolation as in Nocedal & Wright, Numerical Optimization, 2nd ed. 2006, algorithms 3.5 and 3.6.
    Near a minimum the first condition drowns in rounding errors; there a change of the value within `tolerance` passes
    if the slopes alone show a decrease (approximate Wolfe condition, Hager & Zhang, SIAM J. Optim. 16, 2005). A value
    or slope that is not finite counts as infinitely high.

    Args:
        phi: value and slope at a step length.
        value: phi(0).
        slope: phi'(0), negative.
        alpha: first trial.
        c1: sufficient decrease.
        c2: curvature.
        max_evaluations: of `phi`.
        tolerance: rounding error of a value.

    Raises:
        ValueError: The slope is not negative: no direction of descent.
    """
    if not slope < 0:
        raise ValueError(f"the slope at the start must be negative; got {slope}")
    low, high = Point(0.0, value, slope), None
    width, stalled = math.inf, 0
    for evaluations in range(1, max_evaluations + 1):
        new = Point(alpha, *phi(alpha))
        finite = math.isfinite(new.value) and math.isfinite(new.slope)
        flat = abs(new.value - value) <= tolerance and new.slope <= (2 * c1 - 1) * slope
        decreased = finite and (flat or new.value <= value + c1 * alpha * slope)
        if decreased and abs(new.slope) <= -c2 * slope:
            return Search(new, evaluations, True)
        if not decreased or (new.value >= low.value and low.alpha > 0 and not flat):
            high = new
        else:
            ahead = 1.0 if high is None else high.alpha - low.alpha
            last = low
            if new.slope * ahead >= 0:
                high = low
            low = new
        if high is None:
            alpha = _extrapolate(last, low)
            continue
        stalled = stalled + 1 if abs(high.alpha - low.alpha) > 0.66 * width else 0
        width = abs(high.alpha - low.alpha)
        if width * abs(low.slope) <= tolerance or width <= 1e-15 * abs(high.alpha):
            return Search(low, evaluations, False)
        alpha = 0.5 * (low.alpha + high.alpha) if stalled > 1 else _interpolate(low, high)
    return Search(low, max_evaluations, False)


def cubic_minimum(a: Point, b: Point) -> float | None:
    """Minimum of the cubic through two values and slopes; None where it has none or is not finite."""
    step = b.alpha - a.alpha
    d1 = a.slope + b.slope - 3.0 * (b.value - a.value) / step
    square = d1 * d1 - a.slope * b.slope
    if not square >= 0:  # not a number included
        return None
    d2 = math.copysign(math.sqrt(square), step)
    bottom = b.slope - a.slope + 2.0 * d2
    if bottom == 0:
        return None
    minimum = b.alpha - step * (b.slope + d2 - d1) / bottom
    return minimum if math.isfinite(minimum) else None


def _extrapolate(last: Point, low: Point) -> float:
    """A longer step, where the slope still falls: the cubic's minimum if it lies ahead within limits."""
    shortest, longest = low.alpha + (low.alpha - last.alpha), low.alpha * GROWTH
    found = cubic_minimum(last, low)
    return longest if found is None or found <= low.alpha else min(max(found, shortest), longest)


def _interpolate(low: Point, high: Point) -> float:
    """A point strictly inside the bracket; near its lower end if the other is not finite."""
    step = high.alpha - low.alpha
    if not (math.isfinite(high.value) and math.isfinite(high.slope)):
        return low.alpha + EDGE * step
    found = cubic_minimum(low, high)
    share = 0.5 if found is None else (found - low.alpha) / step
    return low.alpha + step * min(max(share, EDGE), 1.0 - EDGE)
