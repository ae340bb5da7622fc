"""The figure of Adam's loss spikes: a quadratic on the left, a network on the right."""

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView

ZH = {
    "step": "步数",
    "loss": "损失",
    "log₁₀ of the loss": "损失的 log₁₀",
    "preconditioned curvature / threshold": "预条件曲率 / 阈值",
    "On a quadratic: the loss of Adam spikes": "二次函数上：Adam 的损失出现尖峰",
    "because the preconditioned curvature crosses 2/η": "因为预条件曲率越过 2/η",
    "A network: every spike …": "神经网络：每一个尖峰……",
    "… follows a curvature beyond the threshold": "……之前曲率都越过了阈值",
    "start of a spike": "尖峰开始",
    "formula: crossing": "公式：越过阈值",
    "formula: loss × 100": "公式：损失 × 100",
    "formula: decay of v": "公式：v 的衰减",
    "threshold": "阈值",
}
SHOWN = 2  # settings of the quadratic in the figure


def draw(view: RunView, text: Callable[[str], str]) -> Figure:
    """Loss above, preconditioned curvature below; quadratic and network side by side.

    Args:
        view: A record of `probe=loss_spike`.
        text: Translates a label.
    """
    figure, axes = panels(2, 2, width=12.0, height=6.6, sharex="col")
    _quadratic(axes[0][0], axes[1][0], view, text)
    _network(axes[0][1], axes[1][1], view, text)
    return figure


def _quadratic(above: Axes, below: Axes, view: RunView, text: Callable[[str], str]) -> None:
    given = (view.config["probe"][key] for key in ("lrs", "beta2s"))
    settings = list(zip(*(values if isinstance(values, list) else [values] for values in given), strict=True))
    for number, (lr, beta2) in enumerate(settings[:SHOWN]):
        tag, color = f"{lr:g}_{beta2:g}", COLORS[number]
        steps, loss, ratio = (view.curves[f"quadratic_{tag}.{name}"] for name in ("step", "log10_loss", "ratio"))
        crossing = view.metrics[f"crossing_formula_{tag}"]
        spike = view.metrics[f"crossing_{tag}"] + view.metrics[f"lag_formula_{tag}"]
        above.plot(steps, loss, "o", color=color, markersize=3, label=f"η = {lr:g}, β₂ = {beta2:g}")
        above.axvline(crossing, **PREDICTION | {"color": color})
        above.axvline(spike, **PREDICTION | {"color": color, "linestyle": ":"})
        below.plot(steps, ratio, "o", color=color, markersize=3)
        span = 2.5 / -np.log(beta2)
        free = steps[(steps >= crossing - span) & (steps <= crossing + span)]
        decay = beta2 ** ((crossing - free) / 2)
        below.plot(free, decay, **PREDICTION, zorder=4, label=None if number else text("formula: decay of v"))
    above.plot([], [], label=text("formula: crossing"), **PREDICTION)
    above.plot([], [], label=text("formula: loss × 100"), **PREDICTION | {"linestyle": ":"})
    above.set_ylabel(text("log₁₀ of the loss"))
    above.set_title(text("On a quadratic: the loss of Adam spikes"))
    above.legend(loc="lower right")
    below.axhline(1, color="black", linewidth=1.0, label=text("threshold"))
    below.set_yscale("log")
    below.set_xlabel(text("step"))
    below.set_ylabel(text("preconditioned curvature / threshold"))
    below.set_title(text("because the preconditioned curvature crosses 2/η"))
    below.legend(loc="upper left")


def _network(above: Axes, below: Axes, view: RunView, text: Callable[[str], str]) -> None:
    steps, losses = view.curves["network_loss.step"], view.curves["network_loss.loss"]
    onsets = view.curves["network.onsets"].astype(int)
    above.plot(steps, losses, "o", color=COLORS[0], markersize=1.8)
    above.plot(onsets, losses[onsets], "v", color=COLORS[1], markersize=6, zorder=4, label=text("start of a spike"))
    above.set_yscale("log")
    above.set_ylabel(text("loss"))
    above.set_title(text("A network: every spike …"))
    above.legend(loc="upper right")
    measured, ratio = view.curves["network.step"], view.curves["network.ratio"]
    below.plot(measured, ratio, "o", color=COLORS[0], markersize=2.2)
    below.vlines(onsets, 0, 1.25, color=COLORS[1], linewidth=0.8, alpha=0.7, label=text("start of a spike"))
    below.axhline(1, **PREDICTION, label=text("threshold"))
    below.set_ylim(0, 1.25)
    below.set_xlabel(text("step"))
    below.set_ylabel(text("preconditioned curvature / threshold"))
    below.set_title(text("… follows a curvature beyond the threshold"))
    below.legend(loc="lower right")
