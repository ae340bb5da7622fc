"""The figure of gradient flow in three variables, drawn from its record alone."""

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib import cm
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from baselines.common.plotting import COLORS, PREDICTION
from baselines.common.record import RunView
from baselines.scaling_law.figures import _panels

Text = Callable[[str], str]
Curves = dict[str, np.ndarray]
SHADES = cm.viridis(np.linspace(0.08, 0.86, 6))

ZH = {
    "Noise makes a valley: below some δ training hurts (p = {p}, σ² = {noise:g})": (
        "噪声造成低谷：δ 过小时训练有害（p = {p}，σ² = {noise:g}）"
    ),
    "Number of data n": "数据个数 n",
    "Number of features p": "特征个数 p",
    "Gradient norm δ": "梯度范数 δ",
    "Time t": "时间 t",
    "Test error": "测试误差",
    "Error": "误差",
    "Local slope": "局部斜率",
    "Simulated over predicted - 1 (%)": "模拟 / 预测 - 1（%）",
    "best δ for each n": "每个 n 的最优 δ",
    "simulated": "模拟",
    "theory": "理论",
    "test error": "测试误差",
    "train error": "训练误差",
    "gradient norm δ": "梯度范数 δ",
    "n = {n}": "n = {n}",
    "t = {t:g}": "t = {t:g}",
    "Three quantities, one theory: n = {n}, p = {p}": "三个量，同一理论：n = {n}，p = {p}",
    "The gradient norm in place of time: p = {p}": "以梯度范数代替时间：p = {p}",
    "More features: n = {n}, σ² = {noise:g}": "增加特征：n = {n}，σ² = {noise:g}",
    "All {count} values within 3 % of theory": "全部 {count} 个值与理论相差 3% 以内",
    "{count} values against the theory": "{count} 个值与理论比较",
    "within 3 %": "3% 以内",
    "Local slopes: n = p = {n}, no noise": "局部斜率：n = p = {n}，无噪声",
    "{law}: formula {slope:.2f}": "{law}：公式 {slope:.2f}",
    "test error in δ": "测试误差对 δ",
    "test error in t": "测试误差对 t",
    "δ² in t": "δ² 对 t",
    "theory, infinite n and p": "理论，无穷 n 与 p",
}


def draw(view: RunView, text: Text) -> Figure:
    """A surface over (n, delta) with the simulated points, slices along t, delta and p, residuals, local slopes.

    Args:
        view: A record of `study=three_variables`.
        text: Translates a label.
    """
    figure = Figure(figsize=(15.0, 7.6), layout="constrained")
    grid = figure.add_gridspec(2, 4, width_ratios=[1.12, 0.5, 1, 1])
    curves, study = view.curves, view.config["study"]
    _surface(figure.add_subplot(grid[0, :2], projection="3d", computed_zorder=False), curves, text)
    _time(figure.add_subplot(grid[0, 2]), curves, text)
    _gradient(figure.add_subplot(grid[0, 3]), curves, text)
    _features(figure.add_subplot(grid[1, :2]), curves, text)
    _residuals(figure.add_subplot(grid[1, 2]), curves, text)
    _slopes(figure.add_subplot(grid[1, 3]), curves, study, text)
    return figure


