"""A table as data, and its Markdown, CSV and LaTeX forms."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Union

import numpy as np
from scipy import stats
from tabulate import tabulate

LATEX = {
    "±": r"$\pm$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "…": r"\ldots{}",
    "×": r"$\times$",
    "–": "--",
    "²": r"$^2$",
    "✓": r"$\checkmark$",
    "✗": r"$\times$",
    "→": r"$\to$",
    "∞": r"$\infty$",
    "√": r"$\surd$",
    "η": r"$\eta$",
    "λ": r"$\lambda$",
    "α": r"$\alpha$",
    "β": r"$\beta$",
    "δ": r"$\delta$",
    "ν": r"$\nu$",
    "σ": r"$\sigma$",
    "κ": r"$\kappa$",
    "γ": r"$\gamma$",
    "φ": r"$\phi$",
    "ρ": r"$\rho$",
    "₀": r"$_0$",
    "₁": r"$_1$",
    "₂": r"$_2$",
}


@dataclass(frozen=True)
class Estimate:
    """A value from several runs: its centre, its spread, and how many runs.

    `low` and `high` are the 95 % t-interval of the mean; for `log10` they are the minimum and the maximum.
    """

    value: float
    std: float | None
    low: float | None
    high: float | None
    n: int
    text: str

    @classmethod
    def of(cls, values: Sequence[float], digits: int = 3) -> "Estimate":
        """Mean ± standard deviation (ddof = 1) with the 95 % t-interval of the mean.

        Args:
            values: One value a run.
            digits: Digits after the decimal point in the text.
        """
        array = _clean(values)
        mean = float(array.mean())
        if len(array) == 1:
            return cls(mean, None, None, None, 1, f"{mean:.{digits}f} (n=1)")
        std = float(array.std(ddof=1))
        half = float(stats.t.ppf(0.975, len(array) - 1)) * std / math.sqrt(len(array))
        text = f"{mean:.{digits}f} ± {std:.{digits}f} (n={len(array)})"
        return cls(mean, std, mean - half, mean + half, len(array), text)

    @classmethod
    def log10(cls, values: Sequence[float]) -> "Estimate":
        """Geometric mean with minimum and maximum, for errors that span orders of magnitude.

        Raises:
            ValueError: If a value is not positive.
        """
        array = _clean(values)
        if not (array > 0).all():
            raise ValueError(f"log10 needs positive values; got {array.min()}")
        mean, low, high = 10 ** np.log10(array).mean(), array.min(), array.max()
        spread = f" [{low:.1e} … {high:.1e}]" if len(array) > 1 else ""
        return cls(float(mean), None, float(low), float(high), len(array), f"{mean:.1e}{spread} (n={len(array)})")


def _clean(values: Sequence[float]) -> np.ndarray:
    array = np.asarray(values, dtype=float)
    if not len(array):
        raise ValueError("an estimate needs at least one value")
    return array


def paired(first: Sequence[float], second: Sequence[float], digits: int = 3) -> Estimate:
    """The mean difference first - second of runs that share their seeds, with its 95 % t-interval."""
    return Estimate.of(np.subtract(first, second).tolist(), digits)


Cell = Union[str, int, float, Estimate, None]


@dataclass(frozen=True)
class Sheet:
    """Columns and rows; a cell is text, a number, an `Estimate`, or None where there is nothing."""

    columns: list[str]
    rows: list[list[Cell]]

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"a row has {len(row)} cells for {len(self.columns)} columns: {row}")

    def markdown(self) -> str:
        """GitHub Markdown; a vertical bar inside a cell is escaped."""
        rows = [[cell.replace("|", "\\|") for cell in row] for row in self._texts()]
        return tabulate(rows, self.columns, tablefmt="github", disable_numparse=True) + "\n"

    def latex(self) -> str:
        """LaTeX with booktabs rules."""
        text = tabulate(self._texts(), self.columns, tablefmt="latex_booktabs", disable_numparse=True)
        return "".join(LATEX.get(character, character) for character in text) + "\n"

    def csv(self) -> str:
        """Plain numbers: an estimate fills the columns value, std, low, high and n."""
        spread = [any(isinstance(row[i], Estimate) for row in self.rows) for i in range(len(self.columns))]
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        heads = [
            [name, f"{name} std", f"{name} low", f"{name} high", f"{name} n"] if wide else [name]
            for name, wide in zip(self.columns, spread, strict=True)
        ]
        writer.writerow(chain.from_iterable(heads))
        for row in self.rows:
            cells = [_csv_cells(cell, wide) for cell, wide in zip(row, spread, strict=True)]
            writer.writerow(chain.from_iterable(cells))
        return stream.getvalue()

    def _texts(self) -> list[list[str]]:
        return [[text(cell) for cell in row] for row in self.rows]


def text(cell: Cell) -> str:
    """A cell as a reader sees it."""
    if cell is None:
        return "–"
    if isinstance(cell, Estimate):
        return cell.text
    return f"{cell:.4g}" if isinstance(cell, float) else str(cell)


def _csv_cells(cell: Cell, wide: bool) -> list[Cell]:
    if isinstance(cell, Estimate):
        return [cell.value, cell.std, cell.low, cell.high, cell.n]
    return [cell, None, None, None, None] if wide else [cell]
