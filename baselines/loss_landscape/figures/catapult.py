"""The figure of the catapult: its course, the phase diagram, and ReLU networks."""

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView

ZH = {
    "step": "步数",
    "loss": "损失",
    "The loss explodes, then training recovers": "损失先爆炸，随后训练恢复",
    "line: exact recursion, points: training": "线：精确递推，点：实际训练",
    "step size, as η × initial curvature": "步长（η × 初始曲率）",
    "curvature at the end × η": "最终曲率 × η",
    "It lands below 2, and diverges from 4": "终点低于 2，从 4 起发散",
    "lazy": "惰性",
    "catapult": "弹射",
    "divergent": "发散",
    "unchanged": "不变",
    "bound: 2": "上界：2",
    "loss at the end": "最终损失",
    "ReLU networks survive larger steps": "ReLU 网络能承受更大的步长",
    "hidden layers": "隐藏层数",
    "published: about 12": "文献值：约 12",
    "nothing learnt": "什么也没学到",
    "coloured: it diverges": "彩色竖线：发散",
    "linear: 4": "线性网络：4",
    "No ReLU network in this run": "此次运行没有 ReLU 网络",
}


def draw(view: RunView, text: Callable[[str], str]) -> Figure:
    """Loss against step, final against initial curvature, final loss of ReLU networks.

    Args:
        view: A record of `probe=catapult`.
        text: Translates a label.
    """
    figure, (left, middle, right) = panels(3, width=13.5, height=4.0)
    _courses(left, view, text)
    _phases(middle, view, text)
    _relu(right, view, text)
    return figure


def _courses(axis: Axes, view: RunView, text: Callable[[str], str]) -> None:
    names = sorted(
        {key.split(".loss")[0] for key in view.curves if key.startswith("course_") and key.endswith(".loss")}
    )
    for name, color in zip(names, COLORS, strict=False):
        found, exact = view.curves[f"{name}.loss"][:21], view.curves[f"{name}.exact_loss"][:21]
        steps = np.arange(len(found))
        axis.plot(steps, exact, **PREDICTION | {"color": color})
        axis.plot(steps, found, "o", color=color, markersize=3.5, label=f"ηλ₀ = {name.removeprefix('course_')}")
    axis.set_yscale("log")
    axis.set_ylim(1e-8, 1e8)
    axis.set_xticks(range(0, 21, 5))
    axis.set_xlabel(text("step"))
    axis.set_ylabel(text("loss"))
    axis.set_title(text("The loss explodes, then training recovers"))
    axis.plot([], [], label=text("line: exact recursion, points: training"), **PREDICTION)
    axis.legend(loc="upper right")


def _phases(axis: Axes, view: RunView, text: Callable[[str], str]) -> None:
    grid, landed = view.curves["map.eta_lambda"], view.curves["map.landed_eta_lambda"]
    axis.plot([0, 2], [0, 2], **PREDICTION, label=text("unchanged"))
    axis.axhline(2, color="black", linestyle=":", linewidth=1.2, label=text("bound: 2"))
    for edge in (2, 4):
        axis.axvline(edge, color="0.6", linewidth=0.8)
    axis.plot(grid, landed, "o", color=COLORS[0], markersize=3.5, zorder=3)
    for name, place in (("lazy", 1.0), ("catapult", 3.0), ("divergent", (4 + grid[-1]) / 2 + 0.1)):
        axis.text(place, 2.42, text(name), ha="center", va="bottom", color="0.25")
    axis.set_xlim(0, max(grid[-1], 4) + 0.4)
    axis.set_ylim(0, 2.7)
    axis.set_xlabel(text("step size, as η × initial curvature"))
    axis.set_ylabel(text("curvature at the end × η"))
    axis.set_title(text("It lands below 2, and diverges from 4"))
    axis.legend(loc="lower left", bbox_to_anchor=(0.22, 0.0))


def _relu(axis: Axes, view: RunView, text: Callable[[str], str]) -> None:
    names = sorted(key.split(".")[0] for key in view.curves if key.startswith("relu_") and key.endswith(".final_loss"))
    axis.set_title(text("ReLU networks survive larger steps"))
    if not names:
        axis.text(0.5, 0.5, text("No ReLU network in this run"), ha="center", transform=axis.transAxes)
        return
    for name, color in zip(names, COLORS, strict=False):
        depth = name.removeprefix("relu_")
        scaled, losses = view.curves[f"{name}.eta_lambda"], view.curves[f"{name}.final_loss"]
        axis.plot(scaled, losses, "os^DvP"[int(depth) % 6], color=color, label=f"{text('hidden layers')}: {depth}")
        if f"relu_divergence_{depth}" in view.metrics:
            axis.axvline(view.metrics[f"relu_divergence_{depth}"], color=color, linewidth=1.0, alpha=0.6)
    axis.axhline(
        0.5 * float(view.curves[f"{names[0]}.zero_loss"][0]), color="0.6", linewidth=1.2, label=text("nothing learnt")
    )
    axis.axvline(4, **PREDICTION | {"linestyle": ":"}, label=text("linear: 4"))
    axis.axvline(12, **PREDICTION, label=text("published: about 12"))
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.plot([], [], color="0.4", linewidth=1.0, label=text("coloured: it diverges"))
    axis.set_ylim(top=500)
    axis.set_xlabel(text("step size, as η × initial curvature"))
    axis.set_ylabel(text("loss at the end"))
    axis.legend(loc="upper left", ncols=2, frameon=True, edgecolor="none", framealpha=0.9)
