"""Error against work, one panel a problem: the figure and the rows of two tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from baselines.common.plotting import COLORS, panels
from baselines.common.record import RunView
from benchmarks.sheet import Cell, Sheet
from benchmarks.tables import _pinn
from benchmarks.tables._pinn import CLASSICAL, FEATURES, KINDS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEVELS = (1e-2, 1e-4, 1e-6)
DONE_AT_ONCE = (FEATURES, CLASSICAL)  # their work is spent before there is any solution
MARKERS = {FEATURES: "o", CLASSICAL: "D"}
ACROSS = 4


def figure(views: Sequence[RunView], text: Callable[[str], str], along: str, label: str) -> Figure:
    """Median and range over seeds for what trains; points for what solves at once, the classical ones joined.

    Args:
        views: the records.
        text: translates a label.
        along: curve of the history, `elapsed_s` or `evaluations`.
        label: what it is.
    """
    shown = [row for row in _pinn.ROWS if any(row.owns(view) for view in views)]
    across, down = min(ACROSS, len(shown)), -(-len(shown) // ACROSS)
    drawn, axes = panels(across, down, width=max(3.5 * across, 7.0), height=2.7 * down + 0.5)
    flat = list(axes.flat)
    for axis, row in zip(flat, shown, strict=False):
        _panel(axis, views, row, along)
        axis.set_title(text(row.title))
    for axis in flat[len(shown) :]:
        axis.set_visible(False)
    for axis in flat[max(0, len(shown) - across) : len(shown)]:
        axis.set_xlabel(text(label))
    for axis in flat[::across]:
        axis.set_ylabel(text("relative L2 error"))
    keys = [flat[0].plot([], [], MARKERS.get(k, "-"), color=c)[0] for k, c in zip(KINDS, COLORS, strict=False)]
    drawn.legend(keys, [text(column) for column in KINDS], loc="outside upper center", ncols=len(KINDS))
    return drawn


def _panel(axis: Axes, views: Sequence[RunView], row: _pinn.Row, along: str) -> None:
    axis.set_xscale("log")
    axis.set_yscale("log")
    for column, color in zip(KINDS, COLORS, strict=False):
        own = _pinn.of(views, row, column)
        if column in DONE_AT_ONCE:
            joined = "-" if column == CLASSICAL else ""
            axis.plot(*_pinn.points(own, along), joined + MARKERS[column], color=color, ms=3.6, lw=0.9)
            continue
        found = _pinn.course(own, along)
        if found is not None:
            work, middle, low, high = found
            axis.plot(work, middle, color=color)
            axis.fill_between(work, low, high, color=color, alpha=0.2, lw=0)


def sheet(views: Sequence[RunView], along: str, unit: str) -> Sheet:
    """Median work to reach each level, one row a problem and method that has finished runs."""
    columns = ["problem", "method", *(f"{unit} to {level:.0e}" for level in LEVELS), f"{unit} in all", "final error"]
    rows: list[list[Cell]] = []
    for row in _pinn.ROWS:
        for column in KINDS:
            own = _pinn.of(views, row, column)
            if own:
                cells: list[Cell] = [_reached(own, level, along, column) for level in LEVELS]
                last = _pinn.finest(own) if column == CLASSICAL else own
                total = _pinn.middle([float(_pinn.spent(view, along)[-1]) for view in last])
                final = _pinn.Estimate.log10(_pinn.judged(last))
                rows.append([row.title, column, *cells, _short(total), final])
    return Sheet(columns, rows)


def _reached(views: Sequence[RunView], level: float, along: str, column: str) -> Cell:
    """Median over seeds; of classical runs the cheapest resolution that is good enough."""
    each = [_pinn.work_to_reach(view, level, along) for view in views]
    return _short(_pinn.middle([min(each)] if column == CLASSICAL else each))


def _short(value: float | None) -> Cell:
    return None if value is None else float(f"{value:.2g}")
