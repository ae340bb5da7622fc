"""Figures of the topic, drawn from stored curves alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, LogLocator, MaxNLocator, NullLocator

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
    "test": "测试集",
    "validation": "验证集",
    "largest class": "最大类别占比",
    "Accuracy against depth": "准确率随深度的变化",
    "layer": "层",
    "relative to layer 0": "相对于第 0 层的比值",
    "spectral gap": "谱隙预测",
    "Layers of the deepest network": "最深网络的各层",
    "energy of the last layer": "最后一层的能量",
    "Energies against depth": "能量随深度的变化",
    "effective rank": "有效秩",
    "layers": "层网络",
    "Effective rank per layer": "各层的有效秩",
    "processor time of a training step / ms": "每个训练步的处理器时间 / 毫秒",
    "timed block": "计时块",
    "PyG, edge list": "PyG，边列表",
    "PyG, cached edges": "PyG，缓存的边",
    "this suite, sparse": "本套件，稀疏",
    "Time of a step": "单步时间",
    "half of PyG": "PyG 的一半",
    "training step": "训练步",
    "training loss / nats": "训练损失 / 奈特",
    "Same function": "同一函数",
}


def draw(view: RunView, text: Text) -> dict[str, Figure]:
    """Draw the figure of a record; the study decides which.

    Args:
        view: the record.
        text: translates a label.

    Returns:
        The main picture under "figure".
    """
    return {"figure": (draw_step_time if view.choices["study"] == "step_time" else draw_depth)(view, text)}


def draw_depth(view: RunView, text: Text) -> Figure:
    """Draw accuracy and energies against depth, and energies and rank against the layer."""
    figure, axes = panels(2, 2, width=9.6, height=7.0)
    _accuracy(axes[0, 0], view, text)
    _layers(axes[0, 1], view, text)
    _last_energies(axes[1, 0], view, text)
    _ranks(axes[1, 1], view, text)
    return figure


def _accuracy(ax: Axes, view: RunView, text: Text) -> None:
    depth = view.curves["depth"]
    ax.axhline(100.0 * float(view.curves["largest_class_share"]), **PREDICTION, label=text("largest class"))
    for number, name in enumerate(("test", "validation")):
        values = 100.0 * view.curves[f"{name}_accuracy"]
        ax.plot(depth, values, "os"[number], color=COLORS[number], label=text(name), fillstyle=("full", "none")[number])
    _depth_axis(ax, depth, text)
    ax.set(ylabel=text("accuracy / %"), ylim=(0.0, 103.0), title=text("Accuracy against depth"))
    ax.legend(loc="lower left")


def _layers(ax: Axes, view: RunView, text: Text) -> None:
    lowest = 1.0
    for number, (name, label) in enumerate(ENERGIES.items()):
        values = view.curves[f"layer_{name}"][-1]
        relative = _positive(values / values[0] if values[0] > 0.0 else values * np.nan)
        lowest = min(lowest, np.nanmin(relative, initial=1.0))
        ax.plot(relative, "osD"[number], color=COLORS[number], label=text(label), markersize=3.2)
    layer = np.arange(values.size)
    decay = float(view.curves["spectral_lambda"])
    with np.errstate(divide="ignore", under="ignore"):
        predicted = _positive(np.power(decay, 2.0 * layer))
    slope = f"2 log λ = {2.0 * np.log(decay):.3f}" if decay > 0.0 else "λ = 0"
    ax.plot(layer, predicted, **PREDICTION, label=f"{text('spectral gap')}: {slope}")
    ax.set(yscale="log", xlabel=text("layer"), ylabel=text("relative to layer 0"))
    ax.set_title(text("Layers of the deepest network"))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(loc="lower left")
    _room_below(ax)


def _last_energies(ax: Axes, view: RunView, text: Text) -> None:
    depth = view.curves["depth"]
    for number, (name, label) in enumerate(ENERGIES.items()):
        ax.plot(depth, _last(view, name), "osD"[number], color=COLORS[number], label=text(label))
    _depth_axis(ax, depth, text)
    ax.set(yscale="log", ylabel=text("energy of the last layer"), title=text("Energies against depth"))
    ax.legend(loc="lower left")
    _room_below(ax)


def _ranks(ax: Axes, view: RunView, text: Text) -> None:
    depth = view.curves["depth"]
    for number, row in enumerate(view.curves["layer_effective_rank"]):
        colour = COLORS[number % len(COLORS)]
        known = row[: int(depth[number]) + 1]
        ax.plot(known, "-", color=colour, linewidth=0.6, alpha=0.6)
        ax.plot(known, "o", color=colour, markersize=2.6, label=f"{int(depth[number])} {text('layers')}")
    ax.set_xscale("symlog", base=2, linthresh=1.0)
    ticks = [0, *(2**k for k in range(int(np.log2(depth[-1])) + 1))]
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:.0f}")
    ax.set(xlabel=text("layer"), ylabel=text("effective rank"), title=text("Effective rank per layer"), yscale="log")
    ax.yaxis.set_major_locator(FixedLocator([1, 2, 5, 10, 20, 50, 100]))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0f}")
    ax.legend(loc="upper right", ncols=2)


def _last(view: RunView, name: str) -> np.ndarray:
    """Return a metric of the last layer at every depth, with NaN for zero."""
    table, depth = view.curves[f"layer_{name}"], view.curves["depth"]
    return _positive(np.array([row[int(d)] for row, d in zip(table, depth, strict=True)]))


def _positive(values: np.ndarray) -> np.ndarray:
    """Replace what a logarithmic axis of energies does not show by NaN."""
    return np.where(values > LOWEST, values, np.nan)


def _room_below(ax: Axes) -> None:
    """Keep the lower third of a logarithmic axis free for the legend."""
    low, high = np.log10(ax.get_ylim())
    ax.set_ylim(10.0 ** (low - 0.45 * (high - low)), 10.0**high)


def _depth_axis(ax: Axes, depth: np.ndarray, text: Text) -> None:
    ax.set_xscale("log", base=2)
    ax.xaxis.set_major_locator(FixedLocator(list(depth)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:.0f}")
    ax.set_xlabel(text("number of layers"))


def draw_step_time(view: RunView, text: Text) -> Figure:
    """Draw the time of a step, block by block, and the losses of the two implementations."""
    figure, axes = panels(2, width=9.6, height=3.8)
    names = {"plain": "PyG, edge list", "cached": "PyG, cached edges", "sparse": "this suite, sparse"}
    for number, (name, label) in enumerate(names.items()):
        style = {"color": COLORS[number], "marker": "osD"[number], "linestyle": "", "label": text(label)}
        times = 1e3 * view.curves[f"{name}_step_s"]
        axes[0].plot(np.arange(1, times.size + 1), times, **style)
        losses = view.curves[f"{name}_loss"]
        axes[1].plot(np.arange(1, losses.size + 1), losses, **style, fillstyle="none", markersize=9 - 2.5 * number)
    half = 1e3 * float(np.median(view.curves["plain_step_s"])) / 2.0
    axes[0].axhline(half, **PREDICTION, label=text("half of PyG"))
    axes[0].set(yscale="log", xlabel=text("timed block"), ylabel=text("processor time of a training step / ms"))
    axes[0].yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes[0].yaxis.set_minor_locator(NullLocator())
    axes[0].yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes[0].set_title(text("Time of a step"))
    axes[0].legend(loc="center right")
    axes[1].set(xlabel=text("training step"), ylabel=text("training loss / nats"), title=text("Same function"))
    axes[1].xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[1].legend(loc="lower left")
    return figure
