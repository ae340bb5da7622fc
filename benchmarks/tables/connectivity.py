"""Barriers between trained networks against their width, before and after their units are matched."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from baselines.common.claims import Claim
from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView
from benchmarks.sheet import Cell, Estimate, Sheet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SEEDS = {"smoke": 1, "standard": 3, "paper": 10}
WIDTHS = {"mnist": (32, 128, 512), "digits": (32, 128)}
RELU = ["network.activation=relu", "task.loss=cross_entropy", "dtype=float32", "probe=connectivity"]
TASKS = {
    "mnist": ["task=mnist", "task.examples=10000", "probe.epochs=10", "probe.batch=250"],
    "digits": ["task=digits", "task.examples=1500", "probe.epochs=20", "probe.batch=50"],
}
NAMES = {"mnist": "MNIST", "digits": "8 x 8 digits"}
FILES = ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz")
PATHS = {
    "train_barrier_naive": "straight line",
    "train_barrier_matched": "straight line, units matched",
    "train_excess_bezier": "Bezier curve",
}


class Table:
    """Mode connectivity against width: two independently trained networks with two hidden ReLU layers.

    Cross-entropy, Adam 1e-3, float32. MNIST: first 10,000 images, 10 epochs, batch 250, test on 2,000. Digits: first
    1,500, 20 epochs, batch 50, test on 297. Barrier: highest training loss on the straight line minus the interpolated
    losses of its ends, at 21 points (lower is better), before and after the units of one network are permuted by weight
    matching; excess: highest training loss on a Bezier curve (600 steps on its bend) minus that of the worse end.
    Change: of an output by the permutation, over the largest. Mean ± standard deviation over pairs of networks (seeds).
    """

    topic: ClassVar[str] = "loss_landscape"
    ZH: ClassVar[dict[str, str]] = {
        "width of the hidden layers": "隐藏层宽度",
        "height of the barrier (training loss)": "势垒高度（训练损失）",
        "straight line": "直线",
        "straight line, units matched": "直线（单元已匹配）",
        "Bezier curve": "Bezier 曲线",
        "matched / naive barrier": "匹配后 / 匹配前的势垒",
        "limit of the claim: 0.3": "判据上限：0.3",
        "The barrier falls with width, more so when matched": "势垒随宽度下降，匹配后更明显",
        "What matching leaves of the barrier": "匹配后剩余的势垒比例",
        "MNIST": "MNIST",
        "8 x 8 digits": "8 x 8 手写数字",
    }

    def available(self, run: list[str], data_dir: str) -> bool:
        """MNIST is read from files; the digits come with scikit-learn."""
        folder = Path(data_dir).expanduser() / "images" / "MNIST" / "raw"
        return "task=mnist" not in run or all((folder / name).is_file() for name in FILES)

    def runs(self, suite: str) -> list[list[str]]:
        """Both tasks at several widths; the smallest suite makes the default run alone."""
        if suite == "smoke":
            return [["probe=connectivity", "seed=0"]]
        return [
            [*options, *RELU, f"network.width={width}", f"seed={seed}"]
            for task, options in TASKS.items()
            for width in WIDTHS[task]
            for seed in range(SEEDS[suite])
        ]

    def sheet(self, views: list[RunView]) -> Sheet:
        """One row a task and width."""
        columns = [
            "data", "width", "test accuracy / %", "barrier", "barrier, matched", "matched / naive", "Bezier excess",
            "change of the function", "matching / s",
        ]  # fmt: skip
        rows: list[list[Cell]] = []
        for task in TASKS:
            for width in _widths(views, task):
                rows.append([NAMES[task], width, *_cells(_chosen(views, task, width))])
        return Sheet(columns, rows)

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> Figure | None:
        """Barriers against width for the larger data set there is, and the ratio for both."""
        figure, (left, right) = panels(2, width=10.0, height=4.2)
        task = next(task for task in TASKS if _widths(views, task))
        for color, (metric, label) in zip((COLORS[1], COLORS[0], COLORS[2]), PATHS.items(), strict=True):
            for width in _widths(views, task):
                values = np.array([view.metrics[metric] for view in _chosen(views, task, width)])
                style = {"color": color, "markersize": 5}
                left.plot([width] * len(values), np.maximum(values, 1e-5), "o", **style, zorder=3)
            left.plot([], [], "o", color=color, label=text(label))
        left.set(xscale="log", yscale="log", xlabel=text("width of the hidden layers"))
        left.set_ylabel(text("height of the barrier (training loss)"))
        left.set_title(text("The barrier falls with width, more so when matched"))
        left.legend(loc="best")
        for number, task in enumerate(TASKS):
            for width in _widths(views, task):
                ratios = [view.metrics["matched_over_naive"] for view in _with_ratio(_chosen(views, task, width))]
                right.plot([width] * len(ratios), ratios, "os"[number], color=COLORS[number])
            if _widths(views, task):
                right.plot([], [], "os"[number], color=COLORS[number], label=text(NAMES[task]))
        right.axhline(0.3, **PREDICTION, label=text("limit of the claim: 0.3"))
        right.set(xscale="log", xlabel=text("width of the hidden layers"), ylabel=text("matched / naive barrier"))
        right.set_ylim(bottom=0)
        right.set_title(text("What matching leaves of the barrier"))
        right.legend(loc="center right")
        for axis in (left, right):
            widths = sorted({width for task in TASKS for width in _widths(views, task)})
            axis.set_xticks(widths, [str(width) for width in widths])
            axis.minorticks_off()
        return figure

    def claims(self, views: list[RunView]) -> list[Claim]:
        """The matched barrier falls with width."""
        means = [
            float(np.mean([view.metrics["train_barrier_matched"] for view in chosen]))
            for width in WIDTHS["mnist"]
            if len(chosen := _chosen(views, "mnist", width)) >= SEEDS["standard"]
        ]
        quotients = [wide / narrow for narrow, wide in pairwise(means)]
        return [
            Claim(
                id="landscape.connectivity.width",
                statement="after matching, the barrier on 10,000 images of MNIST falls from width 32 to 128 to 512:"
                " larger of the two quotients of the means over seeds",
                predicted=None,
                low=None,
                high=1.0,
                measured=max(quotients) if len(means) == len(WIDTHS["mnist"]) else None,
                source="Ainsworth, Hayase, Srinivasa 2023 (arXiv:2209.04836)",
            )
        ]


def _chosen(views: list[RunView], task: str, width: int) -> list[RunView]:
    return [v for v in views if v.choices["task"] == task and v.config["network"]["width"] == width]


def _widths(views: list[RunView], task: str) -> list[int]:
    return sorted({view.config["network"]["width"] for view in views if view.choices["task"] == task})


def _with_ratio(views: list[RunView]) -> list[RunView]:
    """The runs that had a barrier to begin with."""
    return [view for view in views if "matched_over_naive" in view.metrics]


def _cells(views: list[RunView]) -> list[Cell]:
    def estimate(metric: str, digits: int = 3, factor: float = 1.0) -> Cell:
        values = [factor * view.metrics[metric] for view in views if metric in view.metrics]
        return Estimate.of(values, digits=digits) if values else None

    return [
        estimate("held_out_accuracy_first", 1, 100),
        estimate("train_barrier_naive"),
        estimate("train_barrier_matched"),
        estimate("matched_over_naive"),
        estimate("train_excess_bezier", 4),
        f"{max(view.metrics['function_change_float32'] for view in views):.1e}",
        Estimate.of([view.cost["matching_s"] for view in views], digits=2),
    ]
