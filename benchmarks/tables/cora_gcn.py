"""The 2-layer GCN on Cora, and what a training step costs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from matplotlib.ticker import MaxNLocator

from baselines.common.claims import Claim
from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView
from benchmarks.sheet import Cell, Estimate, Sheet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SEEDS = {"smoke": 1, "standard": 10, "paper": 10}
EXPECTED, TOLERANCE = 0.81, 0.01
RECIPES = {"graph": "Planetoid recipe", "linear": "shared recipe"}
EPOCHS = 200
RAW = "graphs/Planetoid/Cora/raw/ind.cora.x"


class Table:
    """The 2-layer GCN on Cora with the public split, and the time of its training step.

    Test accuracy in % on 1000 nodes (higher is better) at the epoch of the best validation accuracy, over seeds of the
    weights.  Planetoid recipe: no encoder or decoder, width 16, bias, L2 penalty on the first layer only.  Shared
    recipe: the network all models of the suite share, width 64.  Both: dropout 0.5, Adam 0.01, penalty 5e-4,
    at most 200 epochs.  Other rows: median processor time of a training step in ms (lower is better), width 64, and the
    time of five seeds in one batched network over one after the other.
    """

    topic: ClassVar[str] = "gnn_oversmoothing"
    ZH: ClassVar[dict[str, str]] = {
        "seed": "随机种子",
        "test accuracy / %": "测试准确率 / %",
        "expected 81 %": "预期 81 %",
        "Planetoid recipe": "Planetoid 训练方案",
        "shared recipe": "统一训练方案",
        "Accuracy of the 2-layer GCN on Cora": "两层 GCN 在 Cora 上的准确率",
    }

    def needs(self, data_dir: str) -> str | None:
        """Cora is read from files."""
        path = Path(data_dir).expanduser() / RAW
        return None if path.is_file() else f"the Cora files are not in {path.parent}"

    def runs(self, suite: str) -> list[list[str]]:
        """Both recipes with the same seeds, and one timing."""
        seeds = range(SEEDS[suite])
        planetoid = [["experiment=cora_gcn", f"seed={seed}"] for seed in seeds]
        shared = [["dataset=cora", "study.depths=[2]", f"seed={seed}"] for seed in seeds]
        models = ("gcn", "gcnii") if suite != "smoke" else ("gcn",)
        timing = [["study=step_time", "dataset=cora", f"model={model}", "seed=0"] for model in models]
        batching = [["study=step_time", "seed=0"]] if suite != "smoke" else []
        return [*planetoid, *shared, *timing, *batching]

    def sheet(self, views: list[RunView]) -> Sheet:
        """Accuracy of both recipes; time of three implementations."""
        rows: list[list[Cell]] = []
        for ends, name in RECIPES.items():
            if scores := _scores(views, ends):
                rows.append([name, "test accuracy / %", Estimate.of([100 * s for s in scores], digits=1)])
        for view in _timings(views):
            rows += _time_rows(view)
        return Sheet(["network", "quantity", "value"], rows)

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> Figure | None:
        """Accuracy of every seed under both recipes."""
        figure, axes = panels(1, width=6.0, height=3.6)
        ax = axes[0]
        ax.axhline(100 * EXPECTED, **PREDICTION, label=text("expected 81 %"))
        ax.axhspan(100 * (EXPECTED - TOLERANCE), 100 * (EXPECTED + TOLERANCE), color="black", alpha=0.06)
        for number, (ends, name) in enumerate(RECIPES.items()):
            scores = _scores(views, ends)
            ax.plot(100 * np.array(scores), "os"[number], color=COLORS[number], label=text(name))
        ax.set(xlabel=text("seed"), ylabel=text("test accuracy / %"))
        ax.set_title(text("Accuracy of the 2-layer GCN on Cora"))
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        figure.legend(loc="outside lower center", ncols=3)
        return figure

    def claims(self, views: list[RunView]) -> list[Claim]:
        """The mean accuracy under the Planetoid recipe, if it was trained in full."""
        trained = [view for view in views if view.config["epochs"] >= EPOCHS]
        scores = _scores(trained, "graph")
        enough = len(scores) >= SEEDS["standard"]
        return [
            Claim(
                id="gnn.cora.accuracy",
                statement="The 2-layer GCN with the Planetoid recipe reaches 81 ± 1 % on Cora's public split "
                f"(mean test accuracy of {SEEDS['standard']} seeds at the best validation epoch)",
                predicted=EXPECTED,
                low=EXPECTED - TOLERANCE,
                high=EXPECTED + TOLERANCE,
                measured=float(np.mean(scores)) if enough else None,
                source="Kipf and Welling, ICLR 2017, as re-run by GammaGL and DropEdge",
            )
        ]


def _scores(views: list[RunView], ends: str) -> list[float]:
    chosen = [v for v in views if v.choices["study"] == "depth" and v.config["ends"] == ends]
    return [view.metrics["accuracy_depth_2"] for view in sorted(chosen, key=lambda view: view.seed)]


def _time_rows(view: RunView) -> list[list[Cell]]:
    model, data = view.choices["model"].upper(), {"cora": "Cora", "csbm": "cSBM"}[view.choices["dataset"]]
    names = {"plain": "PyG, edge list", "cached": "PyG, edge list, cached=True", "sparse": "this suite, sparse"}
    rows: list[list[Cell]] = []
    for depth in view.config["study"]["depths"]:
        for key, name in names.items():
            ours = view.metrics[f"{key}_step_ms_depth_{depth}"]
            rows.append([f"{depth}-layer {model}, {name}", f"training step on {data} / ms", f"{ours:.2f}"])
        ratio = view.metrics[f"sparse_over_plain_depth_{depth}"]
        rows.append([f"{depth}-layer {model}", f"this suite / PyG on {data}", f"{ratio:.2f}"])
        together = view.metrics.get(f"together_over_one_by_one_depth_{depth}")
        if together is not None:
            rows.append([f"{depth}-layer {model}, five seeds", f"batched / one by one on {data}", f"{together:.2f}"])
    return rows


def _timings(views: list[RunView]) -> list[RunView]:
    return [view for view in views if view.choices["study"] == "step_time"]
