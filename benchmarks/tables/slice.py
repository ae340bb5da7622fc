"""What may be read off a slice of the loss: invariance, curvature, and the plane of the trajectory."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from baselines.common.claims import Claim
from baselines.common.plotting import COLORS, panels
from baselines.common.record import RunView
from benchmarks.sheet import Cell, Estimate, Sheet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SEEDS = {"smoke": 1, "standard": 3, "paper": 10}
CHANGES = {
    "rescaling_change_filter": "filter-normalised slice, layers rescaled",
    "unit_rescaling_change_filter": "filter-normalised slice, single units rescaled",
    "rescaling_change_none": "slice along a fixed direction, layers rescaled",
}


class Table:
    """Slices of the loss around trained networks 64-32-32-10 on 500 digits.

    Upper rows: change of a slice of a ReLU network, largest difference over its highest loss, when layers (or single
    units) are rescaled by factors from 1/10 to 10, which does not change the function. Curvature: largest relative
    difference of the slice's second derivative, by differences with step 1e-3, from d'Hd, three directions. Explained:
    share of the trajectory's variance in its first two principal directions, 600 steps of SGD; a random walk has 0.76.
    Geometric mean with lowest and highest, or mean ± standard deviation, over seeds.
    """

    topic: ClassVar[str] = "loss_landscape"
    ZH: ClassVar[dict[str, str]] = {
        "position along the direction": "沿方向的位置",
        "training loss": "训练损失",
        "Filter-normalised slice of a ReLU network": "ReLU 网络的滤波器归一化切片",
        "line: before, points: after rescaling": "线：缩放前；点：缩放后",
        "first principal direction": "第一主方向",
        "second principal direction": "第二主方向",
        "Trajectories in their own planes": "各自平面内的训练轨迹",
        "end": "终点",
    }

    def runs(self, suite: str) -> list[list[str]]:
        """The default run, and once more with ReLU for its curvature."""
        seeds = range(SEEDS[suite])
        default = [["probe=slice", f"seed={seed}"] for seed in seeds]
        relu = [["probe=slice", "network.activation=relu", f"seed={seed}"] for seed in seeds]
        return default if suite == "smoke" else [*default, *relu]

    def sheet(self, views: list[RunView]) -> Sheet:
        """One row a quantity."""
        smooth, kinked = _of(views, "tanh"), _of(views, "relu")
        rows: list[list[Cell]] = [
            [label, "1e-10" if metric == "rescaling_change_filter" else None, _log(smooth, metric)]
            for metric, label in CHANGES.items()
        ]
        rows.append(["curvature of the slice against d'Hd, tanh", "1e-4", _log(smooth, "curvature_error")])
        if kinked:
            rows.append(["curvature of the slice against d'Hd, ReLU", None, _log(kinked, "curvature_error")])
        explained = [view.metrics["explained_first"] + view.metrics["explained_second"] for view in smooth]
        rows.append(["variance explained by two directions", None, Estimate.of(explained, digits=3)])
        return Sheet(["quantity", "limit of the claim", "measured"], rows)

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> Figure | None:
        """The invariant slices, and the trajectories, of every seed."""
        figure, (left, right) = panels(2, width=9.6, height=3.9)
        for number, view in enumerate(_of(views, "tanh")):
            color, curves = COLORS[number % len(COLORS)], view.curves
            left.plot(curves["slice_position"], curves["slice_filter_before_loss"], color=color)
            left.plot(curves["slice_position"], curves["slice_filter_after_loss"], "o", color=color, markersize=3)
            right.plot(curves["trajectory_first"], curves["trajectory_second"], "o-", color=color, markersize=2.5)
        left.plot([], [], " ", label=text("line: before, points: after rescaling"))
        left.set(xlabel=text("position along the direction"), ylabel=text("training loss"), yscale="log")
        left.set_title(text("Filter-normalised slice of a ReLU network"))
        left.legend(loc="upper center")
        right.plot(0, 0, "*", color="black", markersize=11, zorder=4, label=text("end"))
        right.set(xlabel=text("first principal direction"), ylabel=text("second principal direction"))
        right.set_title(text("Trajectories in their own planes"))
        right.legend(loc="lower right")
        return figure

    def claims(self, views: list[RunView]) -> list[Claim]:
        """None beyond those of the runs."""
        return []


def _of(views: list[RunView], activation: str) -> list[RunView]:
    return [view for view in views if view.config["network"]["activation"] == activation]


def _log(views: list[RunView], metric: str) -> Estimate:
    """Zero, which a lucky rounding may give, counts as the precision of a double."""
    return Estimate.log10([max(view.metrics[metric], float(np.finfo(float).eps)) for view in views])
