"""One run: reference and data, the method's solution, its errors, its residual on fresh points, the claims."""

from __future__ import annotations

import numpy as np

from baselines.common.claims import Claim
from baselines.common.compute import numpy_generator
from baselines.common.record import Outcome, Record
from baselines.pinn_pde.config import Config
from baselines.pinn_pde.method import Solution
from baselines.pinn_pde.metrics import max_error, relative_l2, rms
from baselines.pinn_pde.problem import Evaluation, PDEProblem, Setting
from baselines.pinn_pde.references import FLOOR_FACTOR, Reference

ALARM = 2.0  # ratio of residuals, fresh points to training points, above which the small loss is not to be believed


def run(cfg: Config, record: Record) -> Outcome:
    """Solve `cfg.problem` by `cfg.method` and judge the solution."""
    problem: PDEProblem = cfg.problem
    with record.timed("data"):
        reference = problem.reference()
        domain = problem.domain()
        grid = domain.grid(problem.grid)
        exact = reference.values(grid)
        observations = problem.observations(cfg.seed)

    solution: Solution = cfg.method.solve(problem, observations, cfg, record)

    with record.timed("evaluation"):
        shape = (*problem.grid, len(problem.outputs))
        evaluation = Evaluation(
            axes=domain.axes(problem.grid),
            reference=exact.reshape(shape),
            prediction=solution.predict(grid).reshape(shape),
            predict=solution.predict,
            unknowns=solution.unknowns,
            observations=observations,
        )
        fresh = domain.sample(cfg.heldout_points, numpy_generator(cfg.seed, "heldout"))
        metrics = scores(evaluation, reference) | residuals(solution, fresh)
        metrics |= problem.measure(evaluation) | solution.metrics
    _save(record, problem, evaluation, solution)
    setting = Setting(solution.trained, cfg.dtype)
    claims = [*problem.claims(metrics, setting), heldout_claim(cfg, metrics, solution.trained)]
    return Outcome(metrics, claims, solution.parameters)


def scores(evaluation: Evaluation, reference: Reference) -> dict[str, float]:
    """Errors against the reference; `judged_l2` is never below what the reference can tell apart."""
    error = relative_l2(evaluation.prediction, evaluation.reference)
    return {
        "relative_l2": error,
        "max_error": max_error(evaluation.prediction, evaluation.reference),
        "reference_error": reference.error,
        "at_floor": float(reference.at_floor(error)),
        "judged_l2": max(error, FLOOR_FACTOR * reference.error),
    }


def residuals(solution: Solution, fresh: np.ndarray) -> dict[str, float]:
    """Root-mean-square residual on the method's own points and on fresh ones, and their ratio."""
    train, heldout = rms(solution.residual(solution.points)), rms(solution.residual(fresh))
    ratio = heldout / train if train > 0 else float("inf")
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
    return Claim(
        id=f"pinn.{name}.heldout",
        statement=f"{name}: points {spacing:.2g} apart {relation} a smallest scale of {scale:.2g}, so the residual on "
        f"fresh points {outcome} the one on the training points",
        predicted=1.0 if resolved else None,
        low=None if resolved else ALARM,
        high=ALARM if resolved else None,
        measured=metrics["residual_ratio"] if trained else None,
        source="sampling: between points farther apart than the solution's scale the residual is not seen",
    )


def _save(record: Record, problem: PDEProblem, evaluation: Evaluation, solution: Solution) -> None:
    """What the figure needs; axis_0 and axis_1 are the coordinates named in `coordinates`."""
    record.save(
        coordinates=np.array(problem.domain().names),
        collocation_points=solution.points,
        reference=evaluation.reference[..., 0],
        prediction=evaluation.prediction[..., 0],
        **{f"axis_{i}": axis for i, axis in enumerate(evaluation.axes)},
    )
    if evaluation.observations is not None:
        data = evaluation.observations
        record.save(observation_points=data.points, observation_values=data.values)
