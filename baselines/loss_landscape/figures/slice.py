"""The figure of the slices, drawn from its record alone."""

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from baselines.common.plotting import COLORS, panels
from baselines.common.record import RunView

ZH = {
    "position along the direction": "沿方向的位置",
    "training loss": "训练损失",
    "Rescaled ReLU layers: only the normalised slice stays": "ReLU 层重新缩放：只有归一化切片不变",
    "filter-normalised direction": "滤波器归一化方向",
    "fixed direction": "固定方向",
    "line: before, points: after rescaling": "线：缩放前；点：缩放后",
    "first random direction": "第一随机方向",
    "second random direction": "第二随机方向",
    "Loss on a plane of two random directions": "两个随机方向平面上的损失",
    "The same surface (height: training loss)": "同一曲面（高度：训练损失）",
    "first principal direction": "第一主方向",
    "second principal direction": "第二主方向",
    "The trajectory's plane holds {share:.0f} % of its variance": "轨迹平面包含其 {share:.0f} % 的方差",
    "a random walk: {share:.0f} %": "随机游走：{share:.0f} %",
    "iterates of training": "训练迭代点",
    "start": "起点",
    "end": "终点",
}
SURFACE = "viridis"


def draw(view: RunView, text: Callable[[str], str]) -> Figure:
    """Invariance under rescaling, contours, the surface in three dimensions, and the plane of the trajectory.

    Args:
        view: A record of `probe=slice`.
        text: Translates a label.
    """
    figure, axes = panels(2, 2, width=10.5, height=8.2)
    _invariance(axes[0, 0], view, text)
    _contours(axes[0, 1], view, text)
    place = axes[1, 0].get_subplotspec()
    axes[1, 0].remove()
    _solid(figure.add_subplot(place, projection="3d"), view, text)
    _trajectory(axes[1, 1], view, text)
    return figure


def _invariance(axis: Axes, view: RunView, text: Callable[[str], str]) -> None:
    curves = view.curves
    axis.set(xlabel=text("position along the direction"), ylabel=text("training loss"), yscale="log")
    if "slice_position" not in curves:  # a model whose layers cannot be rescaled: its own slice alone
        middle = len(curves["surface_position"]) // 2
        axis.plot(curves["surface_position"], curves["surface_loss"][middle], color=COLORS[0])
        axis.set_title(text("filter-normalised direction"))
        return
    for kind, label, color in (
        ("filter", "filter-normalised direction", COLORS[0]),
        ("none", "fixed direction", COLORS[1]),
    ):
        axis.plot(curves["slice_position"], curves[f"slice_{kind}_before_loss"], color=color, label=text(label))
        axis.plot(curves["slice_position"], curves[f"slice_{kind}_after_loss"], "o", color=color, markersize=3)
    axis.plot([], [], " ", label=text("line: before, points: after rescaling"))
    axis.set_title(text("Rescaled ReLU layers: only the normalised slice stays"))
    low, high = axis.get_ylim()
    axis.set_ylim(low, high * (high / low) ** 0.3)  # room for the legend
    axis.legend(loc="upper center")


def _levels(losses: np.ndarray) -> np.ndarray:
    """Logarithmic levels: a linear scale would show the walls and hide the valley."""
    return np.geomspace(losses.min(), losses.max(), 21)


def _contours(axis: Axes, view: RunView, text: Callable[[str], str]) -> None:
    position, losses = view.curves["surface_position"], view.curves["surface_loss"]
    filled = axis.contourf(position, position, losses, _levels(losses), norm=LogNorm(), cmap=SURFACE)
    axis.contour(position, position, losses, _levels(losses)[::2], colors="white", linewidths=0.5, alpha=0.6)
    axis.plot([0], [0], "*", color=COLORS[1], markersize=11, markeredgecolor="white")
    _bar(axis, filled, losses, text)
    axis.set(xlabel=text("first random direction"), ylabel=text("second random direction"))
    axis.set_title(text("Loss on a plane of two random directions"))
    axis.set_aspect("equal")


def _bar(axis: Axes, filled: Any, losses: np.ndarray, text: Callable[[str], str]) -> None:
    bar = axis.figure.colorbar(filled, ax=axis, label=text("training loss"))
    ticks = np.geomspace(losses.min(), losses.max(), 6).tolist()
    bar.set_ticks(ticks, labels=[f"{tick:.2g}" for tick in ticks])
    bar.minorticks_off()


def _solid(axis: Any, view: RunView, text: Callable[[str], str]) -> None:
    position, losses = view.curves["surface_position"], view.curves["surface_loss"]
    a, b = np.meshgrid(position, position)
    height = np.log10(losses)
    axis.plot_surface(a, b, height, cmap=SURFACE, linewidth=0, antialiased=True, rcount=60, ccount=60, rasterized=True)
    axis.contour(a, b, height, 8, zdir="z", offset=height.min() - 0.35 * np.ptp(height), cmap=SURFACE, linewidths=0.8)
    axis.set_zlim(height.min() - 0.35 * np.ptp(height), height.max())
    axis.zaxis.set_major_formatter(lambda value, _: f"{10**value:.2g}")
    for one in (axis.xaxis, axis.yaxis, axis.zaxis):
        one.set_major_locator(MaxNLocator(4))
    axis.view_init(elev=28, azim=-60)
    axis.set_box_aspect((1, 1, 0.8), zoom=1.05)
    axis.set_xlabel(text("first random direction"))
    axis.set_ylabel(text("second random direction"))
    axis.set_title(text("The same surface (height: training loss)"))


def _trajectory(axis: Axes, view: RunView, text: Callable[[str], str]) -> None:
    curves, metrics = view.curves, view.metrics
    losses = curves["trajectory_loss"]
    first, second = curves["trajectory_axis_first"], curves["trajectory_axis_second"]
    filled = axis.contourf(first, second, losses, _levels(losses), norm=LogNorm(), cmap=SURFACE)
    axis.contour(first, second, losses, _levels(losses)[::2], colors="white", linewidths=0.5, alpha=0.6)
    x, y = curves["trajectory_first"], curves["trajectory_second"]
    axis.plot(x, y, "o-", color="white", markersize=3, linewidth=0.8, label=text("iterates of training"))
    axis.plot(x[0], y[0], "s", color=COLORS[4], markersize=8, markeredgecolor="white", label=text("start"))
    axis.plot(x[-1], y[-1], "*", color=COLORS[1], markersize=12, markeredgecolor="white", label=text("end"))
    _bar(axis, filled, losses, text)
    shares = [100 * metrics[f"explained_{name}"] for name in ("first", "second")]
    axis.set_xlabel(f"{text('first principal direction')} ({shares[0]:.1f} %)")
    axis.set_ylabel(f"{text('second principal direction')} ({shares[1]:.1f} %)")
    title = text("The trajectory's plane holds {share:.0f} % of its variance").format(share=sum(shares))
    walk = text("a random walk: {share:.0f} %").format(share=100 * metrics["explained_by_random_walk"])
    axis.set_title(f"{title}\n({walk})")
    legend = axis.legend(loc="best", frameon=True, facecolor="0.35", edgecolor="none", labelcolor="white")
    legend.get_frame().set_alpha(0.7)
