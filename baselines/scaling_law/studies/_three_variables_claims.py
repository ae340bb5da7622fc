"""What the three-variable study measures and claims."""

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from baselines.common.claims import Claim
from baselines.scaling_law import agreement
from baselines.scaling_law.agreement import Array, Estimate
from baselines.scaling_law.gradient_flow import FlowErrors, predict
from baselines.scaling_law.power_laws import Exponent, bootstrap_slope, slope
from baselines.scaling_law.spectrum import binned_power_law
from baselines.scaling_law.studies._three_variables_curves import NAMES, SLOPE_TIMES, norms

if TYPE_CHECKING:
    from baselines.scaling_law.studies.three_variables import Study

THEORY = "two-point functions of gradient flow, docs/scaling_law.md; model of Bordelon et al. 2024, arXiv:2402.01092"
WORDS = {"test_error": "test errors", "train_error": "train errors", "gradient_norm": "gradient norms delta"}
WINDOW = slice(4, 13)
"""Of the times 1 ... 1000: those from 10^0.5 to 10^1.5, where n = p = 800 hardly limits yet (chosen by theory)."""
THEORY_TIMES = np.geomspace(10, 1000, 9)


class Slopes(NamedTuple):
    """Exponents x of the regime that time limits: test error ~ t^-x, delta^2 ~ t^-x, test error ~ delta^x."""

    time: Exponent
    gradient: Exponent
    error_in_gradient: Exponent
    theory: tuple[float, float, float]
    """The same from the theory of infinite n and p."""
    at_size: tuple[float, float, float]
    """The same from the theory at the size and the times of the runs."""


class Found(NamedTuple):
    """Simulation beside prediction."""

    deviation: Array
    """Simulated over predicted minus one, in %: test error, train error, delta.  Shape [3, noises, n, p, times]."""
    error: Array
    """Standard error of these, in %.  Same shape."""
    squared_gradient: Array
    """Deviation of delta^2, in %.  Shape [noises, n, p, times]."""
    at_gradient: Array
    """Deviation of the test error from its prediction at the measured delta, in %; NaN out of reach.  Same shape."""
    limits: list[Estimate]
    """Deviations of the three quantities (delta^2 for the last) extrapolated to infinite n and p, in %."""
    slopes: Slopes


def compare(study: "Study", predicted: FlowErrors, draws: Array, at_gradient: Array, slopes: Slopes) -> Found:
    """Compare draws with the prediction.

    Args:
        study: The sizes.
        predicted: The theory at the points.
        draws: Test error, train error and squared gradient norm.  Shape [draws, 3, noises, n, p, times].
        at_gradient: Predicted test error at the measured gradient norms.  Shape [noises, n, p, times].
        slopes: The exponents.
    """
    expected = np.array(predicted)
    relative = 100 * (draws / expected - 1)
    mean, error = agreement.over_draws(relative)
    deviation = 100 * (norms(draws.mean(0)) / norms(expected) - 1)
    error = np.stack([error[0], error[1], error[2] / 2])  # delta has half the relative error of its square
    sizes = np.array(study.samples, dtype=float), np.array(study.features, dtype=float)
    limits = []
    for quantity in range(3):
        settings = np.moveaxis(relative[:, quantity], -1, 2)  # [draws, noises, times, n, p]
        flat = settings.reshape(len(draws), -1, *settings.shape[-2:])
        limits.append(agreement.limit(flat, *sizes))
    found = 100 * (draws[:, 0].mean(0) / at_gradient - 1)
    return Found(deviation, error, mean[2], found, limits, slopes)


def slopes(study: "Study", draws: Array, generator: np.random.Generator) -> Slopes:
    """Exponents in the regime that time limits, from the runs at n = p = slope_size and from the theory.

    Args:
        study: The spectrum.
        draws: Test error, train error, squared gradient norm at the times `SLOPE_TIMES`.  Shape [draws, 3, times].
        generator: Of the bootstrap.
    """
    times, test, squared = SLOPE_TIMES[WINDOW], draws[:, 0, WINDOW], draws[:, 2, WINDOW]
    delta = np.geomspace(np.sqrt(squared[:, 0].min()), np.sqrt(squared[:, -1].max()), len(times))
    at_delta = np.array([_interpolated(delta, np.sqrt(one[2]), one[0]) for one in draws])
    endless = predict(binned_power_law(1_000_000, study.decay, study.signal_decay), math.inf, math.inf, THEORY_TIMES)
    spectrum = binned_power_law(study.modes, study.decay, study.signal_decay)
    at_size = predict(spectrum, study.slope_size, study.slope_size, times)
    return Slopes(
        bootstrap_slope(times, test, generator).decay,
        bootstrap_slope(times, squared, generator).decay,
        bootstrap_slope(delta, at_delta, generator),
        _of_theory(THEORY_TIMES, endless),
        _of_theory(times, at_size),
    )


def _of_theory(times: Array, found: FlowErrors) -> tuple[float, float, float]:
    """The three exponents of predicted curves."""
    gradient = slope(times, found.gradient)
    return -slope(times, found.test), -gradient, slope(np.sqrt(found.gradient), found.test)


def _interpolated(delta: Array, measured: Array, test: Array) -> Array:
    """Test error at given gradient norms, between two times of one draw by a power law."""
    return np.asarray(np.exp(np.interp(np.log(delta), np.log(measured[::-1]), np.log(test[::-1]))))


def predictions(study: "Study") -> tuple[float, float, float]:
    """The exponents of `Slopes` by formula."""
    a, b = study.signal_decay, study.decay
    return (a - 1) / b, (a + b - 1) / b, 2 * (a - 1) / (a + b - 1)


