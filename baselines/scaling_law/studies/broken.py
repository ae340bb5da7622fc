"""Broken power law: fit the small sizes, predict the largest, beside the authors' own procedure."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from baselines.common.config import check_at_least, check_choice
from baselines.scaling_law.studies import _tables

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from baselines.common.record import Outcome, Record
    from baselines.scaling_law.broken_law import BrokenFit, BrokenLaw
    from baselines.scaling_law.config import Config

SHIFTS = {"log1p": 1.0, "log": 0.0}


@dataclass(repr=False)
class Columns:
    """Names of the table's columns."""

    x: str = "train_size"  # the size that grows: data, parameters or compute
    y: str = "test_cross_entropy"  # the loss, positive

    def __repr__(self) -> str:
        """As `--help` shows it."""
        return f"{{x: {self.x}, y: {self.y}}}"


@dataclass
class Study:
    """Broken power law: fitted to the small sizes of a table, judged on the largest ones.

    y = a + b x^-c0 prod_i (1 + (x/d_i)^(1/f_i))^(-c_i f_i): at d_i the exponent grows by c_i within a factor e^f_i.
    Caballero, Gupta, Rish and Krueger (2023), arXiv:2210.14891. The default table is their addition of four digits.
    """

    table: str = _tables.BNSL  # CSV with one size a line; a path inside data_dir, or one of your own
    columns: Columns = field(default_factory=Columns)  # names of the columns: study.columns.x, .y
    drop_bad_rows: bool = False  # leave out (and report) rows that cannot be used, instead of refusing the table
    held_out: int = 3  # points of largest x that no fit sees
    breaks: int = 1  # breaks of the law
    objective: str = "log1p"  # squared residuals of log(1 + y), as the authors' program has it (log1p), or log y (log)
    starts: int = 30  # random starts of each fit
    bootstraps: int = 100  # resamples of the fitted points

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {"starts": 15, "bootstraps": 10},
        "paper": {"starts": 400, "bootstraps": 2000},
    }

    def __post_init__(self) -> None:
        """Check every key."""
        check_at_least("study.held_out", self.held_out, 1)
        check_at_least("study.breaks", self.breaks, 0)
        check_choice("study.objective", self.objective, tuple(SHIFTS))
        check_at_least("study.starts", self.starts, 1)
        check_at_least("study.bootstraps", self.bootstraps, 2)

    @property
    def is_published(self) -> bool:
        """Whether table, split and law are the authors'."""
        same = self.table == _tables.BNSL and self.columns == Columns()
        return same and self.held_out == 3 and self.breaks == 1

    def inputs(self, cfg: "Config") -> "list[Path]":
        """The user's own table decides the result too."""
        return _tables.inputs(cfg.data_dir, self.table)

    def run(self, cfg: "Config", record: "Record") -> "Outcome":
        """Fit, predict what was held out, resample."""
        from baselines.common import compute
        from baselines.common.record import Outcome
        from baselines.scaling_law import broken_law as bl
        from baselines.scaling_law.studies import _broken_claims as claims

        x, y = self._read(cfg.data_dir)
        fitted = slice(0, len(x) - self.held_out)
        with record.timed("fits"):
            fits = {
                name: bl.fit_from_starts(
                    x[fitted], y[fitted], breaks, self.starts, compute.numpy_generator(cfg.seed, "starts", name),
                    shift=SHIFTS[objective], constant=constant,
                )
                for name, breaks, objective, constant in self._variants()
            }  # fmt: skip
        with record.timed("reference"):
            reference = self._reference(x[fitted], y[fitted])
        best = fits[f"broken_{self.objective}"][0]
        with record.timed("bootstrap"):
            resampled, redrawn = self._bootstrap(cfg, record, x[fitted], y[fitted], best)
        found = claims.Found(x, y, len(x) - self.held_out, fits, reference, resampled, redrawn)
        record.save(**claims.curves(self, found))
        record.table("runs", **claims.rows(self, found))
        return Outcome(claims.metrics(self, found), claims.claims(self, found), parameters=len(best.law.theta))

    def _variants(self) -> list[tuple[str, int, str, bool]]:
        """Name, breaks, objective and whether there is a constant, of every fit."""
        broken = [(f"broken_{objective}", self.breaks, objective, True) for objective in SHIFTS]
        return [*broken, ("power", 0, self.objective, False), ("power_constant", 0, self.objective, True)]

    def _read(self, data_dir: str) -> "tuple[np.ndarray, np.ndarray]":
        """Sizes, ascending, and losses."""
        import numpy as np

        wanted = {"x": self.columns.x, "y": self.columns.y}
        read = _tables.read(data_dir, self.table, wanted, drop_bad_rows=self.drop_bad_rows)
        parameters = 3 + 3 * self.breaks
        what = f"a law of {parameters} parameters with study.held_out={self.held_out}"
        _tables.require_at_least(read.path, len(read.columns), parameters + 1 + self.held_out, what, "points")
        order = np.argsort(read.columns["x"], kind="stable")
        return read.columns["x"][order], read.columns["y"][order]

    def _reference(self, x: "np.ndarray", y: "np.ndarray") -> "BrokenLaw | None":
        """The authors' procedure; None if its local search fails."""
        from baselines.scaling_law.broken_law import reference

        try:
            return reference(x, y)
        except RuntimeError:
            return None

    def _bootstrap(
        self, cfg: "Config", record: "Record", x: "np.ndarray", y: "np.ndarray", best: "BrokenFit"
    ) -> "tuple[list[BrokenFit], int]":
        """Refits of resampled points from the optimum; resamples with too few different points are drawn again."""
        import numpy as np

        from baselines.common import compute
        from baselines.scaling_law import broken_law as bl

        generator = compute.numpy_generator(cfg.seed, "bootstrap")
        fits: list[BrokenFit] = []
        drawn = 0
        with record.progress(self.bootstraps, "bootstrap") as tick:
            while len(fits) < self.bootstraps:
                rows = generator.integers(0, len(x), len(x))
                drawn += 1
                enough = len(np.unique(rows)) > len(best.law.theta) or drawn > 100 * self.bootstraps
                if enough:
                    fits.append(bl.fit(x[rows], y[rows], best.law.theta, shift=SHIFTS[self.objective]))
                    tick(1, rmsle=fits[-1].rmsle)
        return fits, drawn - len(fits)
