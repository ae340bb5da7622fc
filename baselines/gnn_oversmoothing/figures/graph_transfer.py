"""The figure of ``study=graph_transfer``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView

Text = Callable[[str], str]

TOPOLOGIES = ("crossed ring", "ring", "clique-path")
MARKERS = "osD"

ZH: dict[str, str] = {
    "distance": "距离",
    "accuracy / %": "准确率 / %",
    "guessing": "随机猜测",
    "crossed ring": "交叉环",
    "ring": "环",
    "clique-path": "团加路径",
    "Label read at the target": "目标节点读出的标签",
    "sensitivity": "灵敏度",
    "bound": "上界",
    "Before training": "训练前",
    "After training": "训练后",
    "effective resistance between source and target": "源与目标之间的有效电阻",
    "spectral gap": "谱隙",
    "Untrained sensitivity and topology": "训练前的灵敏度与拓扑",
}


def draw(view: RunView, text: Text) -> Figure:
    """Draw accuracy, sensitivities beside their bounds, and both against what is known of the graphs."""
    figure, axes = panels(2, 2, width=10.4, height=7.0)
    _accuracy(axes[0, 0], view, text)
    _sensitivity(axes[0, 1], view, text, "untrained", "Before training")
    _sensitivity(axes[1, 0], view, text, "trained", "After training")
    _resistance(axes[1, 1], view, text)
    return figure


def _style(number: int, text: Text) -> dict[str, Any]:
    style: dict[str, Any] = {"color": COLORS[number], "marker": MARKERS[number], "linestyle": ""}
    return style | {"label": text(TOPOLOGIES[number])}


def _accuracy(ax: Axes, view: RunView, text: Text) -> None:
    distance = view.curves["distance"]
    ax.axhline(100.0 * float(view.curves["guess"]), **PREDICTION, label=text("guessing"))
    for number, row in enumerate(view.curves["accuracy"]):
        shift = 0.12 * (number - 1)
        ax.plot(distance + shift, 100.0 * row, **_style(number, text), markersize=6)
    ax.set(xlabel=text("distance"), ylabel=text("accuracy / %"), ylim=(0.0, 108.0))
    ax.set_title(text("Label read at the target"))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(loc="upper right")


def _sensitivity(ax: Axes, view: RunView, text: Text, name: str, title: str) -> None:
    distance = view.curves["distance"]
    for number, row in enumerate(view.curves[name]):
        bound = view.curves[f"{name}_bound"][number]
        if not np.isnan(bound).any():
            label = f"{text('bound')}, {text(TOPOLOGIES[number])}"
            ax.plot(distance, bound, "--", color=COLORS[number], linewidth=1.2, label=label)
        ax.plot(distance, _positive(row), **_style(number, text))
    ax.set(yscale="log", xlabel=text("distance"), ylabel=text("sensitivity"), title=text(title))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(loc="best", fontsize=7.5)


def _resistance(ax: Axes, view: RunView, text: Text) -> None:
    gap = view.curves["spectral_gap"]
    for number, row in enumerate(view.curves["resistance"]):
        style = _style(number, text)
        style["label"] = f"{style['label']}, {text('spectral gap')} {gap[number, 0]:.2g} … {gap[number, -1]:.2g}"
        ax.plot(row, _positive(view.curves["untrained"][number]), **style)
    ax.set(yscale="log", xlabel=text("effective resistance between source and target"), ylabel=text("sensitivity"))
    ax.set_title(text("Untrained sensitivity and topology"))
    ax.legend(loc="upper right")


def _positive(values: np.ndarray) -> np.ndarray:
    """Replace what a logarithmic axis does not show by NaN."""
    return np.where(values > 0.0, values, np.nan)
