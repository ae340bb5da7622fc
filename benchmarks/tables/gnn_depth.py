"""Depth of GCN, GCNII and SGC on the contextual SBM."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from baselines.common.claims import Claim
from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView
from benchmarks.sheet import Cell, Estimate, Sheet, paired

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MODELS = {"gcn": "GCN", "gcnii": "GCNII", "sgc": "SGC"}
SEEDS = {"smoke": 1, "standard": 5, "paper": 10}
COLLAPSE_DEPTH = 64


class Table:
    """Accuracy, Dirichlet energy and effective rank against depth on the contextual SBM.

    Test accuracy in % (higher is better) at the epoch of the best validation accuracy, mean ± standard deviation over
    seeds of data, split and weights; the graphs and splits are the same for all models.  E_sym and effective rank are
    those of the last representation before the decoder, at the same epoch: geometric mean with minimum and maximum,
    and mean ± standard deviation.  Chance is 50 %.
    """

    topic: ClassVar[str] = "gnn_oversmoothing"
    ZH: ClassVar[dict[str, str]] = {
        "number of layers": "层数",
        "test accuracy / %": "测试准确率 / %",
        "chance": "随机水平",
        "normalised energy / squared norm": "归一化能量 / 范数平方",
        "effective rank of the last layer": "最后一层的有效秩",
        "Accuracy": "准确率",
        "Scale-free Dirichlet energy": "与尺度无关的狄利克雷能量",
        "Effective rank": "有效秩",
    }

    def runs(self, suite: str) -> list[list[str]]:
        """Every model with the same seeds."""
        return [[f"model={model}", f"seed={seed}"] for model in MODELS for seed in range(SEEDS[suite])]

    def sheet(self, views: list[RunView]) -> Sheet:
        """One row a depth; accuracy, energy and rank of each model."""
        present = [model for model in MODELS if _of(views, model)]
        columns = ["depth", *(f"{MODELS[model]} accuracy / %" for model in present)]
        columns += [f"{MODELS[model]} E_sym" for model in present]
        columns += [f"{MODELS[model]} effective rank" for model in present]
        rows: list[list[Cell]] = []
        for depth in _depths(views):
            row: list[Cell] = [depth]
            row += [Estimate.of([100 * a for a in _values(views, m, "accuracy", depth)], digits=1) for m in present]
            row += [_energy(_values(views, m, "normalised_energy", depth)) for m in present]
            row += [Estimate.of(_values(views, m, "effective_rank", depth), digits=2) for m in present]
            rows.append(row)
        return Sheet(columns, rows)

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> Figure | None:
        """Accuracy, scale-free energy and rank against depth, one colour a model, one point a seed."""
        figure, axes = panels(3, width=12.0, height=3.6)
        axes[0].axhline(50.0, **PREDICTION, label=text("chance"))
        panel = [
            ("accuracy", 100.0, "test accuracy / %", "Accuracy"),
            ("rayleigh_quotient", 1.0, "normalised energy / squared norm", "Scale-free Dirichlet energy"),
            ("effective_rank", 1.0, "effective rank of the last layer", "Effective rank"),
        ]
        for ax, (metric, factor, label, title) in zip(axes, panel, strict=True):
            _draw(ax, views, metric, factor)
            ax.set(xlabel=text("number of layers"), ylabel=text(label), title=text(title))
        axes[0].legend(loc="lower left")
        axes[0].set_ylim(0.0, 103.0)
        axes[1].set_yscale("log")
        return figure

    def claims(self, views: list[RunView]) -> list[Claim]:
        """The claim that needs two models: the link to the first layer is worth its parameter at depth 64."""
        scores = {
            model: {view.seed: view.metrics[f"accuracy_depth_{COLLAPSE_DEPTH}"] for view in _of(views, model)}
            for model in ("gcn", "gcnii")
            if COLLAPSE_DEPTH in _depths(views)
        }
        seeds = sorted(set(scores.get("gcn", {})) & set(scores.get("gcnii", {})))
        low = None
        if len(seeds) > 1:
            low = paired([scores["gcnii"][s] for s in seeds], [scores["gcn"][s] for s in seeds]).low
        return [
            Claim(
                id="gnn.gcnii.beats_gcn",
                statement=f"At {COLLAPSE_DEPTH} layers on cSBM GCNII is more accurate than GCN (lower end of the 95 % "
                "interval of the paired difference)",
                predicted=None,
                low=0.0,
                high=None,
                measured=low,
                source="Chen et al., ICML 2020; paired over seeds",
            )
        ]


def _draw(ax: Axes, views: list[RunView], metric: str, factor: float) -> None:
    shift = np.linspace(-0.05, 0.05, len(MODELS))
    for number, (model, name) in enumerate(MODELS.items()):
        for view in _of(views, model):
            depth = np.asarray(view.config["study"]["depths"])
            values = [factor * view.metrics[f"{metric}_depth_{d}"] for d in depth]
            label = name if view is _of(views, model)[0] else None
            style: dict[str, Any] = {"color": COLORS[number], "marker": "osD"[number], "alpha": 0.75, "label": label}
            ax.plot(depth * 2.0 ** shift[number], values, linestyle="", **style)
    ax.set_xscale("log", base=2)
    ax.set_xticks(_depths(views), [str(depth) for depth in _depths(views)], minor=False)


def _of(views: list[RunView], model: str) -> list[RunView]:
    return [view for view in views if view.choices["model"] == model]


def _depths(views: list[RunView]) -> list[int]:
    """Depths that every run has."""
    return sorted(set.intersection(*(set(view.config["study"]["depths"]) for view in views)))


def _values(views: list[RunView], model: str, metric: str, depth: int) -> list[float]:
    return [view.metrics[f"{metric}_depth_{depth}"] for view in _of(views, model)]


def _energy(values: list[float]) -> Cell:
    """Return the geometric mean, or the fact that some representation has no energy at all."""
    return Estimate.log10(values) if min(values) > 0.0 else f"0 in {sum(v == 0.0 for v in values)} of {len(values)}"
