"""The figure of the ensemble's gain, drawn from its record alone."""

from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure

from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView
from baselines.scaling_law.figures import _panels

ZH = {
    "Small networks train faster together": "小网络一起训练更快",
    "width of each of the networks": "每个网络的宽度",
    "gain over one by one (×)": "相对逐个训练的加速（×）",
    "masked ensemble (bmm)": "掩码集成（bmm）",
    "vmap": "vmap",
    "different widths, masked ensemble": "不同宽度，掩码集成",
    "goal for small widths": "小宽度的目标",
    "Time of a step of one network": "单个网络每步的时间",
    "processor time (µs)": "处理器时间（µs）",
    "one by one": "逐个训练",
}


def draw(view: RunView, text: Callable[[str], str]) -> Figure:
    """Gain against width, and the time of a step of one network."""
    figure, (left, right) = panels(2, width=10.0, height=4.0)
    widths, study = view.curves["widths"], view.config["study"]
    for method, label, color, marker in (
        ("ensemble", "masked ensemble (bmm)", COLORS[0], "o"),
        ("vmap", "vmap", COLORS[1], "s"),
    ):
        gains = view.curves[f"{method}_gain_s"]  # [widths, rounds]
        low, middle, high = np.percentile(gains, [10, 50, 90], axis=1)
        _panels.points(left, widths, middle, low, high, color, text(label), marker)
    left.axhline(view.metrics["mixed_ensemble_gain"], color=COLORS[2], label=text("different widths, masked ensemble"))
    left.plot(
        [widths[0], max(study["small"], widths[0] * 1.5)], [3, 3], **PREDICTION, label=text("goal for small widths")
    )
    left.set(xscale="log", yscale="log", ylim=(0.5, None))
    left.set(xlabel=text("width of each of the networks"), ylabel=text("gain over one by one (×)"))
    left.set_title(text("Small networks train faster together"))
    left.legend(loc="best")
    steps = study["steps"] * study["members"]
    for method, label, color, marker in (
        ("one_by_one", "one by one", "0.3", "D"),
        ("ensemble", "masked ensemble (bmm)", COLORS[0], "o"),
        ("vmap", "vmap", COLORS[1], "s"),
    ):
        times = [1e6 * view.curves[f"width_{int(width)}_{method}_s"] / steps for width in widths]
        low, middle, high = np.percentile(times, [10, 50, 90], axis=1)
        _panels.points(right, widths, middle, low, high, color, text(label), marker)
        right.plot(widths, middle, color=color, linewidth=0.7)
    right.set(xscale="log", yscale="log")
    right.set(xlabel=text("width of each of the networks"), ylabel=text("processor time (µs)"))
    right.set_title(text("Time of a step of one network"))
    right.legend(loc="upper left")
    for axis in (left, right):
        _panels.ticks(axis, widths)
    return figure
