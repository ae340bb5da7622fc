"""The time of a 51 x 51 surface, side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from baselines.common.claims import Claim
from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView
from benchmarks.sheet import Cell, Sheet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLOUDS = ["task=gaussian_mixture", "task.dimensions=784", "task.classes=10"]
METHODS = {"one_by_one": "one forward pass a point", "vmap": "vmap", "batched": "batches on the plane"}


class Table:
    """Time of a surface of 51 x 51 losses: three ways in turn in one process, one thread.

    Median processor time for one point in microseconds over 51 rows (lower is better); speed-up over one forward pass a
    point; by counting: multiplications of a forward pass over those of a batch (memory and tanh count too); largest
    relative difference of the losses. Networks with two hidden tanh layers of 32 units at their initial weights, all
    examples; 784 inputs: 1,000 points of ten Gaussian clouds, which has the size of 1,000 images of MNIST.
    """

    topic: ClassVar[str] = "loss_landscape"
    ZH: ClassVar[dict[str, str]] = {
        "one forward pass a point": "逐点前向传播",
        "vmap": "vmap",
        "batches on the plane": "利用平面结构的批处理",
        "times as fast as one forward pass a point": "相对逐点前向传播的加速倍数",
        "target: ×4": "目标：×4",
        "Speed-up of a 51 × 51 surface": "51 × 51 曲面的加速比",
    }

    def runs(self, suite: str) -> list[list[str]]:
        """Four settings; times have no seeds."""
        settings = [["task=digits"], ["dtype=float32"], [*CLOUDS], [*CLOUDS, "dtype=float32"], ["task=curve1d"]]
        return [["probe=surface_time", *setting, "seed=0"] for setting in settings[: 1 if suite == "smoke" else None]]

    def sheet(self, views: list[RunView]) -> Sheet:
        """One row a setting."""
        columns = ["examples, network", "dtype", *METHODS.values(), "speed-up", "by counting", "difference"]
        rows: list[list[Cell]] = []
        for view in views:
            times: list[Cell] = [f"{view.metrics[f'{name}_point_us']:.0f}" for name in METHODS]
            gains = [f"{view.metrics[name]:.1f}" for name in ("batched_speedup", "fewer_multiplications")]
            rows.append([*_setting(view), *times, *gains, f"{view.metrics['largest_difference']:.0e}"])
        return Sheet(columns, rows)

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> Figure | None:
        """The speed-up of both kinds of batches in each setting."""
        figure, (axis,) = panels(1, width=8.0, height=0.7 * len(views) + 1.8)
        for number, name in enumerate(("vmap", "batched")):
            ratios = [view.metrics[f"{name}_speedup"] for view in views]
            places = [row + 0.36 * (number - 0.5) for row in range(len(views))]
            bars = axis.barh(places, ratios, 0.34, color=COLORS[number], label=text(METHODS[name]))
            axis.bar_label(bars, [f"×{ratio:.1f}" for ratio in ratios], padding=3)
        axis.axvline(1.0, color="0.3", linewidth=1.0)
        axis.axvline(4.0, **PREDICTION, label=text("target: ×4"))
        axis.set_yticks(range(len(views)), [", ".join(_setting(view)) for view in views])
        axis.invert_yaxis()
        axis.set_xlim(right=1.12 * max(4.0, *(view.metrics["batched_speedup"] for view in views)))
        axis.set_xlabel(text("times as fast as one forward pass a point"))
        axis.set_title(text("Speed-up of a 51 × 51 surface"))
        figure.legend(loc="outside lower center", ncols=3)
        return figure

    def claims(self, views: list[RunView]) -> list[Claim]:
        """None beyond those of the runs."""
        return []


def _setting(view: RunView) -> list[str]:
    """Size of the problem in figures, and the precision."""
    task, network = view.config["task"], view.config["network"]
    examples = task.get("examples", 40)
    ends = {"digits": (64, 10), "curve1d": (1, 1)}.get(view.choices["task"])
    inputs, outputs = ends or (task["dimensions"], task["classes"])
    widths = "-".join(str(width) for width in (inputs, *[network["width"]] * network["depth"], outputs))
    return [f"{examples}, {widths}", view.config["dtype"]]
