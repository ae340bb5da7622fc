"""Minesweeper: does depth help?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from baselines.common.claims import Claim
from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView
from benchmarks.sheet import Cell, Sheet, paired
from benchmarks.tables import _gnn

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RAW = "graphs/HeterophilousGraphDataset/minesweeper/raw/minesweeper.npz"
NETWORKS = {
    "ResGCN + BatchNorm": ("model=resgcn", "norm=batchnorm"),
    "GCN": ("model=gcn", "norm=none"),
    "ResNet + BatchNorm": ("model=resnet", "norm=batchnorm"),
}
LONG = "ResGCN + BatchNorm, long training"
SEEDS = {"smoke": 1, "standard": 3, "paper": 10}
DEPTHS = "study.depths=[2,4,8,16]"
PAIRS = {"ResGCN + BatchNorm": (2, 16), LONG: (2, 12)}  # depths that the claims compare


class Table:
    """Minesweeper against depth.

    ROC AUC in % on the test nodes (higher is better) at the epoch of the best validation AUC, mean ± standard deviation
    over the first fixed splits.  Shared recipe: dropout 0.5, L2 penalty 5e-4, at most 200 epochs, patience 50.  Long
    training: dropout 0.2, no penalty, at most 600 epochs, patience 150.  ResNet does not see the graph.
    """

    topic: ClassVar[str] = "gnn_oversmoothing"
    ZH: ClassVar[dict[str, str]] = {
        "number of layers": "层数",
        "test ROC AUC / %": "测试 ROC AUC / %",
        "chance": "随机水平",
        "Minesweeper": "扫雷（Minesweeper）",
    }

    def needs(self, data_dir: str) -> str | None:
        """Minesweeper is read from a file."""
        path = Path(data_dir).expanduser() / RAW
        return None if path.is_file() else f"the Minesweeper file is not in {path.parent}"

    def runs(self, suite: str) -> list[list[str]]:
        """Three networks on the same splits."""
        depths = [] if suite == "smoke" else [DEPTHS]
        seeds = range(SEEDS[suite])
        networks = list(NETWORKS.values())[: 1 if suite == "smoke" else None]
        shared = [["dataset=minesweeper", *depths, *own, f"seed={seed}"] for own in networks for seed in seeds]
        long = [] if suite == "smoke" else [["experiment=minesweeper", f"seed={seed}"] for seed in seeds]
        return [*shared, *long]

    def sheet(self, views: list[RunView]) -> Sheet:
        """One row a network."""
        depths = sorted({depth for view in views for depth in view.config["study"]["depths"]})
        rows: list[list[Cell]] = []
        for network in (*NETWORKS, LONG):
            if own := _of(views, network):
                rows.append([network, *(_percent(own, depth) for depth in depths)])
        return Sheet(["network", *(f"{depth} layers" for depth in depths)], rows)

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> Figure | None:
        """AUC against depth, one point a split."""
        figure, axes = panels(1, width=6.4, height=4.6)
        ax = axes[0]
        ax.axhline(50.0, **PREDICTION, label=text("chance"))
        for number, network in enumerate((*NETWORKS, LONG)):
            for view in _of(views, network):
                depth = np.asarray(view.config["study"]["depths"])
                auc = [100.0 * view.metrics[f"roc_auc_depth_{d}"] for d in depth]
                label = network if view is _of(views, network)[0] else None
                ax.plot(depth, auc, "osD^"[number], color=COLORS[number], alpha=0.8, label=label)
        ax.set_xscale("log", base=2)
        depths = sorted({depth for view in views for depth in view.config["study"]["depths"]})
        ax.set_xticks(depths, [str(depth) for depth in depths], minor=False)
        ax.set(xlabel=text("number of layers"), ylabel=text("test ROC AUC / %"), title=text("Minesweeper"))
        ax.set_ylim(40.0, 101.0)
        figure.legend(loc="outside lower center", ncols=2)
        return figure

    def claims(self, views: list[RunView]) -> list[Claim]:
        """More layers are better than two, under either recipe."""
        return [_claim(_of(views, network), network, *pair) for network, pair in PAIRS.items()]


def _claim(views: list[RunView], network: str, shallow: int, deep: int) -> Claim:
    trained = [v for v in views if v.config["epochs"] >= 200 and f"roc_auc_depth_{deep}" in v.metrics]
    low = None
    if len(trained) > 1:
        at = {depth: [view.metrics[f"roc_auc_depth_{depth}"] for view in trained] for depth in (shallow, deep)}
        low = paired(at[deep], at[shallow]).low
    return Claim(
        id="gnn.minesweeper.depth_helps",
        statement=f"On Minesweeper {deep} layers of {network} have a higher ROC AUC than {shallow} (lower end of the "
        "95 % interval of the paired difference)",
        predicted=None,
        low=0.0,
        high=None,
        measured=low,
        source="Luo et al. 2024 (tunedGNN) train 12 layers with residual connections and batch normalisation on it",
    )


def _of(views: list[RunView], network: str) -> list[RunView]:
    is_long = network == LONG
    wanted = dict(choice.split("=") for choice in NETWORKS["ResGCN + BatchNorm" if is_long else network])
    found = (view for view in views if all(view.choices[group] == name for group, name in wanted.items()))
    return sorted((v for v in found if (v.config["weight_decay"] == 0.0) == is_long), key=lambda view: view.seed)


def _percent(views: list[RunView], depth: int) -> Cell:
    return _gnn.percent(_gnn.values(views, "roc_auc", depth))
