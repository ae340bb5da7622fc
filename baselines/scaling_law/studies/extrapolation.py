"""Extrapolation audit: fit a scaling law below a compute budget, predict the runs above it."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from baselines.common.config import check_at_least
from baselines.scaling_law.studies import _tables
from baselines.scaling_law.studies._tables import RunColumns

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from baselines.common.record import Outcome, Record
    from baselines.scaling_law.config import Config
    from baselines.scaling_law.parametric_fit import LogRuns
    from baselines.scaling_law.studies._extrapolation_claims import Cut

FEWEST_TRAINING, FEWEST_TEST = 15, 3
SAME_BUDGET = 1e-6  # runs of one budget must not be parted by rounding


@dataclass
class Study:
    """Extrapolation audit: fit L(N, D) below a compute budget, predict the runs above it.

    L = E + A/N^alpha + B/D^beta is fitted (Huber loss of log residuals) to the runs of C = 6 N D below each cut. Beside
    the error: how far the test runs lie outside, coverage of 95 % intervals, error of random splits of model sizes.
    """

    table: str = _tables.EPOCH  # CSV with one run a line; a path inside data_dir, or one of your own
    columns: RunColumns = field(default_factory=RunColumns)  # names of the columns: study.columns.n, .d or .c, .loss
    where: list[str] = field(default_factory=list)  # only rows with these texts, for example [condition:raw_loss]
    drop_bad_rows: bool = False  # leave out (and report) rows that cannot be used, instead of refusing the table
    best_of_repeats: bool = False  # of runs with the same N and D keep the one of smallest loss (tuned learning rate)
    drop_largest_losses: int | None = None  # runs of largest loss left out; null: 5 of the published table, else none
    min_tokens_per_parameter: float = 0.0  # runs with a smaller D/N are left out as under-trained
    cuts: list[float] = field(default_factory=lambda: [1e20, 3e20, 1e21])  # budgets in FLOP: fit below, predict above
    delta: float = 0.001  # log residual at which the Huber loss turns from quadratic to linear
    starts: int = 20  # starting points of each fit, out of Hoffmann et al.'s grid of 4500
    bootstraps: int = 60  # resamples of the runs below each cut
    folds: int = 4  # random splits; each run is left out once, with all runs of its model size

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {"starts": 6, "bootstraps": 10, "folds": 2},
        "paper": {"starts": 500, "bootstraps": 1000, "folds": 10},
    }

    def __post_init__(self) -> None:
        """Check every key."""
        if self.columns.d is None and self.columns.c is None:
            raise ValueError("study.columns.d (tokens) or study.columns.c (compute) must name a column; both are null")
        _tables.filters(self.where)
        if not self.cuts or self.cuts != sorted(set(self.cuts)) or self.cuts[0] <= 0:
            raise ValueError(f"study.cuts must be positive and ascending; got {self.cuts}")
        if not self.delta > 0:
            raise ValueError(f"study.delta must be positive; got {self.delta}")
        check_at_least("study.drop_largest_losses", self.dropped, 0)
        for key, low in (("min_tokens_per_parameter", 0), ("bootstraps", 2), ("folds", 2)):
            check_at_least(f"study.{key}", getattr(self, key), low)
        if not 1 <= self.starts <= 4500:
            raise ValueError(f"study.starts must be from 1 to 4500; got {self.starts}")

    @property
    def dropped(self) -> int:
        """Runs of largest loss that are left out."""
        return _tables.dropped(self.table, self.drop_largest_losses)

    @property
    def is_published(self) -> bool:
        """Whether table, filters and objective are those of the goal of 1.2 %."""
        same_table = self.table == _tables.EPOCH and self.columns == RunColumns() and not self.where
        same_runs = self.dropped == _tables.DROPPED_BY_EPOCH and self.min_tokens_per_parameter == 0
        return same_table and same_runs and self.delta == 0.001

    def inputs(self, cfg: "Config") -> "list[Path]":
        """The user's own table decides the result too."""
        return _tables.inputs(cfg.data_dir, self.table)

    def run(self, cfg: "Config", record: "Record") -> "Outcome":
        """Audit every cut, then the random splits."""
        from baselines.common.record import Outcome
        from baselines.scaling_law.studies import _extrapolation_claims as claims

        runs = self._read(cfg.data_dir)
        with record.timed("cuts"), record.progress(len(self.cuts), "cuts") as tick:
            cuts = []
            for number, cut in enumerate(self.cuts):
                cuts.append(self._cut(cfg, runs, cut, number))
                tick(1, error=cuts[-1].errors.mean_absolute)
        with record.timed("random_splits"):
            random = self._random(cfg, runs)
        record.save(**claims.curves(runs, cuts, random))
        record.table("runs", **claims.rows(runs, cuts))
        return Outcome(claims.metrics(runs, cuts, random), claims.claims(self, runs, cuts, random), parameters=5)

    def _read(self, data_dir: str) -> "LogRuns":
        """The table, filtered as the keys say."""
        import numpy as np

        from baselines.scaling_law.runs_table import runs_of

        where = _tables.filters(self.where)
        read = _tables.read(data_dir, self.table, self.columns.wanted, where, drop_bad_rows=self.drop_bad_rows)
        columns = read.columns.smallest("loss", by=("n", self.columns.third)) if self.best_of_repeats else read.columns
        table = runs_of(columns)
        enough = table.tokens >= self.min_tokens_per_parameter * table.parameters
        left = int(enough.sum()) - self.dropped
        _tables.require_at_least(read.path, left, FEWEST_TRAINING + FEWEST_TEST, "the audit")
        return table.take(np.flatnonzero(enough)).without_largest_losses(self.dropped).logs()

    def _cut(self, cfg: "Config", runs: "LogRuns", cut: float, number: int) -> "Cut":
        """Fit below, predict above."""
        import numpy as np

        from baselines.common import compute
        from baselines.common.errors import UserError
        from baselines.scaling_law import extrapolation_audit as audit
        from baselines.scaling_law.studies._extrapolation_claims import Cut

        above = np.log(6) + runs.parameters + runs.tokens >= np.log(cut) - SAME_BUDGET
        if (~above).sum() < FEWEST_TRAINING or above.sum() < FEWEST_TEST:
            raise UserError(
                f"study.cuts: {cut:.3g} FLOP leaves {(~above).sum()} runs below and {above.sum()} above; "
                f"at least {FEWEST_TRAINING} and {FEWEST_TEST} are needed"
            )
        train, test = runs.take(np.flatnonzero(~above)), runs.take(np.flatnonzero(above))
        best = audit.best_fit(train, self.delta, self.starts, compute.numpy_generator(cfg.seed, "starts", number))
        try:
            flags = audit.flags(train, test)
        except ValueError as problem:
            raise UserError(f"study.table: {problem}") from problem
        drawn = {
            by_size: audit.intervals(
                train, test, best, self.delta, self.bootstraps,
                compute.numpy_generator(cfg.seed, "bootstrap", number, int(by_size)), by_size=by_size,
            )
            for by_size in (False, True)
        }  # fmt: skip
        resampled = self._resampled_error(cfg, audit.relative_errors(best.law, test), number)
        return Cut(cut, above, best, audit.errors(best.law, test), resampled, flags, drawn[False], drawn[True])

    def _resampled_error(self, cfg: "Config", errors: "np.ndarray", number: int) -> tuple[float, float]:
        """95 % bootstrap interval over the test runs of the mean absolute error."""
        import numpy as np

        from baselines.common import compute
        from baselines.scaling_law.bootstrap import interval

        generator = compute.numpy_generator(cfg.seed, "test runs", number)
        rows = generator.integers(0, len(errors), (1000, len(errors)))
        return interval(np.abs(errors)[rows].mean(1), 0.95)

    def _random(self, cfg: "Config", runs: "LogRuns") -> "np.ndarray":
        """Absolute relative error of every run when its model size is left out.  Shape [n]."""
        import numpy as np

        from baselines.common import compute
        from baselines.common.errors import UserError
        from baselines.scaling_law import extrapolation_audit as audit

        found = np.full(len(runs), np.nan)
        generator = compute.numpy_generator(cfg.seed, "random splits")
        try:
            for test in audit.random_splits(runs, self.folds, generator):
                best = audit.best_fit(runs.take(np.flatnonzero(~test)), self.delta, self.starts, generator)
                found[test] = np.abs(audit.relative_errors(best.law, runs.take(np.flatnonzero(test))))
        except ValueError as problem:
            raise UserError(f"study.folds: {problem}") from problem
        return found
