"""Which measure of the representations follows the accuracy: rank or energy?"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from scipy import stats

from baselines.common.claims import Claim
from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView
from benchmarks.sheet import Cell, Estimate, Sheet, paired
from benchmarks.tables import _gnn
from benchmarks.tables.gnn_depth import Table as DepthTable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MEASURES = {
    "effective_rank": "effective rank",
    "stable_rank": "stable rank",
    "numerical_rank": "numerical rank",
    "rank_one_distance": "distance to rank one",
    "rayleigh_quotient": "normalised energy / squared norm",
    "energy_quotient": "survey energy / squared norm",
    "normalised_energy": "normalised energy",
    "energy": "survey energy",
    "mean_average_distance": "MAD (survey)",
    "mean_average_distance_chen": "MAD (Chen et al.)",
    "mad_gap": "MADGap",
    "group_distance_ratio": "group distance ratio",
    "instance_information_gain": "instance information gain",
    "gradient_norm": "norm of the loss gradient there",
}
SHOWN = ("GCN", "GCNII", "JKNet", "ResGCN", "GraphCON", "MLP")


class Table:
    """Rank correlation of each measure with the accuracy, over all models and depths on the contextual SBM.

    Spearman's coefficient between the measure of what the decoder reads and the test accuracy, over the networks and
    depths of the depth table without the two that ignore the graph, computed for each seed; mean ± standard deviation
    over seeds (higher: the measure tells a working network from a collapsed one).  All measures are taken at the epoch
    of the best validation accuracy.
    """

    topic: ClassVar[str] = "gnn_oversmoothing"
    ZH: ClassVar[dict[str, str]] = {
        "effective rank": "有效秩",
        "normalised energy / squared norm": "归一化能量 / 范数平方",
        "test accuracy / %": "测试准确率 / %",
        "layer": "层",
        "spectral gap": "谱隙预测",
        "Accuracy against rank": "准确率与秩",
        "Accuracy against energy": "准确率与能量",
        "64-layer networks: energy": "64 层网络：能量",
        "64-layer networks: rank": "64 层网络：秩",
        "relative to layer 0": "相对于第 0 层的比值",
    }

    def runs(self, suite: str) -> list[list[str]]:
        """Those of the depth table."""
        return DepthTable().runs(suite)

    def sheet(self, views: list[RunView]) -> Sheet:
        """One row a measure."""
        rows: list[list[Cell]] = []
        for measure, name in MEASURES.items():
            found = correlations(views, measure)
            if found:
                rows.append([name, Estimate.of(list(found.values()), digits=2)])
        return Sheet(["measure of what the decoder reads", "Spearman correlation with the accuracy"], rows)

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> Figure | None:
        """Accuracy against rank and energy; both layer by layer with the line of the spectral gap."""
        figure, axes = panels(2, 2, width=10.5, height=7.6)
        for number, network in enumerate(SHOWN):
            own = _gnn.of(views, network)
            style = {"color": COLORS[number], "marker": "osD^vP"[number], "linestyle": "", "markersize": 3.6}
            for ax, measure in ((axes[0, 0], "effective_rank"), (axes[0, 1], "rayleigh_quotient")):
                pairs = [p for view in own for p in points(view, measure)]
                ax.plot([p[0] for p in pairs], [100.0 * p[1] for p in pairs], **style, label=network)
            for ax, measure in ((axes[1, 0], "rayleigh_quotient"), (axes[1, 1], "effective_rank")):
                for view in own[:1]:
                    row = view.curves[f"layer_{measure}"][-1]
                    shown = row / row[0] if measure == "rayleigh_quotient" else row
                    ax.plot(np.where(shown > 0, shown, np.nan), **(style | {"markersize": 2.4}), label=network)
        first = _gnn.of(views, "GCN")[:1]
        for view in first:
            layer = np.arange(view.curves["layer_rayleigh_quotient"].shape[1])
            line = float(view.curves["spectral_lambda"]) ** (2.0 * layer)
            axes[1, 0].plot(layer, line, **PREDICTION, label=text("spectral gap"))
        for ax in (axes[0, 0], axes[0, 1], axes[1, 0], axes[1, 1]):
            ax.set(**({"xscale": "log"} if ax in axes[0] else {"yscale": "log"}))
        axes[0, 0].set(xlabel=text("effective rank"), title=text("Accuracy against rank"))
        axes[0, 1].set(xlabel=text("normalised energy / squared norm"), title=text("Accuracy against energy"))
        for ax in axes[0]:
            ax.set(ylabel=text("test accuracy / %"), ylim=(0.0, 103.0))
        axes[1, 0].set(ylabel=text("relative to layer 0"), title=text("64-layer networks: energy"))
        axes[1, 1].set(ylabel=text("effective rank"), title=text("64-layer networks: rank"))
        for ax in axes[1]:
            ax.set_xlabel(text("layer"))
        axes[0, 0].legend(loc="lower right", ncols=2)
        axes[1, 0].legend(loc="lower left", ncols=2)
        return figure

    def claims(self, views: list[RunView]) -> list[Claim]:
        """Rank follows the accuracy more closely than the scale-free energy does."""
        rank, energy = (correlations(views, measure) for measure in ("effective_rank", "rayleigh_quotient"))
        seeds = sorted(set(rank) & set(energy))
        trained = all(view.config["epochs"] >= 200 for view in views)
        low = None
        if len(seeds) > 1 and trained:
            low = paired([rank[s] for s in seeds], [energy[s] for s in seeds]).low
        return [
            Claim(
                id="gnn.rank_follows_accuracy",
                statement="Over all models and depths on cSBM the effective rank follows the accuracy more closely "
                "than the scale-free energy (lower end of the 95 % interval of the paired difference of Spearman's "
                "coefficients)",
                predicted=None,
                low=0.0,
                high=None,
                measured=low,
                source="Zhang, Deidda, Higham and Tudisco, arXiv 2502.04591",
            )
        ]


def points(view: RunView, measure: str) -> list[tuple[float, float]]:
    """Measure and accuracy of one run, one pair a depth."""
    column = view.curves.get(f"read_{measure}")
    if column is None:
        return []
    depths = view.config["study"]["depths"]
    return [(float(m), view.metrics[f"accuracy_depth_{d}"]) for m, d in zip(column, depths, strict=True)]


def correlations(views: list[RunView], measure: str) -> dict[int, float]:
    """Spearman's coefficient by seed, over the networks that see the graph."""
    found: dict[int, float] = {}
    networks = [view for name in _gnn.NETWORKS if name not in ("MLP", "ResNet") for view in _gnn.of(views, name)]
    for seed in sorted({view.seed for view in networks}):
        pairs = np.array([p for view in networks if view.seed == seed for p in points(view, measure)])
        if len(pairs) > 2 and np.ptp(pairs[:, 0]) > 0 and np.ptp(pairs[:, 1]) > 0:
            found[seed] = float(stats.spearmanr(pairs[:, 0], pairs[:, 1]).statistic)
    return found
