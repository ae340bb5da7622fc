"""The classical solver that each problem brings along."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from baselines.common.record import Record
    from baselines.pinn_pde.config import Config
    from baselines.pinn_pde.method import Case, Solution


@dataclass
class Method:
    """The problem's classical solver: spectral, elements, differences; with unknowns the classical inversion.

    The line that any trained solution has to be compared with, at equal error or at equal time. Double precision on the
    CPU, whatever dtype and device say. The time is that of the solver alone: imports and a first solve on the coarsest
    resolution come before the clock starts.
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {"smoke": {"resolution": -1}}

    resolution: int = 0  # of the solver, in the problem's own unit; 0 takes its finest, -1 its coarsest

    def __post_init__(self) -> None:
        """Check the key.

        Raises:
            ValueError: If the resolution is none.
        """
        if self.resolution < -1:
            raise ValueError(f"method.resolution must be at least -1; got {self.resolution}")

    def skip(self, cfg: Config) -> str | None:
        """A problem without a classical solver."""
        if not cfg.problem.resolutions:
            return f"problem {cfg.problem.name} has no classical solver; choose another method"
        return None

    def solve(self, case: Case, cfg: Config, record: Record) -> Solution:
        """Solve once, with the solver warm."""
        import numpy as np

        from baselines.common.errors import UserError
        from baselines.pinn_pde.method import Solution

        problem, observations = case.problem, case.observations
        coarse, fine = problem.resolutions[0], problem.resolutions[-1]
        resolution = {0: fine, -1: coarse}.get(self.resolution, self.resolution)
        with record.timed("setup"):
            if problem.classical(coarse, observations) is None:
                raise UserError(
                    f"problem {problem.name} with these keys has no classical solver; choose another method"
                )
        begin = time.perf_counter()
        with record.timed("training"):
            found = problem.classical(resolution, observations)
        assert found is not None
        elapsed = time.perf_counter() - begin
        record.log(
            "history",
            iteration=1,
            elapsed_s=elapsed,
            evaluations=found.degrees_of_freedom,
            loss=0.0,
            error=case.error(found.predict),
            **found.unknowns,
        )
        return Solution(
            predict=found.predict,
            residual=None,
            points=np.empty((0, len(problem.domain().names))),
            parameters=found.degrees_of_freedom,
            trained=self.resolution >= 0,
            unknowns=found.unknowns,
            standard_errors=found.standard_errors,
            metrics={"degrees_of_freedom": float(found.degrees_of_freedom), "resolution": float(resolution)},
        )
