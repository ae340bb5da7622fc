"""IsoFLOP analysis: the best number of tokens at each training budget, three ways, and how far it extrapolates."""

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from baselines.common.config import check_at_least, check_choice
from baselines.scaling_law.studies import _tables

if TYPE_CHECKING:
    from baselines.common.record import Outcome, Record
    from baselines.scaling_law.config import Config
    from baselines.scaling_law.isoflop_fit import Bias, IsoFlops, Method, Optima

FEWEST_BUDGETS = 3  # for the slope of the optimum and a residual
FEWEST_RUNS = 4  # of a budget: a parabola has three coefficients
EVERY = "every"
NAMES = ("all", "without_embedding", "without_embedding_and_head")
RAW_LOSS = ["condition:raw_loss"]  # the rows of Llama 3's table that are losses; the others repeat them in another form
SIMULATED_BUDGETS = (6e18, 1e22, 10)  # as in Llama 3: from, to, how many

log = logging.getLogger(__name__)


@dataclass(repr=False)
class Columns:
    """Names of the table's columns; of n, d and c two are needed."""

    n: str | None = None  # parameters N; null: N = C / (6 D)
    d: str | None = "tokens"  # training tokens D; null: D = C / (6 N)
    c: str | None = "budget"  # training compute C in FLOP; null: C = 6 N D
    loss: str = "loss"  # final loss

    def __repr__(self) -> str:
        """As `--help` shows it."""
        return f"{{n: {self.n or 'null'}, d: {self.d or 'null'}, c: {self.c or 'null'}, loss: {self.loss}}}"


