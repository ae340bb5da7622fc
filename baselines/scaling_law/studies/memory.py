"""Memory of linear state-space models: how many modes a kernel needs that forgets exponentially or as a power law."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from baselines.common.config import check_at_least

if TYPE_CHECKING:
    import numpy as np

    from baselines.common.record import Outcome, Record
    from baselines.scaling_law.config import Config
    from baselines.scaling_law.state_space import Fit, Kernel


@dataclass
class Study:
    """Memory of linear state-space models: modes needed for exponential and for power-law forgetting.

    Target y_T = int rho(s) x_(T-s) ds on white noise, model kernel sum_i c_i exp(-lambda_i t), continuous time, loss =
    L2 distance of the kernels in closed form. Rates between two bounds: error ~ exp(-2 pi K(k)/K'(k) m). Power law
    rho = (1+t)^-q: error ~ exp(-pi sqrt((2q-1) m)) if the rates may go to 0, m^-(q-1/2) if they may not. Reparametrised
    rates: Wang and Li (2023), arXiv:2311.14495.
    """

    q: float = 1.0  # the target forgets as (1 + t)^-q
    other_q: list[float] = field(default_factory=lambda: [0.75, 1.5])  # further power laws, errors only
    modes: list[int] = field(default_factory=lambda: [1, 2, 3, 4, 6, 8, 12, 16, 20, 24, 28, 32])  # numbers of modes m
    slowest: float = 0.01  # of the kernel that forgets exponentially: smallest rate
    fastest: float = 1.0  # its largest rate
    bounds: list[float] = field(default_factory=lambda: [0.1, 0.3, 1.0])  # smallest rates allowed to a bounded model
    horizons: list[float] = field(default_factory=lambda: [1e1, 1e2, 1e3, 1e4, 1e5, 1e6])  # where the power law ends
    level: float = 0.001  # relative error to be reached up to the horizon
    starts: int = 2  # starting points of each fit
    perturbation: float = 0.01  # size of the weight noise
    perturbations: int = 500  # draws of the weight noise, each with both signs
    time_step: float = 0.05  # h of the discretisation in the parametrisation 1 - 1/(w^2 + 1/2)

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {
            "other_q": [1.5], "modes": [1, 2, 4, 6], "bounds": [1.0], "horizons": [1e1, 1e3], "starts": 1, "level": 0.1,
            "perturbations": 20,
        },
        "paper": {"starts": 10, "perturbations": 5000},
    }  # fmt: skip

    def __post_init__(self) -> None:
        """Check every key."""
        for q in (self.q, *self.other_q):
            if not q > 0.5:
                raise ValueError(f"study.q and study.other_q must be above 0.5, for a kernel of finite norm; got {q}")
        if len(self.modes) < 4 or self.modes != sorted(set(self.modes)) or self.modes[0] < 1:
            raise ValueError(f"study.modes must be at least four different numbers, ascending; got {self.modes}")
        if not 0 < self.slowest < self.fastest:
            raise ValueError(f"0 < study.slowest < study.fastest is needed; got {self.slowest}, {self.fastest}")
        if not self.bounds or min(self.bounds) <= 0 or not self.horizons or min(self.horizons) < 1:
            raise ValueError(
                f"study.bounds must be positive and study.horizons at least 1; got {self.bounds}, {self.horizons}"
            )
        if not 0 < self.level < 1 or not self.perturbation > 0 or not self.time_step > 0:
            raise ValueError(
                "study.level must be between 0 and 1, study.perturbation and study.time_step positive; "
                f"got {self.level}, {self.perturbation}, {self.time_step}"
            )
        check_at_least("study.starts", self.starts, 1)
        check_at_least("study.perturbations", self.perturbations, 2)

    def run(self, cfg: "Config", record: "Record") -> "Outcome":
        """Fit every kernel with every number of modes, then disturb the weights."""
        import numpy as np

        from baselines.common import compute
        from baselines.common.record import Outcome
        from baselines.scaling_law import state_space as ssm
        from baselines.scaling_law.studies import _memory_claims as claims

        generator = compute.numpy_generator(cfg.seed, "starts")
        targets = {q: ssm.power_law_kernel(q) for q in (self.q, *self.other_q)}
        band = ssm.exponential_kernel(self.slowest, self.fastest)
        band_modes = [m for m in self.modes if m * ssm.exponential_rate(self.slowest, self.fastest) < 20]
        with record.timed("fits"), record.progress(len(targets) + 2, "kernels") as tick:
            free = {}
            for q, kernel in targets.items():
                free[q] = self._fits(kernel, self.modes, generator)
                tick(1, error=free[q][-1].error)
            target = targets[self.q]
            limited = [self._fits(target, self.modes, generator, bound) for bound in self.bounds]
            bounded = np.array([[fit.error for fit in fits] for fits in limited])
            tick(1)
            needed = np.array([self._needed(horizon, generator) for horizon in self.horizons])
            tick(1)
        exponential = self._fits(band, band_modes, generator)
        with record.timed("perturbations"):
            chosen = [fit for fit in free[self.q] if 2 <= len(fit.rates) <= claims.MOST_DISTURBED]
            disturbed = claims.disturb(self, targets[self.q], chosen, compute.numpy_generator(cfg.seed, "noise"))
        found = claims.Found(
            free, np.array(band_modes), np.array([fit.error for fit in exponential]), bounded, needed, disturbed
        )
        record.save(
            modes=np.array(self.modes),
            q=np.array(list(free)),
            error=np.array([[fit.error for fit in fits] for fits in free.values()]),
            slowest_rate=np.array([[fit.rates[0] for fit in fits] for fits in free.values()]),
            exponential_modes=found.band_modes,
            exponential_error=found.band_error,
            bounds=np.array(self.bounds),
            bounded_error=bounded,
            horizons=np.array(self.horizons),
            modes_needed=needed,
            modes_needed_leading_order=np.array([ssm.modes_needed(self.q, self.level, T) for T in self.horizons]),
            disturbed_modes=np.array([len(fit.rates) for fit in chosen]),
            **disturbed.arrays(),
        )
        intervals = compute.numpy_generator(cfg.seed, "intervals")
        parameters = 2 * self.modes[-1]
        measured = claims.metrics(self, found, intervals)
        return Outcome(measured, claims.claims(self, found, measured), parameters)

    def _fits(
        self, kernel: "Kernel", modes: list[int], generator: "np.random.Generator", bound: float | None = None
    ) -> "list[Fit]":
        from baselines.scaling_law.state_space import fit

        return [fit(kernel, m, generator, self.starts if bound is None else 1, bound) for m in modes]

    def _needed(self, horizon: float, generator: "np.random.Generator") -> float:
        """Modes, interpolated, that reach the level for the power law up to a horizon."""
        import numpy as np

        from baselines.scaling_law.state_space import cut_power_law_kernel, fit

        kernel, logs = cut_power_law_kernel(self.q, horizon), [0.0]  # no modes: relative error 1
        goal = np.log(self.level)
        while logs[-1] > goal and len(logs) <= 60:
            logs.append(float(np.log(fit(kernel, len(logs), generator, 1).error / kernel.norm)))
        if logs[-1] > goal:
            return float("nan")
        return len(logs) - 2 + (logs[-2] - goal) / (logs[-2] - logs[-1])
