"""Exponents 4/d and 2/d: interpolation and trained networks."""

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from baselines.common.claims import Claim
from baselines.common.record import RunView
from benchmarks.sheet import Cell, Estimate, Sheet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

METHODS = {
    "linear": ("piecewise-linear interpolation", 4, 10),
    "nearest": ("nearest neighbour", 2, 10),
    "student": ("ReLU network", 4, 25),
}


class Table:
    """Squared error of smooth functions of d inputs: exponent x in n^-x (interpolation) or P^-x (trained networks).

    Predicted: 4/d for piecewise-linear functions, 2/d for the nearest neighbour. Measured: least squares in the log-log
    plane over all sizes, mean ± standard deviation over seeds; the interval is that of the bootstrap over targets, its
    ends averaged over the seeds. Deviation: measured over predicted minus one; the goal is 10 % for interpolation and
    25 % for networks.
    """

    topic: ClassVar[str] = "scaling_law"
    ZH: ClassVar[dict[str, str]] = {
        "The exponent is set by the dimension": "指数由维数决定",
        "Dimension d": "维数 d",
        "Exponent": "指数",
        "piecewise-linear interpolation": "分段线性插值",
        "nearest neighbour": "最近邻",
        "ReLU network": "ReLU 网络",
        "4/d and 2/d": "4/d 与 2/d",
    }

    def runs(self, suite: str) -> list[list[str]]:
        """Three seeds; one for smoke."""
        return [["study=manifold", f"seed={seed}"] for seed in range(1 if suite == "smoke" else 3)]

    def sheet(self, views: list[RunView]) -> Sheet:
        """One row a method and dimension."""
        rows: list[list[Cell]] = []
        for name, (label, power, goal) in METHODS.items():
            for d in _dimensions(name, views):
                values = [view.metrics[f"exponent_{name}_d{d}"] for view in views]
                low, high = (np.mean([v.metrics[f"exponent_{name}_d{d}_{end}"] for v in views]) for end in _ENDS)
                deviation = 100 * (float(np.mean(values)) * d / power - 1)
                rows.append(
                    [label, d, round(power / d, 4), Estimate.of(values), f"{low:.3f} … {high:.3f}",
                     f"{deviation:+.1f} %", f"{goal} %"]
                )  # fmt: skip
        return Sheet(["method", "d", "predicted", "measured", "95 % interval", "deviation", "goal"], rows)

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> "Figure | None":
        """Exponents against the dimension."""
        from baselines.common.plotting import COLORS, PREDICTION, panels

        figure, (axes,) = panels(1, width=5.6, height=3.8)
        every = sorted({d for name in METHODS for d in _dimensions(name, views)})
        line = np.linspace(every[0], every[-1], 80)
        for power in (4, 2):
            label = text("4/d and 2/d") if power == 4 else None
            axes.plot(line, power / line, label=label, **PREDICTION)
        for (name, (label, _, _)), color, marker in zip(METHODS.items(), COLORS, "osD", strict=False):
            shown = np.array(_dimensions(name, views))
            for offset, view in enumerate(views):
                values = [view.metrics[f"exponent_{name}_d{d}"] for d in shown]
                x = shown + 0.06 * (offset - (len(views) - 1) / 2)
                axes.plot(x, values, marker, color=color, label=text(label) if offset == 0 else None)
        axes.set(yscale="log", xlabel=text("Dimension d"), ylabel=text("Exponent"))
        axes.set_xticks(every)
        axes.set_yticks([0.5, 1, 2, 4], labels=["0.5", "1", "2", "4"])
        axes.minorticks_off()
        axes.set_title(text("The exponent is set by the dimension"))
        axes.legend()
        return figure

    def claims(self, views: list[RunView]) -> list[Claim]:
        """None beyond those of the runs."""
        return []


_ENDS = ("low", "high")


def _dimensions(name: str, views: list[RunView]) -> list[int]:
    """Dimensions that a method was measured in."""
    start = f"exponent_{name}_d"
    found = {metric.removeprefix(start) for metric in views[0].metrics if metric.startswith(start)}
    return sorted(int(d) for d in found if d.isdigit())