@dataclass
class Study:
    """Compute-optimal tokens D*(C) ~ C^d by parabola, Akima and surface; bias; parameter counts.

    Runs of one budget C = 6 N D: the vertex of a parabola in log D ("approach 2"), the minimum of Akima's
    interpolation, or the surface L = E + A/N^alpha + B/D^beta by variable projection. Bootstrap within budgets. Beside
    it the bias of the parabola on a simulated surface, and the exponents of N* under three parameter counts.
    Hoffmann et al. (2022), arXiv:2203.15556; Llama 3 (2024), arXiv:2407.21783.
    """

    table: str = _tables.LLAMA3  # CSV with one run a line: an absolute path, or one in data_dir or in this folder
    columns: Columns = field(default_factory=Columns)  # names of the columns: study.columns.n, .d, .c (two), .loss
    where: list[str] | None = None  # only rows with these texts; null: condition:raw_loss of Llama 3's table, else all
    drop_bad_rows: bool = False  # leave out (and report) rows that cannot be used, instead of refusing the table
    tolerance: float = 0.05  # neighbouring values of C that differ by less than this share belong to one budget
    bootstraps: int = 500  # resampled tables, drawn within each budget
    target: float = 3.8e25  # budget in FLOP to which the allocation is extrapolated; Llama 3 was planned for 3.8e25
    convention: str = EVERY  # parameter count compared: every, all, without_embedding or without_embedding_and_head
    alpha: float = 0.465  # exponent of N of the simulated surface
    beta: float = 0.155  # exponent of D of the simulated surface
    half_widths: list[float] = field(default_factory=lambda: [0.5, 0.75, 1.0, 1.25, 1.5])  # grids, in decades of D
    points: int = 11  # runs at each budget of the simulation
    noise: float = 0.004  # standard deviation of the simulated log losses
    draws: int = 60  # draws of that noise

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {"bootstraps": 30, "draws": 6},
        "paper": {"bootstraps": 4000, "draws": 400},
    }

    def __post_init__(self) -> None:
        """Check every key."""
        if sum(name is not None for name in (self.columns.n, self.columns.d, self.columns.c)) < 2:
            raise ValueError("two of study.columns.n (parameters), .d (tokens) and .c (compute) must name a column")
        check_choice("study.convention", self.convention, (EVERY, *NAMES))
        check_at_least("study.bootstraps", self.bootstraps, 2)
        check_at_least("study.points", self.points, 3)
        check_at_least("study.draws", self.draws, 2)
        for key in ("target", "alpha", "beta"):
            if not getattr(self, key) > 0:
                raise ValueError(f"study.{key} must be positive; got {getattr(self, key)}")
        for key in ("noise", "tolerance"):
            check_at_least(f"study.{key}", getattr(self, key), 0)
        if not self.half_widths or not all(width > 0 for width in self.half_widths):
            raise ValueError(f"study.half_widths must be positive numbers; got {self.half_widths}")
        _tables.filters(self.rows)

    @property
    def rows(self) -> list[str]:
        """The rows that count, as `column:value`."""
        if self.where is not None:
            return self.where
        return RAW_LOSS if self.table == _tables.LLAMA3 else []

    @property
    def is_published(self) -> bool:
        """Whether the table is the one of Llama 3, so that its exponent must come out."""
        return self.table == _tables.LLAMA3 and self.columns == Columns() and self.rows == RAW_LOSS

    def inputs(self, cfg: "Config") -> list[Path]:
        """The user's table: when its content changes, its record counts no more."""
        return _tables.inputs(cfg.data_dir, self.table)

    def run(self, cfg: "Config", record: "Record") -> "Outcome":
        """Read, fit in three ways, resample, simulate, compare the counts."""
        from baselines.common import compute
        from baselines.common.record import Outcome
        from baselines.scaling_law.isoflop_fit import Method, optima
        from baselines.scaling_law.studies import _isoflop_claims as claims
        from baselines.scaling_law.studies import _isoflop_conventions as conventions

        runs, digest, left_out = self._read(cfg.data_dir)
        with record.timed("fit"):
            best = {method: optima(runs, method) for method in Method}
        with record.timed("bootstrap"):
            resampled, vertices = self._bootstrap(cfg, record, runs, best)
        with record.timed("simulation"):
            bias = self._simulate(compute.numpy_generator(cfg.seed, "noise"))
            exact = claims.noise_free(self.alpha, self.beta)
        counted = None
        if self.is_published:
            generator = compute.numpy_generator(cfg.seed, "conventions")
            chosen = NAMES if self.convention == EVERY else (self.convention,)
            with record.timed("conventions"):
                counted = conventions.compare(cfg.data_dir, chosen, self.bootstraps, generator)
        found = claims.Found(runs, best, resampled, vertices, bias, exact, counted, left_out)
        record.save(table_sha256=digest, **claims.curves(found, self.target))
        record.table("runs", **claims.table(found))
        return Outcome(claims.metrics(self, found), claims.claims(self, found), parameters=5)

    def _read(self, data_dir: str) -> "tuple[IsoFlops, str, int]":
        """The runs in budgets, checked; the digest of the file; the number of rows left out."""
        import numpy as np

        from baselines.scaling_law.isoflop_fit import IsoFlops, group_by_budget

        names = self.columns
        wanted = {key: name for key, name in (("n", names.n), ("d", names.d), ("c", names.c)) if name}
        where = _tables.filters(self.rows)
        read = _tables.read(
            data_dir, self.table, wanted | {"loss": names.loss}, where, drop_bad_rows=self.drop_bad_rows
        )
        columns = read.columns
        c = columns["c"] if "c" in wanted else 6 * columns["n"] * columns["d"]
        d = columns["d"] if "d" in wanted else c / (6 * columns["n"])
        _tables.require_at_least(read.path, len(columns), FEWEST_BUDGETS * FEWEST_RUNS, "an IsoFLOP analysis")
        budgets, group = group_by_budget(c, self.tolerance)
        usable = np.array([len(np.unique(d[group == number])) >= FEWEST_RUNS for number in range(len(budgets))])
        unit = f"budgets with {FEWEST_RUNS} or more different numbers of tokens (study.tolerance joins budgets)"
        _tables.require_at_least(read.path, int(usable.sum()), FEWEST_BUDGETS, "an IsoFLOP analysis", unit)
        kept = np.flatnonzero(usable[group])
        if len(kept) < len(columns):
            count = len(columns) - len(kept)
            log.warning("%d rows of %s lie in budgets of fewer than %d runs", count, read.path.name, FEWEST_RUNS)
        renumbered = (np.cumsum(usable) - 1)[group[kept]]
        runs = IsoFlops(budgets[usable], np.log(d[kept]), columns["loss"][kept], renumbered)
        return runs, read.sha256, len(columns.bad_rows) + len(columns) - len(kept)

    def _bootstrap(
        self, cfg: "Config", record: "Record", runs: "IsoFlops", best: "dict[Method, Optima]"
    ) -> "tuple[dict[Method, Any], Any]":
        """Exponent and intercept of each method on the same resampled tables, and the parabolas' vertices.

        Shapes [bootstraps, 2] and [bootstraps, budgets].
        """
        import numpy as np

        from baselines.common import compute
        from baselines.scaling_law import isoflop_fit as iso

        counts = iso.within_budgets(runs, self.bootstraps, compute.numpy_generator(cfg.seed, "bootstrap"))
        found = {method: np.empty((self.bootstraps, 2)) for method in iso.Method}
        *line, vertices = iso.bootstrap_parabola(runs, counts)
        found[iso.Method.PARABOLA] = np.stack(line, axis=1)
        law = best[iso.Method.SURFACE].law
        assert law is not None
        with record.progress(self.bootstraps, "bootstrap") as tick:
            for row, drawn in enumerate(counts):
                resampled = runs.take(iso.rows_of(drawn))
                for method in (iso.Method.AKIMA, iso.Method.SURFACE):
                    one = iso.optima(resampled, method, (law.alpha, law.beta))
                    found[method][row] = one.exponent, one.intercept
                tick(1)
        return found, vertices

    def _simulate(self, generator: Any) -> "Bias":
        """The parabola on a surface that is not symmetric."""
        import numpy as np

        from baselines.scaling_law.isoflop_fit import parabola_bias
        from baselines.scaling_law.studies._isoflop_claims import simulated_law

        law = simulated_law(self.alpha, self.beta)
        widths = np.log(10) * np.array(self.half_widths)
        compute = np.geomspace(*SIMULATED_BUDGETS)
        return parabola_bias(law, compute, widths, self.points, self.noise, self.draws, generator)
