"""Self-scaled Broyden: a quasi-Newton method with the whole inverse Hessian."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from baselines.pinn_pde.methods._network import NetworkMethod

if TYPE_CHECKING:
    from baselines.pinn_pde.objective import Objective
    from baselines.pinn_pde.training import Optimizing

UPDATES = ("ssbroyden", "ssbfgs", "bfgs")


@dataclass
class Method(NetworkMethod):
    """Self-scaled Broyden (dense inverse Hessian, strong Wolfe) on the project's own network, points by residual.

    Double precision matters: the default dtype is float64. Source: Al-Baali, Spedicato and Maggioni 2014; for PINNs
    Urban, Stefanou and Pons 2025, Kiyani et al. 2025.
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {"iterations": 20, "every": 10, "period": 10, "width": 8, "points": 100},
        "paper": {"iterations": 20000},
    }

    update: str = "ssbroyden"  # update formula: ssbroyden, ssbfgs or bfgs
    sampling: str = "rad"  # where the points go while training: fixed, uniform, rar or rad
    iterations: int = 3000  # of the optimizer, in each window
    every: int = 100  # iterations between two rows of the history; divides period

    def __post_init__(self) -> None:
        """Check the keys.

        Raises:
            ValueError: With one line that says which key is wrong and what would be right.
        """
        super().__post_init__()
        if self.update not in UPDATES:
            raise ValueError(f"method.update must be one of {', '.join(UPDATES)}; got {self.update!r}")

    def optimizing(self, objective: Objective) -> Optimizing:
        """`SSBroyden` on the scalar loss."""
        from baselines.pinn_pde.optimizers.ssbroyden import SSBroyden
        from baselines.pinn_pde.training import Optimizing

        optimizer = SSBroyden(objective.parameters(), update=self.update)
        return Optimizing.by_closure(optimizer, objective, chunked=True)
