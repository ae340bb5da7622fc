"""The Deep Ritz method: minimise the energy instead of the residual."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from baselines.pinn_pde.methods._network import NetworkMethod

if TYPE_CHECKING:
    from baselines.pinn_pde.objective import Objective
    from baselines.pinn_pde.training import Optimizing


@dataclass
class Method(NetworkMethod):
    """Deep Ritz: Adam on the energy at fresh random points, for elliptic problems.

    Monte-Carlo integration limits it: the error of the energy falls like the square root of the number of points seen.
    Source: W. E and B. Yu 2018.
    """

    EXAMPLE: ClassVar[tuple[str, ...]] = ("problem=poisson2d",)  # the default problem minimises no energy
    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {"iterations": 40, "every": 20, "period": 20, "width": 8, "points": 100},
        "paper": {"iterations": 50000},
    }

    learning_rate: float = 3e-3  # at the start; it falls exponentially
    final_rate: float = 0.01  # learning rate at the end, as a share of that at the start
    sampling: str = "uniform"  # where the points go while training: uniform (fresh ones), or fixed
    iterations: int = 5000  # of Adam
    period: int = 10  # iterations between two changes of points
    every: int = 10  # iterations between two rows of the history; divides period

    def skip(self, cfg: Any) -> str | None:
        """Only problems that minimise an energy, and what integrates it without bias."""
        if type(cfg.problem).energy is _no_energy():
            return f"problem={cfg.problem.name} minimises no energy; method=deep_ritz needs one"
        if self.sampling not in ("uniform", "fixed") or self.weighting != "none":
            return "method=deep_ritz integrates the energy: method.sampling must be uniform or fixed, weighting none"
        return super().skip(cfg)

    def objective(self, *args: Any) -> Objective:
        """Energy instead of residual."""
        from baselines.pinn_pde.energy import EnergyObjective

        return EnergyObjective(*args)

    def optimizing(self, objective: Objective) -> Optimizing:
        """Torch's Adam with a falling rate."""
        from baselines.pinn_pde.training import falling_adam

        return falling_adam(objective, self.learning_rate, self.final_rate, self.iterations)


def _no_energy() -> Any:
    from baselines.pinn_pde.problem import PDEProblem

    return PDEProblem.energy
