"""Adam on the project's own network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from baselines.pinn_pde.methods._network import NetworkMethod

if TYPE_CHECKING:
    from baselines.pinn_pde.objective import Objective
    from baselines.pinn_pde.training import Optimizing


@dataclass
class Method(NetworkMethod):
    """Adam on the project's own network: first order, with any choice of points, weights and windows.

    The learning rate falls exponentially to `final_rate` times its start over the iterations.
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {"iterations": 40, "every": 20, "period": 20, "width": 8, "points": 100},
        "paper": {"iterations": 50000},
    }

    learning_rate: float = 3e-3  # at the start
    final_rate: float = 0.01  # learning rate at the end, as a share of that at the start
    iterations: int = 5000  # of the optimizer, in each window
    every: int = 100  # iterations between two rows of the history; divides period

    def __post_init__(self) -> None:
        """Check the keys.

        Raises:
            ValueError: With one line that says which key is wrong and what would be right.
        """
        super().__post_init__()
        if self.learning_rate <= 0 or not 0 < self.final_rate <= 1:
            raise ValueError(
                "method.learning_rate must be positive and method.final_rate in (0, 1]; got "
                f"{self.learning_rate}, {self.final_rate}"
            )

    def optimizing(self, objective: Objective) -> Optimizing:
        """Torch's Adam, one full batch a step."""
        from baselines.pinn_pde.training import falling_adam

        return falling_adam(objective, self.learning_rate, self.final_rate, self.iterations)
