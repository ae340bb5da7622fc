"""The figure of the edge of stability, drawn from its record alone."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView
from baselines.loss_landscape.trajectory import crossing

ZH = {
    "2/η": "2/η",
    "training time (step size × step)": "训练时间（步长 × 步数）",
    "sharpness (largest Hessian eigenvalue)": "锐度（Hessian 最大特征值）",
    "largest eigenvalue of P⁻¹H": "P⁻¹H 的最大特征值",
    "The sharpness rises, then stops at the edge": "锐度上升，随后停在稳定边缘",
    "The smaller the batch, the lower the sharpness": "批量越小，锐度越低",
    "step": "步数",
    "training loss": "训练损失",
    "The loss jumps up and down, yet decreases": "损失上下跳动，但长期下降",
    "The loss decreases": "损失下降",
    "curvature / predicted edge": "曲率 / 预测的稳定边缘",
    "The edge falls and takes the sharpness along": "稳定边缘下降，锐度随之下降",
    "Hovering at the predicted value": "在预测值附近徘徊",
    "Below the edge of the full batch": "低于全批量的稳定边缘",
    "band of the claim": "判据区间",
    "predicted edge": "预测的稳定边缘",
    "arrival at the edge": "到达稳定边缘",
    "control": "对照",
    "edge": "稳定边缘",
    "batch size": "批量大小",
    "squares: batch sharpness": "方块：批量锐度",
    "gradient flow (RK4)": "梯度流（RK4）",
    "distance to gradient flow": "到梯度流的距离",
    "Follows gradient flow up to the edge, then leaves": "到达边缘前跟随梯度流，之后离开",
}
CONTROL_COLOR, FLOW_COLOR = "0.6", "0.25"
SYMBOLS = {"polyak": "edge", "nesterov": "edge", "rmsprop": "η", "adam": "η", "sgd": "batch size"}
STORIES = {
    "sam": "The edge falls and takes the sharpness along",
    "sgd": "The smaller the batch, the lower the sharpness",
}
CALM = ("sam", "sgd")  # whose loss is not seen to jump at the edge
ADAPTIVE = ("rmsprop", "adam")
WIDE = 2.5  # edges that differ by a larger factor need a logarithmic axis
Text = Callable[[str], str]


@dataclass
class Setting:
    """One training of the record."""

    name: str
    label: str
    color: str
    step: np.ndarray
    time: np.ndarray
    sharpness: np.ndarray
    edge: np.ndarray

    @property
    def arrival(self) -> float | None:
        """Step at which the sharpness reaches the edge."""
        return crossing(self.step, self.sharpness / self.edge, 1.0)


def draw(view: RunView, text: Text) -> Figure:
    """Sharpness against training time, loss against step, sharpness over its predicted value, distance to the flow.

    Args:
        view: A record of `probe=edge_of_stability`.
        text: Translates a label.
    """
    settings = _settings(view, text)
    if "flow.distance" in view.curves:
        figure, axes = panels(2, 2, width=10.5, height=7.2)
        left, middle, right, last = axes.ravel()
        _flow(last, view, settings, text)
    else:
        figure, (left, middle, right) = panels(3, width=13.5, height=4.0)
    _sharpness(left, view, settings, text)
    _loss(middle, view, settings, text)
    _ratio(right, view, settings, text)
    return figure


def _settings(view: RunView, text: Text) -> list[Setting]:
    """The trainings in the order of the config."""
    names = [key.removesuffix(".sharpness") for key in view.curves if key.endswith(".sharpness")]
    symbol = text(SYMBOLS.get(view.choices["optimizer"], "2/η"))
    found = []
    for i, name in enumerate(name for name in names if name.startswith("edge_")):
        curves = [view.curves[f"{name}.{quantity}"] for quantity in ("step", "time", "sharpness", "edge")]
        found.append(Setting(name, f"{symbol} = {name.removeprefix('edge_')}", COLORS[i % len(COLORS)], *curves))
    return found


def _points(axis: Axes, x: np.ndarray, y: np.ndarray, color: str, size: float, label: str | None = None) -> None:
    """Measured points; a legend entry large enough to see."""
    below = 1 if color == CONTROL_COLOR else 2
    axis.plot(x, y, "o", color=color, markersize=size, markeredgewidth=0, rasterized=True, zorder=below)
    if label:
        axis.plot([], [], "o", color=color, label=label)


def _sharpness(axis: Axes, view: RunView, settings: list[Setting], text: Text) -> None:
    curves, adaptive = view.curves, view.choices["optimizer"] in ADAPTIVE
    for one in settings:
        x = one.step if adaptive else one.time
        _points(axis, x, one.sharpness, one.color, 2.5, one.label)
        line = PREDICTION | {"color": one.color if len(np.unique([s.edge[0] for s in settings])) > 1 else "black"}
        if np.ptp(one.edge) > 0:  # it moves with the gradient norm
            axis.plot(x, one.edge, **line)
        else:
            axis.axhline(one.edge[0], **line)
            if one.arrival is not None:
                axis.plot(
                    [np.interp(one.arrival, one.step, x)], [one.edge[0]], "v", color="black", markersize=6, zorder=5
                )
        for other in sorted(key for key in curves if key.startswith(f"{one.name}.eigenvalue_")):
            _points(axis, x, curves[other], one.color, 1.2)
    if "control.time" in curves:
        label = f"2/η = {curves['control.edge'][0]:g} ({text('control')})"
        _points(axis, curves["control.time"], curves["control.sharpness"], CONTROL_COLOR, 2.5, label)
    if "flow.time" in curves:
        axis.plot(curves["flow.time"], curves["flow.sharpness"], color=FLOW_COLOR, label=text("gradient flow (RK4)"))
    axis.plot([], [], label=text("predicted edge"), **PREDICTION)
    edges = np.concatenate([one.edge for one in settings])
    if edges.max() > WIDE * edges.min() and adaptive:
        axis.set_yscale("log")
    else:
        axis.set_ylim(bottom=0)
    axis.set_xscale("log")
    axis.set_xlabel(text("step" if adaptive else "training time (step size × step)"))
    axis.set_ylabel(text("largest eigenvalue of P⁻¹H" if adaptive else "sharpness (largest Hessian eigenvalue)"))
    axis.set_title(text(STORIES.get(view.choices["optimizer"], "The sharpness rises, then stops at the edge")))
    axis.legend(loc="best")


def _loss(axis: Axes, view: RunView, settings: list[Setting], text: Text) -> None:
    curves = view.curves
    if "control_loss.loss" in curves:
        _points(axis, curves["control_loss.step"], curves["control_loss.loss"], CONTROL_COLOR, 1.2)
    for one in settings:
        steps, losses = curves[f"{one.name}_loss.step"], curves[f"{one.name}_loss.loss"]
        _points(axis, steps, losses, one.color, 1.6 if len(steps) > 500 else 3.0, one.label)
        if one.arrival is not None:
            loss = np.interp(one.arrival, steps, losses)
            axis.plot([one.arrival], [loss], "v", color="black", markersize=6, zorder=5)
    if any(one.arrival is not None for one in settings):
        axis.plot([], [], "v", color="black", markersize=6, linestyle="none", label=text("arrival at the edge"))
    axis.set_yscale("log")
    axis.set_xlabel(text("step"))
    axis.set_ylabel(text("training loss"))
    calm = view.choices["optimizer"] in CALM
    axis.set_title(text("The loss decreases" if calm else "The loss jumps up and down, yet decreases"))
    axis.legend(loc="upper right")


def _ratio(axis: Axes, view: RunView, settings: list[Setting], text: Text) -> None:
    last, stochastic = max(float(one.step[-1]) for one in settings), False
    for one in settings:
        _points(axis, one.step, one.sharpness / one.edge, one.color, 2.5)
        if f"{one.name}_batch.step" in view.curves:
            stochastic = True
            ratio = view.curves[f"{one.name}_batch.batch_sharpness"] / one.edge[0]
            axis.plot(
                view.curves[f"{one.name}_batch.step"], ratio, "s", color=one.color, markersize=5, fillstyle="none"
            )
    bands = [claim for claim in view.claims if ".hover." in claim.id]
    if bands:
        band: Any = bands[0]
        axis.fill_between([last / 2, last], band.low, band.high, color="0.8", zorder=0, label=text("band of the claim"))
    axis.axhline(1.0, **PREDICTION, label=text("predicted edge"))
    if stochastic:
        axis.plot([], [], "s", color="black", markersize=5, fillstyle="none", label=text("squares: batch sharpness"))
    axis.set_ylim(bottom=0)
    axis.set_xlabel(text("step"))
    axis.set_ylabel(text("curvature / predicted edge"))
    axis.set_title(text("Below the edge of the full batch" if stochastic else "Hovering at the predicted value"))
    axis.legend(loc="lower right")


def _flow(axis: Axes, view: RunView, settings: list[Setting], text: Text) -> None:
    beside = min(settings, key=lambda one: one.edge[0])  # the largest step size
    time, distance = view.curves["flow.time"], view.curves["flow.distance"]
    _points(axis, time, distance, beside.color, 3.0, beside.label)
    if beside.arrival is not None:
        arrival = float(np.interp(beside.arrival, beside.step, beside.time))
        if arrival < time[-1]:
            height = np.interp(arrival, time, distance)
            axis.plot(
                [arrival],
                [height],
                "v",
                color="black",
                markersize=6,
                linestyle="none",
                label=text("arrival at the edge"),
            )
    axis.set_ylim(bottom=0)
    axis.set_xlabel(text("training time (step size × step)"))
    axis.set_ylabel(text("distance to gradient flow"))
    axis.set_title(text("Follows gradient flow up to the edge, then leaves"))
    axis.legend(loc="upper left")
