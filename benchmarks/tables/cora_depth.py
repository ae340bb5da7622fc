"""Depth of all models on Cora, beside published values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from baselines.common.claims import Claim
from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView
from benchmarks import claims as gathered
from benchmarks.sheet import Cell, Sheet
from benchmarks.tables import _gnn

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SEEDS = {"smoke": 1, "standard": 5, "paper": 10}
DEPTHS = "study.depths=[2,32,64]"
DEEP = (32, 64)
LEFT_OUT = ("GAT", "GraphSAGE", "ResNet")  # neither remedies nor published at these depths
RAW = "graphs/Planetoid/Cora/raw/ind.cora.x"
CHANCE = 30.2  # share of the largest class of Cora, in %


class Table:
    """Accuracy of every model at 2, 32 and 64 layers on Cora, beside published values.

    Test accuracy in % on the 1000 nodes of the public split (higher is better) at the epoch of the best validation
    accuracy; one recipe for all, nothing tuned; mean and 95 % interval over seeds of the weights.  Published: same
    split, but tuned for every model and partly for every depth.  Reproduced: the published value lies in the interval.
    """

    topic: ClassVar[str] = "gnn_oversmoothing"
    ZH: ClassVar[dict[str, str]] = {
        "measured": "实测",
        "published": "已发表",
        "largest class": "最大类别占比",
        "64 layers on Cora": "Cora 上的 64 层网络",
        "32 layers on Cora": "Cora 上的 32 层网络",
        "test accuracy / %": "测试准确率 / %",
    }

    def needs(self, data_dir: str) -> str | None:
        """Cora is read from files."""
        path = Path(data_dir).expanduser() / RAW
        return None if path.is_file() else f"the Cora files are not in {path.parent}"

    def runs(self, suite: str) -> list[list[str]]:
        """Every model with the same seeds."""
        depths = [] if suite == "smoke" else [DEPTHS]
        networks = _gnn.choices(suite, without=LEFT_OUT)
        seeds = range(SEEDS[suite])
        return [["dataset=cora", *depths, *own, f"seed={s}"] for s in seeds for own in networks]

    def sheet(self, views: list[RunView]) -> Sheet:
        """One row a network: the depths, and what was published."""
        depths, known = _gnn.depths(views), gathered.published(self.topic)
        rows: list[list[Cell]] = []
        for network in _gnn.NETWORKS:
            own = _gnn.of(views, network)
            if not own:
                continue
            row: list[Cell] = [network]
            row += [_gnn.with_interval(_gnn.values(own, "accuracy", depth)) for depth in depths]
            entries = {depth: known.get(identity(network, depth)) for depth in DEEP}
            row += [100.0 * float(entry["value"]) if entry else None for entry in entries.values()]
            verdicts = {claim.verdict == "holds" for claim in self.claims(own) if claim.measured is not None}
            row.append(
                None if not verdicts else "yes" if verdicts == {True} else "no" if verdicts == {False} else "partly"
            )
            row.append("; ".join(dict.fromkeys(entry["source"] for entry in entries.values() if entry)) or None)
            rows.append(row)
        columns = ["network", *(f"{depth} layers" for depth in depths)]
        return Sheet([*columns, *(f"published, {d} layers" for d in DEEP), "reproduced", "source"], rows)

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> Figure | None:
        """Measured and published accuracy of every network at 32 and 64 layers."""
        figure, axes = panels(2, width=11.0, height=5.4, sharey=True)
        known, names = gathered.published(self.topic), [n for n in _gnn.NETWORKS if _gnn.of(views, n)]
        for ax, depth in zip(axes, DEEP, strict=True):
            for place, network in enumerate(names):
                found = 100.0 * np.asarray(_gnn.values(_gnn.of(views, network), "accuracy", depth))
                label = text("measured") if place == 0 else None
                ax.plot(found, np.full(found.size, place), "o", color=COLORS[0], alpha=0.7, markersize=4, label=label)
                if entry := known.get(identity(network, depth)):
                    at = 100.0 * float(entry["value"])
                    ax.plot([at, at], [place - 0.35, place + 0.35], color="black", linewidth=2.0)
            ax.plot([], [], color="black", linewidth=2.0, label=text("published"))
            ax.axvline(CHANCE, **PREDICTION, label=text("largest class"))
            ax.set(xlim=(0.0, 100.0), xlabel=text("test accuracy / %"), title=text(f"{depth} layers on Cora"))
        axes[0].set_yticks(range(len(names)), names)
        axes[0].invert_yaxis()
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
        return figure

    def claims(self, views: list[RunView]) -> list[Claim]:
        """Every published value that has a run here: does the shared recipe reproduce it?"""
        known, found = gathered.published(self.topic), []
        for network in _gnn.NETWORKS:
            for depth in DEEP:
                entry = known.get(identity(network, depth))
                scores = _gnn.values(_gnn.of(views, network), "accuracy", depth)
                if entry is None:
                    continue
                value, estimate = float(entry["value"]), _gnn.percent(scores)
                half = 0.0 if estimate is None or estimate.high is None else (estimate.high - estimate.value) / 100.0
                enough = len(scores) >= SEEDS["standard"]
                found.append(
                    Claim(
                        id=identity(network, depth),
                        statement=f"{network} with {depth} layers reaches its published accuracy on Cora, public "
                        "split, under the shared recipe (mean within half a 95 % interval of the published value)",
                        predicted=value,
                        low=value - half,
                        high=value + half,
                        measured=float(np.mean(scores)) if enough else None,
                        source=entry["source"],
                    )
                )
        return found


def identity(network: str, depth: int) -> str:
    """The identity of the claim about a published value."""
    return f"gnn.cora.{_gnn.slug(network)}.{depth}"
