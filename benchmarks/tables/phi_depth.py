"""Where the signal is, and how deep a network may be: phi against depth on the contextual SBM."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from baselines.common.claims import Claim
from baselines.common.plotting import PREDICTION, panels
from baselines.common.record import RunView
from benchmarks.sheet import Cell, Sheet
from benchmarks.tables import _gnn

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PHI = (-1.0, -0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0)
MODELS = ("GCN", "GPR-GNN", "MLP")
SEEDS = {"smoke": 1, "standard": 2, "paper": 5}
DEPTHS = "study.depths=[1,2,4,8,16,32]"
SHALLOW = "study.depths=[2]"  # without a graph, depth is not the question


class Table:
    """Accuracy over phi and depth on the contextual SBM, with the lines of detectability.

    Test accuracy in % (higher is better) at the epoch of the best validation accuracy, mean over seeds.  phi = 0: all
    signal in the features; 1: in edges within classes; -1: in edges between classes.  The MLP does not see the graph.
    Best of features: the accuracy of the classifier that knows the direction of the features.
    """

    topic: ClassVar[str] = "gnn_oversmoothing"
    ZH: ClassVar[dict[str, str]] = {
        "phi: where the signal is": "phi：信号所在",
        "number of layers": "层数",
        "mean test accuracy / %": "平均测试准确率 / %",
        "graph alone detectable": "仅凭图可检测",
        "features alone detectable": "仅凭特征可检测",
        "no graph": "无图",
    }

    def runs(self, suite: str) -> list[list[str]]:
        """Three models over nine values of phi."""
        found = []
        for model in MODELS:
            depths = SHALLOW if model == "MLP" else DEPTHS if suite != "smoke" else "study.depths=[1,2,4]"
            for phi in PHI if suite != "smoke" else (1.0,):
                for seed in range(SEEDS[suite]):
                    found.append([*_gnn.NETWORKS[model], f"dataset.phi={phi}", depths, f"seed={seed}"])
        return found

    def sheet(self, views: list[RunView]) -> Sheet:
        """One row a value of phi."""
        columns, rows = ["phi", "MLP", "best of features"], []
        deep = [model for model in MODELS if model != "MLP"]
        depths = _gnn.depths([view for model in deep for view in _gnn.of(views, model)])
        columns += [f"{model}, {depth} layers" for model in deep for depth in depths]
        for phi in PHI:
            own = [view for view in views if view.config["dataset"]["phi"] == phi]
            if own:
                row: list[Cell] = [f"{phi:g}", _gnn.percent(_gnn.values(_gnn.of(own, "MLP"), "accuracy", 2))]
                row.append(f"{100.0 * best_of_features(own[0]):.1f}")
                row += [_gnn.percent(_gnn.values(_gnn.of(own, m), "accuracy", d)) for m in deep for d in depths]
                rows.append(row)
        return Sheet(columns, rows)

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> Figure | None:
        """One map a model: phi across, depth upwards, the MLP as lowest row."""
        deep = [model for model in MODELS if model != "MLP"]
        figure, axes = panels(len(deep), width=11.0, height=4.4)
        for ax, model in zip(axes, deep, strict=True):
            own = _gnn.of(views, model)
            depths = _gnn.depths(own)
            table = np.full((len(depths) + 1, len(PHI)), np.nan)
            for column, phi in enumerate(PHI):
                at = [view for view in views if view.config["dataset"]["phi"] == phi]
                for row, (network, depth) in enumerate([("MLP", 2), *((model, depth) for depth in depths)]):
                    found = _gnn.values(_gnn.of(at, network), "accuracy", depth)
                    table[row, column] = 100.0 * float(np.mean(found)) if found else np.nan
            image = ax.imshow(table, origin="lower", aspect="auto", vmin=50.0, vmax=100.0, cmap="viridis")
            for row, column in np.ndindex(table.shape):
                if np.isfinite(table[row, column]):
                    colour = "black" if table[row, column] > 80 else "white"
                    ax.text(
                        column, row, f"{table[row, column]:.0f}", ha="center", va="center", color=colour, fontsize=7
                    )
            _lines(ax, views[0], text)
            ax.axhline(0.5, color="white", linewidth=2.0)
            ax.set_xticks(range(len(PHI)), [f"{phi:g}" for phi in PHI])
            ax.set_yticks(range(len(depths) + 1), [f"MLP, {text('no graph')}", *map(str, depths)])
            ax.set(xlabel=text("phi: where the signal is"), ylabel=text("number of layers"), title=model)
            ax.grid(False)
        figure.colorbar(image, ax=list(axes), label=text("mean test accuracy / %"))
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
        return figure

    def claims(self, views: list[RunView]) -> list[Claim]:
        """The graph helps where it carries the signal, and cannot where it carries none."""
        return [_graph_claim(views, 1.0, helps=True), _graph_claim(views, 0.0, helps=False)]


def best_of_features(view: RunView) -> float:
    """Phi(sqrt(mu / gamma)): the accuracy of the classifier that knows the direction u."""
    data = view.config["dataset"]
    gamma = data["nodes"] / data["features"]
    signal = math.sqrt(gamma * (1.0 + data["epsilon"])) * math.cos(data["phi"] * math.pi / 2.0)
    return 0.5 * (1.0 + math.erf(math.sqrt(max(signal, 0.0) / (2.0 * gamma))))


def _lines(ax: object, view: RunView, text: Callable[[str], str]) -> None:
    """Mark where the graph alone (Lambda^2 = 1) and the features alone (mu^2 = gamma) pass the detection threshold."""
    threshold = 1.0 / math.sqrt(1.0 + view.config["dataset"]["epsilon"])
    step = PHI[1] - PHI[0]
    marks = {
        "graph alone detectable": (math.asin(threshold) * 2.0 / math.pi, "--"),
        "features alone detectable": (math.acos(threshold) * 2.0 / math.pi, ":"),
    }
    for label, (phi, style) in marks.items():
        for sign in (-1.0, 1.0):
            at = (sign * phi - PHI[0]) / step
            name = text(label) if sign > 0 else None
            ax.axvline(at, **(PREDICTION | {"linestyle": style, "color": "red"}), label=name)  # type: ignore[attr-defined]


def _graph_claim(views: list[RunView], phi: float, helps: bool) -> Claim:
    own = [view for view in views if view.config["dataset"]["phi"] == phi and view.config["epochs"] >= 200]
    gcn = _gnn.by_seed(_gnn.of(own, "GCN"), "accuracy", 2)
    mlp = _gnn.by_seed(_gnn.of(own, "MLP"), "accuracy", 2)
    seeds = sorted(set(gcn) & set(mlp))
    gain = float(np.mean([gcn[s] - mlp[s] for s in seeds])) if seeds else None
    where = "all signal is in the edges" if helps else "no signal is in the edges"
    return Claim(
        id=f"gnn.phi.{'graph' if helps else 'features'}",
        statement=f"On cSBM with phi = {phi:g}, where {where}, the 2-layer GCN is {'more' if helps else 'less'} "
        "accurate than the MLP (mean difference of accuracies)",
        predicted=None,
        low=0.0 if helps else None,
        high=None if helps else 0.0,
        measured=gain,
        source="Deshpande et al. 2018: the signal is Lambda^2 in the edges and mu^2 / gamma in the features",
    )
