"""The figure of the maximum principle, drawn from its record alone."""

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from baselines.common.plotting import COLORS, panels
from baselines.common.record import RunView

ZH = {
    "iteration": "迭代次数",
    "mean squared error": "均方误差",
    "Iteration by iteration E-MSA leaves the plateau": "按迭代次数：E-MSA 离开平台",
    "passes through the network": "通过网络的次数",
    "The price: many passes an iteration": "代价：每次迭代需多次通过网络",
    "processor seconds, all starts": "处理器时间（秒，全部初值）",
    "The same against processor time": "同样的比较：按处理器时间",
    "points: median of the starts; band: all": "点：各初值的中位数；带：全部",
}
METHODS = {"emsa": ("E-MSA", COLORS[0]), "sgd": ("SGD", COLORS[1]), "adam": ("Adam", COLORS[2])}


def draw(view: RunView, text: Callable[[str], str]) -> Figure:
    """Error of the three methods against iterations, passes through the network and processor time.

    Args:
        view: A record of `probe=maximum_principle`.
        text: Translates a label.
    """
    figure, (left, middle, right) = panels(3, width=13.5, height=4.0, sharey=True)
    iterations = view.config["probe"]["iterations"]
    _errors(left, view, lambda curves, name: np.arange(iterations + 1))
    left.set_xlabel(text("iteration"))
    left.set_ylabel(text("mean squared error"))
    left.set_title(text("Iteration by iteration E-MSA leaves the plateau"))
    left.plot([], [], " ", label=text("points: median of the starts; band: all"))
    left.legend(loc="lower left")
    _errors(middle, view, lambda curves, name: curves[f"{name}.passes"], first=1)  # 0 has no logarithm
    middle.set(xscale="log")
    middle.set_xlabel(text("passes through the network"))
    middle.set_title(text("The price: many passes an iteration"))
    _errors(right, view, lambda curves, name: curves[f"{name}.cpu_s"])
    right.set_xlabel(text("processor seconds, all starts"))
    right.set_title(text("The same against processor time"))
    return figure


def _errors(axis: Axes, view: RunView, times: Callable[[dict[str, np.ndarray], str], Any], first: int = 0) -> None:
    """Median and range over the starts, at the times that a panel asks for."""
    for name, (label, color) in METHODS.items():
        x, error = times(view.curves, name), view.curves[f"{name}.error"]
        x, error = x[first:], error[first : len(x)]
        axis.fill_between(x, error.min(axis=1), error.max(axis=1), color=color, alpha=0.15, linewidth=0)
        axis.plot(x, np.median(error, axis=1), "o", color=color, markersize=2.5, markeredgewidth=0)
        axis.plot([], [], "o", color=color, label=label)
    axis.set_yscale("log")
