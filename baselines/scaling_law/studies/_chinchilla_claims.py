"""What the Chinchilla study measures and claims."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from baselines.common.claims import Claim
from baselines.scaling_law import published_laws as published
from baselines.scaling_law.bootstrap import Array, interval
from baselines.scaling_law.parametric_fit import Fit, LogRuns, ScalingLaw, huber_objective

if TYPE_CHECKING:
    from baselines.scaling_law.studies.chinchilla import Study

EPOCH_SOURCE = "Besiroglu et al. 2024, arXiv:2404.10102, and their notebook"
HOFFMANN_SOURCE = "Hoffmann et al. 2022, arXiv:2203.15556, approach 3"


class Found(NamedTuple):
    """Everything the fits gave."""

    rows: int
    bad_rows: int
    best: Fit
    same_optimum: float
    """Share of the starts that reach the best objective."""
    early: Fit
    """From Hoffmann et al.'s values, with the solver that stops early."""
    bootstrap: Array
    """Converged refits of resampled tables, log parameters.  Shape [bootstraps, 5]."""
    unconverged: int
    """How many of them did not converge."""
    early_bootstrap: Array
    """Refits of the same tables with the solver that stops early.  Shape [bootstraps, 5]."""


def exponents(laws: Array) -> Array:
    """The exponent `a = beta / (alpha + beta)` of each law.

    Args:
        laws: Log parameters.  Shape [n, 5].
    """
    return np.asarray(laws[:, 4] / (laws[:, 3] + laws[:, 4]))


def intervals(laws: Array, level: float) -> dict[str, tuple[float, float]]:
    """Percentile intervals of A, B, E, alpha and beta.

    Args:
        laws: Log parameters.  Shape [n, 5].
        level: Probability inside.
    """
    natural = np.concatenate([np.exp(laws[:, :3]), laws[:, 3:]], axis=1)
    return {name: interval(natural[:, i], level) for i, name in enumerate(("A", "B", "E", "alpha", "beta"))}


def metrics(found: Found, runs: LogRuns, delta: float) -> dict[str, float]:
    """Parameters, intervals, how the solver ended, and the published law's objective on these runs."""
    law = found.best.law
    values = {"objective": found.best.objective, "exponent": law.compute_exponent}
    values |= {name: getattr(law, name) for name in ("E", "alpha", "beta", "A", "B")}
    for name, (low, high) in intervals(found.bootstrap, 0.95).items():
        values |= {f"{name}_low": low, f"{name}_high": high}
    low, high = interval(exponents(found.bootstrap), 0.8)
    return values | {
        "objective_hoffmann": huber_objective(published.HOFFMANN.logs, runs, delta)[0],
        "objective_stopping_early": found.early.objective,
        "exponent_low_80": low,
        "exponent_high_80": high,
        "exponent_width_80_stopping_early": _width(found.early_bootstrap),
        "tokens_per_parameter": float(law.tokens_per_parameter(published.CHINCHILLA_COMPUTE)),
        "largest_scaled_gradient": found.best.gradient,
        "starts_reaching_optimum": found.same_optimum,
        "bootstraps_unconverged": float(found.unconverged),
        "runs_fitted": float(len(runs)),
        "runs_usable": float(found.rows),
        "rows_left_out": float(found.bad_rows),
    }


def claims(study: "Study", found: Found) -> list[Claim]:
    """That the fit converged, for any table; the published numbers for the published table and objective."""
    general = Claim(
        "chinchilla.converged",
        "The best fit is a minimum: largest gradient component of the objective over n delta^2",
        0.0, None, 1e-2, found.best.gradient, "first-order condition",
    )  # fmt: skip
    return [general, *_published(study, found)] if study.is_published else [general]


def _published(study: "Study", found: Found) -> list[Claim]:
    return [*_estimates(found.best), *_intervals(found.bootstrap), *_early_stop(study, found)]


def _estimates(best: Fit) -> list[Claim]:
    fitted = [
        Claim(
            "chinchilla.objective",
            "The fit reaches the optimum of the 240 runs: sum of Huber losses (delta = 0.001) is at most 1.0184e-3",
            1.018274e-3, None, published.EPOCH_OBJECTIVE, best.objective, f"{EPOCH_SOURCE}; computed again",
        )
    ]  # fmt: skip
    for name in ("E", "alpha", "beta"):
        value = getattr(published.EPOCH, name)
        fitted.append(
            Claim(
                f"chinchilla.{name}", f"{name} of the 240 runs",
                value, value - 0.002, value + 0.002, getattr(best.law, name), f"{EPOCH_SOURCE}, cell 18",
            )
        )  # fmt: skip
    return fitted


def _intervals(laws: Array) -> list[Claim]:
    measurable = len(laws) >= 500
    ours = intervals(laws, 0.95)
    worst = max(
        abs(end / expected - 1)
        for name in ("E", "alpha", "beta")
        for end, expected in zip(ours[name], published.EPOCH_INTERVALS[name], strict=True)
    )
    width, expected = _width(laws), published.EPOCH_EXPONENT_80_WIDTH
    ratios = [float(ScalingLaw.from_logs(law).tokens_per_parameter(published.CHINCHILLA_COMPUTE)) for law in laws]
    below = float(np.mean(np.array(ratios) < 20))
    return [
        Claim(
            "chinchilla.intervals",
            "Ends of the 95 % bootstrap intervals of E, alpha and beta: relative distance from the published ends",
            0.0, None, 0.1, worst if measurable else None, f"{EPOCH_SOURCE}, cell 26",
        ),
        Claim(
            "chinchilla.exponent_width",
            "Width of the 80 % interval of the exponent a of the compute-optimal model size, N* ~ C^a",
            expected, 0.9 * expected, 1.1 * expected, width if measurable else None, f"{EPOCH_SOURCE}, cell 26",
        ),
        Claim(
            "chinchilla.twenty_tokens",
            "20 tokens per parameter is compute-optimal for Chinchilla: share of bootstrap fits with a smaller ratio "
            "is between 10 and 90 %",
            0.5, 0.1, 0.9, below if measurable else None, EPOCH_SOURCE,
        ),
    ]  # fmt: skip


def _early_stop(study: "Study", found: Found) -> list[Claim]:
    """The published interval was narrow because the optimiser stopped near its start."""
    low = 1.16e-3 if study.early_stop == "mean" else 1.10e-3
    ratio = _width(found.bootstrap) / _width(found.early_bootstrap)
    published_ratio = published.EPOCH_EXPONENT_80_WIDTH / (
        published.HOFFMANN_EXPONENT_80.high - published.HOFFMANN_EXPONENT_80.low
    )
    measurable = len(found.bootstrap) >= 500
    return [
        Claim(
            "chinchilla.early_stop",
            f"L-BFGS-B with default tolerances on the {study.early_stop} stops early: objective reached from "
            "Hoffmann et al.'s values (minimum 0.001018)",
            None, low, None, found.early.objective, "scipy stops at a reduction below 2.2e-9 max(|f|, 1)",
        ),
        Claim(
            "chinchilla.narrow_interval",
            f"That solver ({study.early_stop}) makes the bootstrap interval of the exponent too narrow, by the factor",
            published_ratio, 10.0, None, ratio if measurable else None, f"{HOFFMANN_SOURCE}; {EPOCH_SOURCE}",
        ),
    ]  # fmt: skip


def _width(laws: Array) -> float:
    """Width of the 80 % interval of the exponent a."""
    low, high = interval(exponents(laws), 0.8)
    return high - low
