"""The figure of the manifold study, drawn from its record alone."""

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView
from baselines.scaling_law.figures import _panels
from baselines.scaling_law.power_laws import local_slopes

Text = Callable[[str], str]

ZH = {
    "Piecewise-linear interpolation: error ~ n^(-4/d)": "分段线性插值：误差 ~ n^(-4/d)",
    "Nearest neighbour: error ~ n^(-2/d)": "最近邻：误差 ~ n^(-2/d)",
    "ReLU networks: error ~ P^(-4/d)": "ReLU 网络：误差 ~ P^(-4/d)",
    "Number of data n": "数据个数 n",
    "Number of parameters P": "参数个数 P",
    "Squared error / variance of the target": "平方误差 / 目标方差",
    "d = {d}": "d = {d}",
    "theory, no free constant": "理论，无自由常数",
    "slope -4/d through the mean": "过均值的斜率 -4/d",
    "Measured against the theory": "测量值与理论之差",
    "Measured / predicted - 1 (%)": "测量 / 预测 - 1（%）",
    "linear, d = {d}": "线性，d = {d}",
    "nearest, d = {d}": "最近邻，d = {d}",
    "Local exponents": "局部指数",
    "Size over the smallest size": "规模与最小规模之比",
    "Local exponent / predicted exponent": "局部指数 / 预测指数",
    "networks, d = {d}": "网络，d = {d}",
    "Exponents of the whole range (95 % intervals)": "整个范围的指数（95% 区间）",
    "Dimension d": "维数 d",
    "Exponent": "指数",
    "linear interpolation": "线性插值",
    "nearest neighbour": "最近邻",
    "ReLU networks": "ReLU 网络",
}
MARKERS = {"linear": "o", "nearest": "s", "student": "D"}
SHADES = dict(zip(range(1, 7), COLORS, strict=False))  # a colour a dimension


def draw(view: RunView, text: Text) -> Figure:
    """Errors of the two interpolators and of the networks, deviations, local slopes, exponents against d.

    Args:
        view: A record of `study=manifold`.
        text: Translates a label.
    """
    figure, axes = panels(3, 2, width=13.5, height=7.6)
    _interpolated(axes[0, 0], view, text, "linear", "Piecewise-linear interpolation: error ~ n^(-4/d)")
    _interpolated(axes[0, 1], view, text, "nearest", "Nearest neighbour: error ~ n^(-2/d)")
    _students(axes[0, 2], view, text)
    _residuals(axes[1, 0], view, text)
    _local(axes[1, 1], view, text)
    _exponents(axes[1, 2], view, text)
    return figure


def _interpolated(axes: Axes, view: RunView, text: Text, name: str, title: str) -> None:
    curves = view.curves
    samples = curves["samples"]
    for row, d in enumerate(curves["dimensions"]):
        mean, low, high = (curves[f"{name}_error_{part}"][row] for part in ("mean", "low", "high"))
        label = text("d = {d}").format(d=d)
        _panels.points(axes, samples, mean, low, high, SHADES[int(d)], label, MARKERS[name])
        _panels.prediction(axes, samples, curves[f"{name}_error_predicted"][row])
    axes.plot([], [], label=text("theory, no free constant"), **PREDICTION)
    axes.set(xscale="log", yscale="log")
    axes.set(xlabel=text("Number of data n"), ylabel=text("Squared error / variance of the target"))
    axes.set_title(text(title))
    _panels.ticks(axes, samples)
    _room_below(axes)
    axes.legend(loc="lower left", ncols=2)


def _students(axes: Axes, view: RunView, text: Text) -> None:
    curves = view.curves
    axes.set_title(text("ReLU networks: error ~ P^(-4/d)"))
    axes.set(xscale="log", yscale="log")
    axes.set(xlabel=text("Number of parameters P"), ylabel=text("Squared error / variance of the target"))
    for row, d in enumerate(_student_dimensions(view)):
        counts = curves["student_parameters"][row]
        mean, low, high = (curves[f"student_error_{part}"][row] for part in ("mean", "low", "high"))
        label = text("d = {d}").format(d=d)
        _panels.points(axes, counts, mean, low, high, SHADES.get(d, "0.4"), label, MARKERS["student"])
        centre = np.exp(np.log(counts).mean())
        line = np.exp(np.log(mean).mean()) * (counts / centre) ** (-4 / d)
        _panels.prediction(axes, counts, line, color=SHADES.get(d, "0.4"))
    axes.plot([], [], label=text("slope -4/d through the mean"), **PREDICTION)
    if "student_parameters" in curves:
        _panels.ticks(axes, np.array([50, 100, 200, 500, 1000, 2000]))
        axes.set_xlim(0.85 * curves["student_parameters"].min(), 1.15 * curves["student_parameters"].max())
    _room_below(axes)
    axes.legend(loc="lower left", ncols=2)


