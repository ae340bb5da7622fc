"""The figure of the edge of stability, drawn from its record alone."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView
from baselines.loss_landscape.trajectory import crossing

ZH = {
    "training time (step size × step)": "训练时间（步长 × 步数）",
    "sharpness (largest Hessian eigenvalue)": "锐度（Hessian 最大特征值）",
    "The sharpness rises, then stops at 2/η": "锐度上升，随后停在 2/η",
    "step": "步数",
    "training loss": "训练损失",
    "The loss jumps up and down, yet decreases": "损失上下跳动，但长期下降",
    "sharpness × η / 2": "锐度 × η / 2",
    "Hovering at the predicted value": "在预测值附近徘徊",
    "band of the claim": "判据区间",
    "dashed: 2/η": "虚线：2/η",
    "arrival at 2/η": "到达 2/η",
    "control": "对照",
}
CONTROL_COLOR = "0.45"


def draw(view: RunView, text: Callable[[str], str]) -> Figure:
    """Sharpness against training time, loss against step, and sharpness over its predicted value.

    Args:
        view: A record of `probe=edge_of_stability`.
        text: Translates a label.
    """
    figure, (left, middle, right) = panels(3, width=13.5, height=4.0)
    _sharpness(left, view, text)
    _loss(middle, view, text)
    _ratio(right, view, text)
    return figure


def _edges(view: RunView) -> Iterator[tuple[str, float, str]]:
    """Name, level and colour of each step size, in the order of the config."""
    given = view.config["optimizer"]["two_over_eta"]
    levels = given if isinstance(given, list) else [given]
    for i, level in enumerate(levels):
        yield f"edge_{level:g}", float(level), COLORS[i % len(COLORS)]


def _points(axis: Axes, x: np.ndarray, y: np.ndarray, color: str, size: float, label: str | None = None) -> None:
    """Measured points; a legend entry large enough to see."""
    below = 1 if color == CONTROL_COLOR else 2
    axis.plot(x, y, "o", color=color, markersize=size, markeredgewidth=0, rasterized=True, zorder=below)
    if label:
        axis.plot([], [], "o", color=color, label=label)


def _sharpness(axis: Axes, view: RunView, text: Callable[[str], str]) -> None:
    curves = view.curves
    for name, level, color in _edges(view):
        time, sharpness = curves[f"{name}.time"], curves[f"{name}.sharpness"]
        _points(axis, time, sharpness, color, 2.5, f"2/η = {level:g}")
        axis.axhline(level, **PREDICTION | {"color": color})
        arrival = crossing(time, sharpness, level)
        if arrival is not None:
            axis.plot([arrival], [level], "v", color="black", markersize=6, zorder=5)
        for other in sorted(key for key in curves if key.startswith(f"{name}.eigenvalue_")):
            _points(axis, time, curves[other], color, 1.2)
    if "control.time" in curves:
        highest = max(level for _, level, _ in _edges(view))
        label = f"2/η = {highest / view.config['probe']['control']:g} ({text('control')})"
        _points(axis, curves["control.time"], curves["control.sharpness"], CONTROL_COLOR, 2.5, label)
    axis.plot([], [], label=text("dashed: 2/η"), **PREDICTION)
    axis.plot([], [], "v", color="black", markersize=6, label=text("arrival at 2/η"))
    axis.set_xscale("log")
    axis.set_ylim(bottom=0)
    axis.set_xlabel(text("training time (step size × step)"))
    axis.set_ylabel(text("sharpness (largest Hessian eigenvalue)"))
    axis.set_title(text("The sharpness rises, then stops at 2/η"))
    axis.legend(loc="lower right")


def _loss(axis: Axes, view: RunView, text: Callable[[str], str]) -> None:
    curves = view.curves
    if "control_loss.loss" in curves:
        _points(axis, curves["control_loss.step"], curves["control_loss.loss"], CONTROL_COLOR, 1.2)
    for name, level, color in _edges(view):
        losses = curves[f"{name}_loss.loss"]
        _points(axis, curves[f"{name}_loss.step"], losses, color, 1.6)
        arrival = crossing(curves[f"{name}.step"], curves[f"{name}.sharpness"], level)
        if arrival is not None:
            axis.plot([arrival], [losses[int(arrival)]], "v", color="black", markersize=6, zorder=5)
    axis.set_yscale("log")
    axis.set_xlabel(text("step"))
    axis.set_ylabel(text("training loss"))
    axis.set_title(text("The loss jumps up and down, yet decreases"))


def _ratio(axis: Axes, view: RunView, text: Callable[[str], str]) -> None:
    last = 0.0
    for name, level, color in _edges(view):
        steps = view.curves[f"{name}.step"]
        _points(axis, steps, view.curves[f"{name}.sharpness"] / level, color, 2.5)
        last = max(last, float(steps[-1]))
    bands = [claim for claim in view.claims if ".hover." in claim.id]
    if bands:
        band: Any = bands[0]
        axis.fill_between([last / 2, last], band.low, band.high, color="0.8", zorder=0, label=text("band of the claim"))
    axis.axhline(1.0, **PREDICTION)
    axis.set_xlabel(text("step"))
    axis.set_ylabel(text("sharpness × η / 2"))
    axis.set_title(text("Hovering at the predicted value"))
    axis.legend(loc="lower right")
