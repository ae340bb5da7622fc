"""What training many small networks together gains over one by one."""

from collections.abc import Callable
from typing import ClassVar

from matplotlib.figure import Figure

from baselines.common.claims import Claim
from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView
from benchmarks.sheet import Cell, Estimate, Sheet

METHODS = {"ensemble": "masked ensemble (bmm)", "vmap": "vmap"}


class Table:
    """Many small networks trained together: gain in processor time over one by one.

    Higher is better. A step of Adam of all networks on one batch, float32, one thread; the methods take turns in one
    process, ratio of the medians over the rounds. n is the number of runs. The last row mixes widths, which vmap
    cannot: its members need one shape. Padded members learn exactly what they would alone; the run checks it.
    """

    topic: ClassVar[str] = "scaling_law"
    ZH: ClassVar[dict[str, str]] = {
        "Small networks train faster together": "小网络一起训练更快",
        "width of each of the networks": "每个网络的宽度",
        "gain over one by one (×)": "相对逐个训练的加速（×）",
        "masked ensemble (bmm)": "掩码集成（bmm）",
        "vmap": "vmap",
        "one by one": "逐个训练",
    }

    def runs(self, suite: str) -> list[list[str]]:
        """One run: it repeats every timing by itself."""
        return [["study=ensemble_time"]]

    def sheet(self, views: list[RunView]) -> Sheet:
        """One row a width, then the mixture."""
        columns = ["networks", "one by one / ms", "ensemble gain / ×", "vmap gain / ×"]
        study = views[0].config["study"]
        labels = {f"width_{width}": f"{study['members']} of width {width}" for width in study["widths"]}
        mixed = study["mixed"]
        labels["mixed"] = f"{len(mixed)} of widths {mixed[0]} … {mixed[-1]}"
        rows: list[list[Cell]] = []
        for name, label in labels.items():
            row: list[Cell] = [label, Estimate.of([view.metrics[f"{name}_one_by_one_ms"] for view in views], 2)]
            for method in METHODS:
                found = [v.metrics[f"{name}_{method}_gain"] for v in views if f"{name}_{method}_gain" in v.metrics]
                row.append(Estimate.of(found, 1) if found else None)
            rows.append(row)
        return Sheet(columns, rows)

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> Figure:
        """Gain of both methods against width."""
        figure, (axis,) = panels(1, width=5.4, height=3.8)
        widths = views[0].config["study"]["widths"]
        for (method, label), color, marker in zip(METHODS.items(), COLORS, "os", strict=False):
            for number, view in enumerate(views):
                gains = [view.metrics[f"width_{width}_{method}_gain"] for width in widths]
                axis.plot(widths, gains, f"{marker}-", color=color, label=None if number else text(label))
        axis.axhline(1, **PREDICTION, label=text("one by one"))
        axis.set(xscale="log", yscale="log", xlabel=text("width of each of the networks"))
        axis.set_xticks(widths, [str(width) for width in widths])
        axis.set_ylabel(text("gain over one by one (×)"))
        axis.set_title(text("Small networks train faster together"))
        axis.legend(loc="best")
        return figure

    def claims(self, views: list[RunView]) -> list[Claim]:
        """The run makes them."""
        return []
