"""Linear propagation on several graphs: decay of both Dirichlet energies against the spectrum of P."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from baselines.common.claims import Claim
from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView
from benchmarks.sheet import Cell, Estimate, Sheet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GENERATED = {"cycle": "cycle", "karate": "karate club", "grid": "grid", "csbm": "cSBM"}
READ = {
    "texas": ("Texas", "WebKB/texas"),
    "cora": ("Cora", "Planetoid/Cora"),
    "citeseer": ("CiteSeer", "Planetoid/CiteSeer"),
}
NAMES = GENERATED | {name: title for name, (title, _) in READ.items()}
OWN_FEATURES = ("karate", "texas", "cora", "citeseer")  # graphs whose own features are propagated as well
SEEDS = {"smoke": 1, "standard": 3, "paper": 5}
DEPTH = 64
EXACT = 1e-9


class Table:
    """Linear propagation P^l X on the largest component of several graphs.

    n nodes, m edges; lambda is the largest modulus of the eigenvalues of P other than 1.  Slopes are changes of
    log E_sym per layer for Gaussian X [n, 64], mean ± standard deviation over seeds of X (and of the graph for cSBM);
    "end / rate" is the slope where the next mode is 1000 times weaker, divided by 2 log lambda.  E_sym and E are the
    normalised and the survey's energy of layer 64 relative to layer 0, "limit" is E's closed form; the last two columns
    propagate the features of the dataset instead of Gaussian X.  Graphs whose files are missing are left out.
    """

    topic: ClassVar[str] = "gnn_oversmoothing"
    ZH: ClassVar[dict[str, str]] = {
        "layers 32 to 64": "第 32 至 64 层",
        "layers 64 to 128": "第 64 至 128 层",
        "in the end": "最终",
        "measured slope / rate": "测得的斜率 / 速率",
        "rate 2 log λ": "速率 2 log λ",
        "Is the rate of the spectral gap reached?": "是否达到谱隙给出的速率？",
        "limit in closed form": "极限的闭式解",
        "survey's energy of layer 64 / layer 0": "第 64 层与第 0 层的综述能量之比",
        "The survey's energy does not vanish": "综述定义的能量不会消失",
        "Gaussian features": "高斯特征",
        "features of the dataset": "数据集特征",
    }

    def available(self, run: list[str], data_dir: str) -> bool:
        """Whether the files of a run's graph are there; generated graphs need none."""
        name = run[1].removeprefix("dataset=")
        return name in GENERATED or (Path(data_dir).expanduser() / "graphs" / READ[name][1] / "raw").is_dir()

    def runs(self, suite: str) -> list[list[str]]:
        """Gaussian features with several seeds, then the features of the datasets."""
        names = [*GENERATED, *READ] if suite != "smoke" else ["cycle", "karate", "texas"]
        chosen = [["study=propagation", f"dataset={name}"] for name in names]
        gaussian = [[*run, f"seed={seed}"] for run in chosen for seed in range(SEEDS[suite])]
        own = [
            [*run, "study.features=dataset"] for run, name in zip(chosen, names, strict=True) if name in OWN_FEATURES
        ]
        return [*gaussian, *own]

    def sheet(self, views: list[RunView]) -> Sheet:
        """One row a graph."""
        columns = ["graph", "n", "m", "λ", "2 log λ", "slope 32–64", "slope 64–128", "end / rate", "E_sym(64)/E_sym(0)"]
        columns += ["E(64)/E(0)", "limit", "E(64)/E(0), dataset features", "limit, dataset features"]
        rows: list[list[Cell]] = []
        for name, title in NAMES.items():
            gaussian, own = _of(views, name, "gaussian"), _of(views, name, "dataset")
            if not gaussian:
                continue
            sizes = [round(float(np.mean(_values(gaussian, metric)))) for metric in ("nodes", "edges")]
            row: list[Cell] = [title, *sizes]
            row += [_mean(gaussian, "spectral_lambda", 5), _mean(gaussian, "predicted_slope", 5)]
            row += [_mean(gaussian, f"slope_{window}", 5) for window in ("32_64", "64_128")]
            row.append(_end(gaussian))
            row += [_log(gaussian, f"{kind}_ratio_{DEPTH}") for kind in ("normalised_energy", "energy")]
            row.append(_log(gaussian, "energy_ratio_limit"))
            row += [_log(own, f"energy_ratio_{DEPTH}"), _log(own, "energy_ratio_limit")]
            rows.append(row)
        return Sheet(columns, rows)

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> Figure | None:
        """Slopes over the rate, and the survey's energy against its limit."""
        figure, axes = panels(2, width=10.6, height=4.2)
        present = [name for name in NAMES if _of(views, name, "gaussian")]
        axes[0].axhline(1.0, **PREDICTION, label=text("rate 2 log λ"))
        series = {"slope_32_64": "layers 32 to 64", "slope_64_128": "layers 64 to 128", "slope_end": "in the end"}
        for number, (metric, label) in enumerate(series.items()):
            points = [
                (place + 0.16 * (number - 1), view.metrics[metric] / view.metrics["predicted_slope"])
                for place, name in enumerate(present)
                for view in _of(views, name, "gaussian")
                if metric in view.metrics
            ]
            if points:
                axes[0].plot(*np.transpose(points), "osD"[number], color=COLORS[number], alpha=0.7, label=text(label))
        axes[0].set(yscale="log", ylabel=text("measured slope / rate"))
        axes[0].set_yticks([1, 2, 5, 10, 20], ["1", "2", "5", "10", "20"])
        axes[0].set_xticks(range(len(present)), [NAMES[name] for name in present], rotation=30, ha="right")
        axes[0].set_title(text("Is the rate of the spectral gap reached?"))
        axes[0].legend(loc="upper left")
        kinds = {"gaussian": "Gaussian features", "dataset": "features of the dataset"}
        for number, (kind, label) in enumerate(kinds.items()):
            shift = 0.36 * (number - 0.5)
            chosen = [(place + shift, view) for place, name in enumerate(present) for view in _of(views, name, kind)]
            style = {"marker": "os"[number], "color": COLORS[number], "linestyle": "", "alpha": 0.7}
            energy = [view.metrics[f"energy_ratio_{DEPTH}"] for _, view in chosen]
            axes[1].plot([place for place, _ in chosen], energy, **style, label=text(label))
            limits = [(place, limit) for place, view in chosen if (limit := view.metrics["energy_ratio_limit"]) > 0.0]
            for place, limit in limits:
                entry = text("limit in closed form") if (number, place) == (0, limits[0][0]) else None
                axes[1].plot(
                    [place - 0.17, place + 0.17], [limit, limit], **PREDICTION | {"linestyle": "-"}, label=entry
                )
        axes[1].axhline(1.0, color="black", linewidth=0.6, alpha=0.5)
        axes[1].set(yscale="log", ylabel=text("survey's energy of layer 64 / layer 0"))
        axes[1].set_xticks(range(len(present)), [NAMES[name] for name in present], rotation=30, ha="right")
        axes[1].set_title(text("The survey's energy does not vanish"))
        handles, labels = axes[1].get_legend_handles_labels()
        unique = dict(zip(labels, handles, strict=True))
        axes[1].legend(unique.values(), unique.keys(), loc="upper left")
        return figure

    def claims(self, views: list[RunView]) -> list[Claim]:
        """The normalised energy obeys its bound on every graph; the survey's energy of Texas grows."""
        metric = f"normalised_energy_ratio_{DEPTH}"
        kept = [v.metrics[metric] / v.metrics["spectral_lambda"] ** (2 * DEPTH) for v in views if metric in v.metrics]
        texas = _of(views, "texas", "dataset")
        grown = _values(texas, f"energy_ratio_{DEPTH}")
        limit = _values(texas, "energy_ratio_limit")
        return [
            Claim(
                id="gnn.propagation.bound",
                statement=f"On every graph {DEPTH} layers keep at most lambda^{2 * DEPTH} of E_sym (largest ratio of "
                "both sides)",
                predicted=1.0,
                low=None,
                high=1.0 + EXACT,
                measured=max(kept, default=None),
                source="E_sym(P X) <= lambda^2 E_sym(X): Cai and Wang 2020; Oono and Suzuki, ICLR 2020",
            ),
            Claim(
                id="gnn.propagation.texas_grows",
                statement=f"With the features of Texas the survey's energy of layer {DEPTH} is larger than that of "
                "layer 0, although E_sym collapses (ratio; predicted: its limit in closed form)",
                predicted=limit[0] if limit else None,
                low=1.0,
                high=None,
                measured=grown[0] if grown else None,
                source="projection of X on sqrt(d_i + 1); docs/gnn_oversmoothing.md",
            ),
        ]


def _of(views: list[RunView], name: str, features: str) -> list[RunView]:
    return [v for v in views if v.choices["dataset"] == name and v.config["study"]["features"] == features]


def _values(views: list[RunView], metric: str) -> list[float]:
    return [view.metrics[metric] for view in views if metric in view.metrics]


def _mean(views: list[RunView], metric: str, digits: int) -> Cell:
    """Return mean and spread; the value alone where it is the same for all seeds."""
    values = _values(views, metric)
    if values and len(set(values)) == 1:
        return f"{values[0]:.{digits}f}"
    return Estimate.of(values, digits) if values else None


def _end(views: list[RunView]) -> Cell:
    rates = [v.metrics["slope_end"] / v.metrics["predicted_slope"] for v in views if "slope_end" in v.metrics]
    return Estimate.of(rates, 4) if rates else None


def _log(views: list[RunView], metric: str) -> Cell:
    """Return the geometric mean; 0 where the limit of a regular graph is 0."""
    values = _values(views, metric)
    if not values:
        return None
    return Estimate.log10(values) if min(values) > 0.0 else 0
