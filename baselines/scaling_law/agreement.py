r"""How well simulation and prediction agree, beyond the noise of the simulation.

The prediction is that of the limit of large n and p, so a small deviation of order 1/n + 1/p is part of the truth. It
is separated from the simulation's noise by extrapolation: the relative deviation is fitted by $c_0 + c_1/n + c_2/p$,
and $c_0$ must be zero.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Estimate(NamedTuple):
    """A mean over independent draws and its standard error."""

    mean: Array
    error: Array

    @property
    def z(self) -> Array:
        """Mean in units of its standard error."""
        return np.asarray(self.mean / self.error)


def over_draws(values: Array) -> Estimate:
    """Mean and standard error over the first axis.

    Args:
        values: One entry a draw.  Shape [draws, ...].
    """
    return Estimate(values.mean(0), values.std(0, ddof=1) / np.sqrt(len(values)))


def limit(deviations: Array, n: Array, p: Array) -> Estimate:
    r"""Deviation extrapolated to infinite n and p.

    Each draw's deviations are fitted by least squares with $c_0 + c_1/n + c_2/p$, the constants $c_1, c_2$ being free
    for each setting (ridge, noise), and $c_0$ is averaged over the settings. Draws are independent, points of one draw
    are not: the standard error comes from the spread of $c_0$ over the draws.

    Args:
        deviations: Relative deviations.  Shape [draws, settings, n, p].
        n: Sizes of the data sets.  Shape [n].
        p: Numbers of features.  Shape [p].

    Raises:
        ValueError: If there are not enough sizes for the three constants.
    """
    inverse_n, inverse_p = np.meshgrid(1 / n, 1 / p, indexing="ij")
    design = np.stack([np.ones(inverse_n.size), inverse_n.ravel(), inverse_p.ravel()], axis=1)  # [points, 3]
    if np.linalg.matrix_rank(design) < 3:
        raise ValueError("the extrapolation needs at least two values of n and two of p")
    intercept = np.linalg.pinv(design)[0]  # [points]
    draws, settings = deviations.shape[:2]
    per_setting = deviations.reshape(draws, settings, -1) @ intercept  # [draws, settings]
    return over_draws(per_setting.mean(1))


def peak(p: Array, error: Array) -> tuple[float, float]:
    """Location and height of the interior maximum of an error curve.

    A parabola in log p and log error goes through the largest point and its neighbours.

    Args:
        p: Numbers of features, ascending.  Shape [p].
        error: Error at each.  Shape [p].

    Returns:
        The pair (p, error) at the parabola's vertex; the largest point itself if it is at an end of the curve.
    """
    top = int(np.argmax(error))
    if top in (0, len(p) - 1):
        return float(p[top]), float(error[top])
    x, y = np.log(p[top - 1 : top + 2]), np.log(error[top - 1 : top + 2])
    curvature, slope, offset = np.polyfit(x - x[1], y, 2)
    shift = -slope / (2 * curvature)
    return float(np.exp(x[1] + shift)), float(np.exp(offset + slope * shift + curvature * shift**2))
