"""Read a table of training runs from CSV; every row that cannot be used is reported with its line number."""

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from baselines.scaling_law.parametric_fit import Array, LogRuns

MOST_VALUES_SHOWN = 8  # of a column that a filter asks for


class BadRow(NamedTuple):
    """A row that cannot be used."""

    line: int
    """Line in the file; the header is line 1."""
    reason: str


@dataclass(frozen=True)
class Columns:
    """Usable rows of some columns, in the file's order, and the rows that are not usable."""

    values: dict[str, Array]
    """Positive numbers of each wanted column, by the name that the caller gave it.  Shapes [n]."""
    lines: NDArray[np.int64]
    """Line of each row in the file.  Shape [n]."""
    bad_rows: tuple[BadRow, ...]
    filtered: int = 0
    """Rows that the filter left out."""

    def __len__(self) -> int:
        return len(self.lines)

    def __getitem__(self, name: str) -> Array:
        return self.values[name]

    def take(self, rows: NDArray[np.int64]) -> "Columns":
        """The rows with these numbers."""
        return Columns(
            {name: values[rows] for name, values in self.values.items()}, self.lines[rows], self.bad_rows, self.filtered
        )

    def smallest(self, name: str, *, by: tuple[str, ...]) -> "Columns":
        """Of the rows that agree in the columns `by` the one with the smallest value of `name`, in the file's order.

        For tables with several runs of one size and duration, for example at several learning rates.
        """
        best: dict[tuple[float, ...], int] = {}
        for row, key in enumerate(zip(*(self.values[column].tolist() for column in by), strict=True)):
            if key not in best or self.values[name][row] < self.values[name][best[key]]:
                best[key] = row
        return self.take(np.array(sorted(best.values()), dtype=np.int64))


@dataclass(frozen=True)
class RunsTable:
    """Usable runs of a table, in the file's order, and the rows that are not usable."""

    parameters: Array
    """N, number of parameters.  Shape [n]."""
    tokens: Array
    """D, number of training tokens.  Shape [n]."""
    loss: Array
    """Final loss in nats per token.  Shape [n]."""
    bad_rows: tuple[BadRow, ...]
    lines: NDArray[np.int64]
    """Line of each run in the file.  Shape [n]."""

    def __len__(self) -> int:
        return len(self.loss)

    @property
    def compute(self) -> Array:
        """Training compute `C = 6 N D` in FLOP.  Shape [n]."""
        return 6 * self.parameters * self.tokens

    def logs(self) -> LogRuns:
        """Logarithms of the three columns."""
        return LogRuns(np.log(self.parameters), np.log(self.tokens), np.log(self.loss))

    def take(self, rows: NDArray[np.int64]) -> "RunsTable":
        """The runs with these row numbers."""
        return RunsTable(self.parameters[rows], self.tokens[rows], self.loss[rows], self.bad_rows, self.lines[rows])

    def without_largest_losses(self, count: int) -> "RunsTable":
        """The table without its `count` runs of largest loss."""
        return self.take(np.sort(np.argsort(self.loss, kind="stable")[: len(self) - count]))


