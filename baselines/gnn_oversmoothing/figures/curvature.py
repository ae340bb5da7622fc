"""The figure of ``study=curvature``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView

NAMES = {
    "definition": "Balanced Forman, definition",
    "published": "published formula",
    "lin_lu_yau": "Lin-Lu-Yau (upper bound)",
}
STYLES: dict[str, dict[str, Any]] = {
    "definition": {"marker": "o", "color": COLORS[0]},
    "published": {"marker": "s", "color": COLORS[1], "fillstyle": "none"},
    "lin_lu_yau": {"marker": "^", "color": COLORS[2], "fillstyle": "none"},
}

ZH: dict[str, str] = {
    "Balanced Forman, definition": "平衡 Forman 曲率（定义）",
    "published formula": "已发布代码的公式",
    "Lin-Lu-Yau (upper bound)": "Lin-Lu-Yau 曲率（上界）",
    "closed form": "闭式解",
    "curvature": "曲率",
    "Graphs with closed forms": "有闭式解的图",
    "share of edges up to this curvature / %": "曲率不超过该值的边所占比例 / %",
    "Edges of the graph": "图中的各条边",
    "equality": "相等",
    "Lin-Lu-Yau curvature": "Lin-Lu-Yau 曲率",
    "The bound, edge by edge": "逐边比较与上界",
}


def draw(view: RunView, text: Callable[[str], str]) -> Figure:
    """Draw the closed forms, the distribution on the dataset's graph, and the bound edge by edge."""
    figure, axes = panels(3, width=13.2, height=4.6, gridspec_kw={"width_ratios": [1.15, 1.0, 1.0]})
    _oracles(axes[0], view, text)
    _distribution(axes[1], view, text)
    _bound(axes[2], view, text)
    return figure


def _oracles(ax: Axes, view: RunView, text: Callable[[str], str]) -> None:
    names, closed = view.curves["oracle_name"], view.curves["oracle_closed_form"]
    place = np.arange(names.size)
    ax.hlines(closed, place - 0.35, place + 0.35, **PREDICTION, label=text("closed form"))
    for shift, name in ((0.0, "definition"), (-0.2, "published"), (0.2, "lin_lu_yau")):
        ax.plot(place + shift, view.curves[f"oracle_{name}"], linestyle="", label=text(NAMES[name]), **STYLES[name])
    ax.set_xticks(place, names, rotation=55, ha="right", rotation_mode="anchor")
    ax.set(ylabel=text("curvature"), title=text("Graphs with closed forms"), ylim=(-1.7, 3.1))
    ax.legend(loc="upper right")


def _distribution(ax: Axes, view: RunView, text: Callable[[str], str]) -> None:
    for name, label in NAMES.items():
        values = np.sort(view.curves[f"graph_{name}"])
        share = 100.0 * np.arange(1, values.size + 1) / values.size
        ax.plot(values, share, linestyle="", markersize=2.2, label=text(label), **_small(name))
    ax.set(xlabel=text("curvature"), ylabel=text("share of edges up to this curvature / %"), ylim=(0.0, 101.0))
    ax.set_title(f"{text('Edges of the graph')} ({view.choices['dataset']})")
    ax.legend(loc="lower right", markerscale=2.0)


def _bound(ax: Axes, view: RunView, text: Callable[[str], str]) -> None:
    bound = view.curves["graph_lin_lu_yau"]
    for name in ("published", "definition"):
        ax.plot(
            bound, view.curves[f"graph_{name}"], linestyle="", markersize=2.2, label=text(NAMES[name]), **_small(name)
        )
    ends = np.array([bound.min(), bound.max()])
    ax.plot(ends, ends, **PREDICTION, label=text("equality"))
    ax.set(xlabel=text("Lin-Lu-Yau curvature"), ylabel=text("curvature"), title=text("The bound, edge by edge"))
    ax.legend(loc="upper left", markerscale=2.0)
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + 0.25 * (high - low))  # room for the legend


def _small(name: str) -> dict[str, Any]:
    return {"marker": "." if name != "published" else "d", "color": STYLES[name]["color"]}
