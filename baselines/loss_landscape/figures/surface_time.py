"""The figure of the timings of a surface, drawn from its record alone."""

from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure

from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView

ZH = {
    "row of the surface": "曲面的行",
    "processor time for one point / µs": "每个点的处理器时间 / µs",
    "one forward pass a point": "逐点前向传播",
    "batches through vmap": "vmap 批处理",
    "batches that use the plane": "利用平面结构的批处理",
    "Time of one point, row by row in turn": "每点用时（逐行轮流测量）",
    "times as fast as one forward pass a point": "相对逐点前向传播的加速倍数",
    "fewer multiplications: ×{ratio:.1f}": "乘法次数减少：×{ratio:.1f}",
    "Speed-up, side by side": "并排测量的加速比",
    "target: ×4": "目标：×4",
}
METHODS = {
    "one_by_one": "one forward pass a point",
    "vmap": "batches through vmap",
    "batched": "batches that use the plane",
}


def draw(view: RunView, text: Callable[[str], str]) -> Figure:
    """Time of each row by each method, and the ratios of the medians.

    Args:
        view: A record of `probe=surface_time`.
        text: Translates a label.
    """
    figure, (left, right) = panels(2, width=10.0, height=3.9)
    points = len(view.curves["position"])
    for color, (name, label) in zip(COLORS, METHODS.items(), strict=False):
        times = 1e6 * view.curves[f"{name}_row_s"] / points
        left.plot(np.arange(1, points + 1), times, "o", color=color, markersize=3, label=text(label))
        left.axhline(float(np.median(times)), color=color, linewidth=1)
    left.set(xlabel=text("row of the surface"), ylabel=text("processor time for one point / µs"), yscale="log")
    left.set_title(text("Time of one point, row by row in turn"))
    ratios = [1.0, view.metrics["vmap_speedup"], view.metrics["batched_speedup"]]
    labels = [text(label) for label in METHODS.values()]
    bars = right.barh(range(3), ratios, color=COLORS[:3], height=0.55)
    right.bar_label(bars, [f"×{ratio:.2f}" for ratio in ratios], padding=4)
    right.set_yticks(range(3), labels)
    right.invert_yaxis()
    right.axvline(4.0, **PREDICTION, label=text("target: ×4"))
    fewer = view.metrics["fewer_multiplications"]
    right.axvline(
        fewer, color="0.45", linestyle=":", label=text("fewer multiplications: ×{ratio:.1f}").format(ratio=fewer)
    )
    right.set_xlim(0, 1.15 * max(*ratios, 4.0, fewer))
    right.set_xlabel(text("times as fast as one forward pass a point"))
    right.set_title(text("Speed-up, side by side"))
    handles, names = left.get_legend_handles_labels()
    figure.legend(
        handles + right.get_lines(),
        names + [one.get_label() for one in right.get_lines()],
        loc="outside lower center",
        ncols=3,
    )
    return figure
