"""What the Chinchilla study measures and claims."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from baselines.common.claims import Claim
from baselines.scaling_law import allocation
from baselines.scaling_law import published_laws as published
from baselines.scaling_law.bootstrap import Array, interval
from baselines.scaling_law.parametric_fit import Fit, FitStatus, LogRuns, ScalingLaw, huber_objective
from baselines.scaling_law.profile_likelihood import Profile, profile, ratio_test
from baselines.scaling_law.runs_table import RunsTable
from baselines.scaling_law.variable_projection import Projection
from baselines.scaling_law.variable_projection import fit as projection_fit

if TYPE_CHECKING:
    from baselines.scaling_law.studies.chinchilla import Study

EPOCH_SOURCE = "Besiroglu et al. 2024, arXiv:2404.10102, and their notebook"
HOFFMANN_SOURCE = "Hoffmann et al. 2022, arXiv:2203.15556, approach 3"
ATHENA_SOURCE = "Open Athena, scaling-law-analysis, experiment 0"
MILLION, BILLION = 1e6, 1e9
ATHENA_RUNS, ATHENA_COMPUTE = 217, 1e21  # of the 240; training compute below which runs are kept
LAWS_TO_RECOVER = (
    published.EPOCH,
    published.HOFFMANN,
    ScalingLaw(A=400.0, B=400.0, E=1.69, alpha=0.31, beta=0.31),
    ScalingLaw(A=2000.0, B=30.0, E=1.69, alpha=0.465, beta=0.155),
    ScalingLaw(A=50.0, B=1e6, E=1.0, alpha=0.2, beta=0.7),
)
"""Published, symmetric and strongly asymmetric laws for the check on noise-free losses."""


class Found(NamedTuple):
    """Everything the fits gave."""

    rows: int
    left_out: int
    """Rows that could not be used."""
    fits: list[Fit]
    """From all starts, best first."""
    early: Fit
    """From Hoffmann et al.'s values, with the solver that stops early."""
    bootstrap: Array
    """Converged refits of resampled tables, log parameters.  Shape [bootstraps, 5]."""
    unconverged: int
    """How many of them did not converge."""
    early_bootstrap: Array
    """Refits of the same tables with the solver that stops early.  Shape [bootstraps, 5]."""
    projected: Projection
    """The same objective minimised by variable projection, from a grid of its own."""
    recovery: float
    """Largest relative error of variable projection on noise-free laws."""
    profile: Profile
    """Likelihood along E."""

    @property
    def best(self) -> Fit:
        """The fit of smallest objective."""
        return self.fits[0]

    @property
    def same_optimum(self) -> float:
        """Share of the starts that reach the best objective."""
        return sum(fit.objective < self.best.objective * (1 + 1e-6) for fit in self.fits) / len(self.fits)

    @property
    def projection_distance(self) -> float:
        """Largest difference of the two algorithms' exponents."""
        ours, other = self.best.law, self.projected.law
        return max(abs(ours.alpha - other.alpha), abs(ours.beta - other.beta))


def profile_range(best: float, laws: Array, smallest_loss: float) -> tuple[float, float]:
    """Values of E between which the likelihood is followed: three times as far from the best as the 95 % bootstrap.

    Args:
        best: E of the fit.
        laws: Bootstrap fits, log parameters.  Shape [n, 5].
        smallest_loss: E cannot be above it.
    """
    low, high = interval(np.exp(laws[:, 2]), 0.95)
    lowest, highest = 1e-3 * smallest_loss, 0.999 * smallest_loss
    low, high = max(best - 3 * (best - low), lowest), min(best + 3 * (high - best), highest)
    return (low, high) if best > 0.1 * smallest_loss and high > low else (lowest, 0.8 * smallest_loss)


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
    size = interval(exponents(found.bootstrap), 0.95)
    values |= {"exponent_size": law.compute_exponent, "exponent_size_low": size[0], "exponent_size_high": size[1]}
    values |= _solver(found) | _profile(found.profile) | _allocation(found)
    squares = projection_fit(runs).law
    return values | {
        "objective_hoffmann": huber_objective(published.HOFFMANN.logs, runs, delta)[0],
        "objective_stopping_early": found.early.objective,
        "exponent_low_80": low,
        "exponent_high_80": high,
        "exponent_width_80_stopping_early": _width(found.early_bootstrap),
        "projection_alpha": found.projected.law.alpha,
        "projection_beta": found.projected.law.beta,
        "projection_distance": found.projection_distance,
        "projection_reweightings": float(found.projected.iterations),
        "projection_recovery_error": found.recovery,
        "squared_error_alpha": squares.alpha,
        "squared_error_beta": squares.beta,
        "squared_error_E": squares.E,
        "runs_fitted": float(len(runs)),
        "runs_usable": float(found.rows),
        "rows_left_out": float(found.left_out),
    }


def _solver(found: Found) -> dict[str, float]:
    """How the optimisations ended."""
    ends = [fit.status for fit in found.fits]
    return {
        "largest_scaled_gradient": found.best.gradient,
        "starts_reaching_optimum": found.same_optimum,
        "starts_converged": float(ends.count(FitStatus.CONVERGED)),
        "starts_at_precision_limit": float(ends.count(FitStatus.PRECISION)),
        "starts_stopped_early": float(ends.count(FitStatus.STOPPED)),
        "bootstraps_unconverged": float(found.unconverged),
        "projection_converged": float(found.projected.status in (FitStatus.CONVERGED, FitStatus.PRECISION)),
        "projection_at_bound": float(found.projected.status is FitStatus.BOUND),
    }


