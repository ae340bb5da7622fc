"""The figure of multitask sparse parity, drawn from its record alone."""

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView
from baselines.scaling_law.figures import _panels

Text = Callable[[str], str]

ZH = {
    "Wider networks learn more quanta": "网络越宽，学会的量子越多",
    "parameters of a network": "单个网络的参数个数",
    "tasks learned (quanta)": "学会的任务数（量子数）",
    "proportional to the parameters": "与参数个数成正比",
    "one network": "单个网络",
    "mean of a width": "同一宽度的均值",
    "The loss is the tail sum of what is not learned": "损失等于未学会任务的尾和",
    "loss (nats)": "损失（nats）",
    "measured": "实测",
    "tail sum of the tasks not learned": "未学会任务的尾和",
    "tail sum over k > K": "k > K 的尾和",
    "measured / tail sum − 1 (%)": "实测 / 尾和 − 1（%）",
    "tolerance": "容差",
    "The end of the list of tasks steepens the slope": "任务表的截断使斜率变陡",
    "local slope of the loss": "损失的局部斜率",
    "corrected for the end of the list": "已作任务表截断修正",
    "as measured": "未修正",
    "A task switches on at a width": "任务在某一宽度处涌现",
    "A task switches on at a step (widest networks)": "任务在某一步涌现（最宽的网络）",
    "loss of task k (bits)": "任务 k 的损失（bit）",
    "width": "宽度",
    "step": "步数",
    "all tasks, weighted": "全部任务（加权）",
}


def draw(view: RunView, text: Text) -> Figure:
    """Quanta, loss with residual, local slopes, emergence against width and against step."""
    figure, axes = panels(3, 2, width=14.0, height=7.6)
    _quanta(axes[0, 0], view, text)
    _loss(axes[0, 1], axes[1, 1], view, text)
    _slopes(axes[1, 0], view, text)
    _against_width(axes[0, 2], view, text)
    _against_step(axes[1, 2], view, text)
    return figure


def _quanta(axis: Axes, view: RunView, text: Text) -> None:
    curves = view.curves
    size, mean, inside = curves["parameters"], np.maximum(curves["quanta"], 0.5), curves["fitted"]
    place = np.searchsorted(curves["widths"], curves["network_width"])
    axis.plot(size[place], np.maximum(curves["network_quanta"], 0.5), ".", color="0.6", label=text("one network"))
    axis.plot(size, mean, "o", color=COLORS[0], label=text("mean of a width"))
    scale = np.exp(np.mean(np.log(mean[inside] / size[inside])))
    axis.plot(size, scale * size, **PREDICTION, label=text("proportional to the parameters"))
    axis.set(xscale="log", yscale="log", xlabel=text("parameters of a network"), ylabel=text("tasks learned (quanta)"))
    axis.set_title(text("Wider networks learn more quanta"))
    axis.legend(loc="upper left")


def _loss(axis: Axes, below: Axes, view: RunView, text: Text) -> None:
    curves = view.curves
    size, tail, ordered = (curves[name] for name in ("parameters", "tail_sum_nats", "ordered_tail_sum_nats"))
    mean, low, high = (curves[f"loss_nats{part}"] for part in ("", "_low", "_high"))
    _panels.points(axis, size, mean, low, high, COLORS[0], text("measured"))
    _panels.prediction(axis, size, tail, text("tail sum of the tasks not learned"))
    _panels.prediction(axis, size, ordered, text("tail sum over k > K"), COLORS[1])
    axis.set(xscale="log", yscale="log", xlabel=text("parameters of a network"), ylabel=text("loss (nats)"))
    axis.set_title(text("The loss is the tail sum of what is not learned"))
    axis.legend(loc="lower left")
    expected = np.maximum(tail, 1e-6)
    _panels.residuals(below, size, mean, low, high, expected, COLORS[0], text("tail sum of the tasks not learned"))
    _panels.residuals(
        below, size * 1.05, mean, low, high, np.maximum(ordered, 1e-6), COLORS[1], text("tail sum over k > K"), "s"
    )
    for sign in (-10, 10):
        below.axhline(sign, color="0.5", linewidth=1.0, label=text("tolerance") if sign > 0 else None)
    below.set(xscale="log", xlabel=text("parameters of a network"), ylabel=text("measured / tail sum − 1 (%)"))
    bottom, top = below.get_ylim()
    below.set_ylim(min(bottom, -20), max(top, 20) + 0.45 * (max(top, 20) - min(bottom, -20)))
    below.legend(loc="upper left")


def _slopes(axis: Axes, view: RunView, text: Text) -> None:
    curves = view.curves
    size, loss = curves["parameters"], curves["loss_nats"]
    window = min(4, len(size))
    alpha = view.config["study"]["alpha"]
    corrected = loss + float(curves["beyond_nats"])
    _panels.slopes(axis, size, corrected, COLORS[0], text("corrected for the end of the list"), None, window)
    _panels.slopes(axis, size, loss, COLORS[1], text("as measured"), None, window, "s-")
    axis.axhline(-alpha, **PREDICTION, label=f"−α = {-alpha:g}".replace("-", "−"))
    axis.set(xlabel=text("parameters of a network"), ylabel=text("local slope of the loss"))
    axis.set_title(text("The end of the list of tasks steepens the slope"))
    bottom, top = axis.get_ylim()
    axis.set_ylim(bottom - 0.35 * (top - bottom), top)
    axis.legend(loc="lower left")


def _shown(view: RunView) -> list[int]:
    """Tasks to show, spread evenly on a logarithmic axis, as far as the widest networks learn them."""
    learned = max(int(view.curves["quanta"].max()), 3)
    count = min(learned, len(view.curves["frequency"]))
    return sorted({int(k) for k in np.geomspace(1, count, 6).round()})


def _against_width(axis: Axes, view: RunView, text: Text) -> None:
    loss = view.curves["task_loss_nats"] / np.log(2)
    for k, color in zip(_shown(view), COLORS, strict=False):
        axis.plot(view.curves["widths"], loss[:, k - 1], "o-", color=color, label=f"k = {k}")
    axis.plot(
        view.curves["widths"],
        view.curves["loss_nats"] / np.log(2),
        color="0.4",
        linewidth=2.5,
        alpha=0.6,
        label=text("all tasks, weighted"),
    )
    axis.set(xscale="log", xlabel=text("width"), ylabel=text("loss of task k (bits)"))
    axis.set_title(text("A task switches on at a width"))
    _panels.ticks(axis, view.curves["widths"])
    axis.set_ylim(-0.03, 1.55)
    axis.legend(loc="upper center", ncols=4, columnspacing=1.0)


def _against_step(axis: Axes, view: RunView, text: Text) -> None:
    loss = view.curves["task_loss_curve_nats"] / np.log(2)
    steps = view.curves["steps"]
    for k, color in zip(_shown(view), COLORS, strict=False):
        axis.plot(steps, loss[:, k - 1], "o-", color=color, markersize=3, label=f"k = {k}")
    total = loss @ view.curves["frequency"]
    axis.plot(steps, total, color="0.4", linewidth=2.5, alpha=0.6, label=text("all tasks, weighted"))
    axis.set(xscale="log", xlabel=text("step"), ylabel=text("loss of task k (bits)"), ylim=(-0.03, 1.7))
    axis.set_title(text("A task switches on at a step (widest networks)"))
    axis.legend(loc="lower left")
