"""Rewiring on the contextual SBM: structure and accuracy before and after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from baselines.common.claims import Claim
from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView
from benchmarks.sheet import Cell, Estimate, Sheet, paired

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

REWIRINGS = {
    "random": "random edges",
    "sdrf": "SDRF",
    "fosr": "FoSR",
    "borf": "BORF",
    "gtr": "GTR",
    "fully_adjacent": "fully adjacent",
}
SOURCES = {
    "sdrf": "Topping et al., ICLR 2022",
    "fosr": "Karhadkar et al., ICLR 2023",
    "borf": "Nguyen et al., ICML 2023",
    "gtr": "Black et al., ICML 2023",
    "fully_adjacent": "Alon and Yahav, ICLR 2021",
}
ABOVE_ZERO = 1e-6  # points; a gain of exactly 0 in every seed is none
EPOCHS = 200  # shorter training is too short for claims about accuracy


@dataclass(frozen=True)
class Setting:
    """A dataset and a model, with the rewirings tried on it."""

    dataset: str
    model: str
    title: str
    overrides: tuple[str, ...]
    rewirings: tuple[str, ...]
    repeats: int


class Table:
    """Rewiring on the contextual SBM: structure of the graph and accuracy, before and after.

    Every method adds 10 % of the edges.  Structure: means over the seeds of spectral gap (largest component), total
    effective resistance (connected pairs), lowest Balanced Forman curvature and share of edges within a class.  Test
    accuracy in % at the best validation epoch of a network with 3 layers, mean ± standard deviation over the seeds of
    data, split and weights.  Gain: rewired minus original, paired by seed, with its 95 % t-interval.
    """

    topic: ClassVar[str] = "gnn_oversmoothing"
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("csbm", "gcn", "cSBM, GCN", (), tuple(REWIRINGS), 5),
        Setting("csbm", "resgcn", "cSBM, ResGCN", (), ("random", "fully_adjacent"), 5),
    )
    ZH: ClassVar[dict[str, str]] = {
        "gain in accuracy / points": "准确率增益 / 百分点",
        "no gain": "无增益",
        "Gain and its 95 % interval": "增益及其 95 % 置信区间",
        "doublings of the spectral gap": "谱隙翻倍的次数",
        "Larger gap, better accuracy?": "谱隙增大，准确率就提高吗？",
        "change of edges within a class / points": "同类边占比的变化 / 百分点",
        "Homophily": "同质性",
    }

    def runs(self, suite: str) -> list[list[str]]:
        """Every rewiring of every setting; one run does all seeds."""
        return [
            [
                "study=rewiring",
                f"dataset={setting.dataset}",
                f"model={setting.model}",
                f"rewiring={rewiring}",
                *setting.overrides,
                *([] if suite == "smoke" else [f"study.repeats={setting.repeats}"]),
            ]
            for setting in (self.settings if suite != "smoke" else self.settings[:1])
            for rewiring in (setting.rewirings if suite != "smoke" else setting.rewirings[:2])
        ]

    def sheet(self, views: list[RunView]) -> Sheet:
        """One row a rewiring, below the graph as it is."""
        columns = ["dataset, model", "rewiring", "edges added", "removed", "spectral gap", "total resistance"]
        columns += ["lowest curvature", "within a class / %", "accuracy / %", "gain / points", "95 % of the gain"]
        rows: list[list[Cell]] = []
        for setting in self.settings:
            found = self.found(views, setting)
            for number, (rewiring, view) in enumerate(found.items()):
                if number == 0:
                    rows.append([setting.title, "none", 0, 0, *_state(view, "before"), None, None])
                gain = _gain(view)
                interval = None if gain.low is None else f"{gain.low:.1f} … {gain.high:.1f}"
                counts = [view.metrics[f"edges_{what}"] for what in ("added", "removed")]
                rows.append([setting.title, REWIRINGS[rewiring], *counts, *_state(view, "after"), gain, interval])
        return Sheet(columns, rows)

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> Figure | None:
        """Gain of every rewiring, against the rise of the spectral gap, and against the change of homophily."""
        figure, axes = panels(3, width=13.2, height=4.4, gridspec_kw={"width_ratios": [1.4, 1.0, 1.0]})
        for number, setting in enumerate(self.settings):
            shift = 0.55 * ((number + 0.5) / len(self.settings) - 0.5)
            for rewiring, view in self.found(views, setting).items():
                label = setting.title if rewiring == setting.rewirings[0] else None
                _point(axes[0], list(REWIRINGS).index(rewiring) + shift, view, number, label)
                if rewiring != "fully_adjacent":  # the graph itself stays as it is
                    gap, homophily = (_change(view, name) for name in ("spectral_gap", "homophily"))
                    style = {"color": COLORS[number], "marker": "osD^v"[number], "linestyle": ""}
                    axes[1].plot(np.log2(gap[1] / gap[0]), _gain(view).value, **style)
                    axes[2].plot(100.0 * (homophily[1] - homophily[0]), _gain(view).value, **style)
        axes[0].set_xticks(range(len(REWIRINGS)), list(REWIRINGS.values()), rotation=25, ha="right")
        axes[0].set_title(text("Gain and its 95 % interval"))
        axes[0].set_yscale("symlog", linthresh=5.0)
        axes[0].set_yticks([-50, -20, -10, -5, -2, 0, 2, 5], labels=["-50", "-20", "-10", "-5", "-2", "0", "2", "5"])
        axes[1].set(xlabel=text("doublings of the spectral gap"), title=text("Larger gap, better accuracy?"))
        axes[2].set(xlabel=text("change of edges within a class / points"), title=text("Homophily"))
        for number, ax in enumerate(axes):
            ax.axhline(0.0, **PREDICTION, label=text("no gain") if number == 0 else None)
            ax.set_ylabel(text("gain in accuracy / points"))
        figure.legend(loc="outside lower center", ncols=len(self.settings) + 1)
        return figure

    def claims(self, views: list[RunView]) -> list[Claim]:
        """What each paper promises of its rewiring, and what the sceptics say of all of them."""
        found, lows = [], []
        for setting in self.settings:
            for rewiring, view in self.found(views, setting).items():
                if rewiring == "random":
                    continue
                low = _gain(view).low if view.config["epochs"] >= EPOCHS else None
                lows.append(low)
                found.append(self._gain_claim(setting, rewiring, low, _gain(view).n))
        measured = [low for low in lows if low is not None]
        title = " and ".join(dict.fromkeys(setting.title.split(",")[0] for setting in self.settings))
        found.append(
            Claim(
                id=f"gnn.rewiring.rarely.{self.settings[0].dataset}",
                statement=f"Rewiring rarely helps: on {title} fewer than half of the {len(lows)} cases gain accuracy "
                "(share of cases whose 95 % interval of the gain is above 0)",
                predicted=None,
                low=None,
                high=0.5,
                measured=float(np.mean([low >= ABOVE_ZERO for low in measured])) if measured else None,
                source="Micheli and Tortorella 2023, arXiv 2305.19717: rewiring rarely confers a practical benefit",
            )
        )
        return found

    def _gain_claim(self, setting: Setting, rewiring: str, low: float | None, seeds: int) -> Claim:
        return Claim(
            id=f"gnn.rewiring.gain.{setting.dataset}.{setting.model}.{rewiring}",
            statement=f"{REWIRINGS[rewiring]} raises the accuracy on {setting.title} (lower end of the 95 % interval "
            f"of the paired gain over {seeds} seeds, points)",
            predicted=None,
            low=ABOVE_ZERO,
            high=None,
            measured=low,
            source=SOURCES[rewiring],
        )

    def found(self, views: list[RunView], setting: Setting) -> dict[str, RunView]:
        """Return the runs of a setting by rewiring, in the order of the table."""
        known = {(v.choices["dataset"], v.choices["model"], v.choices["rewiring"]): v for v in views}
        keys = {rewiring: (setting.dataset, setting.model, rewiring) for rewiring in setting.rewirings}
        return {rewiring: known[key] for rewiring, key in keys.items() if key in known}


def _gain(view: RunView) -> Estimate:
    """The paired gain in points."""
    before, after = (100.0 * view.curves[f"score_{name}"] for name in ("before", "after"))
    return paired(after.tolist(), before.tolist(), digits=1)


def _change(view: RunView, name: str) -> tuple[float, float]:
    return view.metrics[f"{name}_before"], view.metrics[f"{name}_after"]


def _state(view: RunView, name: str) -> list[Cell]:
    """Structure and accuracy, before or after."""
    structure: list[Cell] = [
        view.metrics[f"{key}_{name}"] for key in ("spectral_gap", "total_resistance", "forman_min")
    ]
    accuracy = Estimate.of((100.0 * view.curves[f"score_{name}"]).tolist(), digits=1)
    return [*structure, 100.0 * view.metrics[f"homophily_{name}"], accuracy]


def _point(ax: Axes, place: float, view: RunView, number: int, label: str | None) -> None:
    """Draw every seed's gain, and the mean with its interval."""
    gains, gain = 100.0 * view.curves["score_gain"], _gain(view)
    ax.plot(np.full(gains.size, place), gains, ".", color=COLORS[number], markersize=3, alpha=0.45)
    half = 0.0 if gain.low is None else gain.value - gain.low
    ax.errorbar(place, gain.value, half, fmt="osD^v"[number], color=COLORS[number], capsize=2.5, label=label)
