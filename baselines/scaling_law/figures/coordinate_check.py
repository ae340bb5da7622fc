"""The figure of muP's coordinate check, drawn from its record alone."""

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView
from baselines.scaling_law.figures import _panels

ZH = {
    "muP": "muP",
    "Standard": "标准参数化",
    "width": "宽度",
    "step of Adam": "Adam 步数",
    "learning rate": "学习率",
    "change of a layer's output (rms)": "每层输出的变化（均方根）",
    "log-log slope against the width": "对宽度的对数斜率",
    "loss after the training (nats)": "训练结束时的损失（nat）",
    "{rule}: the same change at every width": "{rule}：各宽度的变化相同",
    "{rule}: wider layers change more": "{rule}：越宽变化越大",
    "{rule}: one best learning rate": "{rule}：最优学习率不变",
    "{rule}: the best rate falls": "{rule}：最优学习率下降",
    "{rule}: slope after each step": "{rule}：每步之后的斜率",
    "embedding": "嵌入层",
    "attention {n}": "注意力 {n}",
    "block {n}": "第 {n} 块",
    "logits": "logits",
    "predicted slope {slope:g}": "预测斜率 {slope:g}",
    "best rate": "最优学习率",
    "width {d}": "宽度 {d}",
}
RULES = {"mup": ("muP", 0.0), "standard": ("Standard", 1.0)}
Text = Callable[[str], str]


def draw(view: RunView, text: Text) -> Figure:
    """A row for each parametrisation: change against width, its slope after each step, loss against learning rate.

    Args:
        view: A record of `study=coordinate_check`.
        text: Translates a label.
    """
    figure, axes = panels(3, 2, width=13.4, height=7.6)
    for row, (rule, (name, expected)) in enumerate(RULES.items()):
        _changes(axes[row, 0], view, text, rule, expected)
        title = "{rule}: the same change at every width" if expected == 0 else "{rule}: wider layers change more"
        axes[row, 0].set_title(text(title).format(rule=text(name)))
        _slopes(axes[row, 1], view, text, rule, expected)
        axes[row, 1].set_title(text("{rule}: slope after each step").format(rule=text(name)))
        _rates(axes[row, 2], view, text, rule)
        title = "{rule}: one best learning rate" if expected == 0 else "{rule}: the best rate falls"
        axes[row, 2].set_title(text(title).format(rule=text(name)))
    for column in (1, 2):
        low = min(axes[row, column].get_ylim()[0] for row in range(2))
        high = max(axes[row, column].get_ylim()[1] for row in range(2))
        for row in range(2):
            axes[row, column].set_ylim(low, high)
    return figure


def _layer(name: str, text: Text) -> str:
    kind, _, number = name.partition(" ")
    return text(f"{kind} {{n}}").format(n=number) if number else text(name)


def _changes(axes: Axes, view: RunView, text: Text, rule: str, expected: float) -> None:
    """Size of the change after the last step; bars from the smallest to the largest of the repeats."""
    widths, moved = np.array(view.config["study"]["widths"]), view.curves[f"{rule}.change"][:, :, -1]
    mean = np.exp(np.log(moved).mean(-1))  # [widths, layers]
    for color, column, layer in zip(COLORS, range(mean.shape[1]), view.curves["layers"], strict=False):
        low, high = moved[:, column].min(-1), moved[:, column].max(-1)
        _panels.points(axes, widths, mean[:, column], low, high, color, _layer(str(layer), text))
        axes.plot(widths, mean[:, column], color=color, linewidth=0.8)
    line = mean[0, -1] * 0.5 * (widths / widths[0]) ** expected
    _panels.prediction(axes, widths, line, text("predicted slope {slope:g}").format(slope=expected))
    axes.set(xscale="log", yscale="log", xlabel=text("width"), ylabel=text("change of a layer's output (rms)"))
    _panels.ticks(axes, widths)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * (high / low) ** 0.55)
    axes.legend(ncols=2, loc="upper left")


def _slopes(axes: Axes, view: RunView, text: Text, rule: str, expected: float) -> None:
    slopes = view.curves[f"{rule}.slope"]  # [layers, steps]
    steps = np.arange(1, slopes.shape[1] + 1)
    for color, line in zip(COLORS, slopes, strict=False):
        axes.plot(steps, line, "o-", color=color, markersize=3, linewidth=0.9)
    axes.axhline(expected, **PREDICTION, label=text("predicted slope {slope:g}").format(slope=expected))
    axes.set(xlabel=text("step of Adam"), ylabel=text("log-log slope against the width"))
    axes.set_ylim(-0.35, 1.75)
    axes.set_xticks(steps)
    axes.legend(loc="center right" if expected == 0 else "lower right")


def _rates(axes: Axes, view: RunView, text: Text, rule: str) -> None:
    study, losses = view.config["study"], view.curves[f"{rule}.loss_nats"]
    rates = np.array(study["transfer_rates"])
    for color, width, line, best in zip(
        COLORS, study["transfer_widths"], losses, view.curves[f"{rule}.best_rate"], strict=False
    ):
        axes.plot(rates, line, "o-", color=color, label=text("width {d}").format(d=width))
        axes.axvline(best, ymax=0.78, color=color, linestyle="--", linewidth=1.0)
    axes.plot([], [], color="0.4", linestyle="--", linewidth=1.0, label=text("best rate"))
    axes.set(xscale="log", xlabel=text("learning rate"), ylabel=text("loss after the training (nats)"))
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.25 * (high - low))
    axes.legend(loc="upper center", ncols=2)
