"""The two limits of the ridge study: infinitely many features (kernel ridge regression), and the best ridge."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from baselines.common.claims import Claim
from baselines.scaling_law import kernel_ridge, ridge_grid, simulate
from baselines.scaling_law.agreement import Array, peak
from baselines.scaling_law.optimal_ridge import optimal_ridge
from baselines.scaling_law.power_laws import Band, bootstrap_mean, local_slopes
from baselines.scaling_law.spectrum import Spectrum
from baselines.scaling_law.stopping import Gram

if TYPE_CHECKING:
    from torch import Tensor

    from baselines.scaling_law.studies.ridge import Study

THEORY = "Simon et al. 2023, arXiv:2311.14646"
SCANNED = 25
"""Ridges on which the simulated minimum is looked for: a tenth of the theory's smallest to ten times its largest."""


class Expected(NamedTuple):
    """Predictions."""

    kernel: Array
    """Test error with infinitely many features.  Shape [ridges, noises, n]."""
    best_ridge: Array
    """At `curve_samples` data and the largest noise.  Shape [p]."""
    best_error: Array
    """Test error there.  Shape [p]."""
    scanned: Array
    """Ridges of the scan.  Shape [SCANNED]; empty without label noise."""


class Drawn(NamedTuple):
    """What one draw gives."""

    kernel: Array
    """Shape [ridges, noises, n]."""
    scan: Array
    """Test error at `curve_samples` data and the largest noise.  Shape [SCANNED, p]."""


class Found(NamedTuple):
    """All draws beside the predictions."""

    expected: Expected
    kernel: Band
    kernel_deviation: Array
    """In %.  Shape [ridges, noises, n]."""
    tuned: Band
    """Test error at the ridge that is best in the mean of all draws.  Shape [p]."""
    tuned_ridge: Array
    """That ridge.  Shape [p]."""
    excess: Array
    """Test error at the theory's best ridge over the smallest one, minus one, in %.  Shape [p]."""


def expect(study: "Study", spectrum: Spectrum) -> Expected:
    """The predictions; without label noise there is no best ridge to look for."""
    endless = ridge_grid.predicted(spectrum, ridge_grid.Grid(study.ridges, study.noises, study.samples, [math.inf]))
    noise = study.noises[-1]
    if not noise > 0:
        return Expected(endless.test[..., 0], np.empty(0), np.empty(0), np.empty(0))
    best = [optimal_ridge(spectrum, study.curve_samples, p, noise) for p in study.features]
    ridges, tests = (np.array(column) for column in zip(*best, strict=True))
    return Expected(endless.test[..., 0], ridges, tests, np.geomspace(0.1 * ridges.min(), 10 * ridges.max(), SCANNED))


def simulate_limits(study: "Study", expected: Expected, gram: Gram, moments: simulate.Moments) -> Drawn:
    """One draw of both limits.

    Args:
        study: The sizes.
        expected: For the ridges of the scan.
        gram: Of the largest number of data.
        moments: Of the largest numbers of data and features.
    """

    def on(values: "Array | list[float]") -> "Tensor":
        return moments.features.new_tensor(np.asarray(values))

    noises = on(study.noises)
    kernel = [
        (found.bias[:, None] + noises * found.variance[:, None]).cpu().numpy()
        for found in (kernel_ridge.errors(gram, n, on(study.ridges)) for n in study.samples)
    ]
    scan = [
        (found.bias + noises[-1] * found.variance).cpu().numpy()
        for found in (simulate.errors(moments, study.curve_samples, p, on(expected.scanned)) for p in study.features)
    ]
    return Drawn(np.stack(kernel, -1), np.stack(scan, -1))


