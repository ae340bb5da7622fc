"""What the ridge study measures and claims."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from baselines.common.claims import Claim
from baselines.scaling_law import agreement
from baselines.scaling_law.agreement import Array, Estimate
from baselines.scaling_law.studies import _ridge_limits

if TYPE_CHECKING:
    from baselines.scaling_law.ridge_grid import GridErrors
    from baselines.scaling_law.studies.ridge import Study

THEORY = "Simon et al. 2023, arXiv:2311.14646; Defilippis et al. 2024, arXiv:2405.15699"


class Comparison(NamedTuple):
    """Simulation beside prediction.  Arrays of shape [ridges, noises, samples, features]."""

    predicted: "GridErrors"
    test: Estimate
    train: Estimate
    test_deviation: Array
    """Simulated over predicted test error, minus one, in %."""
    train_deviation: Array
    """The same for the train error, in %."""
    limit: Estimate
    """Deviation of the test error extrapolated to infinite n and p, in %; a scalar."""


def compare(study: "Study", predicted: "GridErrors", test: Array, train: Array) -> Comparison:
    """Compare draws with the prediction.

    Args:
        study: The sizes.
        predicted: Errors on the grid.
        test: Test errors of the draws.  Shape [draws, ridges, noises, samples, features].
        train: Train errors of the draws.  Same shape.
    """
    test_mean, train_mean = agreement.over_draws(test), agreement.over_draws(train)
    deviations = 100 * (test / predicted.test - 1)
    per_setting = deviations.reshape(len(test), -1, *test.shape[-2:])  # [draws, ridges * noises, n, p]
    return Comparison(
        predicted,
        test_mean,
        train_mean,
        deviations.mean(0),
        100 * (train_mean.mean / predicted.train - 1),
        agreement.limit(per_setting, np.array(study.samples), np.array(study.features)),
    )


def metrics(study: "Study", found: Comparison) -> dict[str, float]:
    """Deviations in %, and the double-descent curve at the smallest ridge and the largest noise."""
    size = np.abs(found.test_deviation)
    z = (found.test.mean - found.predicted.test) / found.test.error
    location, height = _peak(study, found.test.mean)
    expected_location, expected_height = _peak(study, found.predicted.test)
    return {
        "test_deviation_median_percent": float(np.median(size)),
        "test_deviation_max_percent": float(size.max()),
        "test_standard_error_median_percent": float(np.median(100 * found.test.error / found.predicted.test)),
        "within_two_standard_errors": float((np.abs(z) <= 2).mean()),
        "limit_deviation_percent": float(found.limit.mean),
        "limit_standard_error_percent": float(found.limit.error),
        "train_deviation_median_percent": float(np.median(np.abs(found.train_deviation))),
        "train_deviation_max_percent": float(np.abs(found.train_deviation).max()),
        "peak_features": location,
        "peak_features_predicted": expected_location,
        "peak_test_error": height,
        "peak_test_error_predicted": expected_height,
    }


def claims(study: "Study", found: Comparison, limits: "_ridge_limits.Found") -> list[Claim]:
    """The claims; those about agreement need the sizes for which the theory of large sizes is meant."""
    sizes = [*study.samples, *study.features]
    measurable = study.draws >= 20 and min(sizes) >= 50 and study.modes >= 20 * max(sizes)
    count = metrics(study, found) | _ridge_limits.metrics(study, limits)

    def measured(name: str) -> float | None:
        return count.get(name) if measurable else None

    setting = f"n, p = {min(sizes)} … {max(sizes)}, {study.draws} draws"
    common = [
        Claim(
            "ridge.median_deviation",
            f"Half of the {found.test_deviation.size} simulated test errors are this close to theory, in % ({setting})",
            0.0, None, 2.0, measured("test_deviation_median_percent"), THEORY,
        ),
        Claim(
            "ridge.max_deviation",
            f"All simulated test errors, double-descent peaks included, are this close to the theory, in % ({setting})",
            0.0, None, 6.0, measured("test_deviation_max_percent"), THEORY,
        ),
        Claim(
            "ridge.limit",
            "What remains is a finite-size effect: extrapolated in 1/n and 1/p, the deviation is zero, "
            f"in standard errors ({setting})",
            0.0, -3.0, 3.0, float(found.limit.z) if measurable else None,
            "the theory is that of infinite n and p; three standard errors",
        ),
        Claim(
            "ridge.train_median_deviation",
            "Half of the train errors are this close to (ridge / (n kappa))^2 times the test error on noisy labels, "
            f"in % ({setting})",
            0.0, None, 2.0, measured("train_deviation_median_percent"),
            "Simon et al. 2023, arXiv:2311.14646 (generalised cross-validation)",
        ),
    ]  # fmt: skip
    limiting = _ridge_limits.claims(study, limits, measured)
    return [*common, *_double_descent(study, found, count, measurable), *limiting]


def _double_descent(study: "Study", found: Comparison, count: dict[str, float], measurable: bool) -> list[Claim]:
    """Location and height of the peak at the smallest ridge, and its absence at the largest."""
    n = study.curve_samples
    row = study.samples.index(n)
    has_peak = study.features[0] < count["peak_features_predicted"] < study.features[-1]
    steps = [curve[-1, -1, row, 1:] / curve[-1, -1, row, :-1] for curve in (found.predicted.test, found.test.mean)]
    expected_step, step = (float(ratios.max()) for ratios in steps)
    location, height = count["peak_features_predicted"], count["peak_test_error_predicted"]
    setting = f"n = {n}, noise {study.noises[-1]:g}"
    return [
        Claim(
            "ridge.peak_location",
            f"With ridge {study.ridges[0]:g} the test error peaks near p = n: number of features there ({setting})",
            location, 0.95 * location, 1.05 * location,
            count["peak_features"] if measurable and has_peak else None, THEORY,
        ),
        Claim(
            "ridge.peak_height",
            f"Test error at that peak, within 6 % ({setting}, ridge {study.ridges[0]:g})",
            height, 0.94 * height, 1.06 * height,
            count["peak_test_error"] if measurable and has_peak else None, THEORY,
        ),
        Claim(
            "ridge.no_peak",
            f"With ridge {study.ridges[-1]:g} more features never hurt: largest ratio of the test error to that of the "
            f"next smaller p ({setting})",
            expected_step, None, 1.0, step if measurable and expected_step < 1 else None, THEORY,
        ),
    ]  # fmt: skip


def _peak(study: "Study", test_error: Array) -> tuple[float, float]:
    """Peak over p at the smallest ridge and the largest noise."""
    row = study.samples.index(study.curve_samples)
    return agreement.peak(np.array(study.features, dtype=float), test_error[0, -1, row])
