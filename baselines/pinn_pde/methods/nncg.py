"""NysNewton-CG after Adam and L-BFGS, as DeepXDE has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from baselines.pinn_pde.methods.adam_lbfgs import Method as AdamLBFGS

if TYPE_CHECKING:
    from baselines.common.record import Record
    from baselines.pinn_pde.config import Config
    from baselines.pinn_pde.deepxde_model import PINN
    from baselines.pinn_pde.deepxde_training import History
    from baselines.pinn_pde.method import Case, Solution


@dataclass
class Method(AdamLBFGS):
    """Adam, then L-BFGS, then NysNewton-CG (DeepXDE): Newton steps by preconditioned conjugate gradients.

    Each step solves $(H + mu I) d = g$ with the Hessian H by conjugate gradients, preconditioned by a Nystrom
    approximation of H of low rank, and goes along -d with an Armijo line search. The damping has to exceed the negative
    curvature, else d is no direction of descent and the line search ends in a step of length zero. Defaults are
    DeepXDE's but for the limit of the conjugate gradients (1,000 there), so that a step costs about a second. Forward
    problems only. Source: Rathore et al., ICML 2024.
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {
            "adam_iterations": 40,
            "lbfgs_iterations": 20,
            "every": 20,
            "nncg_iterations": 2,
            "rank": 5,
            "cg_iterations": 5,
        },
        "paper": {
            "adam_iterations": 11000,
            "lbfgs_iterations": 30000,
            "nncg_iterations": 2000,
            "width": 200,
            "rank": 60,
            "cg_iterations": 1000,
        },
    }

    lbfgs_iterations: int = 2000  # limit of L-BFGS, which in float32 may stop before; 0 leaves it out
    nncg_iterations: int = 30  # Newton steps
    rank: int = 50  # of the preconditioner
    mu: float = 0.1  # damping of the Hessian
    update_every: int = 20  # Newton steps between two preconditioners
    cg_iterations: int = 100  # limit of conjugate-gradient steps, one Hessian-vector product each

    def __post_init__(self) -> None:
        """Check the keys.

        Raises:
            ValueError: With one line that says which key is wrong and what would be right.
        """
        super().__post_init__()
        for key in ("nncg_iterations", "rank", "update_every", "cg_iterations"):
            if getattr(self, key) < 1:
                raise ValueError(f"method.{key} must be at least 1; got {getattr(self, key)}")
        if self.mu <= 0:
            raise ValueError(f"method.mu must be positive; got {self.mu}")

    def skip(self, cfg: Any) -> str | None:
        """DeepXDE puts unknowns into a second group of parameters, which its NNCG refuses."""
        if cfg.problem.unknowns():
            return f"problem={cfg.problem.name} has unknowns, which DeepXDE's NNCG cannot move"
        return None

    def solve(self, case: Case, cfg: Config, record: Record) -> Solution:
        """Build and train the network, log the history, return the parameters of lowest training loss."""
        with record.timed("setup"):  # mostly the import of deepxde
            from baselines.pinn_pde import deepxde_run
            from baselines.pinn_pde.deepxde_training import train_adam, train_lbfgs, train_nncg

        def stages(pinn: PINN, history: History) -> dict[str, int]:
            done = {"adam": self.adam_iterations, "lbfgs": 0, "nncg": self.nncg_iterations}
            if self.adam_iterations:
                train_adam(pinn, history, self.adam_iterations, self.learning_rate, self.every)
            if self.lbfgs_iterations:
                done["lbfgs"] = train_lbfgs(pinn, history, self.lbfgs_iterations, self.every, self.memory)
            train_nncg(
                pinn,
                history,
                self.nncg_iterations,
                max(1, self.nncg_iterations // 20),
                rank=self.rank,
                mu=self.mu,
                update_every=self.update_every,
                cg_iterations=self.cg_iterations,
            )
            return done

        return deepxde_run.solve(
            case,
            cfg,
            record,
            layers=[self.width] * self.depth,
            activation=self.activation,
            stages=stages,
            total=self.adam_iterations + self.lbfgs_iterations + self.nncg_iterations,
            trained=self.lbfgs_iterations >= 1000 and self.adam_iterations >= 1000,
        )
