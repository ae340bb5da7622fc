"""The figure of the central flow, drawn from its record alone."""

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView

ZH = {
    "gradient descent": "梯度下降",
    "step": "步数",
    "sharpness / edge of stability": "锐度 / 稳定性边界",
    "Sharpness: the central flow stops at the edge": "锐度：中心流停在稳定性边界",
    "training loss": "训练损失",
    "Loss: the central flow predicts its mean": "损失：中心流预测其均值",
    "distance of the weights to the optimizer's": "与优化器权重的距离",
    "Weights: the central flow stays close": "权重：中心流紧随优化器",
    "every step": "每一步",
    "mean of 51 steps": "51 步均值",
    "central flow": "中心流",
    "central flow: L + tr X": "中心流：L + tr X",
    "gradient flow": "梯度流",
    "stable flow": "稳定流",
    "critical directions (right axis)": "临界方向数（右轴）",
}
REAL, CENTRAL, STABLE = COLORS[0], "black", COLORS[1]
HIGHEST = 3.0  # of the sharpness axis; the stable flow of RMSprop leaves it by far


def draw(view: RunView, text: Callable[[str], str]) -> Figure:
    """Sharpness, loss and distance of the optimizer and the two flows against the step.

    Args:
        view: A record of `probe=central_flow`.
        text: Translates a label.
    """
    figure, (left, middle, right) = panels(3, width=14.0, height=4.2)
    rule = view.config["probe"]["rule"]
    name = "RMSprop" if rule == "rmsprop" else text("gradient descent")
    stable = text("gradient flow" if rule == "gd" else "stable flow")
    _sharpness(left, view, text, name, stable)
    _loss(middle, view, text, name, stable)
    _distance(right, view, text, stable)
    for axis in (left, middle, right):
        axis.set_xlabel(text("step"))
    return figure


def _sharpness(axis: Axes, view: RunView, text: Callable[[str], str], name: str, stable: str) -> None:
    curves = view.curves
    axis.axhline(1.0, color="0.6", linewidth=0.8, zorder=1)
    highest = 1.0
    for key, style, label in (
        ("stable", {"color": STABLE, "linewidth": 1.4}, stable),
        ("optimizer", {"color": REAL, "marker": "o", "markersize": 3.5, "linestyle": "", "markeredgewidth": 0}, name),
        ("central", PREDICTION, text("central flow")),
    ):
        values = curves[f"{key}.sharpness_over_edge"]
        axis.plot(curves[f"{key}.step"], values, **style, label=label)
        highest = max(highest, float(values.max()))
    directions = curves["critical.directions"]
    if directions.max() > 0:
        twin = axis.twinx()
        twin.fill_between(curves["critical.step"], directions, step="post", color=COLORS[2], alpha=0.25, linewidth=0)
        most = int(directions.max())
        twin.set_ylim(0, 4 * most)  # in the lower quarter
        twin.set_yticks([0, most])
        twin.tick_params(colors=COLORS[2])
        twin.grid(False)
        axis.fill_between([], [], color=COLORS[2], alpha=0.25, label=text("critical directions (right axis)"))
    axis.set_ylim(0, min(HIGHEST, 1.6 * highest))
    axis.set_ylabel(text("sharpness / edge of stability"))
    axis.set_title(text("Sharpness: the central flow stops at the edge"))
    steps, stable_values = curves["stable.step"], curves["stable.sharpness_over_edge"]
    leaves = steps[stable_values < 0.5 * HIGHEST][-1]  # the legend goes to the side the steep line is not on
    axis.legend(loc="upper left" if highest < HIGHEST or leaves > steps[-1] / 3 else "upper right")


def _loss(axis: Axes, view: RunView, text: Callable[[str], str], name: str, stable: str) -> None:
    curves = view.curves
    steps, losses = curves["optimizer_loss.step"], curves["optimizer_loss.loss"]
    axis.plot(steps, losses, "o", color=COLORS[5], markersize=1.6, markeredgewidth=0, alpha=0.6, rasterized=True)
    axis.plot([], [], "o", color=COLORS[5], markersize=3, label=f"{name}, {text('every step')}")
    axis.plot(curves["stable_loss.step"], curves["stable_loss.loss"], color=STABLE, label=stable)
    smooth = np.arange(0, len(curves["smoothed.step"]), 10)
    axis.plot(
        curves["smoothed.step"][smooth],
        curves["smoothed.loss"][smooth],
        "o",
        color=REAL,
        markersize=3.5,
        markeredgewidth=0,
        label=f"{name}, {text('mean of 51 steps')}",
    )
    axis.plot(
        curves["central_loss.step"], curves["central_loss.loss"], **PREDICTION, label=text("central flow: L + tr X")
    )
    axis.set_yscale("log")
    axis.set_ylabel(text("training loss"))
    axis.set_title(text("Loss: the central flow predicts its mean"))
    axis.legend(loc="upper right")


def _distance(axis: Axes, view: RunView, text: Callable[[str], str], stable: str) -> None:
    curves = view.curves
    for key, color, label in (("stable", STABLE, stable), ("central", CENTRAL, text("central flow"))):
        steps, values = curves[f"{key}_distance.step"], curves[f"{key}_distance.distance"]
        axis.plot(steps, values, "o", color=color, markersize=3.0, markeredgewidth=0, label=label)
    axis.set_ylim(bottom=0)
    axis.set_ylabel(text("distance of the weights to the optimizer's"))
    axis.set_title(text("Weights: the central flow stays close"))
    axis.legend(loc="upper left")
