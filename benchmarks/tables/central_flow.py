"""Central flow against the optimizer: gradient descent and RMSprop, two step sizes each."""

from collections.abc import Callable
from typing import ClassVar

import numpy as np
from matplotlib.figure import Figure

from baselines.common.claims import Claim
from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView
from benchmarks.sheet import Cell, Estimate, Sheet

SETTINGS = (("gd", 0.5), ("gd", 0.65), ("rmsprop", 0.0005), ("rmsprop", 0.001))
NAMES = {"gd": "GD", "rmsprop": "RMSprop"}
SEEDS = {"smoke": 1, "standard": 3, "paper": 10}
SMALLER = "task.examples=200"  # of 500, so that a run takes ten seconds


class Table:
    """Central flow: does it predict the mean loss, sharpness and weights of training at the edge of stability?

    200 digits, tanh network 64-32-32-10, 800 steps; mean over the second half, ± standard deviation over seeds of
    the initial weights. Loss: real: of the optimizer; relative error (closer to zero is better) of L + tr X along the
    central flow, and of the stable flow's loss (for GD, gradient flow). Sharpness: largest eigenvalue of P^-1 H
    divided by 2. Distance: of the flow's weights to the optimizer's (lower is better). k: largest number of
    critical directions. Seconds: wall time of optimizer, central and stable flow, measuring included.
    """

    topic: ClassVar[str] = "loss_landscape"
    ZH: ClassVar[dict[str, str]] = {
        "GD": "梯度下降",
        "mean loss of the optimizer": "优化器的平均损失",
        "prediction of the flow": "流的预测",
        "prediction: equal": "预测：相等",
        "central flow": "中心流",
        "stable flow": "稳定流",
        "The central flow predicts the mean loss": "中心流预测平均损失",
        "Its weights are nearer to the optimizer's": "中心流的权重更接近优化器",
        "distance to the stable flow": "与稳定流的距离",
        "distance to the central flow": "与中心流的距离",
        "equal distances": "距离相等",
        "claim: 4 times as far": "判据：4 倍",
    }

    def runs(self, suite: str) -> list[list[str]]:
        """Both rules at two step sizes each; in smoke the probe's own smoke run."""
        if suite == "smoke":
            return [["probe=central_flow"]]
        return [
            ["probe=central_flow", SMALLER, f"probe.rule={rule}", f"probe.lr={lr}", f"seed={seed}"]
            for rule, lr in SETTINGS
            for seed in range(SEEDS[suite])
        ]

    def sheet(self, views: list[RunView]) -> Sheet:
        """One row for each rule and step size."""
        columns = [
            "rule", "η", "loss", "error central", "error stable", "sharpness", "central", "stable",
            "distance central", "distance stable", "k", "seconds",
        ]  # fmt: skip
        return Sheet(columns, [_row(rule, lr, own) for (rule, lr), own in _groups(views).items()])

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> Figure:
        """Predicted against measured loss, and the two distances, one point a run."""
        figure, (left, right) = panels(2, width=9.6, height=4.0)
        for i, ((rule, lr), own) in enumerate(_groups(views).items()):
            real, central, stable = (
                [view.metrics[f"mean_loss_{name}"] for view in own] for name in ("optimizer", "central", "stable")
            )
            left.plot(real, central, "o", color=COLORS[i], label=f"{text(NAMES[rule])}, η = {lr:g}")
            left.plot(real, stable, "x", color=COLORS[i])
            near, far = ([view.metrics[f"distance_{name}"] for view in own] for name in ("central", "stable"))
            right.plot(near, far, "o", color=COLORS[i])
        left.plot([], [], "o", color="0.3", label=text("central flow"))
        left.plot([], [], "x", color="0.3", label=text("stable flow"))
        line = np.array([min(left.get_xlim()[0], left.get_ylim()[0]), left.get_xlim()[1]])
        left.plot(line, line, **PREDICTION, label=text("prediction: equal"))
        left.set(xlabel=text("mean loss of the optimizer"), ylabel=text("prediction of the flow"))
        left.set_title(text("The central flow predicts the mean loss"))
        left.legend(loc="upper left", fontsize=7.5)
        ends = np.array([0.0, 1.1 * right.get_xlim()[1]])
        right.plot(ends, ends, **PREDICTION, label=text("equal distances"))
        right.plot(ends, 4 * ends, color="0.6", linewidth=1.0, label=text("claim: 4 times as far"))
        right.set(
            xlabel=text("distance to the central flow"), ylabel=text("distance to the stable flow"), xlim=(0, ends[1])
        )
        right.set_ylim(0, 1.2 * max(view.metrics["distance_stable"] for view in views))
        right.set_title(text("Its weights are nearer to the optimizer's"))
        right.legend(loc="upper left")
        return figure

    def claims(self, views: list[RunView]) -> list[Claim]:
        """The central flow wins in every run that is long enough."""
        long = [view for view in views if view.config["probe"]["steps"] >= 500]
        better = [
            abs(view.metrics["loss_error_central"]) < abs(view.metrics["loss_error_stable"])
            and view.metrics["distance_central"] < view.metrics["distance_stable"]
            for view in long
        ]
        return [
            Claim(
                id="landscape.central_flow.share",
                statement="share of the runs (200 digits, GD and RMSprop, two step sizes) whose second half is nearer"
                " to the central flow than to the stable flow, in mean loss and in the weights",
                predicted=1.0,
                low=1.0,
                high=1.0,
                measured=float(np.mean(better)) if better else None,
                source="central flow: Cohen et al. 2024 (arXiv:2410.24206)",
            )
        ]


def _groups(views: list[RunView]) -> dict[tuple[str, float], list[RunView]]:
    """The runs of each rule and step size."""
    found: dict[tuple[str, float], list[RunView]] = {}
    for view in views:
        found.setdefault((view.config["probe"]["rule"], view.metrics["step_size"]), []).append(view)
    return dict(sorted(found.items()))


def _row(rule: str, lr: float, views: list[RunView]) -> list[Cell]:
    def mean(metric: str, digits: int) -> Cell:
        return Estimate.of([view.metrics[metric] for view in views], digits)

    seconds = [np.mean([view.cost[f"{name}_s"] for view in views]) for name in ("optimizer", "central", "stable")]
    return [
        NAMES[rule],
        f"{lr:g}",
        mean("mean_loss_optimizer", 5),
        mean("loss_error_central", 4),
        mean("loss_error_stable", 3),
        mean("sharpness_optimizer", 3),
        mean("sharpness_central", 3),
        mean("sharpness_stable", 2),
        mean("distance_central", 2),
        mean("distance_stable", 2),
        int(max(view.metrics["critical_most"] for view in views)),
        " / ".join(f"{value:.1f}" for value in seconds),
    ]