def read_columns(path: Path, wanted: Mapping[str, str], where: Mapping[str, str] | None = None) -> Columns:
    """Read columns of positive numbers from a CSV file with a header.

    A row is bad if a wanted value is missing, not a number, not positive, or if all wanted values repeat those of an
    earlier row. Bad rows are listed, never silently dropped; what to do with them is the caller's choice.

    Args:
        path: The file, comma-separated, UTF-8.
        wanted: Name for the caller -> column of the file, for example `{"n": "Model Size"}`.
        where: Only rows whose columns have these texts, for example `{"condition": "raw_loss"}`.

    Raises:
        ValueError: If the file is not such a table, a column is missing (the message lists the columns there are), or
            no row passes the filter (the message lists values of that column).
    """
    where = dict(where or {})
    try:
        with open(path, newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            _check_header(path, list(reader.fieldnames or []), [*wanted.values(), *where])
            return _collect(path, reader, wanted, where)
    except UnicodeDecodeError as problem:
        raise ValueError(f"{path.name} is not a text file in UTF-8") from problem
    except csv.Error as problem:
        raise ValueError(f"{path.name} is not a CSV file: {problem}") from problem


def read_runs(
    path: Path, n: str, d: str | None, c: str | None, loss: str, where: Mapping[str, str] | None = None
) -> RunsTable:
    """Read runs (N, D, loss) from a CSV file with a header.

    Args:
        path: The file.
        n: Column of the number of parameters N.
        d: Column of the number of tokens D, or None.
        c: Column of the training compute C in FLOP; used as `D = C / (6 N)` if there is no column of tokens.
        loss: Column of the loss.
        where: Only rows whose columns have these texts.

    Raises:
        ValueError: If a column is missing, or neither d nor c is given; the message lists the columns there are.
    """
    third = d or c
    if third is None:
        raise ValueError("name the column of tokens (columns.d) or of compute (columns.c)")
    return runs_of(read_columns(path, {"n": n, "d" if d else "c": third, "loss": loss}, where))


def runs_of(columns: Columns) -> RunsTable:
    """The runs of columns named n, loss and d or c (then `D = C / (6 N)`)."""
    tokens = columns["d"] if "d" in columns.values else columns["c"] / (6 * columns["n"])
    return RunsTable(columns["n"], tokens, columns["loss"], columns.bad_rows, columns.lines)


def _check_header(path: Path, header: list[str], needed: list[str]) -> None:
    for column in needed:
        if column not in header:
            hint = ""
            if len(header) == 1 and (other := next((mark for mark in ";\t" if mark in header[0]), "")):
                hint = f"; it seems to be separated by {other!r}: a table must be separated by commas"
            raise ValueError(f"{path.name} has no column {column!r}; its columns are {', '.join(header)}{hint}")
        if header.count(column) > 1:
            raise ValueError(f"{path.name} has {header.count(column)} columns named {column!r}")


def _collect(path: Path, reader: "csv.DictReader[str]", wanted: Mapping[str, str], where: Mapping[str, str]) -> Columns:
    rows: list[tuple[float, ...]] = []
    lines: list[int] = []
    bad: list[BadRow] = []
    seen: dict[tuple[float, ...], int] = {}
    refused: dict[str, set[str]] = {column: set() for column in where}
    filtered = 0
    for row in reader:
        missed = [column for column, text in where.items() if (row[column] or "").strip() != text]
        if missed:
            filtered += 1
            refused[missed[0]].add((row[missed[0]] or "").strip())
            continue
        values, reason = _numbers(row, tuple(wanted.values()))
        if not reason and values in seen:
            reason = f"repeats line {seen[values]}"
        if reason:
            bad.append(BadRow(reader.line_num, reason))
            continue
        seen[values] = reader.line_num
        rows.append(values)
        lines.append(reader.line_num)
    if filtered and not rows and not bad:
        column = next(name for name in where if refused[name])
        there = ", ".join(sorted(refused[column])[:MOST_VALUES_SHOWN])
        raise ValueError(f"{path.name} has no row with {column} = {where[column]!r}; there are {there}")
    array = np.array(rows, dtype=np.float64).reshape(-1, len(wanted))
    return Columns(dict(zip(wanted, array.T, strict=True)), np.array(lines, dtype=np.int64), tuple(bad), filtered)


def _numbers(row: dict[str, str | None], columns: tuple[str, ...]) -> tuple[tuple[float, ...], str]:
    """The positive numbers of a row, or why there are none."""
    if None in row:  # csv's name for what has no column
        return (), "has more fields than the header"
    values = []
    for column in columns:
        text = (row[column] or "").strip()
        if not text:
            return (), f"{column} is missing"
        try:
            value = float(text)
        except ValueError:
            return (), f"{column} is not a number: {text!r}"
        if not math.isfinite(value) or value <= 0:
            return (), f"{column} must be positive: {text}"
        values.append(value)
    return tuple(values), ""
