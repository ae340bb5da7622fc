"""The figure of ``study=depth``."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView

Text = Callable[[str], str]

ENERGIES = {
    "energy": "Dirichlet energy (survey)",
    "normalised_energy": "Dirichlet energy (normalised)",
    "rayleigh_quotient": "normalised energy / squared norm",
}
LOWEST = 1e-60  # an axis of energies goes no lower

ZH: dict[str, str] = {
    "Dirichlet energy (survey)": "狄利克雷能量（综述定义）",
    "Dirichlet energy (normalised)": "狄利克雷能量（归一化）",
    "normalised energy / squared norm": "归一化能量 / 范数平方",
    "number of layers": "层数",
    "accuracy / %": "准确率 / %",
    "ROC AUC / %": "ROC AUC / %",
    "test": "测试集",
    "validation": "验证集",
    "chance": "随机水平",
    "Score against depth": "得分随深度的变化",
    "layer": "层",
    "relative to layer 0": "相对于第 0 层的比值",
    "spectral gap": "谱隙预测",
    "Layers of the deepest network, trained": "训练后最深网络的各层",
    "effective rank": "有效秩",
    "layers": "层网络",
    "untrained": "训练前",
    "Effective rank per layer": "各层的有效秩",
    "norm of the loss gradient": "损失梯度的范数",
    "Gradients before training": "训练前的梯度",
}


def draw(view: RunView, text: Text) -> Figure:
    """Draw the score against depth, and energies, ranks and gradients against the layer."""
    figure, axes = panels(2, 2, width=9.6, height=7.0)
    _scores(axes[0, 0], view, text)
    _energies(axes[0, 1], view, text)
    _ranks(axes[1, 0], view, text)
    _gradients(axes[1, 1], view, text)
    return figure


def _scores(ax: Axes, view: RunView, text: Text) -> None:
    depth = view.curves["depth"]
    ax.axhline(100.0 * float(view.curves["chance"]), **PREDICTION, label=text("chance"))
    for number, name in enumerate(("test", "validation")):
        values = 100.0 * view.curves[f"{name}_score"]
        ax.plot(depth, values, "os"[number], color=COLORS[number], label=text(name), fillstyle=("full", "none")[number])
    ax.set_xscale("log", base=2)
    ax.xaxis.set_major_locator(FixedLocator(list(depth)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:.0f}")
    is_accuracy = any(name.startswith("accuracy") for name in view.metrics)
    ax.set(xlabel=text("number of layers"), ylabel=text("accuracy / %" if is_accuracy else "ROC AUC / %"))
    ax.set(ylim=(0.0, 103.0), title=text("Score against depth"))
    ax.legend(loc="lower left")


def _energies(ax: Axes, view: RunView, text: Text) -> None:
    for number, (name, label) in enumerate(ENERGIES.items()):
        values = view.curves[f"layer_{name}"][-1]
        relative = _positive(values / values[0] if values[0] > 0.0 else values * np.nan)
        ax.plot(relative, "osD"[number], color=COLORS[number], label=text(label), markersize=3.2)
    layer = np.arange(values.size)
    decay = float(view.curves["spectral_lambda"])
    with np.errstate(divide="ignore", under="ignore"):
        predicted = _positive(np.power(decay, 2.0 * layer))
    slope = f"2 log λ = {2.0 * np.log(decay):.3f}" if decay > 0.0 else "λ = 0"
    ax.plot(layer, predicted, **PREDICTION, label=f"{text('spectral gap')}: {slope}")
    ax.set(yscale="log", xlabel=text("layer"), ylabel=text("relative to layer 0"))
    ax.set_title(text("Layers of the deepest network, trained"))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(loc="lower left")
    _room_below(ax)


def _ranks(ax: Axes, view: RunView, text: Text) -> None:
    for number, row in enumerate(view.curves["layer_effective_rank"]):
        depth = int(view.curves["depth"][number])
        _row(ax, row[: depth + 1], number, f"{depth} {text('layers')}")
    untrained = view.curves["untrained_layer_effective_rank"][-1]
    ax.plot(untrained, "x", color="black", markersize=3.0, label=f"{depth}, {text('untrained')}")
    _layer_axis(ax, view, text)
    ax.set(ylabel=text("effective rank"), title=text("Effective rank per layer"), yscale="log")
    ax.yaxis.set_major_locator(FixedLocator([1, 2, 5, 10, 20, 50, 100]))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0f}")
    low, high = ax.get_ylim()
    ax.set_ylim(low, high * (high / low) ** 0.55)
    ax.legend(loc="upper right", ncols=2)


def _gradients(ax: Axes, view: RunView, text: Text) -> None:
    for number, row in enumerate(view.curves["untrained_layer_gradient_norm"]):
        depth = int(view.curves["depth"][number])
        _row(ax, _positive(row[: depth + 1]), number, f"{depth} {text('layers')}")
    _layer_axis(ax, view, text)
    ax.set(ylabel=text("norm of the loss gradient"), title=text("Gradients before training"), yscale="log")
    _room_below(ax)
    ax.legend(loc="lower right", ncols=2)


def _row(ax: Axes, values: np.ndarray, number: int, label: str) -> None:
    colour = COLORS[number % len(COLORS)]
    ax.plot(values, "-", color=colour, linewidth=0.6, alpha=0.6)
    ax.plot(values, "o", color=colour, markersize=2.6, label=label)


def _layer_axis(ax: Axes, view: RunView, text: Text) -> None:
    deepest = int(view.curves["depth"].max())
    ax.set_xscale("symlog", base=2, linthresh=1.0)
    ax.xaxis.set_major_locator(FixedLocator([0, *(2**k for k in range(int(np.log2(deepest)) + 1))]))
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:.0f}")
    ax.set_xlabel(text("layer"))


def _positive(values: np.ndarray) -> np.ndarray:
    """Replace what a logarithmic axis does not show by NaN."""
    return np.where(values > LOWEST, values, np.nan)


def _room_below(ax: Axes) -> None:
    """Keep the lower third of a logarithmic axis free for the legend."""
    low, high = np.log10(ax.get_ylim())
    ax.set_ylim(10.0 ** (low - 0.45 * (high - low)), 10.0**high)
