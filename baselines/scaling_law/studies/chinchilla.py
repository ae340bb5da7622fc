"""Fit of L(N, D) = E + A/N^alpha + B/D^beta to a table of runs, with bootstrap intervals."""

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from baselines.common.record import Outcome, Record
    from baselines.scaling_law.config import Config
    from baselines.scaling_law.parametric_fit import Fit, LogRuns
    from baselines.scaling_law.runs_table import RunsTable

EPOCH_TABLE = "scaling/epoch_chinchilla/svg_extracted_data.csv"
EPOCH_SHA256 = "193478df4e90f040016431996c45682659306840ecdadf83cfb9cd5ca0aa1b30"
EPOCH_SOURCE = (
    "the public repository github.com/epoch-research/analyzing-chinchilla (commit 9225883, data/svg_extracted_data.csv)"
)
FEWEST_RUNS = 10  # five parameters, and bootstrap resamples that leave out a third of the runs

log = logging.getLogger(__name__)


@dataclass(repr=False)
class Columns:
    """Names of the table's columns."""

    n: str = "Model Size"  # parameters N
    d: str | None = None  # training tokens D; null: D = C / (6 N)
    c: str | None = "Training FLOP"  # training compute C in FLOP; only read where there is no column of tokens
    loss: str = "loss"  # final loss in nats per token

    def __repr__(self) -> str:
        """As `--help` shows it."""
        return f"{{n: {self.n}, d: {self.d or 'null'}, c: {self.c or 'null'}, loss: {self.loss}}}"


