"""What the panels of all studies have in common: points with bars, theory lines, residuals, local slopes."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator, ScalarFormatter
from numpy.typing import ArrayLike, NDArray

from baselines.common.plotting import PREDICTION
from baselines.scaling_law.power_laws import local_slopes

Array = NDArray[np.float64]


def points(
    axes: Axes, x: ArrayLike, mean: ArrayLike, low: ArrayLike | None, high: ArrayLike | None, color: str,
    label: str | None = None, marker: str = "o",
) -> None:  # fmt: skip
    """Measured points with their bootstrap bars from `low` to `high`; no bars if these are None."""
    bars = None if low is None or high is None else _bars(mean, low, high)
    axes.errorbar(
        np.asarray(x), np.asarray(mean), bars, fmt=marker, color=color, label=label, elinewidth=0.9, capsize=0, zorder=3
    )


def prediction(axes: Axes, x: ArrayLike, y: ArrayLike, label: str | None = None, color: str | None = None) -> None:
    """A line of the theory."""
    axes.plot(x, y, label=label, **(PREDICTION if color is None else PREDICTION | {"color": color}))


def residuals(
    axes: Axes, x: ArrayLike, measured: ArrayLike, low: ArrayLike | None, high: ArrayLike | None,
    predicted: ArrayLike, color: str, label: str | None = None, marker: str = "o",
) -> None:  # fmt: skip
    """Measured over predicted minus one, in per cent, with bars; and the line of no deviation."""
    expected = np.asarray(predicted)
    scaled = [None if one is None else 100 * (np.asarray(one) / expected - 1) for one in (measured, low, high)]
    points(axes, x, np.asarray(scaled[0]), scaled[1], scaled[2], color, label, marker)
    if not any(line.get_gid() == "zero" for line in axes.get_lines()):
        axes.axhline(0, gid="zero", **PREDICTION)


def slopes(
    axes: Axes, x: ArrayLike, y: ArrayLike, color: str, label: str | None = None, expected: float | None = None,
    window: int = 2, marker: str = "o-",
) -> None:  # fmt: skip
    """Local slopes d log y / d log x, and the predicted slope as a line across the panel."""
    middle, slope = local_slopes(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64), window)
    axes.plot(middle, slope, marker, color=color, label=label, markersize=3)
    if expected is not None:
        axes.axhline(expected, **(PREDICTION | {"color": color}))
    axes.set_xscale("log")


def ticks(axes: Axes, sizes: Array) -> None:
    """Label a logarithmic axis with some of the sizes themselves."""
    kept: list[float] = []
    for size in sizes:
        if not kept or size >= 1.32 * kept[-1]:
            kept.append(float(size))
    axes.xaxis.set_major_locator(FixedLocator(kept))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_formatter(NullFormatter())


def _bars(mean: ArrayLike, low: ArrayLike, high: ArrayLike) -> Array:
    """Lengths of the bars below and above the points."""
    middle = np.asarray(mean, dtype=np.float64)
    return np.maximum(np.stack([middle - np.asarray(low), np.asarray(high) - middle]), 0)
