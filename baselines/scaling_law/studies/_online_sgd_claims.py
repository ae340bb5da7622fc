"""What the study of one-pass SGD measures and claims."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from baselines.common.claims import Claim

if TYPE_CHECKING:
    from baselines.scaling_law.power_laws import Array, Exponent
    from baselines.scaling_law.sgd_phases import Limit
    from baselines.scaling_law.studies.online_sgd import Study

EXACT = "exact recursion, docs/scaling_law.md; kernel form: Paquette et al. 2024 (arXiv:2405.15074)"
BALANCE = "balance of the terms of the loss, docs/scaling_law.md; phases of Paquette et al. 2024 (arXiv:2405.15074)"
ENOUGH = 3.0  # relative standard error, in %, up to which a simulated point can judge a prediction to 3 %
RESAMPLES = 300
DECADE = 11  # computes in the window of a local slope: a factor of ten


class Curve(NamedTuple):
    """Simulated and exact mean loss with one batch size."""

    batch: int
    steps: "Array"
    losses: "Array"
    """Shape [runs, T]."""
    predicted: "Array"
    """Shape [T]."""
    noiseless: "Array"
    """The same without gradient noise, B to infinity.  Shape [T]."""
    limit: float
    """Largest stable step, in units of the step."""

    @property
    def usable(self) -> "np.ndarray":
        """Points whose Monte-Carlo error is small enough.  Shape [T]."""
        error = self.losses.std(0, ddof=1) / np.sqrt(len(self.losses))
        return np.asarray(100 * error <= ENOUGH * self.losses.mean(0))

    def deviations(self, predicted: "Array") -> "Array":
        """Simulated over predicted minus one, in %.  Shape [T]."""
        return np.asarray(100 * (self.losses.mean(0) / predicted - 1))


class Phase(NamedTuple):
    """The measured frontier of one phase; axis 0 of loss and width: mean, low, high."""

    name: str
    limit: "Limit"
    loss: "Array"
    """Shape [3, F]."""
    width: "Array"
    """Shape [3, F]."""
    inside: "np.ndarray"
    """Computes whose best width is inside the ladder.  Shape [F]."""
    exponents: dict[str, "Exponent"]
    """Of the last third of these computes: loss (as decay) and width."""
    distances: dict[str, tuple[float, float]]
    """Mean distance of the local slopes from the limit, in the first and in the last third."""
    ratios: dict[str, "Exponent"]
    """The last over the first, with its bootstrap interval."""


def check_phases(alphas: list[float], betas: list[float]) -> None:
    """Raise `ValueError` unless each pair lies inside a phase of its own."""
    from baselines.scaling_law.sgd_phases import phase

    if not alphas or len(alphas) != len(betas):
        raise ValueError(f"study.alphas and study.betas must have one value a phase; got {alphas}, {betas}")
    names = [phase(alpha, beta) for alpha, beta in zip(alphas, betas, strict=True)]
    if len(set(names)) < len(names):
        raise ValueError(f"study.alphas and study.betas must name different phases; got {', '.join(names)}")


def measure(study: "Study", index: int, computes: "Array", losses: "Array", generator: np.random.Generator) -> Phase:
    """Frontier of the mean over draws, its bootstrap over draws, exponents and distances.

    Args:
        study: The setting.
        index: Which phase.
        computes: f.  Shape [F].
        losses: Shape [draws, widths, F].
        generator: Chooses the resamples.
    """
    from baselines.scaling_law.bootstrap import interval, resamples
    from baselines.scaling_law.power_laws import Exponent, slope
    from baselines.scaling_law.sgd_phases import frontier, limit, phase

    alpha, beta, widths = study.alphas[index], study.betas[index], np.array(study.widths, dtype=float)
    expected = limit(alpha, beta)
    best = frontier(widths, losses.mean(0))
    rows = list(resamples(len(losses), RESAMPLES, generator))
    again = [frontier(widths, losses[row].mean(0)) for row in rows]
    bands, exponents, distances, ratios = {}, {}, {}, {}
    used = np.flatnonzero(best.inside)
    third = max(len(used) // 3, 2)
    for name, sign in (("loss", -1.0), ("width", 1.0)):
        value, found = getattr(best, name), np.stack([getattr(one, name) for one in again])
        low, high = np.percentile(found, [2.5, 97.5], axis=0)
        bands[name] = np.stack([value, low, high])
        if len(used) < 3:
            continue
        late = used[-third:]
        fitted = [sign * slope(computes[late], one[late]) for one in found]
        exponents[name] = Exponent(sign * slope(computes[late], value[late]), *interval(np.array(fitted), 0.95))
        both = [_distances(computes[used], one[used], sign * getattr(expected, name)) for one in (value, *found)]
        distances[name] = both[0]
        again_ratios = np.array([late / early for early, late in both[1:]])
        ratios[name] = Exponent(both[0][1] / both[0][0], *interval(again_ratios, 0.95))
    name = phase(alpha, beta)
    return Phase(name, expected, bands["loss"], bands["width"], best.inside, exponents, distances, ratios)


def _distances(computes: "Array", values: "Array", expected: float) -> tuple[float, float]:
    """Mean distance of the local slopes from the expected one, in the first and in the last third."""
    from baselines.scaling_law.power_laws import local_slopes

    gaps = np.abs(local_slopes(computes, values, min(DECADE, len(values)))[1] - expected)
    part = max(len(gaps) // 3, 1)
    return float(gaps[:part].mean()), float(gaps[-part:].mean())


def rows(phases: list[Phase], computes: "Array") -> dict[str, list[object]]:
    """The frontier as columns, one row a phase and compute."""
    found: dict[str, list[object]] = {key: [] for key in ("phase", "compute", "loss", "width")}
    for phase in phases:
        for k in np.flatnonzero(phase.inside):
            cells = (phase.name, float(computes[k]), float(phase.loss[0, k]), float(phase.width[0, k]))
            for key, cell in zip(found, cells, strict=True):
                found[key].append(cell)
    return found


def metrics(curves: list[Curve], phases: list[Phase], margin: float) -> dict[str, float]:
    """Deviations of the simulation in %, stability limits, exponents of the frontiers."""
    found = {"stability_limit_over_step_min": margin}
    for curve in curves:
        name, usable = f"batch_{curve.batch}", curve.usable
        found[f"{name}_usable_points"] = float(usable.sum())
        found[f"{name}_stability_limit_over_step"] = curve.limit
        if usable.any():
            found[f"{name}_deviation_median_percent"] = _median(curve.deviations(curve.predicted)[usable])
            found[f"{name}_noiseless_deviation_median_percent"] = _median(curve.deviations(curve.noiseless)[usable])
    for phase in phases:
        for name, exponent in phase.exponents.items():
            key, (early, late) = f"{name}_{phase.name}", phase.distances[name]
            found |= exponent.metrics(key) | {f"early_distance_{key}": early, f"late_distance_{key}": late}
            found |= {f"direction_{key}": phase.ratios[name].value}
            found |= {f"direction_{key}_low": phase.ratios[name].low, f"direction_{key}_high": phase.ratios[name].high}
            found[f"bias_percent_{key}"] = 100 * (exponent.value / getattr(phase.limit, name) - 1)
    return found


def claims(study: "Study", curves: list[Curve], phases: list[Phase]) -> list[Claim]:
    """The curve, and of each phase the exponents and the direction of the local slopes."""
    batches = " and ".join(str(batch) for batch in study.batches)
    pooled = np.concatenate([curve.deviations(curve.predicted)[curve.usable] for curve in curves])
    enough = study.runs >= 200 and len(pooled) >= 10
    first = Claim(
        "online_sgd.curve",
        f"Half of the simulated mean losses are this close to the exact recursion, in %, over points with a Monte Carlo"
        f" error of at most {ENOUGH:g} % (v = {study.modes}, d = {study.width}, batches {batches})",
        0.0, None, 3.0, _median(pooled) if enough else None, EXACT,
    )  # fmt: skip
    measurable = study.largest >= 256 and study.draws >= 10
    return [first, *(claim for phase in phases for claim in _phase_claims(study, phase, measurable))]


def _phase_claims(study: "Study", phase: Phase, measurable: bool) -> list[Claim]:
    words = {"loss": "smallest loss ~ compute^-x", "width": "best width ~ compute^x"}
    alpha, beta = next(
        pair for pair in zip(study.alphas, study.betas, strict=True) if _name(*pair) == phase.name
    )  # fmt: skip
    setting = f"alpha {alpha:g}, beta {beta:g}, d = {study.smallest} … {study.largest}, step {study.step:g}"
    found = []
    for name, text in words.items():
        predicted = getattr(phase.limit, name)
        known = measurable and name in phase.exponents
        decided = known and not phase.ratios[name].low < 1 < phase.ratios[name].high
        found += [
            Claim(
                f"online_sgd.exponent_{name}_{phase.name}",
                f"Phase {phase.name}, {text}: x in the last third of the computes, within 25 % of the limit"
                f" ({setting})",
                predicted, 0.75 * predicted, 1.25 * predicted,
                phase.exponents[name].value if known else None, BALANCE,
            ),
            Claim(
                f"online_sgd.direction_{name}_{phase.name}",
                f"Phase {phase.name}, {text}: the local slopes go to the limit; mean distance from it in the last third"
                f" of the computes over that in the first third, where the bootstrap decides ({setting})",
                None, None, 1.0, phase.ratios[name].value if decided else None, BALANCE,
            ),
        ]  # fmt: skip
    return found


def _name(alpha: float, beta: float) -> str:
    from baselines.scaling_law.sgd_phases import phase

    return phase(alpha, beta)


def _median(deviations: "Array") -> float:
    return float(np.median(np.abs(deviations)))
