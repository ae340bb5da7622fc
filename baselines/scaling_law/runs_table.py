"""Read a table of training runs from CSV; every row that cannot be used is reported with its line number."""

import csv
import math
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from baselines.scaling_law.parametric_fit import Array, LogRuns


class BadRow(NamedTuple):
    """A row that cannot be used."""

    line: int
    """Line in the file; the header is line 1."""
    reason: str


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

    def __len__(self) -> int:
        return len(self.loss)

    @property
    def compute(self) -> Array:
        """Training compute `C = 6 N D` in FLOP.  Shape [n]."""
        return 6 * self.parameters * self.tokens

    def logs(self) -> LogRuns:
        """Logarithms of the three columns."""
        return LogRuns(np.log(self.parameters), np.log(self.tokens), np.log(self.loss))

    def without_largest_losses(self, count: int) -> "RunsTable":
        """The table without its `count` runs of largest loss."""
        kept = np.sort(np.argsort(self.loss, kind="stable")[: len(self) - count])
        return RunsTable(self.parameters[kept], self.tokens[kept], self.loss[kept], self.bad_rows)


def read_runs(path: Path, n: str, d: str | None, c: str | None, loss: str) -> RunsTable:
    """Read runs from a CSV file with a header.

    Args:
        path: The file.
        n: Column of the number of parameters N.
        d: Column of the number of tokens D, or None.
        c: Column of the training compute C in FLOP; used as `D = C / (6 N)` if there is no column of tokens.
        loss: Column of the loss.

    Raises:
        ValueError: If a column is missing, or neither d nor c is given; the message lists the columns there are.
    """
    third = d or c
    if third is None:
        raise ValueError("name the column of tokens (columns.d) or of compute (columns.c)")
    rows: list[tuple[float, float, float]] = []
    bad: list[BadRow] = []
    seen: dict[tuple[float, float, float], int] = {}
    with open(path, newline="", encoding="utf-8-sig") as stream:
        reader = csv.DictReader(stream)
        header = reader.fieldnames or []
        for column in (n, third, loss):
            if column not in header:
                raise ValueError(f"{path.name} has no column {column!r}; its columns are {', '.join(header)}")
        for row in reader:
            values, reason = _numbers(row, (n, third, loss))
            if not reason and values in seen:
                reason = f"repeats line {seen[values]}"
            if reason:
                bad.append(BadRow(reader.line_num, reason))
                continue
            seen[values] = reader.line_num
            size, other, final = values
            rows.append((size, other if d else other / (6 * size), final))
    sizes, tokens, losses = np.array(rows, dtype=np.float64).reshape(-1, 3).T
    return RunsTable(sizes, tokens, losses, tuple(bad))


def _numbers(row: dict[str, str | None], columns: tuple[str, ...]) -> tuple[tuple[float, float, float], str]:
    """The three numbers of a row, or why there are none."""
    values = []
    for column in columns:
        text = (row[column] or "").strip()
        if not text:
            return (0.0, 0.0, 0.0), f"{column} is missing"
        try:
            value = float(text)
        except ValueError:
            return (0.0, 0.0, 0.0), f"{column} is not a number: {text!r}"
        if not math.isfinite(value) or value <= 0:
            return (0.0, 0.0, 0.0), f"{column} must be positive: {text}"
        values.append(value)
    return (values[0], values[1], values[2]), ""
