"""The figure of the memory of state-space models, drawn from its record alone."""

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView
from baselines.scaling_law.figures._panels import points, prediction, residuals, ticks
from baselines.scaling_law.power_laws import local_slopes

Text = Callable[[str], str]

ZH = {
    "Long memory needs many modes": "长记忆需要更多模态",
    "Number of modes m": "模态数 m",
    "Error (L2 distance of the kernels)": "误差（核的 L2 距离）",
    "rates in [{low:g}, {high:g}]": "速率在 [{low:g}, {high:g}] 内",
    "(1+t)^-{q:g}": "(1+t)^-{q:g}",
    "(1+t)^-{q:g}, rates ≥ {bound:g}": "(1+t)^-{q:g}，速率 ≥ {bound:g}",
    "theory, one free factor each": "理论，各含一个自由因子",
    "Local rates reach the theory slowly": "局部速率缓慢趋于理论值",
    "-d ln error / d √m": "-d ln 误差 / d √m",
    "limit π√(2q-1)": "极限 π√(2q-1)",
    "Bounded rates: a power law in m": "速率有下界：对 m 的幂律",
    "m / smallest allowed rate": "m / 允许的最小速率",
    "slope -(q-1/2)": "斜率 -(q-1/2)",
    "smallest rate {bound:g}": "最小速率 {bound:g}",
    "Small errors need slow modes": "小误差需要慢模态",
    "Slowest rate of the best model": "最优模型的最慢速率",
    "slope 1/(q-1/2)": "斜率 1/(q-1/2)",
    "Modes for relative error {level:g}": "相对误差 {level:g} 所需模态数",
    "Horizon T of the power law": "幂律的时间范围 T",
    "leading order of the theory": "理论首阶",
    "tail beyond T below the error": "T 之后的尾部小于误差",
    "Directly stored rates become fragile": "直接存储的速率变得脆弱",
    "Growth of the loss / noise²": "损失增长 / 噪声²",
    "second order": "二阶公式",
    "Deviation from the second order (%)": "与二阶公式之差（%）",
    "Weight noise: formula and measurement": "权重噪声：公式与测量",
    "Deviation from the theory (%)": "与理论之差（%）",
    "Deviation, normalised at the largest m": "偏差（在最大 m 处归一）",
    "direct": "直接",
    "exp(w)": "exp(w)",
    "1/(w²+1/2)": "1/(w²+1/2)",
}
NAMES = {"direct": "direct", "exp": "exp(w)", "inverse_square": "1/(w²+1/2)"}


def draw(view: RunView, text: Text) -> Figure:
    """Errors with theory, residuals and local rates; bounded rates, slowest rates, horizons; sensitivity.

    Args:
        view: A record of `study=memory`.
        text: Translates a label.
    """
    figure, axes = panels(4, 2, width=17.6, height=7.4)
    _errors(axes[0, 0], axes[1, 0], view, text)
    _local(axes[0, 1], view, text)
    _bounded(axes[1, 1], view, text)
    _slowest(axes[0, 2], view, text)
    _horizons(axes[1, 2], view, text)
    _sensitivity(axes[0, 3], axes[1, 3], view, text)
    return figure


def _errors(axes: Axes, below: Axes, view: RunView, text: Text) -> None:
    curves, study = view.curves, view.config["study"]
    label = text("rates in [{low:g}, {high:g}]").format(low=study["slowest"], high=study["fastest"])
    rates = {claim.id: claim.predicted for claim in view.claims}
    m = curves["exponential_modes"]
    lines = [(label, m, curves["exponential_error"], -(rates["memory.exponential_rate"] or 0.0) * m)]
    m = curves["modes"]
    for q, error in zip(curves["q"], curves["error"], strict=True):
        fall = -(rates[f"memory.power_law_rate_q{q:g}"] or 0.0) * np.sqrt(m)
        lines.append((text("(1+t)^-{q:g}").format(q=q), m, error, fall))
    top = int(np.argmax(curves["bounds"]))
    label = text("(1+t)^-{q:g}, rates ≥ {bound:g}").format(q=study["q"], bound=curves["bounds"][top])
    lines.append((label, m, curves["bounded_error"][top], -(study["q"] - 0.5) * np.log(m)))
    for color, (label, x, error, fall) in zip(COLORS, lines, strict=False):
        expected = error[-1] * np.exp(fall - fall[-1])
        points(axes, x, error, None, None, color, label)
        prediction(axes, x, expected, color=color)
        residuals(below, x, error, None, None, expected, color, label)
    axes.plot([], [], **PREDICTION, label=text("theory, one free factor each"))
    axes.set(yscale="log", xlabel=text("Number of modes m"), ylabel=text("Error (L2 distance of the kernels)"))
    axes.set_title(text("Long memory needs many modes"))
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * (high / low) ** 0.5)
    axes.legend(loc="upper right", ncols=2, fontsize=7.5)
    below.set(xlabel=text("Number of modes m"), ylabel=text("Deviation from the theory (%)"))
    below.set_title(text("Deviation, normalised at the largest m"))


