"""Everything that is printed: the progress bar, the tables of metrics and claims, one-line errors."""

import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from baselines.common import record
from baselines.common.claims import FAILS, HOLDS, Claim, band
from baselines.common.record import RunView, Tick

MARKS = {HOLDS: "[green]✓ holds[/]", FAILS: "[red]✗ fails[/]"}
MAX_METRICS = 24
PLAIN_WIDTH = 120


class Terminal:
    """Prints for one process.

    Args:
        compact: One line a run instead of tables, and no progress bar: for runs side by side.
    """

    def __init__(self, compact: bool = False) -> None:
        terminal = sys.stdout.isatty()
        self.console = Console(width=None if terminal else PLAIN_WIDTH, highlight=False)
        self.compact = compact

    def say(self, line: str) -> None:
        """One line, never cut."""
        self.console.print(line, soft_wrap=True, markup=False)

    def progress(self) -> record.Progress:
        """The maker of progress bars for a record: silent when not on a terminal or compact."""
        return self._bar if self.console.is_terminal and not self.compact else record.silent

    @contextmanager
    def _bar(self, total: int, label: str) -> Iterator[Tick]:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),  # leaves room for the quantities in 80 columns
            MofNCompleteColumn(),
            TextColumn("{task.fields[shown]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self.console, transient=True) as bar:
            task = bar.add_task(label, total=total, shown="")

            def tick(advance: int = 1, **quantities: float) -> None:
                shown = "  ".join(f"{name} {number(value)}" for name, value in quantities.items())
                bar.advance(task, advance)
                if shown:
                    bar.update(task, shown=shown)

            yield tick

    def result(self, view: RunView, label: str, pictures: list[Path]) -> None:
        """The result of a run: one line when compact, else metrics, claims and where the files are."""
        if self.compact:
            self._result_line(view, label)
            return
        self.console.print(f"\n[bold]{label}[/]  {view.status}, {view.cost.get('wall_s', 0.0):.1f} s")
        self.console.print(_metrics_table(view))
        if view.claims:
            self.console.print(_claims_table(view.claims))
        if view.error:
            self.say(f"{view.status}: {view.error.strip().splitlines()[-1]}")
        for path in pictures:
            self.say(f"figure  {shown_path(path)}")
        self.say(f"record  {shown_path(view.folder / record.RECORD)}")

    def _result_line(self, view: RunView, label: str) -> None:
        first = next(iter(view.metrics.items()), None)
        metric = f"  {first[0]} {number(first[1])}" if first else ""
        counts = [f"{sum(c.verdict == v for c in view.claims)} {v}" for v in (HOLDS, FAILS)]
        self.say(f"{view.status:<12}{label}{metric}  claims: {', '.join(counts)}  {view.folder.name}")


def _metrics_table(view: RunView) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("metric")
    table.add_column("value", justify="right")
    names = list(view.metrics)
    for name in names[:MAX_METRICS]:
        table.add_row(name, number(view.metrics[name]))
    if len(names) > MAX_METRICS:
        table.add_row(f"… and {len(names) - MAX_METRICS} more in record.json", "")
    return table


def _claims_table(claims: list[Claim]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("claim", ratio=1)
    for heading in ("predicted", "band", "measured"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for claim in claims:
        mark = MARKS.get(claim.verdict, "– not measured")
        table.add_row(
            claim.statement, number(claim.predicted), band(claim.low, claim.high), number(claim.measured), mark
        )
    return table


def number(value: float | None) -> str:
    """A number with four significant digits; a dash for None."""
    if value is None:
        return "–"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return f"{value:.4g}"


def shown_path(path: Path) -> str:
    """The path relative to the working directory where that is shorter."""
    try:
        relative = os.path.relpath(path)
    except ValueError:  # another drive on Windows
        return str(path)
    return relative if len(relative) < len(str(path)) else str(path)


def error(message: str) -> None:
    """One line on the error stream."""
    Console(stderr=True, highlight=False).print(f"error: {message}", soft_wrap=True, markup=False)
