"""Balanced Forman curvature: closed forms, the definition, and what the published code computes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from baselines.common.claims import Claim
from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView
from benchmarks.sheet import Cell, Sheet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SEEDS = {"smoke": 1, "standard": 3, "paper": 10}
NAMES = {"csbm": "cSBM", "karate": "karate club"}
METHODS = {"definition": "definition", "published": "published formula", "lin_lu_yau": "Lin-Lu-Yau"}


class Table:
    """Balanced Forman curvature: closed forms, the definition, and what the published code computes.

    Upper rows: graphs with closed forms.  Lower rows: mean over all edges of a graph (first seed), and the largest
    difference on one edge.  Lin-Lu-Yau curvature is an upper bound of the definition, not of the published formula;
    the spectral gap is at least the lowest curvature of a graph where that is positive.
    """

    topic: ClassVar[str] = "gnn_oversmoothing"
    ZH: ClassVar[dict[str, str]] = {
        "closed form": "闭式解",
        "definition": "定义",
        "published formula": "已发布代码的公式",
        "Lin-Lu-Yau": "Lin-Lu-Yau 曲率",
        "curvature": "曲率",
        "Balanced Forman curvature": "平衡 Forman 曲率",
    }

    def runs(self, suite: str) -> list[list[str]]:
        """The karate club, and some sampled graphs."""
        sampled = [["study=curvature", "dataset=csbm", f"seed={seed}"] for seed in range(SEEDS[suite])]
        return [*sampled, ["study=curvature", "dataset=karate"]]

    def sheet(self, views: list[RunView]) -> Sheet:
        """One row a graph."""
        columns = ["graph, edge", "closed form", *METHODS.values(), "published - definition", "spectral gap"]
        curves = views[0].curves
        rows: list[list[Cell]] = []
        for number, name in enumerate(curves["oracle_name"]):
            closed, gap, *values = (
                float(curves[f"oracle_{key}"][number]) for key in ("closed_form", "spectral_gap", *METHODS)
            )
            values = [0.0 if abs(value) < 1e-12 else value for value in values]
            rows.append([str(name), closed, *values, values[1] - values[0], gap])
        for dataset, title in NAMES.items():
            for view in [view for view in views if view.choices["dataset"] == dataset][:1]:
                means: list[Cell] = [float(view.curves[f"graph_{key}"].mean()) for key in METHODS]
                largest = view.metrics["published_graph_deviation"]
                rows.append([f"{title}, mean; largest difference", None, *means, largest, None])
        return Sheet(columns, rows)

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> Figure | None:
        """The closed forms as lines, what is computed as points."""
        figure, axes = panels(1, width=8.4, height=4.6)
        ax, curves = axes[0], views[0].curves
        place = np.arange(curves["oracle_name"].size)
        ax.hlines(curves["oracle_closed_form"], place - 0.35, place + 0.35, **PREDICTION, label=text("closed form"))
        for number, (key, label) in enumerate(METHODS.items()):
            style = {"color": COLORS[number], "fillstyle": ("full", "none", "none")[number], "linestyle": ""}
            at = place + (0.0, -0.2, 0.2)[number]
            ax.plot(at, curves[f"oracle_{key}"], marker="os^"[number], label=text(label), **style)
        ax.set_xticks(place, curves["oracle_name"], rotation=40, ha="right", rotation_mode="anchor")
        ax.set(ylabel=text("curvature"), title=text("Balanced Forman curvature"))
        ax.legend(loc="upper right")
        return figure

    def claims(self, views: list[RunView]) -> list[Claim]:
        """None beyond those of the runs."""
        return []