def _local(axes: Axes, view: RunView, text: Text) -> None:
    curves = view.curves
    root = np.sqrt(curves["modes"])
    for color, q, error in zip(COLORS[1:], curves["q"], curves["error"], strict=False):
        middle = ((root[1:] + root[:-1]) / 2) ** 2
        local, label = -np.diff(np.log(error)) / np.diff(root), text("(1+t)^-{q:g}").format(q=q)
        axes.plot(middle, local, "o-", color=color, label=label)
        axes.axhline(np.pi * np.sqrt(2 * q - 1), **PREDICTION | {"color": color})
    axes.plot([], [], **PREDICTION, label=text("limit π√(2q-1)"))
    axes.set(xlabel=text("Number of modes m"), ylabel=text("-d ln error / d √m"))
    axes.set_title(text("Local rates reach the theory slowly"))
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.35 * (high - low))
    axes.legend(loc="upper right", ncols=2)


def _bounded(axes: Axes, view: RunView, text: Text) -> None:
    curves, m = view.curves, view.curves["modes"]
    for color, bound, error in zip(COLORS, curves["bounds"], curves["bounded_error"], strict=False):
        points(axes, m / bound, error, None, None, color, text("smallest rate {bound:g}").format(bound=bound))
    top = int(np.argmax(curves["bounds"]))
    x = np.geomspace(m[0] / curves["bounds"].max(), m[-1] / curves["bounds"].min(), 20)
    at = m[-1] / curves["bounds"][top]
    slope = -(view.config["study"]["q"] - 0.5)
    prediction(axes, x, curves["bounded_error"][top, -1] * (x / at) ** slope, text("slope -(q-1/2)"))
    middle, local = local_slopes(m, curves["bounded_error"][top])
    inset = axes.inset_axes((0.12, 0.1, 0.36, 0.3))
    inset.plot(middle, local, "o-", color=COLORS[top], markersize=2.5, linewidth=0.9)
    inset.axhline(slope, **PREDICTION)
    inset.set(xscale="log")
    inset.set_title("d log / d log m", fontsize=7.5)
    ticks(inset, 2.0 ** np.arange(1, np.log2(m[-1]) + 1, 2))
    inset.tick_params(labelsize=7)
    axes.set(xscale="log", yscale="log", xlabel=text("m / smallest allowed rate"))
    axes.set_ylabel(text("Error (L2 distance of the kernels)"))
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(ScalarFormatter())
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_title(text("Bounded rates: a power law in m"))
    axes.legend(loc="upper right")


def _slowest(axes: Axes, view: RunView, text: Text) -> None:
    curves = view.curves
    for color, q, error, rate in zip(COLORS[1:], curves["q"], curves["error"], curves["slowest_rate"], strict=False):
        points(axes, error, rate, None, None, color, text("(1+t)^-{q:g}").format(q=q))
        prediction(axes, error, rate[-1] * (error / error[-1]) ** (1 / (q - 0.5)), color=color)
    axes.plot([], [], **PREDICTION, label=text("slope 1/(q-1/2)"))
    axes.set(xscale="log", yscale="log", xlabel=text("Error (L2 distance of the kernels)"))
    axes.set_ylabel(text("Slowest rate of the best model"))
    axes.set_title(text("Small errors need slow modes"))
    axes.legend(loc="lower right")


def _horizons(axes: Axes, view: RunView, text: Text) -> None:
    curves, study = view.curves, view.config["study"]
    label = text("(1+t)^-{q:g}").format(q=study["q"])
    points(axes, curves["horizons"], curves["modes_needed"], None, None, COLORS[1], label)
    prediction(axes, curves["horizons"], curves["modes_needed_leading_order"], text("leading order of the theory"))
    end = study["level"] ** (-1 / (study["q"] - 0.5))
    axes.axvline(end, color="0.6", linestyle=":", label=text("tail beyond T below the error"))
    axes.set(xscale="log", xlabel=text("Horizon T of the power law"), ylabel=text("Number of modes m"))
    axes.set_title(text("Modes for relative error {level:g}").format(level=study["level"]))
    low, high = axes.get_ylim()
    axes.set_ylim(0, high + 0.4 * (high - low))
    axes.legend(loc="upper left")


def _sensitivity(axes: Axes, below: Axes, view: RunView, text: Text) -> None:
    curves, m = view.curves, view.curves["disturbed_modes"]
    for k, (color, (name, label)) in enumerate(zip(COLORS[3:], NAMES.items(), strict=False)):
        predicted, mean, low, high = (
            curves[f"{name}.sensitivity_{key}"] for key in ("predicted", "measured", "low", "high")
        )
        points(axes, m, mean, low, high, color, text(label))
        prediction(axes, m, predicted, color=color)
        residuals(below, m * 1.02**k, mean, low, high, predicted, color, text(label))
    axes.plot([], [], **PREDICTION, label=text("second order"))
    axes.set(yscale="log", xlabel=text("Number of modes m"), ylabel=text("Growth of the loss / noise²"))
    axes.set_title(text("Directly stored rates become fragile"))
    axes.legend(loc="upper left")
    below.set(xlabel=text("Number of modes m"), ylabel=text("Deviation from the second order (%)"))
    below.set_title(text("Weight noise: formula and measurement"))
    below.margins(y=0.25)
    below.legend(loc="upper left")
