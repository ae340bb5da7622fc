"""Curves of the three-variable study: measured points with their bars, theory lines for the figure, rows of its CSV."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from baselines.scaling_law import flow_grid
from baselines.scaling_law.flow_grid import FlowGrid
from baselines.scaling_law.gradient_flow import FlowErrors, predict
from baselines.scaling_law.power_laws import bootstrap_mean

if TYPE_CHECKING:
    from baselines.scaling_law.spectrum import Spectrum

NAMES = ("test_error", "train_error", "gradient_norm")
SLOPE_TIMES = 10 ** (np.arange(25) / 8)  # 1 to 1000, eight a decade
LINE_POINTS = 40


def norms(found: FlowErrors | np.ndarray) -> np.ndarray:
    """The three quantities with the gradient norm delta in place of its square.  Shape [3, ...]."""
    values = np.array(found)
    values[2] = np.sqrt(values[2])
    return values


def points(
    grid: FlowGrid, predicted: FlowErrors, draws: np.ndarray, at_gradient: np.ndarray, slope_draws: np.ndarray,
    generator: np.random.Generator,
) -> dict[str, Any]:  # fmt: skip
    """Means over the draws with 95 % bootstrap bars, and the prediction at the same points.

    Args:
        grid: Axes of the points.
        predicted: The theory there.
        draws: Simulated test error, train error and squared gradient norm.  Shape [draws, 3, *grid.shape].
        at_gradient: Predicted test error at the measured gradient norms.  Shape [*grid.shape].
        slope_draws: Of the runs that measure exponents.  Shape [draws, 3, times].
        generator: Of the bootstrap.
    """
    band = bootstrap_mean(draws, generator)
    mean, low, high = (norms(one) for one in band)
    saved: dict[str, Any] = {name: np.asarray(axis) for name, axis in zip(grid._fields, grid, strict=True)}
    for name, *values in zip(NAMES, mean, low, high, norms(predicted), strict=True):
        saved |= {f"{name}{end}": value for end, value in zip(("", "_low", "_high", "_predicted"), values, strict=True)}
    saved["test_error_predicted_at_gradient"] = at_gradient
    slope_mean = norms(slope_draws.mean(0))
    return saved | {f"slope_{name}": value for name, value in zip(NAMES, slope_mean, strict=True)}


def lines(spectrum: "Spectrum", grid: FlowGrid, slope_size: int) -> dict[str, Any]:
    """Theory on dense axes.

    `line_*_along_time`: [noises, n, T'] at the largest p; `line_test_error_along_features`: [times, p'] at the middle
    n; `surface_*`: [n', T'] at the largest p and the largest noise; `slope_line_*`: [T''] at n = p = slope_size.
    """
    times = np.geomspace(grid.times[0] / 3, grid.times[-1] * 3, LINE_POINTS)
    largest_p = grid.features[-1]
    along_time = norms(flow_grid.predicted(spectrum, FlowGrid(grid.noises, grid.samples, [largest_p], times)))
    middle = grid.samples[len(grid.samples) // 2]
    features = np.geomspace(grid.features[0] / 4, 4 * grid.features[-1], LINE_POINTS)
    along_features = norms(flow_grid.predicted(spectrum, FlowGrid(grid.noises, [middle], features, grid.times)))
    samples = np.geomspace(grid.samples[0] / 2, 2 * grid.samples[-1], LINE_POINTS)
    inside = np.geomspace(grid.times[0] / 3, grid.times[-1], LINE_POINTS)
    surface = norms(flow_grid.predicted(spectrum, FlowGrid(grid.noises[-1:], samples, [largest_p], inside)))
    slope = norms(predict(spectrum, slope_size, slope_size, SLOPE_TIMES))
    endless = norms(predict(spectrum, math.inf, math.inf, SLOPE_TIMES))
    saved: dict[str, Any] = {"line_times": times, "line_features": features, "surface_samples": samples}
    for index, name in enumerate(NAMES):
        saved[f"line_{name}_along_time"] = along_time[index, :, :, 0]
        saved[f"line_{name}_along_features"] = along_features[index, :, 0]
        saved[f"surface_{name}"] = surface[index, 0, :, 0]
        saved[f"slope_line_{name}"] = slope[index]
        saved[f"slope_endless_{name}"] = endless[index]
    return saved | {"slope_times": SLOPE_TIMES}


def rows(grid: FlowGrid, predicted: FlowErrors, draws: np.ndarray, at_gradient: np.ndarray) -> dict[str, Any]:
    """Columns of `runs.csv`: one row a point."""
    axes = np.meshgrid(*(np.asarray(axis, dtype=float) for axis in grid), indexing="ij")
    columns: dict[str, Any] = dict(zip(("noise", "n", "p", "time"), axes, strict=True))
    mean, theory = norms(draws.mean(0)), norms(predicted)
    for index, name in enumerate(NAMES):
        columns |= {name: mean[index], f"{name}_predicted": theory[index]}
    columns["test_error_predicted_at_gradient"] = at_gradient
    return {name: column.ravel() for name, column in columns.items()}
