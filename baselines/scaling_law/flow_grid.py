"""Gradient flow on a grid of label-noise variances, data and feature counts and times: predicted and simulated."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from baselines.scaling_law import flow_simulation, gradient_flow
from baselines.scaling_law.gradient_flow import FlowErrors
from baselines.scaling_law.gradient_norm import in_gradient
from baselines.scaling_law.simulate import Moments
from baselines.scaling_law.spectrum import Spectrum

Array = NDArray[np.float64]
Axis = Sequence[float] | Array


class FlowGrid(NamedTuple):
    """Axes of a grid."""

    noises: Axis
    samples: Axis
    features: Axis
    times: Axis

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Numbers of noises, data counts, feature counts and times."""
        return len(self.noises), len(self.samples), len(self.features), len(self.times)


def predicted(spectrum: Spectrum, grid: FlowGrid) -> FlowErrors:
    """The theory of large n and p at every point.  Each array of shape [noises, samples, features, times]."""
    return _filled(grid, lambda n, p: gradient_flow.components(spectrum, n, p, grid.times))


def simulated(moments: Moments, grid: FlowGrid) -> FlowErrors:
    """What one draw gives at every point; points share the draw's data and features.

    Args:
        moments: Of a draw with the largest numbers of data and features.
        grid: Its `samples` and `features` are whole numbers.
    """
    return _filled(grid, lambda n, p: flow_simulation.components(moments, int(n), int(p), grid.times))


def error_at_gradient(spectrum: Spectrum, grid: FlowGrid, delta: Array) -> Array:
    """Predicted test error as a function of (p, n, delta), at one gradient norm for each point of the grid.

    Args:
        spectrum: Modes of the data and of the target.
        grid: The sizes and noises; its times play no part.
        delta: Gradient norms.  Shape [noises, samples, features, times].

    Returns:
        Same shape; NaN where a gradient norm is out of reach or cannot be told from zero.
    """
    found = np.full(delta.shape, np.nan)
    for i, noise in enumerate(grid.noises):
        for j, n in enumerate(grid.samples):
            for k, p in enumerate(grid.features):
                try:
                    found[i, j, k] = in_gradient(spectrum, n, p, delta[i, j, k], noise).test
                except ValueError:  # of some: the others one by one
                    for m, value in enumerate(delta[i, j, k]):
                        with suppress(ValueError):
                            found[i, j, k, m] = in_gradient(spectrum, n, p, [value], noise).test[0]
    return found


def _filled(grid: FlowGrid, components: Callable[[float, float], tuple[FlowErrors, FlowErrors]]) -> FlowErrors:
    """Signal and noise parts of each size, put together for every noise."""
    found = np.empty((3, *grid.shape))
    noises = np.asarray(grid.noises, dtype=np.float64)[:, None]
    for j, n in enumerate(grid.samples):
        for k, p in enumerate(grid.features):
            signal, noise = (np.stack(part)[:, None] for part in components(n, p))  # [3, 1, T]
            found[:, :, j, k] = np.maximum(signal + noises * noise, 0.0)
    return FlowErrors(*found)
