"""Fit of L(N, D) = E + A/N^alpha + B/D^beta to a table of runs, with bootstrap intervals."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from baselines.common.config import check_at_least, check_choice
from baselines.scaling_law.studies import _tables
from baselines.scaling_law.studies._tables import RunColumns

if TYPE_CHECKING:
    from baselines.common.record import Outcome, Record
    from baselines.scaling_law.config import Config
    from baselines.scaling_law.parametric_fit import Fit, LogRuns
    from baselines.scaling_law.runs_table import RunsTable
    from baselines.scaling_law.studies._chinchilla_claims import Found

LOST_CONSTANT = -2.3  # log of the share of the smallest loss below which E is as good as zero
FEWEST_RUNS = 10  # five parameters, and bootstrap resamples that leave out a third of the runs


@dataclass
class Study:
    """Fit of L(N, D) = E + A/N^alpha + B/D^beta to a table of runs, with bootstrap.

    N parameters, D tokens, L loss; Huber loss of the log residuals, minimised from many starts (BFGS) and, as a check,
    by variable projection. Bootstrap over runs, likelihood profile of E, compute-optimal allocation.
    Hoffmann et al. (2022), arXiv:2203.15556; Besiroglu et al. (2024), arXiv:2404.10102.
    """

    table: str = _tables.EPOCH  # CSV with one run a line: an absolute path, or one in data_dir or in this folder
    columns: RunColumns = field(default_factory=RunColumns)  # names of the columns: study.columns.n, .d or .c, .loss
    where: list[str] = field(default_factory=list)  # only rows with these texts, for example [condition:raw_loss]
    best_of_repeats: bool = False  # of runs with the same N and D keep the one of smallest loss (tuned learning rate)
    drop_largest_losses: int | None = None  # runs of largest loss left out; null: 5 of the published table, else none
    drop_bad_rows: bool = False  # leave out (and report) rows that cannot be used, instead of refusing the table
    delta: float = 0.001  # log residual at which the Huber loss turns from quadratic to linear
    starts: int = 60  # starting points out of the 4500 of Hoffmann et al.'s grid
    bootstraps: int = 500  # resampled tables
    profile_points: int = 41  # values of E at which the other parameters are fitted again
    early_stop: str = "mean"  # the fit that stops early, as published, minimises the mean or the sum

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {"starts": 20, "bootstraps": 40, "profile_points": 15},
        "paper": {"starts": 4500, "bootstraps": 4000, "profile_points": 81},
    }

    def __post_init__(self) -> None:
        """Check every key."""
        if self.columns.d is None and self.columns.c is None:
            raise ValueError("study.columns.d (tokens) or study.columns.c (compute) must name a column; both are null")
        if self.drop_largest_losses is not None and self.drop_largest_losses < 0:
            raise ValueError(f"study.drop_largest_losses must not be negative; got {self.drop_largest_losses}")
        if not self.delta > 0:
            raise ValueError(f"study.delta must be positive; got {self.delta}")
        if not 1 <= self.starts <= 4500:
            raise ValueError(f"study.starts must be from 1 to 4500; got {self.starts}")
        check_at_least("study.bootstraps", self.bootstraps, 2)
        check_at_least("study.profile_points", self.profile_points, 5)
        check_choice("study.early_stop", self.early_stop, ("mean", "sum"))
        _tables.filters(self.where)

    @property
    def dropped(self) -> int:
        """Runs of largest loss that are left out."""
        return _tables.dropped(self.table, self.drop_largest_losses)

    @property
    def is_published(self) -> bool:
        """Whether table and objective are those of Besiroglu et al., so that their numbers must come out."""
        same_table = self.table == _tables.EPOCH and self.columns == RunColumns() and not self.where
        same_runs = self.dropped == _tables.DROPPED_BY_EPOCH and not self.best_of_repeats
        return same_table and same_runs and self.delta == 0.001

    def inputs(self, cfg: "Config") -> list[Path]:
        """The user's table: when its content changes, its record counts no more."""
        return _tables.inputs(cfg.data_dir, self.table)

    def run(self, cfg: "Config", record: "Record") -> "Outcome":
        """Read, fit, resample, compare."""
        import numpy as np

        from baselines.common import compute
        from baselines.common.record import Outcome
        from baselines.scaling_law import parametric_fit as pf
        from baselines.scaling_law import profile_likelihood, variable_projection
        from baselines.scaling_law.studies import _chinchilla_claims as claims

        table, digest, left_out = self._read(cfg.data_dir)
        kept = table.without_largest_losses(self.dropped)
        runs = kept.logs()
        with record.timed("fit"):
            starts = pf.grid_starts(self.starts, compute.numpy_generator(cfg.seed, "starts"))
            fits = pf.fit_from_starts(runs, starts, self.delta)
        best = fits[0]
        with record.timed("projection"):
            projected = variable_projection.fit_huber(runs, self.delta)
            recovery = variable_projection.recovery_error(runs, claims.LAWS_TO_RECOVER)
        with record.timed("bootstrap"):
            resampled, early = self._bootstrap(cfg, record, runs, best)
        laws = np.array([fit.law.logs for fit in resampled])
        with record.timed("profile"):
            values = np.linspace(*claims.profile_range(best.law.E, laws, float(kept.loss.min())), self.profile_points)
            profile = profile_likelihood.profile(runs, best, values, self.delta)
        found = claims.Found(
            rows=len(table),
            left_out=left_out,
            fits=fits,
            early=pf.fit_stopping_early(runs, claims.published.HOFFMANN.logs, self.delta, self.early_stop),
            bootstrap=laws,
            unconverged=sum(fit.status is pf.FitStatus.STOPPED for fit in resampled),
            early_bootstrap=np.array([fit.law.logs for fit in early]),
            projected=projected,
            recovery=recovery,
            profile=profile,
        )
        record.save(table_sha256=digest, **self._curves(found, kept, runs))
        record.table("runs", line=kept.lines, parameters=kept.parameters, tokens=kept.tokens, loss=kept.loss,
                     fitted_loss=best.law.loss(kept.parameters, kept.tokens))  # fmt: skip
        return Outcome(claims.metrics(found, runs, self.delta), claims.claims(self, found, kept), parameters=5)

    def _curves(self, found: "Found", kept: "RunsTable", runs: "LogRuns") -> dict[str, Any]:
        """What the figure is drawn from."""
        from baselines.scaling_law import parametric_fit as pf
        from baselines.scaling_law.published_laws import HOFFMANN

        best = found.best
        stopping = {
            f"objective_stopping_{reduction}": pf.fit_stopping_early(runs, HOFFMANN.logs, self.delta, reduction).path
            for reduction in ("mean", "sum")
        }
        return stopping | {
            "parameters": kept.parameters,
            "tokens": kept.tokens,
            "loss": kept.loss,
            "fitted_loss": best.law.loss(kept.parameters, kept.tokens),
            "fitted": best.law.logs,
            "bootstrap": found.bootstrap,
            "early_bootstrap": found.early_bootstrap,
            "objective_converging": pf.fit(runs, HOFFMANN.logs, self.delta).path,
            "profile_E": found.profile.values,
            "profile_deficit": found.profile.deficit,
            "start_objectives": [fit.objective for fit in found.fits],
        }

    def _read(self, data_dir: str) -> "tuple[RunsTable, str, int]":
        """The table, checked; the digest of its file; the number of rows left out."""
        import numpy as np

        from baselines.common.errors import UserError
        from baselines.scaling_law.runs_table import runs_of

        where = _tables.filters(self.where)
        read = _tables.read(data_dir, self.table, self.columns.wanted, where, drop_bad_rows=self.drop_bad_rows)
        columns = read.columns
        if self.best_of_repeats:
            columns = columns.smallest("loss", by=("n", self.columns.third))
        table = runs_of(columns)
        if len(table) - self.dropped < FEWEST_RUNS:
            dropped = f", of which study.drop_largest_losses={self.dropped} are left out" if self.dropped else ""
            has = f"{read.path.name} has {len(table)}{dropped}"
            raise UserError(f"a fit of five parameters needs at least {FEWEST_RUNS} runs; {has}")
        for name, values in (("model sizes", table.parameters), ("numbers of tokens", table.tokens)):
            _tables.require_at_least(read.path, len(np.unique(values)), 3, "the fit", f"different {name}")
        return table, read.sha256, len(read.columns.bad_rows)

    def _bootstrap(
        self, cfg: "Config", record: "Record", runs: "LogRuns", best: "Fit"
    ) -> "tuple[list[Fit], list[Fit]]":
        """Refits of resampled tables: converged ones, and on the same tables ones that stop early."""
        from baselines.common import compute
        from baselines.scaling_law import bootstrap
        from baselines.scaling_law import parametric_fit as pf
        from baselines.scaling_law.published_laws import HOFFMANN

        # a fit that lost E would not find it again: the gradient in log E vanishes there
        start = best.law.logs
        start[2] = max(start[2], float(runs.loss.min()) + LOST_CONSTANT)
        converged, early = [], []
        generator = compute.numpy_generator(cfg.seed, "bootstrap")
        with record.progress(self.bootstraps, "bootstrap") as tick:
            for rows in bootstrap.resamples(len(runs), self.bootstraps, generator):
                resampled = runs.take(rows)
                converged.append(pf.fit(resampled, start, self.delta))
                early.append(pf.fit_stopping_early(resampled, HOFFMANN.logs, self.delta, self.early_stop))
                tick(1, exponent=converged[-1].law.compute_exponent)
        return converged, early
