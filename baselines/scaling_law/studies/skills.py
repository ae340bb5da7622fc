"""Multilinear skills: sigmoids of emergence and four scaling laws in closed form, beside gradient descent."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from baselines.common.config import check_at_least

if TYPE_CHECKING:
    import numpy as np

    from baselines.common.record import Outcome, Record
    from baselines.scaling_law.config import Config
    from baselines.scaling_law.multilinear_skills import Skills


@dataclass
class Study:
    """Emergence solved exactly: multilinear skills, R_k(t) = S / (1 + (S/R0 - 1) exp(-2 p_k S t)).

    Task frequencies p_k ~ k^-(1 + alpha); loss L = sum_k p_k (S - R_k)^2 / 2. Stochastic gradient descent on the first
    tasks beside the closed form, and the exponents of L in time and data alpha / (1 + alpha), in parameters alpha, in
    compute alpha / (2 + alpha). Nam, Fonseca, Lee, Mingard, Louis (2024), arXiv:2404.17563.
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {"tasks": 20, "last": 5, "modes": 10_000, "draws": 2, "data_draws": 3, "samples": 1000},
        "paper": {"draws": 16, "data_draws": 200, "samples": 1_000_000},
    }

    alpha: float = 0.6  # decay of the frequencies: p_k ~ k^-(1 + alpha)
    modes: int = 1_000_000  # tasks of the closed forms
    tasks: int = 200  # first tasks, trained by gradient descent
    last: int = 60  # training ends when this task is half learned
    target: float = 1.0  # S, strength of a learned skill
    start: float = 0.01  # R0, strength of a skill at the start
    step: float = 0.05  # step size times 2 p_1 S, the growth of the first skill in one step
    batch: int = 1024  # fresh samples a step; 0 is the whole population
    draws: int = 4  # trainings with different batches
    marks: int = 60  # times, evenly spaced in their logarithm, at which a training is looked at
    samples: int = 100_000  # largest data set
    data_draws: int = 24  # data sets of each size

    def __post_init__(self) -> None:
        """Check every key."""
        for key, low in (("modes", 100), ("tasks", 4), ("last", 2), ("draws", 2), ("data_draws", 2), ("marks", 10)):
            check_at_least(f"study.{key}", getattr(self, key), low)
        check_at_least("study.samples", self.samples, 1000)
        check_at_least("study.batch", self.batch, 0)
        if not 0 < self.alpha <= 3:
            raise ValueError(f"study.alpha must be above 0 and at most 3; got {self.alpha}")
        if not 0 < self.start < self.target:
            raise ValueError(f"study.start must be between 0 and study.target = {self.target}; got {self.start}")
        if not 0 < self.step <= 0.5:
            raise ValueError(f"study.step must be above 0 and at most 0.5, to follow gradient flow; got {self.step}")
        if not self.last <= self.tasks <= self.modes:
            raise ValueError(
                f"study.last <= study.tasks <= study.modes is needed; got {self.last}, {self.tasks}, {self.modes}"
            )

    def run(self, cfg: "Config", record: "Record") -> "Outcome":
        """Train, sample data sets, compare with the closed forms."""
        from baselines.common.record import Outcome
        from baselines.scaling_law.multilinear_skills import Skills
        from baselines.scaling_law.spectrum import binned_power_law
        from baselines.scaling_law.studies import _skills_claims as claims

        rows = binned_power_law(self.modes, 1 + self.alpha, 1 + self.alpha)
        skills = Skills(rows.eigenvalues / rows.trace, rows.counts, self.target, self.start)
        with record.timed("training"):
            times, strength = self._train(cfg, record, skills)
        with record.timed("data"):
            samples, data_loss = self._data(cfg)
        found = claims.compare(self, cfg, skills, times, strength, samples, data_loss)
        record.save(**found.curves)
        parameters = 2 * self.tasks
        return Outcome(found.metrics, claims.claims(self, found.metrics), parameters)

    def _train(self, cfg: "Config", record: "Record", skills: "Skills") -> "tuple[np.ndarray, np.ndarray]":
        """Times [m] and strengths of the first tasks [draws, m, tasks]."""
        import numpy as np

        from baselines.common import compute
        from baselines.scaling_law.multilinear_skills import descend

        rate = self.step / (2 * skills.frequency[0] * self.target)
        end = float(skills.time_learned(self.last, self.alpha)) / rate
        steps = np.unique(np.geomspace(1, max(end, 20), self.marks).round().astype(int)).tolist()
        frequency = self._frequencies()[: self.tasks]
        generator = compute.numpy_generator(cfg.seed, "batches")
        with record.progress(steps[-1], "gradient descent") as tick:
            strength = descend(
                frequency, self.target, self.start, rate, steps, self.draws, generator, self.batch, tick=tick
            )
        return rate * np.array(steps, dtype=float), strength

    def _data(self, cfg: "Config") -> "tuple[np.ndarray, np.ndarray]":
        """Sizes of data sets [m], and the loss after learning from drawn ones [draws, m]."""
        import numpy as np

        from baselines.common import compute
        from baselines.scaling_law.multilinear_skills import unseen

        sizes = np.unique(np.geomspace(10, self.samples, 17).round().astype(int))
        frequency = self._frequencies()
        missing = [
            unseen(frequency, sizes.tolist(), compute.numpy_generator(cfg.seed, "data", draw))
            for draw in range(self.data_draws)
        ]
        return sizes.astype(float), 0.5 * (self.target - self.start) ** 2 * np.array(missing)

    def _frequencies(self) -> "np.ndarray":
        from baselines.scaling_law.quanta import frequencies

        return frequencies(self.modes, self.alpha)