def compare(expected: Expected, draws: list[Drawn], generator: np.random.Generator) -> Found:
    """Means over the draws with bootstrap intervals, beside the predictions."""
    kernel = bootstrap_mean(np.stack([draw.kernel for draw in draws]), generator)
    deviation = 100 * (kernel.mean / expected.kernel - 1)
    if not len(expected.scanned):
        nothing = np.empty(0)
        return Found(expected, kernel, deviation, Band(nothing, nothing, nothing), nothing, nothing)
    scans = np.stack([draw.scan for draw in draws])  # [draws, SCANNED, p]
    logs, mean = np.log(expected.scanned), scans.mean(0)
    best = np.array([peak(expected.scanned, 1 / column) for column in mean.T])  # [p, 2]: ridge, 1 / error

    def at(ridges: Array) -> Array:
        """Every draw's error at one ridge for each p, between the scanned ones.  Shape [draws, p]."""
        columns = [
            [np.interp(np.log(ridge), logs, curve) for curve in scans[:, :, j]] for j, ridge in enumerate(ridges)
        ]
        return np.array(columns).T

    tuned = bootstrap_mean(at(best[:, 0]), generator)
    excess = 100 * (at(expected.best_ridge).mean(0) * best[:, 1] - 1)
    return Found(expected, kernel, deviation, tuned, best[:, 0], excess)


def curves(found: Found) -> dict[str, Array]:
    """What the figure needs."""
    return {
        "kernel_test_error": found.kernel.mean,
        "kernel_test_error_low": found.kernel.low,
        "kernel_test_error_high": found.kernel.high,
        "predicted_kernel_test_error": found.expected.kernel,
        "tuned_test_error": found.tuned.mean,
        "tuned_test_error_low": found.tuned.low,
        "tuned_test_error_high": found.tuned.high,
        "predicted_tuned_test_error": found.expected.best_error,
        "tuned_ridge": found.tuned_ridge,
        "predicted_tuned_ridge": found.expected.best_ridge,
    }


def metrics(study: "Study", found: Found) -> dict[str, float]:
    """Deviations in %, the last local slope of kernel ridge regression, and the steps of the tuned error."""
    size = np.abs(found.kernel_deviation)
    _, slope = local_slopes(study.samples, found.kernel.mean[0, 0])
    values = {
        "kernel_deviation_median_percent": float(np.median(size)),
        "kernel_deviation_max_percent": float(size.max()),
        "kernel_final_slope": float(slope[-1]),
    }
    if len(found.tuned_ridge):
        deviation = 100 * (found.tuned.mean / found.expected.best_error - 1)
        values |= {
            "tuned_deviation_median_percent": float(np.median(np.abs(deviation))),
            "tuned_ridge_excess_percent": float(found.excess.max()),
            "tuned_largest_step": float((found.tuned.mean[1:] / found.tuned.mean[:-1]).max()),
        }
    return values


def claims(study: "Study", found: Found, measured: Callable[[str], float | None]) -> list[Claim]:
    """That both limits are those of the theory.

    Args:
        study: The sizes.
        found: The draws.
        measured: Value of a metric, or None where the sizes are too small to judge.
    """
    setting = f"n = {study.curve_samples}, noise {study.noises[-1]:g}, p = {study.features[0]} … {study.features[-1]}"
    kernel = f"n = {study.samples[0]} … {study.samples[-1]}, {study.draws} draws"
    steps = found.expected.best_error[1:] / found.expected.best_error[:-1]
    return [
        Claim(
            "ridge.kernel_median_deviation",
            f"Infinitely many features: half of the test errors are this close to theory, in % ({kernel})",
            0.0, None, 2.0, measured("kernel_deviation_median_percent"), THEORY,
        ),
        Claim(
            "ridge.kernel_max_deviation",
            f"Infinitely many features: all test errors are this close to theory, in % ({kernel})",
            0.0, None, 6.0, measured("kernel_deviation_max_percent"), THEORY,
        ),
        Claim(
            "ridge.tuned_deviation",
            f"Smallest test error over all ridges: median distance from the theory's smallest, in % ({setting})",
            0.0, None, 2.0, measured("tuned_deviation_median_percent"), THEORY,
        ),
        Claim(
            "ridge.tuned_ridge",
            "The theory's best ridge is the best one: largest excess of the simulated test error there over the "
            f"smallest, in % ({setting})",
            0.0, None, 2.0, measured("tuned_ridge_excess_percent"), THEORY,
        ),
        Claim(
            "ridge.tuned_no_peak",
            "With the best ridge for each p more features never hurt: largest ratio of the test error to that of the "
            f"next smaller p ({setting})",
            float(steps.max()) if len(steps) else None, None, 1.0, measured("tuned_largest_step"), THEORY,
        ),
    ]  # fmt: skip