def _residuals(axes: Axes, view: RunView, text: Text) -> None:
    curves = view.curves
    for shift, name in ((0.9, "linear"), (1.02, "nearest")):
        for row, d in enumerate(curves["dimensions"]):
            mean, low, high = (curves[f"{name}_ratio_{part}"][row] for part in ("mean", "low", "high"))
            label = text(f"{name}, d = {{d}}").format(d=d)
            x = curves["samples"] * shift * (1 + 0.025 * row)
            _panels.residuals(axes, x, mean, low, high, np.ones(len(x)), SHADES[int(d)], label, MARKERS[name])
    axes.set(xscale="log", xlabel=text("Number of data n"), ylabel=text("Measured / predicted - 1 (%)"))
    axes.set_title(text("Measured against the theory"))
    _panels.ticks(axes, curves["samples"])
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.5 * (high - low))
    axes.legend(loc="upper center", ncols=2, fontsize=7.5)


def _local(axes: Axes, view: RunView, text: Text) -> None:
    """Local exponents over the predicted ones: all should be near one."""
    curves = view.curves
    shown = [("linear", 4, row, int(d), curves["samples"]) for row, d in enumerate(curves["dimensions"])]
    shown += [("nearest", 2, row, int(d), curves["samples"]) for row, d in enumerate(curves["dimensions"])]
    for row, d in enumerate(_student_dimensions(view)):
        shown.append(("student", 4, row, d, curves["student_parameters"][row]))
    for name, power, row, d, sizes in shown:
        middle, slope = local_slopes(sizes.astype(float), curves[f"{name}_error_mean"][row])
        style = {"linear": "o-", "nearest": "s:", "student": "D--"}[name]
        axes.plot(middle / sizes[0], -slope * d / power, style, color=SHADES.get(d, "0.4"), markersize=3, linewidth=1)
    axes.axhline(1, **PREDICTION)
    for name, style, label in (
        ("linear", "o-", "linear interpolation"), ("nearest", "s:", "nearest neighbour"),
        ("student", "D--", "ReLU networks"),
    ):  # fmt: skip
        if any(one[0] == name for one in shown):
            axes.plot([], [], style, color="0.4", markersize=3, linewidth=1, label=text(label))
    axes.set(xscale="log", xlabel=text("Size over the smallest size"))
    _panels.ticks(axes, np.array([1, 2, 3, 5, 10, 20, 50]))
    axes.set_xlim(1, 1.3 * max(sizes[-1] / sizes[0] for *_, sizes in shown))
    axes.set_ylabel(text("Local exponent / predicted exponent"))
    axes.set_title(text("Local exponents"))
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, 0.4), max(high, 1.6))
    axes.legend(loc="upper right")


def _room_below(axes: Axes) -> None:
    """Place for the legend under the points of a logarithmic axis."""
    low, high = axes.get_ylim()
    axes.set_ylim(low * (low / high) ** 0.3, high)


def _exponents(axes: Axes, view: RunView, text: Text) -> None:
    metrics = view.metrics
    dimensions = [int(d) for d in view.curves["dimensions"]]
    students = _student_dimensions(view)
    line = np.linspace(min(dimensions), max([*dimensions, *students]), 60)
    for power in (4, 2):
        _panels.prediction(axes, line, power / line)
        axes.annotate(f"{power}/d", (line[4], power / line[4]), xytext=(6, 4), textcoords="offset points", color="0.3")
    for color, name, label, shown in (
        (COLORS[0], "linear", "linear interpolation", dimensions),
        (COLORS[1], "nearest", "nearest neighbour", dimensions),
        (COLORS[2], "student", "ReLU networks", students),
    ):
        if shown:
            value, low, high = (
                np.array([metrics[f"exponent_{name}_d{d}{end}"] for d in shown]) for end in ("", "_low", "_high")
            )
            shift = 0.06 if name == "student" else 0.0
            _panels.points(axes, np.array(shown) + shift, value, low, high, color, text(label), MARKERS[name])
    axes.set(xlabel=text("Dimension d"), ylabel=text("Exponent"), yscale="log")
    axes.set_xticks(sorted({*dimensions, *students}))
    axes.set_yticks([0.5, 1, 2, 4], labels=["0.5", "1", "2", "4"])
    axes.minorticks_off()
    axes.set_title(text("Exponents of the whole range (95 % intervals)"))
    axes.legend(loc="upper right")


def _student_dimensions(view: RunView) -> list[int]:
    return [int(d) for d in view.config["study"]["student_dimensions"]] if "student_parameters" in view.curves else []
