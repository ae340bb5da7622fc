"""The figure of flatness: maps over step size, momentum and batch size; SAM against gradient descent."""

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView

ZH = {
    "2 (1 + β) / η": "2 (1 + β) / η",
    "2 / η": "2 / η",
    "final sharpness": "最终锐度",
    "The step size sets the sharpness": "步长决定锐度",
    "Small batches end flatter": "小批量终点更平坦",
    "SAM is flatter at every training loss": "训练损失相同时 SAM 更平坦",
    "diverged": "发散",
    "momentum": "动量",
    "batch": "批量",
    "prediction: equal": "预测：相等",
    "full batch: equal to 2/η": "全批量：等于 2/η",
    "training loss (smoothed)": "训练损失（平滑）",
    "sharpness": "锐度",
    "gradient descent": "梯度下降",
    "2/η of both": "两者的 2/η",
    "no SAM in this run": "此次运行没有 SAM",
    "no mini-batches in this run": "此次运行没有小批量",
}
MARKERS = "os^DvP"


def draw(view: RunView, text: Callable[[str], str]) -> Figure:
    """Final sharpness against the edge for each momentum and each batch size; sharpness against loss with SAM.

    Args:
        view: A record of `probe=flatness`.
        text: Translates a label.
    """
    figure, (left, middle, right) = panels(3, width=13.5, height=4.2)
    _map(left, view, text, "momentum", "betas", "β")
    left.set_xlabel(text("2 (1 + β) / η"))
    left.set_title(text("The step size sets the sharpness"))
    left.legend(loc="upper left")
    if view.config["probe"]["batches"]:
        _map(middle, view, text, "batch", "batches", "")
        middle.legend(loc="upper left")
    else:
        middle.text(0.5, 0.5, text("no mini-batches in this run"), ha="center", transform=middle.transAxes)
    middle.set_xlabel(text("2 / η"))
    middle.set_title(text("Small batches end flatter"))
    _sam(right, view, text)
    return figure


def _map(axis: Axes, view: RunView, text: Callable[[str], str], kind: str, key: str, symbol: str) -> None:
    given = view.config["probe"][key]
    values = sorted(given if isinstance(given, list) else [given])
    edges = view.curves[f"{kind}_{values[0]:g}.two_over_eta"]
    line = np.array([0.85 * edges.min(), 1.1 * edges.max()])
    label = "prediction: equal" if kind == "momentum" else "full batch: equal to 2/η"
    axis.plot(line, line, **PREDICTION, label=text(label))
    diverged = False
    for number, value in enumerate(values):
        name = f"{text(kind)} {symbol} = {value:g}" if symbol else f"{text(kind)} {value:g}"
        place = edges * (1 + 0.012 * (number - (len(values) - 1) / 2))  # side by side where they coincide
        sharpness = view.curves[f"{kind}_{value:g}.sharpness"]
        axis.plot(place, sharpness, MARKERS[number % 6], color=COLORS[number % 8], markersize=6, label=name)
        gone = place[~np.isfinite(sharpness)]
        axis.plot(gone, np.full(len(gone), edges.min() * 0.87), "x", color=COLORS[number % 8], markersize=7)
        diverged |= bool(len(gone))
    if diverged:
        axis.plot([], [], "kx", markersize=7, label=text("diverged"))
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xticks(edges, [f"{edge:g}" for edge in edges])
    axis.set_yticks(edges, [f"{edge:g}" for edge in edges])
    axis.minorticks_off()
    axis.set_ylabel(text("final sharpness"))


def _sam(axis: Axes, view: RunView, text: Callable[[str], str]) -> None:
    axis.set_title(text("SAM is flatter at every training loss"))
    names = sorted((key for key in view.curves if key.endswith(".smooth_loss")), key=lambda key: float(key[4:-12]))
    if not names:
        axis.text(0.5, 0.5, text("no SAM in this run"), ha="center", transform=axis.transAxes)
        return
    for number, key in enumerate(names):
        rho = float(key[4:-12])
        label = f"SAM, ρ = {rho:g}" if rho else text("gradient descent")
        sharpness = view.curves[key.replace("smooth_loss", "sharpness")]
        axis.plot(view.curves[key], sharpness, MARKERS[number % 6], color=COLORS[number % 8], label=label)
    axis.axhline(view.config["probe"]["sam_two_over_eta"], **PREDICTION, label=text("2/η of both"))
    axis.set_xscale("log")
    axis.invert_xaxis()
    axis.set_ylim(bottom=0)
    axis.set_xlabel(text("training loss (smoothed)"))
    axis.set_ylabel(text("sharpness"))
    axis.legend(loc="upper left")