def _surface(axes: Any, curves: Curves, text: Text) -> None:
    """Test error over (delta, n) at the largest p and the largest noise; 3-D axes need their logarithms by hand."""
    n, delta, test = curves["surface_samples"], curves["surface_gradient_norm"], curves["surface_test_error"]
    y = np.broadcast_to(np.log10(n)[:, None], delta.shape)
    floor = curves["gradient_norm"][-1, :, -1].min() / 3  # what has converged would stretch the axis for ever
    delta = np.maximum(delta, floor)
    x, z = np.log10(delta), np.log10(np.where(delta > floor, test, np.nan))
    axes.plot_surface(
        x, y, z, cmap="viridis", rstride=1, cstride=1, alpha=0.8, linewidth=0.15, edgecolor=(1, 1, 1, 0.35), zorder=1
    )
    lowest = np.array([_lowest(*row) for row in zip(x, np.log10(test), strict=True)])
    label = text("best δ for each n")
    axes.plot(lowest[:, 0], y[:, 0], lowest[:, 1] + 0.01, color=COLORS[1], linewidth=2.2, label=label, zorder=3)
    measured = {name: np.log10(curves[name][-1, :, -1]) for name in ("gradient_norm", "test_error")}  # [n, T]
    counts = np.broadcast_to(np.log10(curves["samples"])[:, None], measured["test_error"].shape)
    label = text("simulated")
    axes.scatter(
        measured["gradient_norm"], counts, measured["test_error"], color="black", s=11, depthshade=False, label=label,
        zorder=4,
    )  # fmt: skip
    axes.set(xlabel=text("Gradient norm δ"), ylabel=text("Number of data n"), zlabel=text("Test error"))
    for axis, values in ((axes.xaxis, delta), (axes.yaxis, n), (axes.zaxis, test)):
        axis.set_major_locator(FixedLocator(_round(values)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{10**value:.3g}"))
    axes.tick_params(labelsize=8, pad=1)
    title = text("Noise makes a valley: below some δ training hurts (p = {p}, σ² = {noise:g})")
    axes.set_title(title.format(p=curves["features"][-1], noise=curves["noises"][-1]))
    axes.view_init(elev=30, azim=118)
    axes.set_box_aspect((1.5, 1.05, 0.85), zoom=1.28)
    axes.legend(loc="upper right", bbox_to_anchor=(1.02, 0.98))


def _lowest(x: np.ndarray, z: np.ndarray) -> tuple[float, float]:
    """Lowest point of a curve: the vertex of a parabola through the lowest of its points and its neighbours."""
    best = int(z.argmin())
    if best in (0, len(z) - 1) or x[best + 1] == x[best]:
        return float(x[best]), float(z[best])
    fit = np.polynomial.Polynomial.fit(x[best - 1 : best + 2], z[best - 1 : best + 2], 2)
    vertex = fit.deriv().roots()[0].real
    return float(vertex), float(fit(vertex))


def _round(values: np.ndarray) -> list[float]:
    """Logarithms of round numbers inside a range: powers of ten, and 2 and 5 times these if the range is short."""
    low, high = np.log10(values.min()), np.log10(values.max())
    steps = (1.0,) if high - low > 2 else (1.0, 2.0, 5.0)
    ticks = sorted(float(np.log10(step)) + decade for decade in range(-15, 8) for step in steps)
    inside = [tick for tick in ticks if low <= tick <= high]
    return inside[:: 1 + len(inside) // 7]


def _plain(axis: Any) -> None:
    """Label a logarithmic axis 0.02, 0.05, 0.1 and so on."""
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _points(
    axes: Axes, x: np.ndarray, curves: Curves, name: str, at: Any, color: Any, label: str | None = None
) -> None:
    mean, low, high = (curves[f"{name}{end}"][at] for end in ("", "_low", "_high"))
    _panels.points(axes, x, mean, low, high, color, label)


def _time(axes: Axes, curves: Curves, text: Text) -> None:
    """The three quantities against time at one (n, p); the test error for every noise."""
    noises, row = curves["noises"], len(curves["samples"]) // 2
    times, line_times = curves["times"], curves["line_times"]
    last = len(noises) - 1
    series = [("test_error", 0, COLORS[0]), ("train_error", last, COLORS[2]), ("gradient_norm", 0, COLORS[3])]
    if last:
        series.insert(1, ("test_error", last, COLORS[1]))
    for name, noise, color in series:
        label = name.replace("_", " ").replace("norm", "norm δ")
        word = f"{text(label)} (σ² = {noises[noise]:g})"
        _panels.prediction(axes, line_times, curves[f"line_{name}_along_time"][noise, row], color=color)
        _points(axes, times, curves, name, (noise, row, -1), color, word)
    axes.set(xscale="log", yscale="log", xlabel=text("Time t"), ylabel=text("Error"))
    title = text("Three quantities, one theory: n = {n}, p = {p}")
    axes.set_title(title.format(n=curves["samples"][row], p=curves["features"][-1]))
    axes.legend(loc="lower left")


def _gradient(axes: Axes, curves: Curves, text: Text) -> None:
    """Test error against the gradient norm for every n, without noise and with the largest."""
    noises = curves["noises"]
    for index, n in enumerate(curves["samples"]):
        color = SHADES[index % len(SHADES)]
        for noise in sorted({0, len(noises) - 1}):
            delta, test = (curves[f"line_{name}_along_time"][noise, index] for name in ("gradient_norm", "test_error"))
            _panels.prediction(axes, delta, test, color=color)
            label = text("n = {n}").format(n=n) if noise == 0 else None
            _points(
                axes, curves["gradient_norm"][noise, index, -1], curves, "test_error", (noise, index, -1), color, label
            )
    axes.set(xscale="log", yscale="log", xlabel=text("Gradient norm δ"), ylabel=text("Test error"))
    axes.invert_xaxis()
    _plain(axes.yaxis)
    axes.set_title(text("The gradient norm in place of time: p = {p}").format(p=curves["features"][-1]))
    for noise in sorted({0, len(noises) - 1}):
        end = curves["line_gradient_norm_along_time"][noise, 0, -1], curves["line_test_error_along_time"][noise, 0, -1]
        axes.annotate(
            f"σ² = {noises[noise]:g}", end, xytext=(0, 7), textcoords="offset points", ha="right", color="0.3"
        )
    axes.legend()


def _features(axes: Axes, curves: Curves, text: Text) -> None:
    """Test error against p at every time, at the middle n, with the largest noise."""
    row, noise = len(curves["samples"]) // 2, len(curves["noises"]) - 1
    n = curves["samples"][row]
    for index, time in enumerate(curves["times"]):
        color = SHADES[index % len(SHADES)]
        _panels.prediction(axes, curves["line_features"], curves["line_test_error_along_features"][noise, :, index],
                           color=color)  # fmt: skip
        _points(axes, curves["features"], curves, "test_error", (noise, row, slice(None), index), color,
                text("t = {t:g}").format(t=time))  # fmt: skip
    axes.axvline(n, color="0.6", linewidth=0.8, linestyle=":")
    axes.annotate("p = n", (n, 1), xycoords=("data", "axes fraction"), xytext=(4, -10), textcoords="offset points")
    axes.set(xscale="log", yscale="log", xlabel=text("Number of features p"), ylabel=text("Test error"))
    axes.set_title(text("More features: n = {n}, σ² = {noise:g}").format(n=n, noise=curves["noises"][noise]))
    _plain(axes.xaxis)
    _plain(axes.yaxis)
    axes.legend(ncols=2, loc="lower left")


def _residuals(axes: Axes, curves: Curves, text: Text) -> None:
    """Every point's deviation against time, spread a little."""
    times = curves["times"]
    width = np.log(times[1:] / times[:-1]).min()
    axes.axhspan(-3, 3, color="0.92", zorder=0, label=text("within 3 %"))
    largest = 0.0
    for index, (name, label, color) in enumerate(
        (("test_error", "test error", 0), ("train_error", "train error", 2), ("gradient_norm", "gradient norm δ", 3))
    ):
        mean, low, high, expected = (
            np.moveaxis(curves[f"{name}{end}"], -1, 0).reshape(len(times), -1)
            for end in ("", "_low", "_high", "_predicted")
        )
        largest = max(largest, float(100 * np.abs(mean / expected - 1).max()))
        spread = np.linspace(-0.09, 0.09, mean.shape[1]) + 0.22 * (index - 1)
        x = times[:, None] * np.exp(width * spread)
        _panels.residuals(axes, x.ravel(), mean.ravel(), None, None, expected.ravel(), COLORS[color], text(label))
        bars = [100 * (one / expected - 1) for one in (low, high)]
        axes.vlines(x.ravel(), bars[0].ravel(), bars[1].ravel(), color=COLORS[color], linewidth=0.4, alpha=0.5)
    for line in axes.get_lines():
        line.set_markersize(1.8)
    axes.set(xscale="log", xlabel=text("Time t"), ylabel=text("Simulated over predicted - 1 (%)"))
    if largest > 10:
        axes.set_yscale("symlog", linthresh=3)
    title = "All {count} values within 3 % of theory" if largest <= 3 else "{count} values against the theory"
    axes.set_title(text(title).format(count=3 * curves["test_error"].size))
    axes.set_xticks(times, labels=[f"{time:g}" for time in times])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.legend(ncols=2, loc="upper right")


def _slopes(axes: Axes, curves: Curves, study: dict[str, Any], text: Text) -> None:
    """Local slopes of the noise-free test error and squared gradient norm, with the formulas."""
    a, b = study["signal_decay"], study["decay"]
    times = curves["slope_times"]
    laws = (
        ("test error in δ", 2 * (a - 1) / (a + b - 1), COLORS[2]),
        ("test error in t", -(a - 1) / b, COLORS[0]),
        ("δ² in t", -(a + b - 1) / b, COLORS[3]),
    )
    for kind, marker in (("slope", "o"), ("slope_line", "--"), ("slope_endless", ":")):
        test = np.diff(np.log(curves[f"{kind}_test_error"]))
        delta = np.diff(np.log(curves[f"{kind}_gradient_norm"]))
        step = np.diff(np.log(times))
        for (label, slope, color), value in zip(laws, (test / delta, test / step, 2 * delta / step), strict=True):
            word = None
            if marker == "o":
                word = text("{law}: formula {slope:.2f}").format(law=text(label), slope=slope)
                axes.axhline(slope, color=color, linewidth=0.7)
            axes.plot(
                np.sqrt(times[1:] * times[:-1]), value, marker, color=color, label=word, markersize=3, linewidth=1.1
            )
    axes.plot([], [], label=text("theory"), **PREDICTION)
    axes.plot([], [], ":", color="black", linewidth=1.1, label=text("theory, infinite n and p"))
    axes.set(xscale="log", xlabel=text("Time t"), ylabel=text("Local slope"))
    axes.set_title(text("Local slopes: n = p = {n}, no noise").format(n=study["slope_size"]))
    axes.legend(loc="center left", bbox_to_anchor=(0.0, 0.68))