@dataclass
class Study:
    """Fit of L(N, D) = E + A/N^alpha + B/D^beta to a table of runs, with bootstrap."""

    table: str = EPOCH_TABLE  # CSV with one run a line; a path inside data_dir, or an absolute one
    columns: Columns = field(default_factory=Columns)  # names of the columns: study.columns.n, .d or .c, .loss
    drop_largest_losses: int = 5  # runs of largest loss left out of the fit; Besiroglu et al. leave out 5
    drop_bad_rows: bool = False  # leave out (and report) rows that cannot be used, instead of refusing the table
    delta: float = 0.001  # log residual at which the Huber loss turns from quadratic to linear
    starts: int = 60  # starting points out of the 4500 of Hoffmann et al.'s grid
    bootstraps: int = 500  # resampled tables
    early_stop: str = "mean"  # the fit that stops early, as published, minimises the mean or the sum

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {"starts": 20, "bootstraps": 40},
        "paper": {"starts": 4500, "bootstraps": 4000},
    }

    def __post_init__(self) -> None:
        """Check every key."""
        if self.columns.d is None and self.columns.c is None:
            raise ValueError("study.columns.d (tokens) or study.columns.c (compute) must name a column; both are null")
        if self.drop_largest_losses < 0:
            raise ValueError(f"study.drop_largest_losses must not be negative; got {self.drop_largest_losses}")
        if not self.delta > 0:
            raise ValueError(f"study.delta must be positive; got {self.delta}")
        if not 1 <= self.starts <= 4500:
            raise ValueError(f"study.starts must be from 1 to 4500; got {self.starts}")
        if self.bootstraps < 2:
            raise ValueError(f"study.bootstraps must be at least 2; got {self.bootstraps}")
        if self.early_stop not in ("mean", "sum"):
            raise ValueError(f"study.early_stop must be mean or sum; got {self.early_stop!r}")

    @property
    def is_published(self) -> bool:
        """Whether table and objective are those of Besiroglu et al., so that their numbers must come out."""
        same_table = self.table == EPOCH_TABLE and self.columns == Columns()
        return same_table and self.drop_largest_losses == 5 and self.delta == 0.001

    def run(self, cfg: "Config", record: "Record") -> "Outcome":
        """Read, fit, resample, compare."""
        import numpy as np

        from baselines.common import compute
        from baselines.common.record import Outcome
        from baselines.scaling_law import parametric_fit as pf
        from baselines.scaling_law.published_laws import HOFFMANN
        from baselines.scaling_law.studies import _chinchilla_claims as claims

        table = self._read(cfg.data_dir)
        kept = table.without_largest_losses(self.drop_largest_losses)
        runs = kept.logs()
        with record.timed("fit"):
            starts = pf.grid_starts(self.starts, compute.numpy_generator(cfg.seed, "starts"))
            fits = pf.fit_from_starts(runs, starts, self.delta)
        best = fits[0]
        early = pf.fit_stopping_early(runs, HOFFMANN.logs, self.delta, self.early_stop)
        with record.timed("bootstrap"):
            resampled, early_resampled = self._bootstrap(cfg, record, runs, best)
        found = claims.Found(
            rows=len(table),
            bad_rows=len(table.bad_rows),
            best=best,
            same_optimum=sum(fit.objective < best.objective * (1 + 1e-6) for fit in fits) / len(fits),
            early=early,
            bootstrap=np.array([fit.law.logs for fit in resampled]),
            unconverged=sum(fit.status is pf.FitStatus.STOPPED for fit in resampled),
            early_bootstrap=np.array([fit.law.logs for fit in early_resampled]),
        )
        others = {
            reduction: pf.fit_stopping_early(runs, HOFFMANN.logs, self.delta, reduction).path
            for reduction in ("mean", "sum")
        }
        record.save(
            parameters=kept.parameters,
            tokens=kept.tokens,
            loss=kept.loss,
            fitted_loss=best.law.loss(kept.parameters, kept.tokens),
            fitted=best.law.logs,
            bootstrap=found.bootstrap,
            early_bootstrap=found.early_bootstrap,
            objective_converging=pf.fit(runs, HOFFMANN.logs, self.delta).path,
            objective_stopping_mean=others["mean"],
            objective_stopping_sum=others["sum"],
        )
        return Outcome(claims.metrics(found, runs, self.delta), claims.claims(self, found), parameters=5)

    def _read(self, data_dir: str) -> "RunsTable":
        """The table, checked."""
        import numpy as np

        from baselines.common.data import require
        from baselines.common.errors import UserError
        from baselines.scaling_law.runs_table import read_runs

        ours = self.table == EPOCH_TABLE
        source = EPOCH_SOURCE if ours else "wherever the table of study.table was kept"
        path = require(data_dir, self.table, source=source, sha256=EPOCH_SHA256 if ours else None)
        names = self.columns
        try:
            table = read_runs(path, names.n, names.d, names.c, names.loss)
        except (ValueError, OSError) as problem:
            raise UserError(f"study.table: {problem}") from problem
        if table.bad_rows:
            shown = "; ".join(f"line {row.line}: {row.reason}" for row in table.bad_rows[:5])
            more = f"; and {len(table.bad_rows) - 5} more" if len(table.bad_rows) > 5 else ""
            text = f"{path.name} has {len(table.bad_rows)} rows that cannot be used: {shown}{more}"
            if not self.drop_bad_rows:
                raise UserError(f"{text}; correct them, or leave them out with study.drop_bad_rows=true")
            log.warning(text)
        left = len(table) - self.drop_largest_losses
        if left < FEWEST_RUNS:
            raise UserError(
                f"a fit of five parameters needs at least {FEWEST_RUNS} runs; {path.name} has {len(table)}, "
                f"of which study.drop_largest_losses={self.drop_largest_losses} are left out"
            )
        for name, values in (("model sizes", table.parameters), ("numbers of tokens", table.tokens)):
            if (count := len(np.unique(values))) < 3:
                raise UserError(f"the fit needs at least 3 different {name}; {path.name} has {count}")
        return table

    def _bootstrap(
        self, cfg: "Config", record: "Record", runs: "LogRuns", best: "Fit"
    ) -> "tuple[list[Fit], list[Fit]]":
        """Refits of resampled tables: converged ones, and on the same tables ones that stop early."""
        from baselines.common import compute
        from baselines.scaling_law import bootstrap
        from baselines.scaling_law import parametric_fit as pf
        from baselines.scaling_law.published_laws import HOFFMANN

        converged, early = [], []
        generator = compute.numpy_generator(cfg.seed, "bootstrap")
        with record.progress(self.bootstraps, "bootstrap") as tick:
            for rows in bootstrap.resamples(len(runs), self.bootstraps, generator):
                resampled = runs.take(rows)
                converged.append(pf.fit(resampled, best.law.logs, self.delta))
                early.append(pf.fit_stopping_early(resampled, HOFFMANN.logs, self.delta, self.early_stop))
                tick(1, exponent=converged[-1].law.compute_exponent)
        return converged, early
