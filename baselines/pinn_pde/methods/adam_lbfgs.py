"""The common baseline: a small tanh network, Adam first, then L-BFGS, through DeepXDE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from baselines.common.record import Record
    from baselines.pinn_pde.config import Config
    from baselines.pinn_pde.method import Solution
    from baselines.pinn_pde.problem import Observations, PDEProblem

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

    def solve(self, problem: PDEProblem, observations: Observations | None, cfg: Config, record: Record) -> Solution:
        """Build and train the network, log the history, return the parameters of lowest training loss."""
        from baselines.common.compute import numpy_generator, subseed, torch_device
        from baselines.pinn_pde.method import Solution

        with record.timed("setup"):  # mostly the import of deepxde
            from baselines.pinn_pde.deepxde_model import PINN, session
            from baselines.pinn_pde.deepxde_training import History, train_adam, train_lbfgs

        device = torch_device(cfg)
        fresh = problem.domain().sample(problem.num_domain, numpy_generator(cfg.seed, "monitor"))
        with session(subseed(cfg.seed, "points"), device, cfg.dtype):
            with record.timed("data"):
                pinn = PINN(
                    problem,
                    [self.width] * self.depth,
                    self.activation,
                    observations=observations,
                    monitor=fresh,
                    point_seed=subseed(cfg.seed, "points"),
                    network_seed=subseed(cfg.seed, "network"),
                    device=device,
                )
            total = self.adam_iterations + self.lbfgs_iterations
            with record.timed("training"), record.progress(total, "training") as tick:
                before = 0

                def on_row(iteration: int, row: dict[str, float]) -> None:
                    nonlocal before
                    record.log("history", iteration=iteration, **row)
                    tick(iteration - before, loss=row["loss"])
                    before = iteration

                history, quasi_newton = History(pinn, on_row), 0
                if self.adam_iterations:
                    train_adam(pinn, history, self.adam_iterations, self.learning_rate, self.every)
                if self.lbfgs_iterations:
                    quasi_newton = train_lbfgs(pinn, history, self.lbfgs_iterations, self.every, self.memory)
            pinn.load(history.best_state)

        iterations = self.adam_iterations + quasi_newton
        return Solution(
            predict=pinn.predict,
            residual=pinn.residual,
            points=pinn.points,
            parameters=sum(parameter.numel() for parameter in pinn.parameters()),
            trained=self.lbfgs_iterations >= 1000 and self.adam_iterations >= 1000,
            unknowns={name: float(value.detach()) for name, value in pinn.unknowns.items()},
            metrics={
                "loss": history.best_loss,
                "adam_iterations": float(self.adam_iterations),
                "lbfgs_iterations": float(quasi_newton),
                "iterations": float(iterations),
            },
        )
