"""The figure of random-feature ridge regression, drawn from its record alone."""

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView
from baselines.scaling_law.figures._panels import points, prediction, slopes, ticks

Text = Callable[[str], str]
Curves = dict[str, np.ndarray]

ZH = {
    "More data: ridge {ridge:g}, no label noise": "增加数据：岭参数 {ridge:g}，无标签噪声",
    "More data: ridge {ridge:g}, label noise {noise:g}": "增加数据：岭参数 {ridge:g}，标签噪声 {noise:g}",
    "Double descent: {n} data": "双下降：{n} 个数据",
    "Every point against the theory": "每个点与理论的偏差",
    "Train error: ridge {ridge:g}, label noise {noise:g}": "训练误差：岭参数 {ridge:g}，标签噪声 {noise:g}",
    "Number of data": "数据个数",
    "Number of random features": "随机特征个数",
    "Smaller of data and features": "数据个数与特征个数中较小者",
    "Test error": "测试误差",
    "Train error": "训练误差",
    "Simulated test error minus theory (%)": "模拟测试误差与理论之差（%）",
    "{p} features": "{p} 个特征",
    "theory": "理论",
    "theory, infinitely many features": "理论，无穷多特征",
    "ridge {ridge:g}, noise {noise:g}": "岭参数 {ridge:g}，噪声 {noise:g}",
    "ridge {ridge:g}": "岭参数 {ridge:g}",
    "within 2 %": "2% 以内",
    "within 6 %": "6% 以内",
    "features = data": "特征数 = 数据数",
    "final slope {slope:.2f}": "末端斜率 {slope:.2f}",
    "The best ridge leaves no peak: {n} data, noise {noise:g}": "最优岭参数下没有峰值：{n} 个数据，噪声 {noise:g}",
    "best ridge for each p": "每个 p 的最优岭参数",
    "no label noise: no best ridge": "无标签噪声：没有最优岭参数",
    "Infinitely many features: local slopes": "无穷多特征：局部斜率",
    "Slope of log test error in log n": "测试误差对数对 n 对数的斜率",
    "formula {slope:.2f}": "公式 {slope:.2f}",
}


def draw(view: RunView, text: Text) -> Figure:
    """Test error against n, double descent, the best ridge; deviations, train error, local slopes."""
    figure, axes = panels(3, 2, width=14.4, height=7.6)
    curves, study = view.curves, view.config["study"]
    middle, last = len(curves["ridges"]) // 2, len(curves["noises"]) - 1
    _along_samples(axes[0, 0], curves, text, "test", middle, 0)
    _double_descent(axes[0, 1], curves, text, study["curve_samples"])
    _best_ridge(axes[0, 2], curves, text, study["curve_samples"])
    _deviations(axes[1, 0], curves, text)
    _along_samples(axes[1, 1], curves, text, "train", 0, last)
    _endless(axes[1, 2], curves, text, -min(study["signal_decay"] - 1, 2 * study["decay"]))
    return figure


def _along_samples(axes: Axes, curves: Curves, text: Text, kind: str, ridge: int, noise: int) -> None:
    """Error against the number of data for about four numbers of features."""
    features = curves["features"]
    wanted = np.geomspace(features[0], features[-1], 4)
    shown = sorted({int(np.abs(np.log(features / value)).argmin()) for value in wanted})
    lines = curves[f"line_{kind}_error_along_samples"][ridge, noise]  # [n', p + 1]
    mean, error = curves[f"{kind}_error"][ridge, noise], curves[f"{kind}_error_standard_error"][ridge, noise]
    for color, column in zip(COLORS, shown, strict=False):
        axes.plot(curves["line_samples"], lines[:, column], **PREDICTION)
        label = text("{p} features").format(p=features[column])
        axes.errorbar(curves["samples"], mean[:, column], error[:, column], fmt="o", color=color, label=label)
    axes.plot([], [], label=text("theory"), **PREDICTION)
    if kind == "test":
        endless = lines[:, -1]
        axes.plot(curves["line_samples"], endless, color="0.55", label=text("theory, infinitely many features"))
        slope = np.diff(np.log(endless[-2:]))[0] / np.diff(np.log(curves["line_samples"][-2:]))[0]
        axes.annotate(
            text("final slope {slope:.2f}").format(slope=slope), (curves["line_samples"][-8], endless[-8]),
            xytext=(-6, -6), textcoords="offset points", ha="right", va="top", color="0.4",
        )  # fmt: skip
    titles = {
        "test": "More data: ridge {ridge:g}, label noise {noise:g}",
        "train": "Train error: ridge {ridge:g}, label noise {noise:g}",
    }
    title = titles[kind]
    if kind == "test" and curves["noises"][noise] == 0:
        title = "More data: ridge {ridge:g}, no label noise"
    axes.set_title(text(title).format(ridge=curves["ridges"][ridge], noise=curves["noises"][noise]))
    axes.set(xscale="log", yscale="log", xlabel=text("Number of data"))
    axes.set_ylabel(text("Test error" if kind == "test" else "Train error"))
    ticks(axes, curves["samples"])
    axes.legend()


