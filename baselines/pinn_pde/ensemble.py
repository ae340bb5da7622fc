r"""Ensembles with perturbed observations: members, their mean, and the interval that a few of them allow.

For data $y = g(\theta) + \sigma \epsilon$, member $k$ fits $y + \sigma \xi_k$. If $g$ is linear the members scatter
around the fit to $y$ as that fit scatters around the truth. The mean of $K$ members has one more variance $s^2 / K$,
and $s$ itself is estimated from $K$ values, so the 90 % interval has the half width $t_{K-1} \, s \sqrt{1 + 1/K}$.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from baselines.common.compute import numpy_generator, subseed
from baselines.pinn_pde.method import Case, Solution
from baselines.pinn_pde.problem import PDEProblem

if TYPE_CHECKING:
    from baselines.pinn_pde.config import Config

LEVEL = 0.9


def perturbed(case: Case, cfg: Config, member: int) -> tuple[Config, Case]:
    """A config with another seed, and the case with noise added to its observations."""
    generator = numpy_generator(cfg.seed, "ensemble", member)
    observations = [
        replace(data, values=data.values + data.noise * generator.standard_normal(data.values.shape))
        for data in case.observations
    ]
    return replace(cfg, seed=subseed(cfg.seed, "ensemble", member)), replace(case, observations=observations)


def interval_error(values: np.ndarray) -> float:
    r"""Standard error whose normal 90 % interval is the right one for the mean of few members.

    Args:
        values: one for each member, [K].

    Returns:
        $s \sqrt{1 + 1/K} \, t_{K-1} / z$.
    """
    count, tail = len(values), 0.5 + 0.5 * LEVEL
    widening = stats.t.ppf(tail, count - 1) / stats.norm.ppf(tail)
    return float(np.std(values, ddof=1) * np.sqrt(1.0 + 1.0 / count) * widening)


def combined(problem: PDEProblem, members: list[Solution]) -> Solution:
    """Mean prediction and estimates; metric `spread`: root mean square standard deviation between members."""

    def predict(points: np.ndarray) -> np.ndarray:
        return np.asarray(np.mean([member.predict(points) for member in members], axis=0))

    def residual(points: np.ndarray) -> np.ndarray:
        parts = [member.residual(points) for member in members if member.residual is not None]
        return np.asarray(np.sqrt(np.mean(np.square(parts), axis=0)))

    names = [unknown.name for unknown in problem.unknowns()]
    estimates = {name: np.array([member.unknowns[name] for member in members]) for name in names}
    points = problem.evaluation_points()
    spread = np.std([member.predict(points) for member in members], axis=0, ddof=1)
    totals = {name: sum(member.metrics[name] for member in members) for name in ("iterations", "evaluations")}
    return Solution(
        predict=predict,
        residual=residual,
        points=members[0].points,
        parameters=sum(member.parameters for member in members),
        trained=all(member.trained for member in members),
        unknowns={name: float(values.mean()) for name, values in estimates.items()},
        standard_errors={name: interval_error(values) for name, values in estimates.items()},
        metrics={"loss": float(np.mean([m.metrics["loss"] for m in members])), **totals}
        | {"spread": float(np.sqrt(np.mean(np.square(spread))))},
    )
