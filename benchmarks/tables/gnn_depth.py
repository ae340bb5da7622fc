"""Depth of all models on the contextual SBM."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from baselines.common.claims import Claim
from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView
from benchmarks.sheet import Cell, Sheet, paired
from benchmarks.tables import _gnn

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SEEDS = {"smoke": 1, "standard": 5, "paper": 10}
DEEP = (32, 64)
NO_REMEDIES = ("GCN", "GAT", "GraphSAGE", "SGC", "MLP", "ResNet")  # plain stacks and controls
ABOVE_ZERO = 1e-6  # two networks at chance differ by exactly 0, which is no gain
PANELS = {
    "Plain stacks and controls": ("GCN", "GAT", "GraphSAGE", "SGC", "MLP", "ResNet"),
    "Skip connections": ("APPNP", "GCNII", "JKNet", "ResGCN", "DAGNN", "GPR-GNN"),
    "Normalisation and dropping": (
        "GCN + PairNorm",
        "GCN + BatchNorm",
        "GCN + NodeNorm",
        "GCN + DiffGroupNorm",
        "GCN + DropEdge",
    ),
    "Gating and physics": ("G2", "GraphCON", "GRAND", "ACMP", "GREAD"),
}


class Table:
    """Accuracy of every model against depth on the contextual SBM.

    Test accuracy in % (higher is better) at the epoch of the best validation accuracy; one recipe for all, nothing
    tuned.  Up to 16 layers mean ± standard deviation over seeds of data, split and weights; at 32 and 64 layers mean
    and 95 % interval of the mean.  Graphs and splits are the same for all models.  Chance is 50 %.
    """

    topic: ClassVar[str] = "gnn_oversmoothing"
    ZH: ClassVar[dict[str, str]] = {
        "number of layers": "层数",
        "test accuracy / %": "测试准确率 / %",
        "chance": "随机水平",
        "Plain stacks and controls": "普通堆叠与对照",
        "Skip connections": "跳跃连接",
        "Normalisation and dropping": "归一化与丢边",
        "Gating and physics": "门控与物理模型",
    }

    def runs(self, suite: str) -> list[list[str]]:
        """Every model with the same seeds."""
        return [[*choice, f"seed={seed}"] for seed in range(SEEDS[suite]) for choice in _gnn.choices(suite)]

    def sheet(self, views: list[RunView]) -> Sheet:
        """One row a network, one column a depth."""
        depths = _gnn.depths(views)
        rows: list[list[Cell]] = []
        for network in _gnn.NETWORKS:
            own = _gnn.of(views, network)
            if own:
                found = [_gnn.values(own, "accuracy", depth) for depth in depths]
                cells = [
                    _gnn.with_interval(f) if d in DEEP else _gnn.percent(f) for d, f in zip(depths, found, strict=True)
                ]
                rows.append([network, *cells])
        return Sheet(["network", *(f"{depth} layers" for depth in depths)], rows)

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> Figure | None:
        """Accuracy against depth, one panel a family, one point a seed."""
        figure, axes = panels(2, 2, width=11.0, height=7.6)
        for ax, (title, networks) in zip(axes.flat, PANELS.items(), strict=True):
            ax.axhline(50.0, **PREDICTION, label=text("chance"))
            for number, network in enumerate(networks):
                _draw(ax, _gnn.of(views, network), network, number, len(networks))
            ax.set_xscale("log", base=2)
            ax.set_xticks(_gnn.depths(views), [str(depth) for depth in _gnn.depths(views)], minor=False)
            ax.set(xlabel=text("number of layers"), ylabel=text("test accuracy / %"), title=text(title))
            ax.set_ylim(0.0, 103.0)
            ax.legend(loc="lower left", ncols=2)
        return figure

    def claims(self, views: list[RunView]) -> list[Claim]:
        """Every remedy against plain GCN at the same depth, paired over seeds."""
        return [
            beats_gcn(views, network, depth, "cSBM")
            for network in _gnn.NETWORKS
            if network not in NO_REMEDIES
            for depth in DEEP
        ]


def beats_gcn(views: list[RunView], network: str, depth: int, dataset: str) -> Claim:
    """The claim that a network is more accurate than plain GCN of the same depth."""
    ours = _gnn.by_seed(_gnn.of(views, network), "accuracy", depth)
    plain = _gnn.by_seed(_gnn.of(views, "GCN"), "accuracy", depth)
    trained = all(view.config["epochs"] >= 200 for view in views)
    seeds = sorted(set(ours) & set(plain))
    low = paired([ours[s] for s in seeds], [plain[s] for s in seeds]).low if len(seeds) > 1 and trained else None
    return Claim(
        id=f"gnn.{_gnn.slug(network)}.beats_gcn",
        statement=f"At {depth} layers on {dataset} {network} is more accurate than plain GCN (lower end of the 95 % "
        "interval of the paired difference)",
        predicted=None,
        low=ABOVE_ZERO,
        high=None,
        measured=low,
        source="purpose of the remedy; paired over seeds",
    )


def _draw(ax: Axes, views: list[RunView], network: str, number: int, count: int) -> None:
    shift = 2.0 ** np.linspace(-0.16, 0.16, count)[number]
    colour = COLORS[number % len(COLORS)]
    for view in views:
        depth = np.asarray(view.config["study"]["depths"])
        accuracy = [100.0 * view.metrics[f"accuracy_depth_{d}"] for d in depth]
        ax.plot(depth * shift, accuracy, "osD^vP"[number], color=colour, alpha=0.7, markersize=3.2)
    if views:
        mean = [100.0 * float(np.mean(_gnn.values(views, "accuracy", d))) for d in depth]
        ax.plot(depth * shift, mean, "-", color=colour, linewidth=0.8, alpha=0.6)
        ax.plot([], [], "osD^vP"[number], color=colour, label=network)
