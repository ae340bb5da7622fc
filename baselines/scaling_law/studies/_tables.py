"""What the studies of measured tables share: find the table, check it, read it, refuse it with a helpful line."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from baselines.scaling_law.runs_table import BadRow, Columns

DROPPED_BY_EPOCH = 5  # runs of largest loss that Besiroglu et al. leave out
MOST_SHOWN = 5  # bad rows in a message; a table may have thousands

log = logging.getLogger(__name__)


class Known(NamedTuple):
    """A published table: its digest and where to get it."""

    sha256: str
    source: str


EPOCH = "scaling/epoch_chinchilla/svg_extracted_data.csv"
LLAMA3 = "scaling/llama3_isoflops/isoflops.csv"
MISFITTING = "scaling/misfitting/scaling_results_last_ckpt_only.csv"
NANOCHAT = "scaling/nanochat_isoflop/optima_by_param_convention.csv"
BNSL = "scaling/bnsl_addition/four_digit_addition.csv"

KNOWN = {
    EPOCH: Known(
        "193478df4e90f040016431996c45682659306840ecdadf83cfb9cd5ca0aa1b30",
        "the public repository github.com/epoch-research/analyzing-chinchilla (commit 9225883, "
        "data/svg_extracted_data.csv)",
    ),
    LLAMA3: Known(
        "9450f8829778ce8bfb51cc9b18ef121ef18f0c81758cd8fbe74d9dcf0545a692",
        "the public repository github.com/Open-Athena/scaling-law-analysis (commit 3e0656e, "
        "data/isoflops/extract/llama_3/isoflops.csv)",
    ),
    MISFITTING: Known(
        "cd96b9eb8e5b2adc80e6739a642dd8554590edc96234d36859ab6ed0f5c30562",
        "the public repository github.com/hadasah/scaling_laws (commit 1f3708c, "
        "data/scaling_results_last_ckpt_only.csv)",
    ),
    NANOCHAT: Known(
        "9d898aa6857d0587dbdf07048722f2cd0c6cf8c8a9a7aef645a78d7ad0c763a2",
        "the numbers in github.com/karpathy/nanochat (commit 92d63d4, dev/LOG.md, lines 504 to 540), typed as CSV",
    ),
    BNSL: Known(
        "e9b56b34cb1986aebe7c1934dc7f0c8a4c815201746fd8e6366f312cb6212d26",
        "the numbers in github.com/ethancaballero/broken_neural_scaling_laws (commit ffa608f, four-digit addition), "
        "typed as CSV",
    ),
}


@dataclass(repr=False)
class RunColumns:
    """Names of the columns of a table of runs."""

    n: str = "Model Size"  # parameters N
    d: str | None = None  # training tokens D; null: D = C / (6 N)
    c: str | None = "Training FLOP"  # training compute C in FLOP; only read where there is no column of tokens
    loss: str = "loss"  # final loss, positive (nats per token in language models)

    def __repr__(self) -> str:
        """As `--help` shows it."""
        return f"{{n: {self.n}, d: {self.d or 'null'}, c: {self.c or 'null'}, loss: {self.loss}}}"

    @property
    def third(self) -> str:
        """What the table has beside N and the loss: `d` or `c`."""
        return "d" if self.d else "c"

    @property
    def wanted(self) -> dict[str, str]:
        """Name for the study -> column of the file."""
        return {"n": self.n, self.third: self.d or self.c or "", "loss": self.loss}


@dataclass(frozen=True)
class Table:
    """A table that has been read."""

    columns: "Columns"
    path: Path
    sha256: str
    """Digest of the file: which content a record was made from."""


def find(data_dir: str, table: str) -> Path:
    """The file of `study.table`: a published table inside data_dir, or a user's own there, here, or anywhere.

    Args:
        data_dir: Folder of data sets (`cfg.data_dir`).
        table: Absolute path, or one relative to data_dir or to the current folder (in this order).

    Raises:
        UserError: If there is none, or a published table has another content than expected.
    """
    from baselines.common.data import require
    from baselines.common.errors import UserError

    if table in KNOWN:
        return require(data_dir, table, source=KNOWN[table].source, sha256=KNOWN[table].sha256)
    if (path := _place(data_dir, table)) is not None:
        return path
    if Path(table).expanduser().is_absolute():
        raise UserError(f"study.table: the file {table} is missing")
    raise UserError(
        f"study.table: the file {table} is missing, both in data_dir ({data_dir}) and in the current folder; "
        "give its absolute path"
    )


def inputs(data_dir: str, table: str) -> list[Path]:
    """The files whose content decides a run of `study.table`: a user's own; published ones have a fixed digest."""
    path = None if table in KNOWN else _place(data_dir, table)
    return [] if path is None else [path]


