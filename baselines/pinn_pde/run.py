"""One run: reference and data, the method's solution, its errors, its residual on fresh points, the claims."""

from __future__ import annotations

import numpy as np

from baselines.common.claims import Claim
from baselines.common.compute import numpy_generator
from baselines.common.record import Outcome, Record
from baselines.pinn_pde.config import Config
from baselines.pinn_pde.method import Case, Solution
from baselines.pinn_pde.metrics import max_error, relative_l2, rms
from baselines.pinn_pde.problem import Evaluation, Function, PDEProblem, Setting
from baselines.pinn_pde.references import FLOOR_FACTOR, Reference

ALARM = 2.0  # ratio of residuals, fresh points to training points, above which the small loss is not to be believed
Z90 = 1.6448536269514722  # half width of a normal 90 % interval in standard deviations


def run(cfg: Config, record: Record) -> Outcome:
    """Solve `cfg.problem` by `cfg.method` and judge the solution."""
    problem: PDEProblem = cfg.problem
    with record.timed("data"):
        reference = problem.reference()
        points = problem.evaluation_points()
        exact = reference.values(points)
        observations = problem.observations(cfg.seed)
    judged = [problem.outputs.index(name) for name in problem.judged or problem.outputs]

    def error(predict: Function) -> float:
        return relative_l2(predict(points)[:, judged], exact[:, judged])

    solution: Solution = cfg.method.solve(Case(problem, observations, error), cfg, record)

    with record.timed("evaluation"):
        whole = len(points) == np.prod(problem.grid) and len(problem.grid) == points.shape[1]
        evaluation = Evaluation(
            axes=problem.domain().axes(problem.grid) if whole else [],
            points=points,
            reference=exact,
            prediction=solution.predict(points),
            predict=solution.predict,
            unknowns=solution.unknowns,
            observations=observations,
        )
        metrics = scores(problem, evaluation, reference, judged) | recovered(problem, solution)
        if solution.residual is not None:
            fresh = problem.domain().sample(cfg.heldout_points, numpy_generator(cfg.seed, "heldout"))
            metrics |= residuals(solution.residual, solution.points, fresh)
        metrics |= problem.measure(evaluation) | solution.metrics
        _save(record, problem, evaluation, solution, reference)
    setting = Setting(solution.trained, cfg.dtype, method_name(cfg))
    claims = [*problem.claims(metrics, setting), heldout_claim(cfg, metrics, solution.trained)]
    return Outcome(metrics, claims, solution.parameters)


def method_name(cfg: Config) -> str:
    """Name of the method option: that of its file."""
    return type(cfg.method).__module__.rpartition(".")[2]


def scores(problem: PDEProblem, evaluation: Evaluation, reference: Reference, judged: list[int]) -> dict[str, float]:
    """Errors against the reference; `judged_l2` is never below what the reference can tell apart."""
    prediction, exact = evaluation.prediction, evaluation.reference
    error = relative_l2(prediction[:, judged], exact[:, judged])
    found = {
        "relative_l2": error,
        "max_error": max_error(prediction[:, judged], exact[:, judged]),
        "reference_error": reference.error,
        "at_floor": float(reference.at_floor(error)),
        "judged_l2": max(error, FLOOR_FACTOR * reference.error),
    }
    if len(problem.outputs) > 1:
        for i, name in enumerate(problem.outputs):
            if np.any(exact[:, i]):
                found[f"relative_l2_{name}"] = relative_l2(prediction[:, i], exact[:, i])
    return found


def recovered(problem: PDEProblem, solution: Solution) -> dict[str, float]:
    """Each unknown, its relative error, and whether its 90 % interval covers the truth."""
    found = {}
    for unknown in problem.unknowns():
        if unknown.name not in solution.unknowns:
            continue
        value = solution.unknowns[unknown.name]
        found[unknown.name] = value
        found[f"{unknown.name}_error"] = abs(value / unknown.true - 1.0)
        if (bar := solution.standard_errors.get(unknown.name)) is not None:
            found[f"{unknown.name}_standard_error"] = bar
            found[f"{unknown.name}_covered"] = float(abs(value - unknown.true) <= Z90 * bar)
    return found


def residuals(residual: Function, points: np.ndarray, fresh: np.ndarray) -> dict[str, float]:
    """Root-mean-square residual on the method's own points and on fresh ones, and their ratio."""
    train, heldout = rms(residual(points)), rms(residual(fresh))
    ratio = heldout / max(train, 1e-300)
    return {
        "train_residual": train,
        "heldout_residual": heldout,
        "residual_ratio": ratio,
        "residual_alarm": float(ratio > ALARM),
    }


def heldout_claim(cfg: Config, metrics: dict[str, float], trained: bool) -> Claim:
    """Whether the residual on fresh points behaves as the spacing of the collocation points lets expect."""
    problem: PDEProblem = cfg.problem
    name, spacing, scale = problem.name, problem.spacing(), problem.smallest_scale()
    resolved = spacing < scale
    relation = "resolve" if resolved else "do not resolve"
    outcome = "stays within a factor 2 of" if resolved else "is more than twice"
    fixed = trained and method_name(cfg) == "adam_lbfgs"
    return Claim(
        id=f"pinn.{name}.heldout",
        statement=f"{name}: fixed points {spacing:.2g} apart {relation} a smallest scale of {scale:.2g}, so the "
        f"residual on fresh points {outcome} the one on the training points",
        predicted=1.0 if resolved else None,
        low=None if resolved else ALARM,
        high=ALARM if resolved else None,
        measured=metrics.get("residual_ratio") if fixed else None,
        source="sampling: between points farther apart than the solution's scale the residual is not seen",
    )


def _save(
    record: Record, problem: PDEProblem, evaluation: Evaluation, solution: Solution, reference: Reference
) -> None:
    """What the figure needs; axis_0 and axis_1 are the coordinates named in `coordinates`."""
    picture = problem.picture()
    values = {}
    for name, function in (("reference", reference.values), ("prediction", solution.predict)):
        shown = np.full(len(picture.points), np.nan)
        shown[picture.inside] = problem.shown(function(picture.points[picture.inside]))
        values[name] = shown.reshape([len(axis) for axis in picture.axes])
    columns = [problem.domain().names.index(name) for name in picture.names]
    record.save(
        coordinates=np.array(picture.names),
        collocation_points=solution.points[:5000, columns],
        **{f"axis_{i}": axis for i, axis in enumerate(picture.axes)},
        **values,
    )
    if evaluation.observations:
        data = evaluation.observations[0]
        record.save(observation_points=data.points[:2000, columns], observation_values=data.values[:2000])
