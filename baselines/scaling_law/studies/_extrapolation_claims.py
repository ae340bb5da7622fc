"""What the extrapolation audit measures and claims."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from baselines.common.claims import Claim
from baselines.scaling_law.bootstrap import Array
from baselines.scaling_law.extrapolation_audit import Errors, Flags, Intervals, Mask, coverage, relative_errors
from baselines.scaling_law.parametric_fit import Fit, LogRuns

if TYPE_CHECKING:
    from baselines.scaling_law.studies.extrapolation import Study

SOURCE = "goal of this project, on the runs of Besiroglu et al. 2024, arXiv:2404.10102"
PUBLISHED_CUTS = (1e20, 3e20, 1e21)


class Cut(NamedTuple):
    """One ordered split."""

    budget: float
    """Runs of at least this compute are predicted."""
    test: Mask
    """Which runs these are.  Shape [n]."""
    best: Fit
    errors: Errors
    error_interval: tuple[float, float]
    """95 % bootstrap interval of the mean absolute error, over the test runs."""
    flags: Flags
    intervals: Intervals
    intervals_by_size: Intervals


def label(budget: float) -> str:
    """`3e20` for 3e+20."""
    return f"{budget:.3g}".replace("e+", "e")


def metrics(runs: LogRuns, cuts: list[Cut], random: Array) -> dict[str, float]:
    """Errors, flags and coverage of every cut, errors of the random splits."""
    values = {
        "random_error_percent": 100 * float(random.mean()),
        "ordered_error_percent": 100 * float(np.mean([cut.errors.mean_absolute for cut in cuts])),
        "optimism": _optimism(cuts, random),
        "runs": float(len(runs)),
    }
    for cut in cuts:
        name, test = label(cut.budget), runs.take(np.flatnonzero(cut.test))
        law, by_size = cut.intervals, cut.intervals_by_size
        values |= {
            f"error_percent_{name}": 100 * cut.errors.mean_absolute,
            f"error_percent_{name}_low": 100 * cut.error_interval[0],
            f"error_percent_{name}_high": 100 * cut.error_interval[1],
            f"largest_error_percent_{name}": 100 * cut.errors.largest,
            f"bias_percent_{name}": 100 * cut.errors.bias,
            f"random_error_percent_{name}": 100 * float(random[cut.test].mean()),
            f"coverage_law_{name}": coverage(law.law_low, law.law_high, test),
            f"coverage_run_{name}": coverage(law.run_low, law.run_high, test),
            f"coverage_run_by_size_{name}": coverage(by_size.run_low, by_size.run_high, test),
            f"outside_n_{name}": cut.flags.outside_parameters,
            f"outside_d_{name}": cut.flags.outside_tokens,
            f"outside_c_{name}": cut.flags.outside_compute,
            f"median_mahalanobis_{name}": cut.flags.median_mahalanobis,
            f"beyond_95_{name}": cut.flags.beyond_95,
            f"runs_fitted_{name}": float((~cut.test).sum()),
            f"runs_predicted_{name}": float(cut.test.sum()),
            f"alpha_{name}": cut.best.law.alpha,
            f"beta_{name}": cut.best.law.beta,
            f"E_{name}": cut.best.law.E,
        }
    return values


def curves(runs: LogRuns, cuts: list[Cut], random: Array) -> dict[str, Any]:
    """Runs, relative errors and intervals of every cut; intervals are NaN for training runs."""

    def spread(values: Array, test: Mask) -> Array:
        whole = np.full(len(runs), np.nan)
        whole[test] = values
        return whole

    saved: dict[str, Any] = {
        "parameters": np.exp(runs.parameters),
        "tokens": np.exp(runs.tokens),
        "loss": np.exp(runs.loss),
        "cuts": np.array([cut.budget for cut in cuts]),
        "test": np.stack([cut.test for cut in cuts]),
        "relative_error": np.stack([relative_errors(cut.best.law, runs) for cut in cuts]),
        "random_error": random,
    }
    for name in ("run_low", "run_high"):
        saved[name] = np.stack([spread(getattr(cut.intervals, name), cut.test) for cut in cuts])
    return saved


def rows(runs: LogRuns, cuts: list[Cut]) -> dict[str, list[Any]]:
    """One row a run and cut, for `runs.csv`."""
    table: dict[str, list[Any]] = {
        name: [] for name in ("cut_flop", "parameters", "tokens", "loss", "predicted", "part", "fit")
    }
    for cut in cuts:
        predicted = (1 + relative_errors(cut.best.law, runs)) * np.exp(runs.loss)
        for i in range(len(runs)):
            cells = (
                cut.budget, float(np.exp(runs.parameters[i])), float(np.exp(runs.tokens[i])),
                float(np.exp(runs.loss[i])), float(predicted[i]), "test" if cut.test[i] else "train",
                cut.best.status.value,
            )  # fmt: skip
            for column, cell in zip(table.values(), cells, strict=True):
                column.append(cell)
    return table


def claims(study: "Study", runs: LogRuns, cuts: list[Cut], random: Array) -> list[Claim]:
    """That every fit converged, for any table; the goals for the published one."""
    worst = max(cut.best.gradient for cut in cuts)
    general = Claim(
        "extrapolation.converged",
        "the fit below every cut is a minimum: largest gradient component of the objective over n delta^2",
        0.0, None, 1e-2, worst, "first-order condition",
    )  # fmt: skip
    if not study.is_published or tuple(study.cuts) != PUBLISHED_CUTS:
        return [general]
    enough = study.bootstraps >= 50
    setting = f"{len(random)} Chinchilla runs"
    found = [general]
    for cut in cuts:
        found.append(
            Claim(
                f"extrapolation.error_{label(cut.budget)}",
                f"law fitted below {label(cut.budget)} FLOP: mean absolute relative error of the loss above, in per "
                f"cent ({setting})",
                None, None, 1.2, 100 * cut.errors.mean_absolute, SOURCE,
            )
        )  # fmt: skip
    covered = [
        coverage(cut.intervals.run_low, cut.intervals.run_high, runs.take(np.flatnonzero(cut.test))) for cut in cuts
    ]
    return [
        *found,
        Claim(
            "extrapolation.coverage",
            f"95 % intervals of new runs (bootstrap over runs, with scatter) cover the runs above the cut: mean "
            f"coverage over the cuts ({setting})",
            0.95, 0.9, 1.0, float(np.mean(covered)) if enough else None, "definition of the interval; band of 5 points",
        ),
        Claim(
            "extrapolation.optimism",
            f"random splits look better than extrapolation: error on the runs above the cut when these are held out, "
            f"over their error when random model sizes are, mean over the cuts ({setting})",
            None, 1.0, None, _optimism(cuts, random), "this project",
        ),
    ]  # fmt: skip


def _optimism(cuts: list[Cut], random: Array) -> float:
    """Ordered over random error on the same runs, mean over the cuts."""
    return float(np.mean([cut.errors.mean_absolute / random[cut.test].mean() for cut in cuts]))