def metrics(found: Found) -> dict[str, float]:
    """Deviations and their standard errors in %, limits, exponents."""
    values = {"points": float(found.deviation[0].size)}
    for name, deviation, error, limit in zip(NAMES, found.deviation, found.error, found.limits, strict=True):
        values |= {
            f"{name}_deviation_median_percent": float(np.median(np.abs(deviation))),
            f"{name}_deviation_max_percent": float(np.abs(deviation).max()),
            f"{name}_standard_error_median_percent": float(np.median(error)),
        }
        name = "squared_gradient_norm" if name == "gradient_norm" else name
        values |= {
            f"{name}_limit_deviation_percent": float(limit.mean),
            f"{name}_limit_standard_error_percent": float(limit.error),
        }
    reached = np.abs(found.at_gradient[np.isfinite(found.at_gradient)])
    values |= {
        "squared_gradient_norm_deviation_median_percent": float(np.median(np.abs(found.squared_gradient))),
        "gradient_norms_out_of_reach": float(found.at_gradient.size - reached.size),
    }
    if reached.size:
        values |= {
            "test_error_at_gradient_deviation_median_percent": float(np.median(reached)),
            "test_error_at_gradient_deviation_max_percent": float(reached.max()),
        }
    slopes = found.slopes
    measured = slopes.time, slopes.gradient, slopes.error_in_gradient
    for name, exponent, theory, at_size in zip(slopes._fields, measured, slopes.theory, slopes.at_size, strict=False):
        values |= exponent.metrics(name)
        values |= {f"theory_exponent_{name}": theory, f"theory_exponent_{name}_at_size": at_size}
    return values


def claims(study: "Study", found: Found) -> list[Claim]:
    """Agreement of the points, then the exponents."""
    return [*_agreement(study, found), *_exponents(study, found.slopes)]


def _agreement(study: "Study", found: Found) -> list[Claim]:
    """For the sizes for which the theory of large sizes is meant, and before few draws carry the mean gradient."""
    sizes = [*study.samples, *study.features]
    reach = min(sizes) ** study.decay  # time at which the smallest model has fitted its last modes
    measurable = (
        study.draws >= 20 and min(sizes) >= 200 and study.modes >= 20 * max(sizes) and study.times[-1] <= 1.1 * reach
    )
    count = metrics(found)

    def measured(name: str) -> float | None:
        return count.get(name) if measurable else None

    points = f"{found.deviation[0].size} points"
    setting = (
        f"n, p = {min(sizes)} … {max(sizes)}, t = {study.times[0]:g} … {study.times[-1]:g}, "
        f"noise {', '.join(f'{noise:g}' for noise in study.noises)}, {study.draws} draws"
    )
    medians = [
        Claim(
            f"three_variables.{name}_deviation",
            f"Median deviation of the simulated {WORDS[name]} from theory, in % ({points}, {setting})",
            0.0, None, 3.0, measured(f"{name}_deviation_median_percent"), THEORY,
        )
        for name in NAMES
    ]  # fmt: skip
    limit = found.limits[0]
    return [
        *medians,
        Claim(
            "three_variables.in_gradient",
            "With delta in place of t: median deviation of the simulated test errors from the prediction at the "
            f"measured (p, n, delta), in % ({points}, {setting})",
            0.0, None, 3.0, measured("test_error_at_gradient_deviation_median_percent"), THEORY,
        ),
        Claim(
            "three_variables.limit",
            "What remains of the test error's deviation is a finite-size effect: extrapolated in 1/n and 1/p it is "
            f"zero, in standard errors ({setting})",
            0.0, -3.0, 3.0, float(limit.z) if measurable else None,
            "the theory is that of infinite n and p; three standard errors",
        ),
    ]  # fmt: skip


def _exponents(study: "Study", slopes: Slopes) -> list[Claim]:
    """In the regime that time limits: theory within 0.03, points within 0.07."""
    expected = predictions(study)
    window = SLOPE_TIMES[WINDOW]
    # Sizes far above the number of modes learned by the end of the window, and a target hard enough to leave a tail.
    learned = window[-1] ** (1 / study.decay)
    wide = study.slope_size >= 50 * learned and study.slope_draws >= 5 and study.signal_decay - 1 <= study.decay
    setting = f"n = p = {study.slope_size}, t = {window[0]:.1f} … {window[-1]:.1f}, a = {study.signal_decay:g}, "
    setting += f"b = {study.decay:g}, {study.slope_draws} draws"
    laws = {
        "time": ("Limited by time, test error ~ t^-x: x", "(a-1)/b"),
        "gradient": ("Limited by time, delta^2 ~ t^-x: x", "(a+b-1)/b"),
        "error_in_gradient": ("Limited by time, test error ~ delta^x: x", "2(a-1)/(a+b-1)"),
    }
    found = [
        Claim(
            f"three_variables.exponent_{name}",
            f"{laws[name][0]} ({setting})",
            value, value - 0.07, value + 0.07, exponent.value if wide else None,
            f"{laws[name][1]}, docs/scaling_law.md",
        )
        for name, value, exponent in zip(laws, expected, slopes[:3], strict=True)
    ]  # fmt: skip
    worst = max(abs(theory - value) for theory, value in zip(slopes.theory, expected, strict=True))
    return [
        *found,
        Claim(
            "three_variables.theory_exponents",
            "The same three exponents from the theory of infinite n and p, 10^6 modes, t = 10 … 1000: largest distance "
            f"from (a-1)/b, (a+b-1)/b and 2(a-1)/(a+b-1) (a = {study.signal_decay:g}, b = {study.decay:g})",
            0.0, None, 0.03, worst, "docs/scaling_law.md",
        ),
    ]  # fmt: skip
