"""Ghorbani et al. (2019), Papyan (2020): the whole spectrum of the Hessian, its outliers, and how to estimate it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from baselines.common import compute
from baselines.common.config import check_at_least
from baselines.common.errors import Diverged
from baselines.common.record import Outcome, Record

if TYPE_CHECKING:
    from baselines.loss_landscape.config import Config
    from baselines.loss_landscape.objective import Objective


@dataclass
class Probe:
    """Hessian spectrum: Lanczos, density and trace estimates against the exact eigenvalues, outliers.

    The network is trained by gradient descent, then looked at. Up to `probe.oracle` parameters the Hessian is also
    written down and all its eigenvalues computed; for larger networks there are estimates without a reference. On
    `task=gaussian_mixture network.depth=1` one eigenvalue a class stands apart from the bulk.
    """

    USES: ClassVar[tuple[str, ...]] = ("task", "network")
    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {"steps": 20, "lanczos_steps": 30, "starts": 1, "repeats": 2, "trace_products": 30},
        "paper": {"starts": 20, "repeats": 100},
    }

    steps: int = 300  # steps of gradient descent before the measurement
    learning_rate: float = 0.2  # its step size
    lanczos_steps: int = 100  # products of each Lanczos run
    starts: int = 5  # random start vectors of the density
    trace_products: int = 90  # products of each estimate of the trace; a multiple of 6
    repeats: int = 20  # independent estimates of the trace, for its standard error
    oracle: int = 4000  # most parameters for which the exact spectrum is computed

    def __post_init__(self) -> None:
        """Check the keys."""
        for key in ("steps", "starts", "oracle"):
            check_at_least(f"probe.{key}", getattr(self, key), 0 if key == "oracle" else 1)
        check_at_least("probe.lanczos_steps", self.lanczos_steps, 25)  # the twenty largest and a bit
        check_at_least("probe.repeats", self.repeats, 2)
        if not self.learning_rate > 0:
            raise ValueError(f"probe.learning_rate must be positive; got {self.learning_rate}")
        if self.trace_products < 6 or self.trace_products % 6:
            raise ValueError(f"probe.trace_products must be a multiple of 6, as 30 or 90; got {self.trace_products}")

    def run(self, cfg: "Config", record: Record) -> Outcome:
        """Train, then estimate and compare."""
        from baselines.loss_landscape.spectrum_claims import claims
        from baselines.loss_landscape.spectrum_study import study

        objective = cfg.task.build(cfg)
        if objective.size <= max(self.trace_products, self.lanczos_steps):
            raise ValueError(f"the network has {objective.size} parameters only; take a larger one")
        with record.timed("training"), record.progress(self.steps, "training") as tick:
            self._train(objective, record, tick)
        with record.timed("spectrum"):
            found = study(objective, self, compute.subseed(cfg.seed, "spectrum"))
        record.save(**found.curves)
        return Outcome(found.metrics, claims(cfg, found.metrics), objective.size)

    def _train(self, objective: "Objective", record: Record, tick: Any) -> None:
        import torch

        from baselines.loss_landscape.train import train

        optimizer = torch.optim.SGD(objective.parameters, lr=self.learning_rate)
        try:
            for step, loss in enumerate(train(objective, optimizer, self.steps)):
                record.log("training", step=step, loss=loss)
                tick(1, loss=loss)
        except FloatingPointError as problem:
            raise Diverged(f"{problem}; a smaller probe.learning_rate may help") from problem
        record.log("training", step=self.steps, loss=float(objective.loss().item()))
