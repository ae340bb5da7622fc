"""What the manifold study measures and claims."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from baselines.common.claims import Claim
from baselines.scaling_law.manifold_interpolation import Array
from baselines.scaling_law.power_laws import bootstrap_mean, bootstrap_slope

if TYPE_CHECKING:
    from baselines.scaling_law.studies.manifold import Study

SOURCE = "Sharma and Kaplan 2020, arXiv:2004.10802; Bahri et al. 2021, arXiv:2102.06701; docs/scaling_emergence.md"
ENOUGH_SAMPLES, ENOUGH_STEPS = 2000, 4000  # below them the exponents are not those of the limit


class Interpolated(NamedTuple):
    """Errors over the variance of the target.  Shapes [dimensions, draws x targets, samples]."""

    linear: Array
    nearest: Array
    linear_predicted: Array
    nearest_predicted: Array


class Learned(NamedTuple):
    """What the ensemble of students gave."""

    error: Array
    """Test error over the variance of the target.  Shape [dimensions, targets, widths, restarts]."""
    training: Array
    """Error on the training points, of the same shape: it chooses between the restarts."""
    parameters: Array
    """P.  Shape [dimensions, widths]."""

    @property
    def best(self) -> Array:
        """Test error of the restart with the smallest training error.  Shape [dimensions, targets, widths]."""
        chosen = self.training.argmin(-1)[..., None]
        return np.take_along_axis(self.error, chosen, -1)[..., 0]


class Results(NamedTuple):
    """Metrics, curves and the number of trained parameters."""

    metrics: dict[str, float]
    curves: dict[str, Array]
    parameters: int


def results(
    study: "Study", interpolated: Interpolated, learned: Learned | None, generator: np.random.Generator
) -> Results:
    """Exponents with 95 % intervals over the targets, mean curves with theirs, deviations from the theory."""
    metrics: dict[str, float] = {}
    curves: dict[str, Array] = {}
    samples = np.array(study.samples, dtype=np.float64)
    for name in ("linear", "nearest"):
        errors, predicted = getattr(interpolated, name), getattr(interpolated, f"{name}_predicted")
        bands = [bootstrap_mean(rows, generator) for rows in errors]
        for part in ("mean", "low", "high"):
            curves[f"{name}_error_{part}"] = np.stack([getattr(band, part) for band in bands])
        curves[f"{name}_error_predicted"] = predicted.mean(1)
        ratios = [bootstrap_mean(one, generator) for one in errors / predicted]  # target by target
        for part in ("mean", "low", "high"):
            curves[f"{name}_ratio_{part}"] = np.stack([getattr(ratio, part) for ratio in ratios])
        deviation = np.abs(curves[f"{name}_ratio_mean"] - 1)
        metrics[f"{name}_theory_median_deviation_percent"] = 100 * float(np.median(deviation))
        for d, rows in zip(study.dimensions, errors, strict=True):
            metrics |= bootstrap_slope(samples, rows, generator).decay.metrics(f"{name}_d{d}")
    if learned is None:
        return Results(metrics, curves, 0)
    best = learned.best
    curves["student_parameters"], curves["student_error_each"] = learned.parameters, learned.error
    bands = [bootstrap_mean(rows, generator) for rows in best]
    for part in ("mean", "low", "high"):
        curves[f"student_error_{part}"] = np.stack([getattr(band, part) for band in bands])
    for d, counts, rows in zip(study.student_dimensions, learned.parameters, best, strict=True):
        metrics |= bootstrap_slope(counts.astype(float), rows, generator).decay.metrics(f"student_d{d}")
        metrics[f"student_error_d{d}"] = float(rows[:, -1].mean())
    members = study.student_targets * study.restarts
    return Results(metrics, curves, int(members * learned.parameters.sum()))


def rows(study: "Study", interpolated: Interpolated, learned: Learned | None) -> dict[str, list[Any]]:
    """One row for every interpolated target and every trained network, for `runs.csv`."""
    table: dict[str, list[Any]] = {
        name: [] for name in ("method", "dimension", "target", "size", "width", "restart", "error")
    }

    def add(*cells: Any) -> None:
        for column, cell in zip(table.values(), cells, strict=True):
            column.append(cell)

    for name in ("linear", "nearest"):
        for place, error in np.ndenumerate(getattr(interpolated, name)):
            d, target, size = (int(i) for i in place)
            add(name, study.dimensions[d], target, study.samples[size], "", "", float(error))
    if learned is not None:
        for place, error in np.ndenumerate(learned.error):
            d, target, width, restart = (int(i) for i in place)
            count = int(learned.parameters[d, width])
            add("student", study.student_dimensions[d], target, count, study.widths[width], restart, float(error))
    return table


def claims(study: "Study", metrics: dict[str, float]) -> list[Claim]:
    """Exponents within 10 % (interpolation) and 25 % (networks); the theory without free constants within 10 %."""
    long = study.samples[-1] >= ENOUGH_SAMPLES and len(study.samples) >= 4
    setting = f"tanh targets of roughness {study.roughness:g}, error in the inner cube of side {study.inner:g}"
    found = []
    for name, method, power in (("linear", "piecewise-linear interpolation", 4), ("nearest", "nearest neighbour", 2)):
        for d in study.dimensions:
            expected = power / d
            found.append(
                Claim(
                    f"manifold.exponent_{name}_d{d}",
                    f"squared error of the {method} in {d} dimensions ~ n^-x: x ({setting}, "
                    f"n = {study.samples[0]} to {study.samples[-1]})",
                    expected, 0.9 * expected, 1.1 * expected, metrics[f"exponent_{name}_d{d}"] if long else None,
                    f"{power}/d; {SOURCE}",
                )
            )  # fmt: skip
        found.append(
            Claim(
                f"manifold.theory_{name}",
                f"error of the {method} against the theory without free constants: median absolute deviation over "
                f"d and n of the mean ratio, in per cent ({setting})",
                0.0, None, 10.0, metrics[f"{name}_theory_median_deviation_percent"] if long else None,
                "Poisson process of density n, docs/scaling_emergence.md",
            )
        )  # fmt: skip
    return found + _student_claims(study, metrics)


def _student_claims(study: "Study", metrics: dict[str, float]) -> list[Claim]:
    long = study.steps >= ENOUGH_STEPS and len(study.widths) >= 4
    setting = (
        f"{study.depth} hidden ReLU layers of width {study.widths[0]} to {study.widths[-1]}, tanh targets of roughness "
        f"{study.student_roughness:g}, Adam, {study.steps} steps, best of {study.restarts} by training error"
    )
    return [
        Claim(
            f"manifold.exponent_student_d{d}",
            f"squared error of a trained network with {d} inputs ~ P^-x: x ({setting})",
            4 / d, 3 / d, 5 / d, metrics[f"exponent_student_d{d}"] if long else None, f"4/d; {SOURCE}",
        )
        for d in study.student_dimensions
    ]  # fmt: skip
