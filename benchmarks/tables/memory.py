"""The curse of memory: steps to learn an event against how long ago it was."""

import math
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from matplotlib.figure import Figure

from baselines.common.claims import Claim
from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView
from benchmarks.sheet import Cell, Estimate, Sheet

SEEDS = {"smoke": 1, "standard": 3, "paper": 10}
METHODS = {"gd": "gradient descent", "adam": "Adam"}


class Table:
    """Curse of memory: steps until a linear RNN finds an event T ago, on the exact population loss.

    Each run takes the geometric mean over its initial weights; here geometric mean over the seeds, with lowest and
    highest. Fewer is better. Units needed: Hankel singular values of the target above 0.1, a property of the target.
    Last rows: fit of log(steps) by a line in T; factor per unit of T = exp(slope), mean ± standard deviation over the
    seeds; R² of that line and of a line in log T, which would be a power law.
    """

    topic: ClassVar[str] = "loss_landscape"
    ZH: ClassVar[dict[str, str]] = {
        "memory length T": "记忆长度 T",
        "steps until the event is found": "找到事件所需步数",
        "The steps grow exponentially (one point a seed)": "步数指数增长（每点一个随机种子）",
        "gradient descent": "梯度下降",
        "Adam": "Adam",
        "exponential fit": "指数拟合",
    }

    def runs(self, suite: str) -> list[list[str]]:
        """The default run of the probe for each seed."""
        return [["probe=memory", f"seed={seed}"] for seed in range(SEEDS[suite])]

    def sheet(self, views: list[RunView]) -> Sheet:
        """One row for each memory length, then the fits."""
        columns = ["T", "gradient descent / steps", "Adam / steps", "units needed"]
        rows: list[list[Cell]] = [_row(delay, views) for delay in _delays(views)]
        for label, metric, change, digits in (
            ("factor per unit of T", "slope", math.exp, 2),
            ("R² of the exponential", "r2", float, 3),
            ("R² of a power law", "power_law_r2", float, 3),
        ):
            found = [
                [change(v.metrics[f"{name}_{metric}"]) for v in views if f"{name}_{metric}" in v.metrics]
                for name in METHODS
            ]
            rows.append([label, *[Estimate.of(values, digits) if values else None for values in found], None])
        return Sheet(columns, rows)

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> Figure:
        """Steps against memory length on a logarithmic axis, with the fitted exponentials."""
        figure, (axis,) = panels(1, width=5.0, height=3.8)
        delays = np.array(_delays(views))
        for (name, label), color in zip(METHODS.items(), COLORS, strict=False):
            axis.plot([], [], "o", color=color, label=text(label))
            for view in views:
                known = [delay for delay in delays if f"{name}_steps_{delay:g}" in view.metrics]
                axis.plot(known, [view.metrics[f"{name}_steps_{delay:g}"] for delay in known], "o", color=color)
            means = [_mean(_values(name, delay, views)) for delay in delays]
            if all(means) and len(delays) > 1:
                slope, start = np.polyfit(delays, np.log(np.array(means, dtype=float)), 1)
                line = PREDICTION | {"color": color}
                axis.plot(
                    delays,
                    np.exp(start + slope * delays),
                    **line,
                    label=f"{text('exponential fit')}: ×{math.exp(slope):.2f}",
                )
        axis.set_yscale("log")
        axis.set(xlabel=text("memory length T"), ylabel=text("steps until the event is found"))
        axis.set_title(text("The steps grow exponentially (one point a seed)"))
        axis.legend(loc="upper left")
        return figure

    def claims(self, views: list[RunView]) -> list[Claim]:
        """None beyond those of the runs."""
        return []


def _delays(views: list[RunView]) -> list[float]:
    given: list[Any] = [view.config["probe"]["delays"] for view in views]
    return sorted({float(delay) for delays in given for delay in delays})


def _values(name: str, delay: float, views: list[RunView]) -> list[float]:
    metric = f"{name}_steps_{delay:g}"
    return [view.metrics[metric] for view in views if metric in view.metrics]


def _mean(values: list[float]) -> float | None:
    return float(np.exp(np.mean(np.log(values)))) if values else None


def _row(delay: float, views: list[RunView]) -> list[Cell]:
    cells: list[Cell] = [f"{delay:g}"]
    for name in METHODS:
        values = _values(name, delay, views)
        spread = f" [{min(values):.0f} … {max(values):.0f}]" if len(values) > 1 else ""
        cells.append(f"{_mean(values):.0f}{spread}" if values else "not found")
    curves = views[0].curves
    units = dict(zip(curves["delays"], curves["units_needed"], strict=True))
    return [*cells, int(units[delay]) if delay in units else None]
