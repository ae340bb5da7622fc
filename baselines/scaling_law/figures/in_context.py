"""The figure of the in-context study: context length, what was learned, number of tasks."""

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView
from baselines.scaling_law.figures._panels import points, prediction, residuals, slopes, ticks
from baselines.scaling_law.power_laws import local_slopes

ZH = {
    "Attention has {gap:.1f} × the Bayes error (l = {length})": "注意力误差为贝叶斯误差的 {gap:.1f} 倍（l = {length}）",
    "Answering new tasks emerges at k ~ d": "对新任务的上下文学习能力在 k ~ d 处涌现",
    "Every point against the theory": "每个点与理论的偏差",
    "Local slopes in the context length": "误差随上下文长度的局部斜率",
    "It learns one step of gradient descent": "学到的是一步梯度下降",
    "Context length l": "上下文长度 l",
    "Tasks to train on k": "训练任务数 k",
    "Error on new tasks": "新任务上的误差",
    "Error": "误差",
    "Local slope": "局部斜率",
    "Learned factor": "学到的系数",
    "Measured minus predicted (%)": "测量值与预测值之差（%）",
    "Bayes-optimal ridge": "贝叶斯最优岭回归",
    "trained linear attention": "训练后的线性注意力",
    "theory": "理论",
    "within 5 %": "5% 以内",
    "trained, new tasks": "训练后，新任务",
    "trained, own tasks": "训练后，训练任务",
    "posterior over the k tasks, new tasks": "k 个任务上的后验均值，新任务",
    "linear attention, all tasks": "线性注意力，无穷多任务",
    "k = d": "k = d",
    "trained": "训练后",
    "l / (l + d + 1 + d noise)": "l / (l + d + 1 + d·噪声)",
}
KINDS = (("ridge", "Bayes-optimal ridge", "o"), ("attention", "trained linear attention", "s"))


def draw(view: RunView, text: Callable[[str], str]) -> Figure:
    """Errors above, how well the theory describes them below.

    Args:
        view: A record of `study=in_context`.
        text: Translates a label.
    """
    figure, axes = panels(3, 2, width=13.6, height=7.4)
    curves = {name.partition(".")[2]: values for name, values in view.curves.items() if name.startswith("length.")}
    _along_length(axes[0, 0], axes[1, 0], curves, text, view.metrics["gap_longest"])
    _slopes(axes[0, 1], curves, text)
    _steps(axes[1, 1], curves, text)
    curves = {name.partition(".")[2]: values for name, values in view.curves.items() if name.startswith("diversity.")}
    _diversity(axes[0, 2], axes[1, 2], curves, text, view.config["study"]["dimension"])
    return figure


def _along_length(
    upper: Axes, lower: Axes, curves: dict[str, np.ndarray], text: Callable[[str], str], gap: float
) -> None:
    x = curves["lengths"]
    lower.axhspan(-5, 5, color="0.92", zorder=0, label=text("within 5 %"))
    for (name, label, marker), color, side in zip(KINDS, COLORS, (0.98, 1.02), strict=False):
        mean, low, high = (curves[f"{name}_error{end}"] for end in ("", "_low", "_high"))
        points(upper, x, mean, low, high, color, text(label), marker)
        prediction(upper, curves["line_lengths"], curves[f"{name}_line"], color=color)
        residuals(lower, x * side, mean, low, high, curves[f"{name}_predicted"], color, text(label), marker)
    upper.plot([], [], label=text("theory"), **PREDICTION)
    upper.set(xscale="log", yscale="log", xlabel=text("Context length l"), ylabel=text("Error on new tasks"))
    upper.set_title(text("Attention has {gap:.1f} × the Bayes error (l = {length})").format(length=x[-1], gap=gap))
    lower.set(xscale="log", xlabel=text("Context length l"), ylabel=text("Measured minus predicted (%)"), ylim=(-9, 9))
    lower.set_title(text("Every point against the theory"))
    for axes in (upper, lower):
        ticks(axes, x)
    upper.legend(loc="lower left")
    lower.legend(loc="upper right", ncols=2)


def _slopes(axes: Axes, curves: dict[str, np.ndarray], text: Callable[[str], str]) -> None:
    for (name, label, marker), color in zip(KINDS, COLORS, strict=False):
        slopes(axes, curves["lengths"], curves[f"{name}_error"], color, text(label), marker=marker)
        middle, slope = local_slopes(curves["line_lengths"], curves[f"{name}_line"])
        prediction(axes, middle, slope, color=color)
    axes.plot([], [], label=text("theory"), **PREDICTION)
    axes.set(xlabel=text("Context length l"), ylabel=text("Local slope"))
    low, high = axes.get_ylim()
    axes.set_ylim(low - 0.35 * (high - low), high)  # room for the legend
    axes.set_title(text("Local slopes in the context length"))
    ticks(axes, curves["lengths"])
    axes.legend(loc="lower left")


def _steps(axes: Axes, curves: dict[str, np.ndarray], text: Callable[[str], str]) -> None:
    axes.plot(curves["lengths"], curves["steps"], "s", color=COLORS[1], label=text("trained"), zorder=3)
    prediction(axes, curves["lengths"], curves["steps_predicted"], text("l / (l + d + 1 + d noise)"))
    axes.set(xscale="log", xlabel=text("Context length l"), ylabel=text("Learned factor"), ylim=(0, 1))
    axes.set_title(text("It learns one step of gradient descent"))
    ticks(axes, curves["lengths"])
    axes.legend(loc="upper left")


def _diversity(upper: Axes, lower: Axes, curves: dict[str, np.ndarray], text: Callable[[str], str], d: int) -> None:
    k = curves["tasks"]
    lower.axhspan(-5, 5, color="0.92", zorder=0, label=text("within 5 %"))
    kinds = (("new", "trained, new tasks", "s", COLORS[1]), ("seen", "trained, own tasks", "v", COLORS[2]))
    for name, label, marker, color in kinds:
        mean, low, high = (curves[f"{name}{end}"] for end in ("", "_low", "_high"))
        points(upper, k, mean, low, high, color, text(label), marker)
        prediction(upper, curves["line_tasks"], curves[f"{name}_line"], color=color)
        residuals(lower, k, mean, low, high, curves[f"{name}_predicted"], color, text(label), marker)
    label = text("posterior over the k tasks, new tasks")
    points(upper, k, curves["discrete"], curves["discrete_low"], curves["discrete_high"], COLORS[3], label, "D")
    for level, label, color in zip(
        curves["floors"], ("linear attention, all tasks", "Bayes-optimal ridge"), (COLORS[1], COLORS[0]), strict=True
    ):
        upper.axhline(level, color=color, linewidth=0.9, linestyle=":", label=text(label))
    upper.axvline(d, color="0.6", linewidth=0.8, linestyle=":", label=text("k = d"))
    upper.set(xscale="log", xlabel=text("Tasks to train on k"), ylabel=text("Error"))
    upper.set_ylim(0, 1.3 * max(curves["discrete"].max(), 1.0))
    upper.set_title(text("Answering new tasks emerges at k ~ d"))
    lower.set(xscale="log", xlabel=text("Tasks to train on k"), ylabel=text("Measured minus predicted (%)"))
    lower.set_title(text("Every point against the theory"))
    for axes in (upper, lower):
        ticks(axes, k)
        axes.legend(loc="upper right")
