r"""The gradient norm as a variable: what gradient flow has learned when $\lVert \nabla \rVert$ has fallen to delta.

The squared norm of the gradient of $\frac{1}{2n} \lVert Z a - y \rVert^2$ falls strictly along gradient flow, because
its derivative is $-2 \nabla^T H \nabla$ with the positive Hessian $H = Z^T Z / n$. So delta determines the time, and
every error is a function of (p, n, delta) as well as of (p, n, t).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import PchipInterpolator

from baselines.scaling_law.gradient_flow import Vector, predict
from baselines.scaling_law.spectrum import Spectrum

POINTS_PER_DECADE = 8
TRUSTED = 1e-3
"""Largest relative difference between two contours at which a squared gradient norm is not rounding."""
NEWTON = 25
LONGEST = 1e14
"""Search no further than this many times 1 / lambda_1."""


class AtGradient(NamedTuple):
    """State of gradient flow when the gradient norm has fallen to given values.  Each of shape [D]."""

    time: Vector
    test: Vector
    """Mean squared test error against the noise-free target."""
    train: Vector
    """Mean squared error on the training labels."""


def initial_gradient(spectrum: Spectrum, n: float, noise: float = 0.0) -> float:
    r"""Gradient norm at zero weights, from which delta falls; it does not depend on p.

    $\delta_0^2 = \sum_k \lambda_k^2 w_k^2 + \frac{1}{n} \sum_k \lambda_k \, (\sum_k \lambda_k w_k^2 + \sigma^2)$.
    """
    aligned = float((spectrum.counts * spectrum.eigenvalues) @ spectrum.signal)
    return float(np.sqrt(aligned + spectrum.trace * (spectrum.signal_variance + noise) / n))


def time_at_gradient(spectrum: Spectrum, n: float, p: float, delta: ArrayLike, noise: float = 0.0) -> Vector:
    r"""Times at which the gradient norm has fallen to delta.

    A table of $\log \delta^2$ against $\log t$ brackets the root; its slopes then serve Newton's method, for all values
    of delta at once.

    Args:
        spectrum: Modes of the data and of the target.
        n: Number of data; may be `math.inf`.
        p: Number of random features; may be `math.inf`.
        delta: Gradient norms, in any order.  Shape [D].
        noise: Variance of the label noise.

    Raises:
        ValueError: If a delta is not below that of the start, or so small that it cannot be told from zero.
    """
    wanted = np.asarray(delta, dtype=np.float64)
    if wanted.ndim != 1 or not (wanted > 0).all():
        raise ValueError(f"delta must be a vector of positive gradient norms; got {delta!r}")
    if not len(wanted):
        return wanted
    target = 2 * np.log(wanted)
    log_time, log_gradient = _table(spectrum, n, p, noise, float(target.min()), float(target.max()))
    inverse = PchipInterpolator(-log_gradient, log_time)
    slope = inverse.derivative()
    x = inverse(-target)
    for _ in range(NEWTON):
        found = np.log(predict(spectrum, n, p, np.exp(x), noise).gradient)
        missing = np.abs(found - target)
        if np.all(missing <= 1e-10):
            return np.asarray(np.exp(x))
        x = x + np.clip((found - target) * slope(-found), -1, 1)
    if np.all(missing <= TRUSTED):  # deep in a converged tail rounding leaves no more than this
        return np.asarray(np.exp(x))
    worst = wanted[np.argmax(missing)]
    raise ArithmeticError(f"no time found for the gradient norm {worst:.3g} at n = {n}, p = {p}")


def in_gradient(spectrum: Spectrum, n: float, p: float, delta: ArrayLike, noise: float = 0.0) -> AtGradient:
    """Time, test and train error as functions of (p, n, delta).

    Args and errors: as `time_at_gradient`.
    """
    time = time_at_gradient(spectrum, n, p, delta, noise)
    if not len(time):
        return AtGradient(time, time, time)
    found = predict(spectrum, n, p, time, noise)
    return AtGradient(time, found.test, found.train)


def _table(spectrum: Spectrum, n: float, p: float, noise: float, low: float, high: float) -> tuple[Vector, Vector]:
    """Logarithms of time and of the squared gradient norm that enclose the values from `low` to `high`.

    A value is trusted where two contours agree on it: far in a converged tail both show rounding instead.
    """
    begin, early = 1.0 / spectrum.trace, -np.inf
    while high >= early:
        begin /= 100
        if begin * spectrum.trace < 1e-7:
            start = initial_gradient(spectrum, n, noise)
            raise ValueError(f"delta must be below that of the start, {start:.6g}; got {np.exp(high / 2):.6g}")
        early = float(np.log(predict(spectrum, n, p, [begin], noise).gradient[0]))
    times, values = [np.log([begin])], [np.array([early])]
    while begin * spectrum.eigenvalues[0] < LONGEST:
        piece = begin * 10 ** (np.arange(1, 2 * POINTS_PER_DECADE + 1) / POINTS_PER_DECADE)
        fine, coarse = (predict(spectrum, n, p, piece, noise, nodes).gradient for nodes in (24, 20))
        good = (fine > 0) & (np.abs(fine - coarse) < TRUSTED * fine)
        kept = len(piece) if good.all() else int(np.argmin(good))
        times.append(np.log(piece[:kept]))
        values.append(np.log(fine[:kept]))
        if values[-1].size and values[-1][-1] < low:
            return np.concatenate(times), np.concatenate(values)
        if kept < len(piece):
            break
        begin = float(piece[-1])
    floor = np.exp(np.concatenate(values)[-1] / 2)
    raise ValueError(
        f"delta must be above {floor:.3g}, the smallest that can be told from zero; got {np.exp(low / 2):.3g}"
    )
