"""The figure of ``study=neighbors_match``."""

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

FLOAT_BITS = 32  # of one entry of a vector, if every bit could be used
SIZES = np.arange(1, 9)

ZH: dict[str, str] = {
    "training accuracy / %": "训练准确率 / %",
    "distance between root and leaves": "根与叶之间的距离",
    "tree": "树",
    "chain with a small tree": "链加小树",
    "published, tree": "文献值（树）",
    "guessing, tree": "随机猜测（树）",
    "What is learnt": "学到了多少",
    "epoch": "训练轮数",
    "depth": "深度",
    "chain": "链长",
    "Training": "训练过程",
    "depth of the tree": "树的深度",
    "bits": "比特",
    "needed: log2 (number of permutations)": "需要：log2（排列数）",
    "in one vector of floats": "一个浮点向量所含",
    "What must pass two edges": "必须通过两条边的信息量",
}


def draw(view: RunView, text: Text) -> Figure:
    """Draw accuracy against distance, the course of training, and the information that must pass."""
    figure, axes = panels(3, width=12.6, height=3.8)
    _accuracies(axes[0], view, text)
    _training(axes[1], view, text)
    _information(axes[2], view, text)
    return figure


def _accuracies(ax: Axes, view: RunView, text: Text) -> None:
    distance, chain = view.curves["distance"], view.curves["chain"]
    tree = chain == 0
    ax.plot(distance[tree], 100.0 * view.curves["published"][tree], **PREDICTION, label=text("published, tree"))
    guess: dict[str, Any] = {"color": "black", "linestyle": ":", "linewidth": 1.2, "label": text("guessing, tree")}
    ax.plot(distance[tree], 100.0 * view.curves["guess"][tree], **guess)
    accuracy = 100.0 * view.curves["accuracy"]
    for number, (chosen, label) in enumerate(((tree, "tree"), (~tree, "chain with a small tree"))):
        if chosen.any():
            style: dict[str, Any] = {
                "color": COLORS[number],
                "marker": "os"[number],
                "linestyle": "",
                "label": text(label),
            }
            ax.plot(
                distance[chosen],
                accuracy[chosen],
                markersize=6 + 3 * number,
                **style,
                fillstyle=("full", "none")[number],
            )
    ax.set(xlabel=text("distance between root and leaves"), ylabel=text("training accuracy / %"))
    ax.set(ylim=(0.0, 105.0), title=text("What is learnt"), xlim=(min(distance) - 0.5, max(distance) + 0.5))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(loc="lower right")


def _training(ax: Axes, view: RunView, text: Text) -> None:
    for number, (radius, chain) in enumerate(zip(view.curves["radius"], view.curves["chain"], strict=True)):
        name = f"chain_{chain}" if chain else f"radius_{radius}"
        label = f"{text('chain')} {chain}" if chain else f"{text('depth')} {radius}"
        accuracy = 100.0 * view.curves[f"training_{name}.accuracy"]
        epochs = np.arange(1, accuracy.size + 1)
        shown = np.unique(np.geomspace(1, accuracy.size, 60).round().astype(int)) - 1
        ax.plot(epochs[shown], accuracy[shown], ".", color=COLORS[number % len(COLORS)], label=label)
    ax.set(xscale="log", xlabel=text("epoch"), ylabel=text("training accuracy / %"), ylim=(0.0, 105.0))
    ax.set_title(text("Training"))
    ax.legend(loc="upper left")


def _information(ax: Axes, view: RunView, text: Text) -> None:
    capacity = float(view.curves["width"]) * FLOAT_BITS
    needed = [float(np.log2(np.arange(1, 2**r + 1)).sum()) for r in SIZES]
    ax.plot(SIZES, needed, **PREDICTION, label=text("needed: log2 (number of permutations)"))
    ax.axhline(capacity, color=COLORS[2], label=text("in one vector of floats"))
    tree = view.curves["chain"] == 0
    values = view.curves["information_bits"]
    ax.plot(view.curves["radius"][tree], values[tree], "o", color=COLORS[0], label=text("tree"))
    if (~tree).any():
        style: dict[str, Any] = {
            "color": COLORS[1],
            "marker": "s",
            "linestyle": "",
            "fillstyle": "none",
            "markersize": 9,
        }
        ax.plot(view.curves["radius"][~tree][:1], values[~tree][:1], **style, label=text("chain with a small tree"))
    ax.set(yscale="log", xlabel=text("depth of the tree"), ylabel=text("bits"), title=text("What must pass two edges"))
    ax.legend(loc="lower right")
