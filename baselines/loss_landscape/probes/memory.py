"""Li et al. (2021): the time to learn a memory grows exponentially with its length."""

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from baselines.common import compute
from baselines.common.claims import Claim
from baselines.common.config import check_at_least
from baselines.common.errors import Diverged
from baselines.common.record import Outcome, Record

if TYPE_CHECKING:
    from baselines.loss_landscape.config import Config
    from baselines.loss_landscape.memory import Weights

LI = "Li, Han, E and Li 2021 (arXiv:2009.07799), abstract"
ENOUGH_DELAYS, ENOUGH_SPAN = 5, 4.0  # a line through fewer or closer memory lengths says nothing


@dataclass
class Probe:
    """Curse of memory: training time of a linear RNN grows exponentially with the memory length.

    L = int_0^inf (c' exp(W t) b - rho(t))^2 dt with rho(t) = exp(-t) + exp(-(t - T)^2): the expected squared error
    for white noise, without any sampling. Gradient descent first learns exp(-t), then waits on a plateau
    until it finds the event T ago. Li, Han, E and Li (2021), arXiv:2009.07799.
    """

    USES: ClassVar[tuple[str, ...]] = ()
    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {"delays": [2.0, 3.0], "starts": 2, "steps": 60},
        "paper": {"delays": [3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0], "starts": 16, "steps": 20000},
    }

    delays: Any = field(
        default_factory=lambda: [3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    )  # memory lengths T, a list of at least 2
    units: int = 8  # units of the network, m
    starts: int = 4  # initial weights for each T, the same for all T
    spread: float = 0.1  # size of the random part of W = -I + spread * normal / sqrt(m)
    lr: float = 0.05  # step size of gradient descent
    adam_lr: float = 0.01  # step size of Adam, the contrast
    share: float = 0.8  # the event is found when the loss is below this share of its energy sqrt(pi/2)
    steps: int = 5000  # most steps of either method
    tolerance: float = 0.1  # Hankel-norm error for the number of units needed

    def __post_init__(self) -> None:
        """Check the keys; the memory lengths become floats."""
        for key in ("units", "starts", "steps"):
            check_at_least(f"probe.{key}", getattr(self, key), 1)
        for key in ("lr", "adam_lr", "spread", "tolerance"):
            if not getattr(self, key) > 0:
                raise ValueError(f"probe.{key} must be positive; got {getattr(self, key)}")
        if not 0 < self.share < 1:
            raise ValueError(f"probe.share must be between 0 and 1; got {self.share}")
        given = self.delays if isinstance(self.delays, list) else [self.delays]
        numbers = [value for value in given if type(value) in (int, float) and 0 < value <= 20]
        if len(given) < 2 or len(numbers) < len(given) or sorted(set(numbers)) != numbers:
            raise ValueError(
                f"probe.delays must be at least two rising numbers up to 20, as [3,5,7]; got {self.delays}"
            )
        self.delays = [float(value) for value in numbers]

    def run(self, cfg: "Config", record: Record) -> Outcome:
        """Train with both methods from the same weights, then count the units that are needed."""
        from torch.optim import SGD, Adam

        from baselines.loss_landscape.memory import units_needed

        builds = {"gd": partial(SGD, lr=self.lr), "adam": partial(Adam, lr=self.adam_lr)}
        arrivals = {}
        error = 0.0
        for name, build in builds.items():
            with record.timed(name):
                losses, weights = self._train(cfg, record, name, build)
            arrivals[name] = self._arrivals(losses)
            record.save(**{f"{name}.loss": losses.mean(axis=2), f"{name}.steps_to_event": arrivals[name]})
            error = max(error, self._quadrature_error(losses[-1], weights))
        units = [units_needed(delay, self.tolerance) for delay in self.delays]
        record.save(**{"delays": np.array(self.delays), "units_needed": np.array(units, dtype=float)})
        metrics, claims = self._outcome(arrivals)
        metrics["quadrature_error"] = error
        metrics["units_per_delay"] = float(np.polyfit(self.delays, units, 1)[0])
        size = self.units * (self.units + 2)
        return Outcome(metrics, claims, size)

    def _train(self, cfg: "Config", record: Record, name: str, build: Any) -> "tuple[np.ndarray, Weights]":
        """Losses [steps, delays, starts], and the last weights."""
        import torch

        from baselines.loss_landscape.memory import EVENT_ENERGY, KernelLoss, descend, initial_weights

        device, dtype = compute.torch_device(cfg), compute.torch_dtype(cfg)
        generator = compute.torch_generator(cfg.seed, "init")
        drawn = [initial_weights(self.units, self.spread, generator, dtype) for _ in range(self.starts)]
        copies = [torch.stack(kind * len(self.delays)) for kind in map(list, zip(*drawn, strict=True))]
        w, b, c = (copy.to(device).requires_grad_() for copy in copies)
        delays = torch.tensor(self.delays, dtype=dtype, device=device).repeat_interleave(self.starts)
        losses: list[np.ndarray] = []
        with record.progress(self.steps, name) as tick:
            try:
                for values in descend(KernelLoss(delays), (w, b, c), build, self.share * EVENT_ENERGY, self.steps):
                    losses.append(values.reshape(len(self.delays), self.starts))
                    tick(1, loss=float(values.max()))
            except FloatingPointError as problem:
                record.save(**{f"{name}.loss": np.array(losses).mean(axis=2) if losses else np.array([])})
                raise Diverged(f"{name}: {problem}") from problem
        return np.array(losses), (w.detach(), b.detach(), c.detach())

    def _arrivals(self, losses: np.ndarray) -> np.ndarray:
        """Steps until the event is found, [delays, starts]; infinity if it is not."""
        from baselines.loss_landscape.memory import EVENT_ENERGY

        below = losses < self.share * EVENT_ENERGY
        return np.where(below.any(axis=0), below.argmax(axis=0).astype(float), np.inf)

    def _quadrature_error(self, losses: np.ndarray, weights: "Weights") -> float:
        """Largest difference between the loss trained on and the closed form, at the last weights."""
        from baselines.loss_landscape.memory import exact_loss

        w, b, c = (part.cpu().numpy().astype(float) for part in weights)
        delays = np.repeat(self.delays, self.starts)
        exact = np.array([exact_loss(*row) for row in zip(w, b, c, delays, strict=True)])
        stable = np.isfinite(exact)
        return float(np.abs(exact - losses.flatten())[stable].max(initial=0.0))

    def _outcome(self, arrivals: dict[str, np.ndarray]) -> tuple[dict[str, float], list[Claim]]:
        from baselines.loss_landscape.memory import log_linear_fit

        metrics: dict[str, float] = {}
        fit: tuple[float, float] | None = None
        for name, steps in arrivals.items():
            means = np.exp(np.log(np.maximum(steps, 1)).mean(axis=1))
            found = np.isfinite(means)
            metrics |= {f"{name}_steps_{t:g}": m for t, m in zip(self.delays, means, strict=True) if np.isfinite(m)}
            if found.all():
                slope, r2 = log_linear_fit(np.array(self.delays), means)
                power = log_linear_fit(np.log(self.delays), means)[1]  # what a power law of T would explain
                metrics |= {f"{name}_slope": slope, f"{name}_r2": r2, f"{name}_power_law_r2": power}
                fit = (slope, r2) if name == "gd" else fit
            metrics[f"{name}_found"] = float(np.isfinite(steps).mean())
        return metrics, self._claims(fit)

    def _claims(self, fit: tuple[float, float] | None) -> list[Claim]:
        """Measured where there are enough memory lengths; an event that is never found makes both fail."""
        enough = len(self.delays) >= ENOUGH_DELAYS and self.delays[-1] - self.delays[0] >= ENOUGH_SPAN
        slope, r2 = fit or (float("nan"), float("nan"))
        setting = (
            f"{self.units} units, T = {', '.join(f'{delay:g}' for delay in self.delays)}, gradient descent with step"
            f" size {self.lr:g}, geometric mean of {self.starts} starts"
        )
        return [
            Claim(
                id="landscape.memory.exponential",
                statement="log(steps until the event is found) is a straight line in the memory length T: R^2"
                f" ({setting})",
                predicted=1.0,
                low=0.95,
                high=None,
                measured=r2 if enough else None,
                source=f"training plateaus exponentially long with memory: {LI}",
            ),
            Claim(
                id="landscape.memory.slope",
                statement=f"longer memories take longer: slope of that line for each unit of T ({setting})",
                predicted=None,
                low=0.0,
                high=None,
                measured=slope if enough else None,
                source=f"training plateaus exponentially long with memory: {LI}",
            ),
        ]
