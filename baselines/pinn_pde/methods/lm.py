"""Levenberg-Marquardt with geodesic acceleration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from baselines.pinn_pde.methods._network import NetworkMethod

if TYPE_CHECKING:
    from baselines.pinn_pde.objective import Objective
    from baselines.pinn_pde.training import Optimizing


@dataclass
class Method(NetworkMethod):
    """Levenberg-Marquardt (Gauss-Newton with damping and geodesic acceleration) on the project's own network.

    The whole Jacobian, points x parameters, is formed: meant for up to about 1,500 parameters. Unknowns of the equation
    are columns like any other, and the covariance of Gauss-Newton gives their standard errors.
    Source: Transtrum and Sethna 2012.
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {"iterations": 6, "every": 3, "period": 3, "width": 8, "points": 100},
        "paper": {"iterations": 2000},
    }
    TRAINED: ClassVar[int] = 30

    geodesic: bool = True  # second-order correction of each step
    sampling: str = "rad"  # where the points go while training: fixed, uniform, rar or rad
    iterations: int = 300  # of the optimizer, in each window
    period: int = 10  # iterations between two changes of points and weights
    every: int = 10  # iterations between two rows of the history; divides period

    def optimizing(self, objective: Objective) -> Optimizing:
        """`LevenbergMarquardt` on the residual vector."""
        from baselines.pinn_pde.training import levenberg_marquardt

        return levenberg_marquardt(objective, geodesic=self.geodesic)
