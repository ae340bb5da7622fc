"""What the in-context study measures and claims."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from baselines.common.claims import Claim
from baselines.scaling_law import in_context_regression as icr
from baselines.scaling_law.power_laws import Array, bootstrap_mean

if TYPE_CHECKING:
    from baselines.scaling_law.studies.in_context import Study

BAND = 5.0  # %
DERIVED = "docs/scaling_emergence.md; the noise-free case: Zhang et al. 2024, arXiv:2306.09927"
MARCHENKO_PASTUR = "Marchenko-Pastur law, docs/scaling_emergence.md"
Summary = tuple[dict[str, Array], dict[str, float]]


class AlongLength(NamedTuple):
    """Errors on new tasks for each context length."""

    ridge: Array
    """Bayes-optimal ridge.  Shape [tasks, lengths]."""
    attention: Array
    """Trained layers.  Shape [tasks, lengths]."""
    steps: Array
    """The factor each layer has learned.  Shape [lengths]."""

    def summary(self, study: "Study", generator: np.random.Generator) -> Summary:
        """Curves and metrics."""
        d, noise = study.dimension, study.noise
        line = np.geomspace(study.lengths[0], study.lengths[-1], 60)
        curves: dict[str, Array] = {"lengths": np.array(study.lengths), "line_lengths": line}
        metrics: dict[str, float] = {}
        for name, draws in (("ridge", self.ridge), ("attention", self.attention)):
            mean, low, high = bootstrap_mean(draws, generator, resamples=300)
            predicted = np.array([predicted_error(name, length, d, noise) for length in study.lengths])
            curves |= {f"{name}_error": mean, f"{name}_error_low": low, f"{name}_error_high": high}
            curves[f"{name}_predicted"] = predicted
            curves[f"{name}_line"] = np.array([predicted_error(name, length, d, noise) for length in line])
            deviation = 100 * np.abs(mean / predicted - 1)
            metrics[f"{name}_deviation_max_percent"] = float(deviation.max())
            metrics[f"{name}_error_longest"] = float(mean[-1])
        best = np.array([icr.attention_step(length, d, noise) for length in study.lengths])
        curves |= {"steps": self.steps, "steps_predicted": best}
        metrics["step_deviation_max_percent"] = float(100 * np.abs(self.steps / best - 1).max())
        ratio, expected = (curves[f"attention_{kind}"] / curves[f"ridge_{kind}"] for kind in ("error", "predicted"))
        metrics |= {"gap_longest": float(ratio[-1]), "gap_longest_predicted": float(expected[-1])}
        return curves, metrics


class Diversity(NamedTuple):
    """Errors against the number of tasks to train on.  Shapes [lists, k]."""

    new: Array
    """Trained layers on new tasks."""
    best: Array
    """The best layers for the same lists, on new tasks."""
    seen: Array
    """Trained layers on the tasks of their list."""
    discrete: Array
    """Posterior mean over the list, on new tasks."""

    def summary(self, study: "Study", generator: np.random.Generator) -> Summary:
        """Curves and metrics."""
        d, noise, length = study.dimension, study.noise, study.diversity_length

        def theory(tasks: Array) -> Array:
            return np.array([icr.diversity_errors(k / d, length, d, noise) for k in tasks]).T  # [new and seen, k]

        k = np.array(study.diversities, dtype=float)
        line = np.geomspace(k[0], k[-1], 80)
        new, seen = theory(k)
        line_new, line_seen = theory(line)
        curves: dict[str, Array] = {"tasks": k, "line_tasks": line, "new_predicted": new, "seen_predicted": seen}
        curves |= {"new_line": line_new, "seen_line": line_seen}
        for name, values in self._asdict().items():
            mean, low, high = bootstrap_mean(values, generator)
            curves |= {name: mean, f"{name}_low": low, f"{name}_high": high}
        floor = icr.attention_error(length, d, noise)
        curves["floors"] = np.array([floor, icr.bayes_error(length / d, noise)])
        metrics = {
            "diversity_deviation_max_percent": float(100 * np.abs(curves["new"] / new - 1).max()),
            "diversity_training_max_percent": float(100 * np.abs(curves["new"] / curves["best"] - 1).max()),
            "discrete_error_most_tasks": float(curves["discrete"][-1]),
        }
        for name, error in (("predicted", new), ("measured", curves["new"])):
            found = threshold(k, error, (1 + floor) / 2)
            metrics |= {f"tasks_to_emerge_{name}": found} if found is not None else {}
        return curves, metrics


def predicted_error(name: str, length: float, d: int, noise: float) -> float:
    """Error of `ridge` (large d) or of the best linear `attention` (exact)."""
    return icr.bayes_error(length / d, noise) if name == "ridge" else icr.attention_error(length, d, noise)


def rows(study: "Study", along: AlongLength, diversity: Diversity) -> dict[str, list[float]]:
    """One row for each trained layer: context length, number of tasks, which list, error on new tasks, prediction."""
    made: list[tuple[float, ...]] = []
    for i, length in enumerate(study.lengths):
        expected = icr.attention_error(length, study.dimension, study.noise)
        made.append((length, float("inf"), 0, float(along.attention[:, i].mean()), expected))
    for j, k in enumerate(study.diversities):
        expected, _ = icr.diversity_errors(k / study.dimension, study.diversity_length, study.dimension, study.noise)
        made += [(study.diversity_length, k, i, float(error), expected) for i, error in enumerate(diversity.new[:, j])]
    columns = ("length", "tasks", "list", "measured", "predicted")
    return dict(zip(columns, (list(values) for values in zip(*made, strict=True)), strict=True))


def threshold(tasks: Array, error: Array, level: float) -> float | None:
    """Number of tasks at which an error falls through a level, by interpolation in log k; None if it does not.

    Args:
        tasks: `k`, ascending.  Shape [n].
        error: Shape [n].
        level: The level.
    """
    below = np.flatnonzero((error[:-1] >= level) & (error[1:] < level))
    if not below.size:
        return None
    i = int(below[-1])
    share = (error[i] - level) / (error[i] - error[i + 1])
    return float(np.exp((1 - share) * np.log(tasks[i]) + share * np.log(tasks[i + 1])))


def claims(study: "Study", metrics: dict[str, float]) -> list[Claim]:
    """All claims; they need enough dimensions, steps and tests."""
    enough = study.dimension >= 8 and study.test_tasks >= 2000
    trained = enough and study.steps >= 300
    varied = trained and study.lists >= 4
    setting = f"d = {study.dimension}, noise {study.noise:g}, l = {study.lengths[0]} … {study.lengths[-1]}"
    lists = f"l = {study.diversity_length}, d = {study.dimension}, {study.lists} lists for each k"

    def largest(name: str, what: str, metric: str, measurable: bool, source: str) -> Claim:
        measured = metrics[metric] if measurable else None
        return Claim(f"in_context.{name}", f"{what}: largest deviation in %", 0.0, None, BAND, measured, source)

    gap, expected = metrics["gap_longest_predicted"], metrics.get("tasks_to_emerge_predicted")
    made = [
        largest(
            "bayes", f"Bayes-optimal ridge has the error of the Marchenko-Pastur law ({setting})",
            "ridge_deviation_max_percent", enough, MARCHENKO_PASTUR,
        ),
        largest(
            "attention", f"Trained linear attention has the error 1 - l/(l + d + 1 + d noise) of the best ({setting})",
            "attention_deviation_max_percent", trained, DERIVED,
        ),
        largest(
            "step", f"It has learned one step of gradient descent, with factor l/(l + d + 1 + d noise) ({setting})",
            "step_deviation_max_percent", trained, DERIVED,
        ),
        Claim(
            "in_context.gap",
            f"Error of linear attention over that of ridge at the longest context, within 5 % ({setting})",
            gap, 0.95 * gap, 1.05 * gap, metrics["gap_longest"] if trained else None, DERIVED,
        ),
        largest(
            "diversity", f"Trained on k = {study.diversities[0]} … {study.diversities[-1]} tasks, tested on new ones: "
            f"error of the Marchenko-Pastur law ({lists})",
            "diversity_deviation_max_percent", varied, MARCHENKO_PASTUR,
        ),
    ]  # fmt: skip
    if expected is not None:
        made.append(
            Claim(
                "in_context.emergence",
                f"Tasks needed to learn half of answering new ones, within 10 % ({lists})",
                expected, 0.9 * expected, 1.1 * expected,
                metrics.get("tasks_to_emerge_measured", float("nan")) if varied else None, MARCHENKO_PASTUR,
            )
        )  # fmt: skip
    return made
