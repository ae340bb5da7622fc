"""The figure of one-pass SGD, drawn from its record alone."""

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView
from baselines.scaling_law.figures._panels import points, prediction, residuals, slopes

Text = Callable[[str], str]

ZH = {
    "The exact recursion predicts SGD": "精确递推预测了 SGD",
    "Steps of SGD": "SGD 步数",
    "Mean test loss": "平均测试损失",
    "batch {batch}": "批量 {batch}",
    "exact recursion": "精确递推",
    "without gradient noise": "无梯度噪声",
    "Simulation minus recursion (%)": "模拟与递推之差（%）",
    "Simulation against the recursion": "模拟与递推的比较",
    "within 3 %": "3% 以内",
    "Compute: features × data": "计算量：特征数 × 数据数",
    "Smallest loss": "最小损失",
    "Best number of features": "最优特征数",
    "Each phase has its power of compute": "每个相有自己的计算量幂律",
    "And its own best width": "也有自己的最优宽度",
    "phase {name}: α = {alpha:g}, β = {beta:g}": "相 {name}：α = {alpha:g}，β = {beta:g}",
    "slope at infinite compute": "无穷计算量时的斜率",
    "Local slopes of the loss (one decade)": "损失的局部斜率（每十倍）",
    "Local slopes of the width (one decade)": "宽度的局部斜率（每十倍）",
    "d log loss / d log compute": "d log 损失 / d log 计算量",
    "d log width / d log compute": "d log 宽度 / d log 计算量",
}
WINDOW = 11  # computes in a decade


def draw(view: RunView, text: Text) -> Figure:
    """Simulation and its deviation; loss and width of the frontier with their local slopes.

    Args:
        view: A record of `study=online_sgd`.
        text: Translates a label.
    """
    figure, axes = panels(3, 2, width=14.4, height=7.4)
    _simulation(axes[0, 0], view, text)
    _deviations(axes[1, 0], view, text)
    for column, name in ((1, "loss"), (2, "width")):
        _frontier(axes[0, column], view, text, name)
        _slopes(axes[1, column], view, text, name)
    return figure


def _simulation(axes: Axes, view: RunView, text: Text) -> None:
    for color, batch in zip(COLORS, view.config["study"]["batches"], strict=False):
        steps, mean, low, high = (view.curves[f"batch_{batch}.{key}"] for key in ("steps", "loss", "low", "high"))
        points(axes, steps, mean, low, high, color, text("batch {batch}").format(batch=batch))
        prediction(axes, steps, view.curves[f"batch_{batch}.predicted_loss"])
        axes.plot(steps, view.curves[f"batch_{batch}.noiseless_loss"], ":", color="0.5", linewidth=1.1)
    axes.plot([], [], **PREDICTION, label=text("exact recursion"))
    axes.plot([], [], ":", color="0.5", linewidth=1.1, label=text("without gradient noise"))
    axes.set(xscale="log", yscale="log", xlabel=text("Steps of SGD"), ylabel=text("Mean test loss"))
    axes.set_title(text("The exact recursion predicts SGD"))
    axes.legend(loc="lower left")


def _deviations(axes: Axes, view: RunView, text: Text) -> None:
    axes.axhspan(-3, 3, color="0.92", zorder=0, label=text("within 3 %"))
    for k, (color, batch) in enumerate(zip(COLORS, view.config["study"]["batches"], strict=False)):
        steps, mean, low, high, predicted = (
            view.curves[f"batch_{batch}.{key}"] for key in ("steps", "loss", "low", "high", "predicted_loss")
        )
        label = text("batch {batch}").format(batch=batch)
        residuals(axes, steps * 1.04**k, mean, low, high, predicted, color, label)
    axes.set(xscale="log", xlabel=text("Steps of SGD"), ylabel=text("Simulation minus recursion (%)"))
    axes.set_title(text("Simulation against the recursion"))
    axes.margins(y=0.3)
    axes.legend(loc="upper right", ncols=3)


def _frontier(axes: Axes, view: RunView, text: Text, name: str) -> None:
    """Points with bars where the best width is inside the ladder, and the limiting slope through the last of them."""
    computes, inside = view.curves["compute"], view.curves["inside"]
    for color, values, used, limit, label in _phases(view, text, name):
        if not inside[used].any():
            continue
        x, (mean, low, high) = computes[inside[used]], values[:, inside[used]]
        shown = slice(None, None, 2)
        points(axes, x[shown], mean[shown], low[shown], high[shown], color, label)
        middle = len(x) // 2
        prediction(axes, x, mean[middle] * (x / x[middle]) ** limit, color=color)
    axes.plot([], [], **PREDICTION, label=text("slope at infinite compute"))
    axes.set(xscale="log", yscale="log", xlabel=text("Compute: features × data"))
    axes.set_ylabel(text("Smallest loss" if name == "loss" else "Best number of features"))
    axes.set_title(text("Each phase has its power of compute" if name == "loss" else "And its own best width"))
    axes.legend(loc="upper right" if name == "loss" else "lower right")


def _slopes(axes: Axes, view: RunView, text: Text, name: str) -> None:
    computes, inside = view.curves["compute"], view.curves["inside"]
    for color, values, used, limit, _ in _phases(view, text, name):
        x, mean = computes[inside[used]], values[0, inside[used]]
        if len(x) > 2:
            slopes(axes, x, mean, color, expected=limit, window=min(WINDOW, len(x)))
    axes.plot([], [], **PREDICTION, label=text("slope at infinite compute"))
    axes.set_xlabel(text("Compute: features × data"))
    axes.set_ylabel(text(f"d log {name} / d log compute"))
    axes.set_title(text(f"Local slopes of the {name} (one decade)"))
    axes.margins(y=0.22)
    axes.legend(loc="upper right")


def _phases(view: RunView, text: Text, name: str) -> list[tuple[str, np.ndarray, int, float, str]]:
    """Colour, frontier [3, F], row, slope at infinite compute and label of each phase."""
    study, found = view.config["study"], []
    limits = {claim.id: claim.predicted for claim in view.claims}
    names = [claim.id.rpartition("_")[2] for claim in view.claims if ".exponent_loss_" in claim.id]
    for row, (color, phase) in enumerate(zip(COLORS[2:], names, strict=False)):
        label = text("phase {name}: α = {alpha:g}, β = {beta:g}").format(
            name=phase, alpha=study["alphas"][row], beta=study["betas"][row]
        )
        limit = limits[f"online_sgd.exponent_{name}_{phase}"] or 0.0
        values = view.curves[f"frontier_{name}"][row]
        found.append((color, values, row, -limit if name == "loss" else limit, label))
    return found