def _profile(found: Profile) -> dict[str, float]:
    """Ends of the likelihood interval of E that lie in the range that was followed."""
    ends = zip(("E_profile_low", "E_profile_high"), found.interval(0.95), strict=True)
    return {name: end for name, end in ends if np.isfinite(end)}


def _allocation(found: Found) -> dict[str, float]:
    """The compute-optimal split of Chinchilla's budget with its 95 % bootstrap interval."""
    budget = np.array([published.CHINCHILLA_COMPUTE])
    best, resampled = (allocation.of_laws(laws, budget) for laws in (found.best.law.logs, found.bootstrap))
    values: dict[str, float] = {}
    names = {"parameters": "optimal_parameters", "tokens": "optimal_tokens", "ratio": "tokens_per_parameter"}
    for quantity, name in names.items():
        low, high = resampled.band(quantity, 0.95)
        value = float(getattr(best, quantity)[0])
        values |= {name: value, f"{name}_low": float(low[0]), f"{name}_high": float(high[0])}
    return values


def claims(study: "Study", found: Found, kept: RunsTable) -> list[Claim]:
    """That the fit converged, for any table; the published numbers for the published table and objective."""
    general = [
        Claim(
            "chinchilla.converged",
            "The best fit is a minimum: largest gradient component of the objective over n delta^2",
            0.0, None, 1e-2, found.best.gradient, "first-order condition",
        ),
        Claim(
            "chinchilla.projection",
            "Reweighted variable projection, from its own grid of starts, finds the same optimum: largest difference "
            "of alpha and beta",
            0.0, None, 1e-3, found.projection_distance, "two algorithms, one objective",
        ),
        Claim(
            "chinchilla.projection_exact",
            "Variable projection on noise-free losses of five laws, two of them strongly asymmetric, at the table's N "
            "and D: largest relative error of E, A, B, alpha, beta",
            0.0, None, 1e-6, found.recovery, "the laws that made the losses",
        ),
        Claim(
            "chinchilla.terms",
            "The table fixes all three terms: 1 if the fit ends with E, A or B at zero",
            0.0, None, 0.5, float(found.projected.status is FitStatus.BOUND), "bounds of the fit",
        ),
    ]  # fmt: skip
    return [*general, *_published(study, found, kept)] if study.is_published else general


def _published(study: "Study", found: Found, kept: RunsTable) -> list[Claim]:
    return [
        *_estimates(found.best),
        *_intervals(found.bootstrap),
        *_early_stop(study, found),
        *_likelihood(found, kept),
        _squared_errors(kept),
    ]


def _likelihood(found: Found, kept: RunsTable) -> list[Claim]:
    """The published law is out of the question, by the profile of E and by the likelihood ratio."""
    ratio = ratio_test(kept.logs(), published.HOFFMANN, found.best, 1e-3)
    deficit = float(profile(kept.logs(), found.best, np.array([1.69]), 1e-3).deficit[0])
    return [
        Claim(
            "chinchilla.profile",
            "E = 1.69, the published value, is outside the 95 % likelihood interval of the 240 runs: twice the "
            "log-likelihood lost there",
            None, 3.84, None, deficit, f"chi-square with 1 degree of freedom; {HOFFMANN_SOURCE}",
        ),
        Claim(
            "chinchilla.likelihood_ratio",
            "Likelihood-ratio statistic of Hoffmann et al.'s law on the 240 runs (5 degrees of freedom)",
            published.EPOCH_LIKELIHOOD_RATIO, 83.5, 84.5, ratio.statistic, EPOCH_SOURCE,
        ),
    ]  # fmt: skip


def _squared_errors(kept: RunsTable) -> Claim:
    """Another group's variable projection, on their selection of the runs."""
    chosen = kept.take(np.flatnonzero(kept.compute < ATHENA_COMPUTE))
    law, theirs = projection_fit(chosen.logs()).law, published.OPEN_ATHENA
    ours = (law.A / MILLION**law.alpha, law.B / BILLION**law.beta, law.E, law.alpha, law.beta)
    distance = max(
        abs(a - b) for a, b in zip(ours, (theirs.A, theirs.B, theirs.E, theirs.alpha, theirs.beta), strict=True)
    )
    return Claim(
        "chinchilla.squared_error",
        "Least squares by variable projection on the 217 runs below 1e21 FLOP (N in millions, D in thousands of "
        "millions): largest distance of A, B, E, alpha, beta from the published fit, printed to four digits",
        0.0, None, 1e-4, distance if len(chosen) == ATHENA_RUNS else float("nan"), ATHENA_SOURCE,
    )  # fmt: skip


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
    exponent = published.EPOCH.compute_exponent
    fitted.append(
        Claim(
            "chinchilla.exponent_size", "Compute-optimal model size of the 240 runs ~ C^a: a = beta/(alpha + beta)",
            exponent, exponent - 0.003, exponent + 0.003, best.law.compute_exponent, f"{EPOCH_SOURCE}, cell 18",
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
