"""The figure of the curse of memory, drawn from its record alone."""

import math
from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView

ZH = {
    "step of gradient descent": "梯度下降步数",
    "population loss, mean of the starts": "总体损失（各初值平均）",
    "The longer the memory, the longer the plateau": "记忆越长，平台期越长",
    "energy of the event": "远处事件的能量",
    "event found": "找到事件",
    "memory length T": "记忆长度 T",
    "steps until the event is found": "找到事件所需步数",
    "The time to learn it grows exponentially": "学习时间指数增长",
    "gradient descent": "梯度下降",
    "Adam": "Adam",
    "exponential fit": "指数拟合",
    "units needed": "所需单元数",
    "The network need not: units grow linearly": "网络规模不必：单元数线性增长",
    "units of the network": "网络的单元数",
    "Hankel singular values above the tolerance": "超过容差的 Hankel 奇异值个数",
}
EVENT_ENERGY = math.sqrt(math.pi / 2)


def draw(view: RunView, text: Callable[[str], str]) -> Figure:
    """Losses along training, steps against memory length, and the units that are needed.

    Args:
        view: A record of `probe=memory`.
        text: Translates a label.
    """
    figure, (left, middle, right) = panels(3, width=13.5, height=4.0)
    _losses(left, view, text)
    _steps(middle, view, text)
    _units(right, view, text)
    return figure


def _losses(axis: Axes, view: RunView, text: Callable[[str], str]) -> None:
    losses, share = view.curves["gd.loss"], view.config["probe"]["share"]
    rows = np.unique(np.geomspace(1, len(losses), 250).round().astype(int)) - 1  # even on a logarithmic axis
    for i, delay in enumerate(view.curves["delays"]):
        color = COLORS[i % len(COLORS)]
        axis.plot(rows + 1, losses[rows, i], "o", color=color, markersize=2, markeredgewidth=0, rasterized=True)
        axis.plot([], [], "o", color=color, label=f"T = {delay:g}")
    axis.axhline(EVENT_ENERGY, **PREDICTION, label=text("energy of the event"))
    axis.axhline(share * EVENT_ENERGY, **PREDICTION | {"linestyle": ":"}, label=text("event found"))
    axis.set(xscale="log", ylim=(0, 1.6 * EVENT_ENERGY))
    axis.set_xlabel(text("step of gradient descent"))
    axis.set_ylabel(text("population loss, mean of the starts"))
    axis.set_title(text("The longer the memory, the longer the plateau"))
    axis.legend(loc="upper right", ncols=2)


def _steps(axis: Axes, view: RunView, text: Callable[[str], str]) -> None:
    delays = view.curves["delays"]
    for name, label, color in (("gd", "gradient descent", COLORS[0]), ("adam", "Adam", COLORS[1])):
        steps = view.curves[f"{name}.steps_to_event"]
        axis.plot(np.repeat(delays, steps.shape[1]), steps.flatten(), "o", color=color, markersize=3, alpha=0.5)
        axis.plot([], [], "o", color=color, label=text(label))
        means = np.exp(np.log(np.maximum(steps, 1)).mean(axis=1))
        if np.isfinite(means).all():
            slope, start = np.polyfit(delays, np.log(means), 1)
            words = f"{text('exponential fit')}: ×{math.exp(slope):.2f}, R² = {view.metrics[f'{name}_r2']:.3f}"
            axis.plot(delays, np.exp(start + slope * delays), **PREDICTION | {"color": color}, label=words)
    axis.set_yscale("log")
    axis.set_xlabel(text("memory length T"))
    axis.set_ylabel(text("steps until the event is found"))
    axis.set_title(text("The time to learn it grows exponentially"))
    axis.legend(loc="upper left")


def _units(axis: Axes, view: RunView, text: Callable[[str], str]) -> None:
    delays, units = view.curves["delays"], view.curves["units_needed"]
    axis.plot(delays, units, "o", color=COLORS[2], label=text("Hankel singular values above the tolerance"))
    axis.axhline(view.config["probe"]["units"], color="0.5", linewidth=1.0, label=text("units of the network"))
    axis.set_ylim(0, 1.35 * units.max())
    axis.set_xlabel(text("memory length T"))
    axis.set_ylabel(text("units needed"))
    axis.set_title(text("The network need not: units grow linearly"))
    axis.legend(loc="upper left")