def _place(data_dir: str, table: str) -> Path | None:
    """The first of the places where a user's table may be that has it."""
    own = Path(table).expanduser()
    return next((path for path in (Path(data_dir).expanduser() / own, own) if path.is_file()), None)


def read(
    data_dir: str,
    table: str,
    wanted: Mapping[str, str],
    where: Mapping[str, str] | None = None,
    *,
    drop_bad_rows: bool = False,
    warn: bool = True,
) -> Table:
    """Find and read a table; rows that cannot be used refuse it, unless they may be left out with a warning.

    Args:
        data_dir: Folder of data sets.
        table: The value of `study.table`.
        wanted: Name for the study -> column of the file.
        where: Only rows whose columns have these texts.
        drop_bad_rows: Leave out (and report) rows that cannot be used.
        warn: Report them as a warning; without it the caller must put their number into a metric.

    Raises:
        UserError: If the file is missing, not a table, without a wanted column, or has bad rows.
    """
    from baselines.common.data import sha256
    from baselines.common.errors import UserError
    from baselines.scaling_law.runs_table import read_columns

    path = find(data_dir, table)
    try:
        columns = read_columns(path, wanted, where)
    except (ValueError, OSError) as problem:
        names = ", ".join(f"study.columns.{name}" for name in wanted)
        hint = f"; the keys {names} name the columns" if "has no column" in str(problem) else ""
        raise UserError(f"study.table: {problem}{hint}") from problem
    if columns.bad_rows:
        text = f"{path.name} has {len(columns.bad_rows)} rows that cannot be used: {_shown(columns.bad_rows)}"
        if not drop_bad_rows:
            raise UserError(f"{text}; correct them, or leave them out with study.drop_bad_rows=true")
        if warn:
            log.warning(text)
    return Table(columns, path, sha256(path))


def filters(lines: list[str], key: str = "study.where") -> dict[str, str]:
    """The filter of a list of texts like `condition:raw_loss` (`=` does as well, but needs quotes in a shell).

    Raises:
        ValueError: If a text is not of that form.
    """
    found = {}
    for line in lines:
        column, sign, value = line.partition("=" if "=" in line else ":")
        if not (sign and column.strip() and value.strip()):
            raise ValueError(f"{key} must be a list of column:value (or column=value); got {line!r}")
        found[column.strip()] = value.strip()
    return found


def dropped(table: str, asked: int | None) -> int:
    """How many runs of largest loss are left out: as asked, or 5 of Besiroglu et al.'s table and none of another."""
    if asked is not None:
        return asked
    return DROPPED_BY_EPOCH if table == EPOCH else 0


def require_at_least(path: Path, count: int, fewest: int, what: str, unit: str = "runs") -> None:
    """Refuse a table with too few of something.

    Args:
        path: The file, for the message.
        count: How many it has.
        fewest: How many are needed.
        what: Who needs them, for example `a fit of five parameters`.
        unit: What is counted.

    Raises:
        UserError: If there are fewer.
    """
    from baselines.common.errors import UserError

    if count < fewest:
        raise UserError(f"{what} needs at least {fewest} {unit}; {path.name} has {count}")


def _shown(rows: "tuple[BadRow, ...]") -> str:
    shown = "; ".join(f"line {row.line}: {row.reason}" for row in rows[:MOST_SHOWN])
    more = f"; and {len(rows) - MOST_SHOWN} more" if len(rows) > MOST_SHOWN else ""
    return shown + more
