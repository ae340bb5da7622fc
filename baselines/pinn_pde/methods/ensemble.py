"""An ensemble of networks, each trained on observations with noise of its own added."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from baselines.pinn_pde.methods._network import NetworkMethod

if TYPE_CHECKING:
    from baselines.common.record import Record
    from baselines.pinn_pde.config import Config
    from baselines.pinn_pde.method import Case, Solution
    from baselines.pinn_pde.objective import Objective
    from baselines.pinn_pde.training import Optimizing


@dataclass
class Method(NetworkMethod):
    """Ensemble of Levenberg-Marquardt networks with perturbed data: their spread is the error bar.

    Member k sees y + sigma xi_k and starts from weights and points of its own (randomised maximum likelihood, exact for
    linear models with normal noise). Source: Lakshminarayanan et al. 2017 (deep ensembles); Y. Chen and D. S. Oliver,
    Mathematical Geosciences 2012 (perturbed observations).
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {"iterations": 4, "every": 2, "period": 2, "width": 8, "points": 100, "members": 2},
        "paper": {"members": 20},
    }
    CHECKPOINTS: ClassVar[bool] = False  # members are short; an interrupted ensemble starts again
    TRAINED: ClassVar[int] = 30

    members: int = 5  # networks
    sampling: str = "uniform"  # where the points go while training: fixed, uniform, rar or rad
    iterations: int = 100  # of Levenberg-Marquardt, for each member
    period: int = 10  # iterations between two changes of points and weights
    every: int = 10  # iterations between two rows of the history; divides period

    def __post_init__(self) -> None:
        """Check the keys.

        Raises:
            ValueError: With one line that says which key is wrong and what would be right.
        """
        super().__post_init__()
        if self.members < 2:
            raise ValueError(f"method.members must be at least 2, for a spread; got {self.members}")

    def optimizing(self, objective: Objective) -> Optimizing:
        """As `lm`."""
        from baselines.pinn_pde.training import levenberg_marquardt

        return levenberg_marquardt(objective, geodesic=True)

    def solve(self, case: Case, cfg: Config, record: Record) -> Solution:
        """Train the members one after the other; the mean is the solution, the spread gives the intervals."""
        with record.timed("setup"):
            from baselines.pinn_pde.ensemble import combined, perturbed
            from baselines.pinn_pde.marching import March
        found = []
        for k in range(self.members):
            member, data = perturbed(case, cfg, k)
            found.append(March(self, data, member, record, series=f"member_{k}" if k else "history").run())
        return combined(case.problem, found)
