r"""Exponents of measured power laws $y \sim x^{s}$, and how sure they are.

A law that bends has no exponent: `local_slopes` shows the exponent from place to place, `slope` one for a whole range.
Intervals come from the bootstrap over independent *draws* of a whole curve (data, features, weights), not over its
points: the points of one draw share their randomness.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from baselines.scaling_law.bootstrap import interval

Array = NDArray[np.float64]


class Exponent(NamedTuple):
    """A slope in the log-log plane and its bootstrap interval."""

    value: float
    low: float
    high: float

    @property
    def decay(self) -> "Exponent":
        """The same for a law written as `x^-s`: the signs change, and the ends change places."""
        return Exponent(-self.value, -self.high, -self.low)

    def metrics(self, name: str) -> dict[str, float]:
        """As metrics `exponent_<name>`, `..._low`, `..._high` of a record."""
        return {f"exponent_{name}": self.value, f"exponent_{name}_low": self.low, f"exponent_{name}_high": self.high}


class Band(NamedTuple):
    """A mean over draws and its bootstrap interval, of one shape."""

    mean: Array
    low: Array
    high: Array


def slope(x: ArrayLike, y: ArrayLike) -> float:
    """Least-squares slope of log y against log x.

    Args:
        x: Positive values, at least two different ones.  Shape [n].
        y: Positive values.  Shape [n].

    Raises:
        ValueError: If a value is not positive or there are not two different x.
    """
    log_x, log_y = _logs(x, y)
    centred = log_x - log_x.mean()
    return float(centred @ log_y / (centred @ centred))


def local_slopes(x: ArrayLike, y: ArrayLike, window: int = 2) -> tuple[Array, Array]:
    """Slopes of log y against log x over every `window` neighbouring points.

    Args:
        x: Positive values, ascending.  Shape [n].
        y: Positive values.  Shape [n].
        window: Points in one fit, at least 2; 2 is the difference quotient.

    Returns:
        Geometric middle of each window and the slope there.  Shapes [n - window + 1].

    Raises:
        ValueError: If the window does not fit, or as `slope`.
    """
    log_x, log_y = _logs(x, y)
    if not 2 <= window <= len(log_x):
        raise ValueError(f"window must be from 2 to the number of points, {len(log_x)}; got {window}")
    xs = np.lib.stride_tricks.sliding_window_view(log_x, window)  # [n - window + 1, window]
    ys = np.lib.stride_tricks.sliding_window_view(log_y, window)
    centred = xs - xs.mean(1, keepdims=True)
    return np.exp(xs.mean(1)), (centred * ys).sum(1) / (centred**2).sum(1)


def bootstrap_slope(
    x: ArrayLike, draws: ArrayLike, generator: np.random.Generator, resamples: int = 1000, level: float = 0.95
) -> Exponent:
    """Slope of the mean curve, and its percentile interval from resampling the draws.

    Args:
        x: Positive values.  Shape [n].
        draws: One curve a draw; means over draws must be positive.  Shape [K, n], K >= 2.
        generator: Chooses the resamples.
        resamples: Number of resamples.
        level: Probability of the interval.

    Raises:
        ValueError: If there are fewer than two draws, or as `slope`.
    """
    values = _draws(draws)
    means = _resampled_means(values, generator, resamples)
    log_x, log_mean = _logs(x, values.mean(0))
    centred = log_x - log_x.mean()
    found = np.log(means) @ centred / (centred @ centred)  # [resamples]
    return Exponent(float(centred @ log_mean / (centred @ centred)), *interval(found, level))


def bootstrap_mean(
    draws: ArrayLike, generator: np.random.Generator, resamples: int = 1000, level: float = 0.95
) -> Band:
    """Mean over the draws and its percentile interval at every point.

    Args:
        draws: One entry a draw.  Shape [K, ...], K >= 2.
        generator: Chooses the resamples.
        resamples: Number of resamples.
        level: Probability of the interval.

    Raises:
        ValueError: If there are fewer than two draws or the level is not between 0 and 1.
    """
    values = _draws(draws)
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1; got {level}")
    flat = values.reshape(len(values), -1)
    tail = 50 * (1 - level)
    low, high = np.percentile(_resampled_means(flat, generator, resamples), [tail, 100 - tail], axis=0)
    shape = values.shape[1:]
    return Band(values.mean(0), low.reshape(shape), high.reshape(shape))


def _resampled_means(values: Array, generator: np.random.Generator, resamples: int) -> Array:
    """Means over draws taken with replacement.  Shape [resamples, n]."""
    count = len(values)
    shares = generator.multinomial(count, np.full(count, 1 / count), resamples) / count  # [resamples, K]
    return np.asarray(shares @ values)


def _draws(draws: ArrayLike) -> Array:
    values = np.asarray(draws, dtype=np.float64)
    if values.ndim < 2 or len(values) < 2:
        raise ValueError(f"an interval needs at least two draws of a curve; got the shape {values.shape}")
    return values


def _logs(x: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
    first, second = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError(f"x and y must be two vectors of one length; got {first.shape} and {second.shape}")
    if not (first > 0).all() or not (second > 0).all():
        raise ValueError("a power law needs positive values of x and y")
    if len(np.unique(first)) < 2:
        raise ValueError("a slope needs at least two different values of x")
    return np.log(first), np.log(second)
