"""The figure of ``study=rewiring``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView

QUANTITIES = {
    "edges": "edges",
    "spectral_gap": "spectral gap",
    "total_resistance": "total resistance",
    "homophily": "edges within a class",
}
TIMES = {"before": "original graph", "after": "rewired graph"}

ZH: dict[str, str] = {
    "edges": "边数",
    "spectral gap": "谱隙",
    "total resistance": "总有效电阻",
    "edges within a class": "同类边占比",
    "original graph": "原图",
    "rewired graph": "重连后的图",
    "Balanced Forman curvature": "平衡 Forman 曲率",
    "share of edges up to this curvature / %": "曲率不超过该值的边所占比例 / %",
    "Curvature of the edges": "各边的曲率",
    "relative to the original graph": "相对于原图的比值",
    "as many random edges": "同样数量的随机边",
    "unchanged": "不变",
    "Structure": "结构",
    "epoch": "训练轮次",
    "training loss / nats": "训练损失 / 奈特",
    "Training, first seed": "训练过程（第一个种子）",
    "no gain": "无增益",
    "one seed": "一个种子",
    "score on the original graph / %": "原图上的测试得分 / %",
    "score on the rewired graph / %": "重连后的测试得分 / %",
    "Test score": "测试得分",
}


def draw(view: RunView, text: Callable[[str], str]) -> Figure:
    """Draw curvature, structure, losses and scores before and after rewiring."""
    figure, axes = panels(2, 2, width=9.6, height=7.4)
    _curvature(axes[0, 0], view, text)
    _structure(axes[0, 1], view, text)
    _losses(axes[1, 0], view, text)
    _scores(axes[1, 1], view, text)
    return figure


def _first_seed(view: RunView) -> int:
    return int(view.curves["seed"][0])


def _curvature(ax: Axes, view: RunView, text: Callable[[str], str]) -> None:
    for number, (name, label) in enumerate(TIMES.items()):
        values = view.curves[f"forman_{name}_seed_{_first_seed(view)}"]
        share = 100.0 * np.arange(1, values.size + 1) / values.size
        ax.plot(values, share, "os"[number], color=COLORS[number], markersize=2.0, label=text(label))
    ax.set(xlabel=text("Balanced Forman curvature"), ylabel=text("share of edges up to this curvature / %"))
    ax.set(title=f"{text('Curvature of the edges')} ({view.choices['rewiring']})", ylim=(0.0, 101.0))
    ax.legend(loc="lower right", markerscale=2.0)


def _structure(ax: Axes, view: RunView, text: Callable[[str], str]) -> None:
    place = np.arange(len(QUANTITIES))
    ax.axhline(1.0, **PREDICTION, label=text("unchanged"))
    for number, (name, label) in enumerate({"after": "rewired graph", "control": "as many random edges"}.items()):
        style: dict[str, Any] = {"color": COLORS[1 + number], "fillstyle": ("full", "none")[number], "linestyle": ""}
        for at, quantity in enumerate(QUANTITIES):
            before = view.curves[f"{quantity}_before"]
            ratio = view.curves[f"{quantity}_{name}"] / np.where(before == 0.0, np.nan, before)
            shifted = np.full(ratio.size, at + 0.14 * number)
            ax.plot(shifted, ratio, marker="sD"[number], label=text(label) if at == 0 else None, **style)
    ax.set_xticks(place, [text(label) for label in QUANTITIES.values()], rotation=20, ha="right")
    ax.set(ylabel=text("relative to the original graph"), title=text("Structure"), xlim=(-0.5, place[-1] + 0.6))
    low, high = ax.get_ylim()
    ax.set_ylim(max(0.0, low - 0.05), high + 0.35 * (high - low))  # room for the legend
    ax.legend(loc="upper right")


def _losses(ax: Axes, view: RunView, text: Callable[[str], str]) -> None:
    for number, (name, label) in enumerate(TIMES.items()):
        losses = view.curves[f"training_{name}_seed_{_first_seed(view)}.loss"]
        epoch = np.arange(1, losses.size + 1)
        ax.plot(epoch, losses, "os"[number], color=COLORS[number], markersize=2.0, label=text(label))
    ax.set(xlabel=text("epoch"), ylabel=text("training loss / nats"), title=text("Training, first seed"), yscale="log")
    ax.legend(loc="best", markerscale=2.0)


def _scores(ax: Axes, view: RunView, text: Callable[[str], str]) -> None:
    before, after = (100.0 * view.curves[f"score_{name}"] for name in TIMES)
    low, high = min(before.min(), after.min()) - 2.0, max(before.max(), after.max()) + 2.0
    ax.plot([low, high], [low, high], **PREDICTION, label=text("no gain"))
    ax.plot(before, after, "o", color=COLORS[0], fillstyle="none", markersize=6, label=text("one seed"))
    ax.set(xlim=(low, high), ylim=(low, high), title=text("Test score"))
    ax.set(xlabel=text("score on the original graph / %"), ylabel=text("score on the rewired graph / %"))
    ax.legend(loc="upper left")
