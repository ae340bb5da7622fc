"""The figure of mode connectivity, drawn from its record alone."""

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView

ZH = {
    "position t on the path": "路径上的位置 t",
    "training loss": "训练损失",
    "loss on held-out examples": "留出样本上的损失",
    "straight line": "直线",
    "straight line, units matched": "直线（单元已匹配）",
    "Bezier curve": "Bezier 曲线",
    "no barrier: interpolated ends": "无势垒：两端插值",
    "Matching leaves {share:.0f} % of the barrier": "匹配后剩余 {share:.0f} % 的势垒",
    "There is no barrier to remove": "没有需要消除的势垒",
    "The same paths on held-out examples": "同样的路径，留出样本",
    "The plane of both networks and the bend": "两个网络与弯曲点所在平面",
    "distance along the line": "沿直线的距离",
    "distance across it": "垂直于直线的距离",
    "sweep of the matching": "匹配的轮次",
    "inner product of the weights": "权重的内积",
    "What the matching maximises": "匹配所最大化的量",
    "bend": "弯曲点",
}
PATHS = {
    "naive": ("straight line", COLORS[1]),
    "matched": ("straight line, units matched", COLORS[0]),
    "bezier": ("Bezier curve", COLORS[2]),
}


def draw(view: RunView, text: Callable[[str], str]) -> Figure:
    """The paths on training and on held-out examples, and the plane of the Bezier curve.

    Args:
        view: A record of `probe=connectivity`.
        text: Translates a label.
    """
    figure, (left, middle, right) = panels(3, width=13.5, height=4.2)
    _paths(left, view, text, "train")
    left.set_ylabel(text("training loss"))
    share = view.metrics.get("matched_over_naive")
    title = text("There is no barrier to remove")
    if share is not None:
        title = text("Matching leaves {share:.0f} % of the barrier").format(share=100 * share)
    left.set_title(title)
    if "path_held_out_naive_loss" in view.curves:
        _paths(middle, view, text, "held_out")
        middle.set_ylabel(text("loss on held-out examples"))
        middle.set_title(text("The same paths on held-out examples"))
    else:
        middle.plot(view.curves["matching.sweep"], view.curves["matching.similarity"], "o-")
        middle.set(xlabel=text("sweep of the matching"), ylabel=text("inner product of the weights"))
        middle.set_title(text("What the matching maximises"))
    _plane(right, view, text)
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4)
    return figure


def _paths(axis: Axes, view: RunView, text: Callable[[str], str], examples: str) -> None:
    t = view.curves["path_position"]
    for path, (label, color) in PATHS.items():
        losses = view.curves[f"path_{examples}_{path}_loss"]
        axis.plot(t, losses, "o-", color=color, linewidth=0.8, label=text(label))
    ends = view.curves[f"path_{examples}_naive_loss"][[0, -1]]
    axis.plot(t, (1 - t) * ends[0] + t * ends[1], **PREDICTION, label=text("no barrier: interpolated ends"))
    axis.set(xlabel=text("position t on the path"), yscale="log")


def _plane(axis: Axes, view: RunView, text: Callable[[str], str]) -> None:
    curves = view.curves
    x, y, losses = curves["plane_along"], curves["plane_across"], curves["plane_loss"]
    levels = np.geomspace(losses.min(), losses.max(), 21)
    filled = axis.contourf(x, y, losses, levels, norm=LogNorm(), cmap="viridis")
    axis.contour(x, y, losses, levels[::2], colors="white", linewidths=0.5, alpha=0.6)
    start, end, bend = curves["plane_places"]
    t = np.linspace(0, 1, 101)[:, None]
    curve = (1 - t) ** 2 * start + 2 * t * (1 - t) * bend + t**2 * end
    axis.plot([start[0], end[0]], [start[1], end[1]], color=COLORS[1], linewidth=2)
    axis.plot(curve[:, 0], curve[:, 1], color=COLORS[2], linewidth=2.5)
    style: dict[str, Any] = {"color": "white", "ha": "center", "fontsize": 9, "textcoords": "offset points"}
    for place, name, shift in ((start, "A", (-9, -4)), (end, "B", (9, -4)), (bend, text("bend"), (0, 6))):
        axis.plot(*place, "o", color="white", markeredgecolor="black", markersize=6, zorder=5)
        axis.annotate(name, place, xytext=shift, **style)
    bar = axis.figure.colorbar(filled, ax=axis, label=text("training loss"))
    ticks = np.geomspace(losses.min(), losses.max(), 6).tolist()
    bar.set_ticks(ticks, labels=[f"{tick:.2g}" for tick in ticks])
    bar.minorticks_off()
    axis.set(xlabel=text("distance along the line"), ylabel=text("distance across it"))
    axis.set_title(text("The plane of both networks and the bend"))
