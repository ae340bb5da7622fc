"""The figure of ``study=propagation``."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView

Text = Callable[[str], str]

LOWEST = 1e-60  # an axis of energies goes no lower
SOLID = PREDICTION | {"linestyle": "-", "linewidth": 0.9}

ZH: dict[str, str] = {
    "layer": "层",
    "layer l, or time t": "层 l 或时间 t",
    "relative to layer 0": "相对于第 0 层的比值",
    "Normalised energy": "归一化能量",
    "Survey's energy": "综述定义的能量",
    "Decay rate of the normalised energy": "归一化能量的衰减率",
    "Rank": "秩",
    "layers": "逐层传播",
    "heat equation": "热方程",
    "all eigenvalues": "全部特征值的预测",
    "all eigenvalues, heat equation": "全部特征值的预测（热方程）",
    "bound by the spectral gap": "谱隙给出的上界",
    "rate of the spectral gap": "谱隙给出的速率",
    "rate of the heat equation": "热方程的速率",
    "measured": "测量值",
    "limit in closed form": "极限的闭式解",
    "fall of the logarithm per layer": "每层对数的下降量",
    "effective rank": "有效秩",
    "stable rank": "稳定秩",
    "limit": "极限",
}


def draw(view: RunView, text: Text) -> Figure:
    """Draw both energies, the slope of the normalised one, and ranks, layer by layer."""
    figure, axes = panels(2, 2, width=10.0, height=7.2)
    _normalised(axes[0, 0], view, text)
    _survey(axes[0, 1], view, text)
    _slopes(axes[1, 0], view, text)
    _ranks(axes[1, 1], view, text)
    return figure


def _expected(
    values: np.ndarray, log_factor: Callable[[np.ndarray, float], np.ndarray], steps: np.ndarray
) -> np.ndarray:
    """Return log of sum_k (1 - lambda_k) factor_k(l)^2 relative to l = 0."""
    logs = np.array([np.log1p(-values) + 2.0 * log_factor(values, step) for step in steps])
    return np.logaddexp.reduce(logs, axis=1) - np.log(np.sum(1.0 - values))


def _by_layers(values: np.ndarray, step: float) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(step > 0.0, step * np.log(np.abs(values)), 0.0)


def _by_heat(values: np.ndarray, time: float) -> np.ndarray:
    return (values - 1.0) * time


def _normalised(ax: Axes, view: RunView, text: Text) -> None:
    layer, energy = view.curves["layer"], view.curves["layer_normalised_energy"]
    time = view.curves["heat_time"]
    steps = np.linspace(0.0, layer[-1], 200)
    ax.plot(layer, _shown(energy / energy[0]), "o", color=COLORS[0], markersize=3.0, label=text("layers"))
    heat = _shown(np.exp(view.curves["heat_log_energy"]))
    ax.plot(time, heat, "s", color=COLORS[1], markersize=4.5, fillstyle="none", label=text("heat equation"))
    if "eigenvalue" in view.curves:
        values, whole = view.curves["eigenvalue"], np.arange(layer[-1] + 1.0)
        ax.plot(
            whole, _shown(np.exp(_expected(values, _by_layers, whole))), **PREDICTION, label=text("all eigenvalues")
        )
        style = PREDICTION | {"linestyle": ":"}
        ax.plot(
            steps,
            _shown(np.exp(_expected(values, _by_heat, steps))),
            **style,
            label=text("all eigenvalues, heat equation"),
        )
    bound = 2.0 * np.log(float(view.curves["spectral_lambda"]))
    ax.plot(steps, _shown(np.exp(bound * steps)), **SOLID, label=text("bound by the spectral gap"))
    ax.set(yscale="log", xlabel=text("layer l, or time t"), ylabel=text("relative to layer 0"))
    ax.set_title(text("Normalised energy"))
    _room_below(ax)
    ax.legend(loc="lower left", fontsize=8.0)


def _survey(ax: Axes, view: RunView, text: Text) -> None:
    layer, energy = view.curves["layer"], view.curves["layer_energy"]
    ax.plot(layer, _shown(energy / energy[0]), "o", color=COLORS[2], markersize=3.0, label=text("measured"))
    limit = float(view.curves["energy_limit"])
    if limit > LOWEST:
        ax.axhline(limit, **PREDICTION, label=f"{text('limit in closed form')}: {limit:.3g}")
    ax.set(yscale="log", xlabel=text("layer"), ylabel=text("relative to layer 0"), title=text("Survey's energy"))
    ax.legend(loc="upper right")


def _slopes(ax: Axes, view: RunView, text: Text) -> None:
    layer, energy = view.curves["layer"], view.curves["layer_normalised_energy"]
    middle = 0.5 * (layer[1:] + layer[:-1])
    ax.plot(
        middle, -np.diff(np.log(energy)) / np.diff(layer), "o", color=COLORS[0], markersize=3.0, label=text("layers")
    )
    time, heat = view.curves["heat_time"], view.curves["heat_log_energy"]
    between, fall = 0.5 * (time[1:] + time[:-1]), -np.diff(heat) / np.diff(time)
    ax.plot(between, fall, "s", color=COLORS[1], markersize=4.5, fillstyle="none", label=text("heat equation"))
    if "eigenvalue" in view.curves:
        whole = np.arange(layer[-1] + 1.0)
        expected = _expected(view.curves["eigenvalue"], _by_layers, whole)
        ax.plot(whole[1:] - 0.5, -np.diff(expected), **PREDICTION, label=text("all eigenvalues"))
    rate, heat_rate = -2.0 * np.log(float(view.curves["spectral_lambda"])), 2.0 * float(view.curves["diffusion_rate"])
    ax.axhline(rate, **SOLID, label=f"{text('rate of the spectral gap')}: −2 log λ = {rate:.4f}")
    ax.axhline(heat_rate, **SOLID | {"color": COLORS[1]}, label=f"{text('rate of the heat equation')}: {heat_rate:.4f}")
    ax.set_xscale("log", base=2)
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.set(yscale="log", xlabel=text("layer l, or time t"), ylabel=text("fall of the logarithm per layer"))
    ax.set_title(text("Decay rate of the normalised energy"))
    _room_below(ax)
    ax.legend(loc="lower left", fontsize=8.0)


def _ranks(ax: Axes, view: RunView, text: Text) -> None:
    layer = view.curves["layer"]
    for number, name in enumerate(("effective rank", "stable rank")):
        values = view.curves[f"layer_{name.replace(' ', '_')}"]
        ax.plot(layer, values, "o^"[number], color=COLORS[3 + number], markersize=3.0, label=text(name))
    ax.axhline(1.0, **PREDICTION, label=f"{text('limit')}: 1")
    ax.set(yscale="log", xlabel=text("layer"), ylabel=text("Rank"), title=text("Rank"))
    ax.set_yticks([1, 2, 5, 10, 20, 50, 100], ["1", "2", "5", "10", "20", "50", "100"])
    ax.yaxis.set_minor_locator(NullLocator())
    ax.set_ylim(0.9, None)
    ax.legend(loc="upper right")


def _room_below(ax: Axes) -> None:
    """Keep the lower part of a logarithmic axis free for the legend."""
    low, high = np.log10(ax.get_ylim())
    ax.set_ylim(10.0 ** (low - 0.7 * (high - low)), 10.0**high)


def _shown(values: np.ndarray) -> np.ndarray:
    """Replace what a logarithmic axis does not show by NaN."""
    return np.where(values > LOWEST, values, np.nan)
