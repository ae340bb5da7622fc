"""The common baseline: a small tanh network, Adam first, then L-BFGS, through DeepXDE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from baselines.common.record import Record
    from baselines.pinn_pde.config import Config
    from baselines.pinn_pde.deepxde_model import PINN
    from baselines.pinn_pde.deepxde_training import History
    from baselines.pinn_pde.method import Case, Solution

ACTIVATIONS = ("tanh", "sin", "silu")


@dataclass
class Method:
    """Adam, then L-BFGS (DeepXDE): the common baseline, fixed points, soft conditions.

    Network and learning rate are those of DeepXDE's Burgers example. Its 15,000 Adam iterations are cut to 1,000:
    L-BFGS makes better use of the minute.
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {"adam_iterations": 60, "lbfgs_iterations": 40, "every": 20},
        "paper": {"adam_iterations": 15000, "lbfgs_iterations": 15000},
    }

    depth: int = 3  # hidden layers
    width: int = 20  # neurons in each
    activation: str = "tanh"  # tanh, sin or silu; the residual needs two derivatives
    learning_rate: float = 1e-3  # of Adam
    adam_iterations: int = 1000  # full-batch steps of Adam
    lbfgs_iterations: int = 5000  # limit of L-BFGS, which in float32 may stop before; 0 leaves it out
    memory: int = 100  # pairs of vectors in L-BFGS's approximation of the inverse Hessian
    every: int = 50  # iterations between two rows of the history

    def __post_init__(self) -> None:
        """Check the keys.

        Raises:
            ValueError: With one line that says which key is wrong and what would be right.
        """
        for key, low in (("depth", 1), ("width", 1), ("memory", 1), ("every", 2)):
            if getattr(self, key) < low:
                raise ValueError(f"method.{key} must be at least {low}; got {getattr(self, key)}")
        for key in ("adam_iterations", "lbfgs_iterations"):
            if getattr(self, key) < 0:
                raise ValueError(f"method.{key} must be at least 0; got {getattr(self, key)}")
        if self.learning_rate <= 0:
            raise ValueError(f"method.learning_rate must be positive; got {self.learning_rate}")
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"method.activation must be one of {', '.join(ACTIVATIONS)}; got {self.activation!r}")

    def solve(self, case: Case, cfg: Config, record: Record) -> Solution:
        """Build and train the network, log the history, return the parameters of lowest training loss."""
        with record.timed("setup"):  # mostly the import of deepxde
            from baselines.pinn_pde import deepxde_run
            from baselines.pinn_pde.deepxde_training import train_adam, train_lbfgs

        def stages(pinn: PINN, history: History) -> dict[str, int]:
            quasi_newton = 0
            if self.adam_iterations:
                train_adam(pinn, history, self.adam_iterations, self.learning_rate, self.every)
            if self.lbfgs_iterations:
                quasi_newton = train_lbfgs(pinn, history, self.lbfgs_iterations, self.every, self.memory)
            return {"adam": self.adam_iterations, "lbfgs": quasi_newton}

        return deepxde_run.solve(
            case,
            cfg,
            record,
            layers=[self.width] * self.depth,
            activation=self.activation,
            stages=stages,
            total=self.adam_iterations + self.lbfgs_iterations,
            trained=self.lbfgs_iterations >= 1000 and self.adam_iterations >= 1000,
        )