def _double_descent(axes: Axes, curves: Curves, text: Text, n: int) -> None:
    """Error against the number of features, smallest and largest ridge, smallest and largest noise."""
    row = int(np.flatnonzero(curves["samples"] == n)[0])
    ridges, noises = curves["ridges"], curves["noises"]
    settings = [(i, j) for i in sorted({0, len(ridges) - 1}) for j in sorted({0, len(noises) - 1})]
    for color, (i, j) in zip(COLORS, settings, strict=False):
        axes.plot(curves["line_features"], curves["line_test_error_along_features"][i, j], **PREDICTION)
        label = text("ridge {ridge:g}, noise {noise:g}").format(ridge=ridges[i], noise=noises[j])
        error = curves["test_error_standard_error"][i, j, row]
        axes.errorbar(curves["features"], curves["test_error"][i, j, row], error, fmt="o", color=color, label=label)
    axes.plot([], [], label=text("theory"), **PREDICTION)
    axes.axvline(n, color="0.6", linewidth=0.8, linestyle=":", label=text("features = data"))
    axes.set(xscale="log", yscale="log", xlabel=text("Number of random features"), ylabel=text("Test error"))
    axes.set_title(text("Double descent: {n} data").format(n=n))
    ticks(axes, curves["features"])
    axes.legend()


def _best_ridge(axes: Axes, curves: Curves, text: Text, n: int) -> None:
    """Error against the number of features with the best ridge for each, beside the smallest ridge."""
    features, noise = curves["features"], curves["noises"][-1]
    axes.set_title(text("The best ridge leaves no peak: {n} data, noise {noise:g}").format(n=n, noise=noise))
    axes.set(xscale="log", yscale="log", xlabel=text("Number of random features"), ylabel=text("Test error"))
    lines = curves["line_test_error_along_features"][:, -1]
    for color, line, ridge in zip(COLORS[1:], lines, curves["ridges"], strict=False):
        prediction(axes, curves["line_features"], line, text("ridge {ridge:g}").format(ridge=ridge), color)
    if not len(curves["tuned_test_error"]):
        axes.plot([], [], " ", label=text("no label noise: no best ridge"))
    else:
        bars = curves["tuned_test_error_low"], curves["tuned_test_error_high"]
        points(axes, features, curves["tuned_test_error"], *bars, COLORS[0], text("best ridge for each p"))
        prediction(axes, features, curves["predicted_tuned_test_error"], text("theory"))
    ticks(axes, features)
    axes.legend()


def _endless(axes: Axes, curves: Curves, text: Text, expected: float) -> None:
    """Local slopes of kernel ridge regression without noise (or with the least), simulated and predicted."""
    n = curves["samples"]
    measured, theory = curves["kernel_test_error"][:, 0], curves["predicted_kernel_test_error"][:, 0]
    for color, one, other, ridge in zip(COLORS, measured, theory, curves["ridges"], strict=False):
        slopes(axes, n, one, color, text("ridge {ridge:g}").format(ridge=ridge), marker="o")
        slopes(axes, n, other, color, marker="--")
    axes.plot([], [], label=text("theory"), **PREDICTION)
    axes.axhline(expected, color="0.6", linewidth=0.9, label=text("formula {slope:.2f}").format(slope=expected))
    axes.set(xlabel=text("Number of data"), ylabel=text("Slope of log test error in log n"))
    axes.set_title(text("Infinitely many features: local slopes"))
    ticks(axes, n)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.35 * (high - low))
    axes.legend(loc="upper left", ncols=2)


def _deviations(axes: Axes, curves: Curves, text: Text) -> None:
    """Relative deviation of every grid point with its standard error, spread a little around min(n, p)."""
    ridges, features = curves["ridges"], curves["features"]
    smaller = np.minimum(curves["samples"][:, None], features[None, :])
    deviation = 100 * (curves["test_error"] / curves["predicted_test_error"] - 1)
    error = 100 * curves["test_error_standard_error"] / curves["predicted_test_error"]
    axes.axhspan(-2, 2, color="0.9", zorder=0, label=text("within 2 %"))
    for sign in (-6, 6):
        label = text("within 6 %") if sign > 0 else None
        axes.axhline(sign, color="0.6", linewidth=0.8, linestyle=":", label=label)
    for i, ridge in enumerate(ridges):
        spread = np.linspace(-0.05, 0.05, deviation[i].size).reshape(deviation[i].shape)
        x = smaller * np.exp(spread + 0.012 * (i - len(ridges) / 2))
        axes.errorbar(
            x.ravel(), deviation[i].ravel(), error[i].ravel(), fmt="o", color=COLORS[i % len(COLORS)], markersize=2.2,
            elinewidth=0.5, alpha=0.75, label=text("ridge {ridge:g}").format(ridge=ridge),
        )  # fmt: skip
    axes.axhline(0, **PREDICTION)
    axes.set(xscale="log", xlabel=text("Smaller of data and features"))
    axes.set_ylabel(text("Simulated test error minus theory (%)"))
    axes.set_title(text("Every point against the theory"))
    ticks(axes, np.unique(smaller))
    axes.legend(ncols=2)
