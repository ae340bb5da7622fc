"""How parameters, data and learning quality must grow together: frontier, matching law, optimal stopping."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from baselines.common.config import check_at_least

if TYPE_CHECKING:
    from baselines.common.record import Outcome, Record
    from baselines.scaling_law.config import Config
    from baselines.scaling_law.matching_law import Task

Array = np.ndarray
Curves = dict[str, Array]

SAMPLES, EASY_SAMPLES, FEATURES = (50, 100, 200, 400, 800), (100, 200, 400), (40, 80, 160, 320)
LADDER = (12, 17, 24, 34, 48, 67, 95, 134, 190, 268, 379, 512)


@dataclass
class Study:
    """Compute-optimal frontier, matching law p ~ n ~ delta^(-2/(a+b-1)), and when to stop on noisy labels.

    Modes of variance k^-b, target of variance k^-a on them; p random features, n data, gradient flow up to the time t
    at which its gradient norm is delta. Every exponent three times: formula, slope of the exact theory, simulation.
    """

    signal_decay: float = 2.0  # a of the hard task (a - 1 < b), which is simulated
    decay: float = 1.5  # b of the hard task
    harder_signal_decay: float = 1.5  # a of a second hard task, theory alone
    harder_decay: float = 1.25  # b of the second hard task
    easy_signal_decay: float = 4.0  # a of the easy task (a - 1 > b)
    easy_decay: float = 1.2  # b of the easy task
    noise: float = 1.0  # variance of the label noise where there is noise; the noise-free labels have 1.64
    modes: int = 10**15  # of the theory, in logarithmic bins
    theory_points: int = 9  # sizes at which the theory is evaluated along each law
    samples: list[int] = field(default_factory=lambda: list(SAMPLES))  # numbers of data simulated, hard task
    easy_samples: list[int] = field(default_factory=lambda: list(EASY_SAMPLES))  # the same for the easy task
    features: list[int] = field(default_factory=lambda: list(FEATURES))  # numbers of features simulated
    ladder: list[int] = field(default_factory=lambda: list(LADDER))  # numbers of features tried at fixed compute
    compute: list[float] = field(default_factory=lambda: [300.0, 1e4])  # range of compute p t of that ladder
    easy_compute: list[float] = field(default_factory=lambda: [50.0, 800.0])  # the same for the easy task
    triples: list[float] = field(default_factory=lambda: [3e5, 3e6, 3e7])  # compute p n t of the simulated optima
    ratio: int = 20  # simulated modes for each datum or feature
    draws: int = 10  # independent draws of the ladder
    easy_draws: int = 20  # independent draws of the easy task's features and data, which fluctuate most
    large_draws: int = 5  # independent draws of the hard task's features and data, of the optima, of the easy ladder

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {
            "modes": 10**6,
            "theory_points": 2,
            "samples": [10, 20],
            "easy_samples": [10, 20],
            "features": [10, 20],
            "ladder": [4, 6, 8, 11, 16, 23, 32, 45],
            "compute": [60.0, 120.0],
            "easy_compute": [20.0, 40.0],
            "triples": [1e3, 2e3],
            "draws": 3,
            "easy_draws": 3,
            "large_draws": 3,
        },
        "paper": {
            "theory_points": 17,
            "samples": [50, 100, 200, 400, 800, 1600],
            "easy_samples": [100, 200, 400, 800],
            "features": [40, 80, 160, 320, 640],
            "draws": 60,
            "easy_draws": 60,
            "large_draws": 30,
        },
    }

    def __post_init__(self) -> None:
        """Check every key."""
        for key in ("samples", "easy_samples", "features"):
            sizes = getattr(self, key)
            if len(sizes) < 2 or sizes != sorted(set(sizes)) or sizes[0] < 2:
                raise ValueError(f"study.{key} must be at least two different sizes, ascending; got {sizes}")
        if len(self.ladder) < 7 or self.ladder != sorted(set(self.ladder)) or self.ladder[0] < 1:
            raise ValueError(f"study.ladder must be at least seven different sizes, ascending; got {self.ladder}")
        for key in ("compute", "easy_compute", "triples"):
            values = getattr(self, key)
            if len(values) < 2 or values != sorted(set(values)) or not values[0] > 0:
                raise ValueError(f"study.{key} must be at least two positive values, ascending; got {values}")
            if "compute" in key and len(values) > 2:
                raise ValueError(f"study.{key} must be the two ends of a range; got {values}")
        for key, low in (("theory_points", 2), ("ratio", 5), ("modes", 1000)):
            check_at_least(f"study.{key}", getattr(self, key), low)
        for key in ("draws", "easy_draws", "large_draws"):
            check_at_least(f"study.{key}", getattr(self, key), 2)
        if not self.noise > 0:
            raise ValueError(f"study.noise must be positive; got {self.noise}")
        for prefix, hard in (("", True), ("harder_", True), ("easy_", False)):
            a, b = getattr(self, f"{prefix}signal_decay"), getattr(self, f"{prefix}decay")
            if not (a > 1 and b > 1 and a - 1 != b and (a - 1 < b) == hard):
                wanted = (
                    f"1 < {prefix}signal_decay < {prefix}decay + 1" if hard else "easy_signal_decay > easy_decay + 1"
                )
                raise ValueError(f"study needs {wanted} and decays above 1; got {a} and {b}")

    @property
    def tasks(self) -> "dict[str, Task]":
        """The three tasks by name."""
        from baselines.scaling_law.matching_law import Task

        return {
            "hard": Task(self.decay, self.signal_decay),
            "harder": Task(self.harder_decay, self.harder_signal_decay),
            "easy": Task(self.easy_decay, self.easy_signal_decay),
        }

    def run(self, cfg: "Config", record: "Record") -> "Outcome":
        """Follow the theory, simulate, compare."""
        from baselines.common import compute
        from baselines.common.errors import UserError
        from baselines.common.record import Outcome
        from baselines.scaling_law.studies import _matching_claims as claims
        from baselines.scaling_law.studies import _matching_measured as measured
        from baselines.scaling_law.studies import _matching_theory as theory

        with record.timed("theory"):
            followed, predicted = theory.followed(self), theory.at_simulated_sizes(self)
            surface, law = theory.surface(self)
        with record.timed("simulation"):
            drawn = self._simulate(cfg, record, predicted)
        with record.timed("statistics"):
            try:
                found = measured.measure(self, drawn, predicted, compute.numpy_generator(cfg.seed, "bootstrap"))
            except ValueError as problem:  # an optimum at the end of a simulated range
                raise UserError(
                    f"study.ladder and the budgets in compute do not suit each other: {problem}"
                ) from problem
        laws, checks = measured.laws(self, followed, found), measured.checks(self, predicted, found)
        record.save(
            samples=self.samples, easy_samples=self.easy_samples, features=self.features, ladder=self.ladder,
            **followed, **predicted, **surface, **found.curves, drawn_data_easy=drawn["data_easy"],
            drawn_parameters_easy=drawn["parameters_easy"],
        )  # fmt: skip
        record.table("exponents", **claims.table(laws))
        # Slopes are those of large sizes, and intervals those of enough draws.
        theory_counts = self.theory_points >= 5 and self.modes >= 10**13
        enough = self.draws >= 10 and self.easy_draws >= 20 and self.large_draws >= 5 and self.ratio >= 20
        points_count = enough and min(self.samples[0], self.easy_samples[0] / 2, self.features[0]) >= 40
        setting = f"{self.draws} draws, {self.easy_draws} of easy tasks, {self.large_draws} of data"
        return Outcome(
            claims.metrics(laws, checks) | theory.quality(surface, law),
            claims.claims(laws, checks, theory_counts, points_count, self.easy_draws, setting),
        )

    def _simulate(self, cfg: "Config", record: "Record", predicted: Curves) -> Curves:
        """All draws; arrays with one row a draw."""
        from baselines.common import compute
        from baselines.common.errors import Diverged
        from baselines.scaling_law.studies._matching_simulation import Simulation

        simulation = Simulation(
            self,
            predicted,
            lambda *names: compute.torch_generator(cfg.seed, *names),
            compute.torch_device(cfg),
            compute.torch_dtype(cfg),
        )
        plan = [
            (simulation.frontier, self.draws),
            (simulation.easy_frontier, self.large_draws),
            (simulation.easy, self.easy_draws),
            (simulation.hard, self.large_draws),
            (simulation.optima, self.large_draws),
        ]
        drawn: Curves = {}
        with record.progress(sum(count for _, count in plan), "draws") as tick:
            for simulate, count in plan:
                rows = []
                for draw in range(count):
                    rows.append(simulate(draw))
                    tick(1)
                drawn |= {name: np.stack([row[name] for row in rows]) for name in rows[0]}
        if bad := [name for name, values in drawn.items() if not (np.isfinite(values) & (values > 0)).all()]:
            raise Diverged(f"simulated {bad[0]} is not positive; errors this small need dtype=float64")
        return drawn
