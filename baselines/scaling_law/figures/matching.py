"""The figure of the matching study, drawn from its record alone."""

from collections.abc import Callable

import numpy as np
from matplotlib import cm
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView
from baselines.scaling_law.figures import _matching_slopes as slopes
from baselines.scaling_law.figures import _panels

Text = Callable[[str], str]
Curves = dict[str, np.ndarray]

ZH = {
    "Compute C = p t": "计算量 C = p t",
    "Test error": "测试误差",
    "Test error, exact": "测试误差，精确值",
    "Sum of three terms over exact error - 1 (%)": "三项之和 / 精确误差 - 1（%）",
    "Number of features p": "特征个数 p",
    "Number of features p or of data n": "特征个数 p 或数据个数 n",
    "Number of data n": "数据个数 n",
    "Gradient norm δ": "梯度范数 δ",
    "Gradient norm δ: training goes to the right": "梯度范数 δ：训练向右进行",
    "Optimal p": "最优 p",
    "Optimal p and n": "最优 p 与 n",
    "Optimal δ": "最优 δ",
    "Local slope": "局部斜率",
    "Local slope of p*(C)": "p*(C) 的局部斜率",
    "Local slope over formula": "局部斜率 / 公式",
    "Exponent over formula": "指数 / 公式",
    "Simulated over predicted - 1 (%)": "模拟 / 预测 - 1（%）",
    "The frontier is the envelope of the sizes": "前沿是各规模曲线的包络",
    "More compute: p* ~ C^{slope:.2f}": "计算量增加：p* ~ C^{slope:.2f}",
    "Matching: p ~ n ~ δ^-{slope:.2f}": "匹配：p ~ n ~ δ^-{slope:.2f}",
    "Three terms: median error {median:.0f} %": "三项之和：误差中位数 {median:.0f}%",
    "Label noise {noise:g}: past the star training hurts": "标签噪声 {noise:g}：越过星号，训练有害",
    "Where to stop: δ* ~ n^-{slope:.3f}": "何时停止：δ* ~ n^-{slope:.3f}",
    "Easy task: p^-{b:g}, not p^-{common:g}": "易任务：p^-{b:g}，而非 p^-{common:g}",
    "Every exponent, simulated, beside its formula": "每个指数：模拟与公式",
    "Local slopes of the theory reach the formulas": "理论的局部斜率趋于公式",
    "The parameter exponent is b, not 2b": "参数指数是 b 而非 2b",
    "Simulation against theory": "模拟与理论比较",
    "Easy tasks spend more compute on features": "易任务把更多计算量用于特征",
    "theory": "理论",
    "theory, large sizes": "理论，大规模",
    "theory, same sizes": "理论，同一规模",
    "frontier, theory": "前沿，理论",
    "simulated": "模拟",
    "simulated frontier": "模拟的前沿",
    "p = {p}": "p = {p}",
    "n = {n}": "n = {n}",
    "p, theory": "p，理论",
    "n, theory": "n，理论",
    "formula {slope:.2f}": "公式 {slope:.2f}",
    "formula {slope:.3f}": "公式 {slope:.3f}",
    "formula": "公式",
    "stop here": "在此停止",
    "p and n differ": "p 与 n 不同",
    "p = n": "p = n",
    "easy task, limited p": "易任务，p 受限",
    "easy task, limited n": "易任务，n 受限",
    "hard task, limited p": "难任务，p 受限",
    "hard task, limited n": "难任务，n 受限",
    "easy task, smallest error": "易任务，最小误差",
    "easy task, optimal p": "易任务，最优 p",
    "slope -min(a-1, 2b)": "斜率 -min(a-1, 2b)",
    "slope -min(a-1, b)": "斜率 -min(a-1, b)",
    "smallest error, C = p t": "最小误差，C = p t",
    "optimal p, C = p t": "最优 p，C = p t",
    "matched p in δ": "匹配的 p 对 δ",
    "matched n in δ": "匹配的 n 对 δ",
    "error at t*, noise": "t* 处误差，有噪声",
    "optimal t, noise": "最优 t，有噪声",
    "optimal δ, noise": "最优 δ，有噪声",
    "optimal p": "最优 p",
    "optimal t": "最优 t",
    "optimal δ": "最优 δ",
    "δ at the optimum": "最优处的 δ",
    "Size: p or n": "规模：p 或 n",
    "a = {a:g}, b = {b:g}": "a = {a:g}，b = {b:g}",
    "easy: (a-b)/a": "易：(a-b)/a",
    "hard: 1/(1+b)": "难：1/(1+b)",
}


def draw(view: RunView, text: Text) -> Figure:
    """Frontier, optimal size, matching law; where to stop with noise; bottlenecks; local slopes; residuals.

    Args:
        view: A record of `study=matching`.
        text: Translates a label.
    """
    figure, axes = panels(4, 3, width=18.5, height=11.4)
    _frontier(axes[0, 0], view, text)
    _optimal_size(axes[0, 1], view, text)
    _matching(axes[0, 2], view, text)
    _three_terms(axes[0, 3], view, text)
    _valleys(axes[1, 0], view, text)
    _stopping(axes[1, 1], view, text)
    _bottlenecks(axes[1, 2], view, text)
    slopes.exponents(axes[1, 3], view, text)
    slopes.ratios(axes[2, 0], view, text)
    slopes.parameter_slopes(axes[2, 1], view, text)
    _residuals(axes[2, 2], view, text)
    slopes.tasks(axes[2, 3], view, text)
    return figure


def _frontier(axes: Axes, view: RunView, text: Text) -> None:
    """Error against compute at fixed numbers of features, and the envelope of all of them."""
    curves = view.curves
    compute, ladder = curves["predicted.online_compute"], curves["ladder"]
    shown = range(0, len(ladder), 2)
    for color, index in zip(cm.viridis(np.linspace(0.05, 0.9, len(shown))), shown, strict=True):
        axes.plot(curves["line.compute"], curves["line.ladder"][:, index // 2], color=color, linewidth=1.0)
        label = text("p = {p}").format(p=ladder[index])
        axes.plot(compute, curves["measured.ladder"][:, index], "o", color=color, markersize=3.2, label=label)
    _panels.prediction(axes, compute, curves["predicted.online_error"], text("frontier, theory"))
    axes.plot(
        compute, curves["measured.online_error"], "*", color=COLORS[1], markersize=9, label=text("simulated frontier")
    )
    axes.set(xscale="log", yscale="log", xlabel=text("Compute C = p t"), ylabel=text("Test error"))
    low, high = axes.get_ylim()
    axes.set_ylim(low * (low / high) ** 0.5, high)
    axes.set_title(text("The frontier is the envelope of the sizes"))
    axes.legend(loc="lower left", ncols=2)


def _optimal_size(axes: Axes, view: RunView, text: Text) -> None:
    """Optimal number of features against compute: simulated, and the theory from those sizes on."""
    curves, slope = view.curves, slopes.formulas(view)["online_parameters_hard"]
    compute, p = (_joined(curves, f"online_{x}", f"online_hard_{x}") for x in ("compute", "p"))
    _formula(axes, compute, p, slope, text("formula {slope:.2f}"))
    _panels.prediction(axes, compute, p, text("theory"))
    _points(axes, curves, curves["predicted.online_compute"], "online_p", COLORS[1], text("simulated"))
    axes.set(xscale="log", yscale="log", xlabel=text("Compute C = p t"), ylabel=text("Optimal p"))
    axes.set_title(text("More compute: p* ~ C^{slope:.2f}").format(slope=slope))
    axes.legend(loc="upper left")


def _matching(axes: Axes, view: RunView, text: Text) -> None:
    """Features and data against the gradient norm where compute p n t is best spent."""
    curves, slope = view.curves, slopes.formulas(view)["matching_parameters_hard"]
    delta = _joined(curves, "optima_delta", "full_batch_hard_delta")
    sizes = {size: _joined(curves, f"optima_{size}", f"full_batch_hard_{size}") for size in ("p", "n")}
    _formula(axes, delta, np.sqrt(sizes["p"] * sizes["n"]), -slope, text("formula {slope:.2f}"))
    for size, color, marker in (("p", COLORS[0], "o"), ("n", COLORS[2], "s")):
        _panels.prediction(axes, delta, sizes[size], text(f"{size}, theory"), color)
        x, low, high = (curves[f"measured.optima_delta{end}"] for end in ("", "_low", "_high"))
        y, label = curves[f"predicted.optima_{size}"], f"{size}, {text('simulated')}"
        bars = np.maximum([x - low, high - x], 0)
        axes.errorbar(x, y, xerr=bars, fmt=marker, color=color, label=label, zorder=3)
    axes.set(xscale="log", yscale="log", xlabel=text("Gradient norm δ"), ylabel=text("Optimal p and n"))
    axes.set_title(text("Matching: p ~ n ~ δ^-{slope:.2f}").format(slope=slope))
    axes.legend(loc="upper right")


def _three_terms(axes: Axes, view: RunView, text: Text) -> None:
    """How far the fitted sum of three powers is from the exact error over (p, n, delta)."""
    curves = view.curves
    exact, deviation = curves["surface.error"], 100 * (curves["surface.law"] / curves["surface.error"] - 1)
    square = curves["surface.p"] == curves["surface.n"]
    for rows, label, color in ((~square, "p and n differ", COLORS[0]), (square, "p = n", COLORS[1])):
        axes.plot(exact[rows], deviation[rows], "o", color=color, markersize=2.6, label=text(label))
    axes.axhline(0, **PREDICTION)
    axes.set(xscale="log", xlabel=text("Test error, exact"))
    axes.set_ylabel(text("Sum of three terms over exact error - 1 (%)"))
    median = view.metrics["law_deviation_median_percent"]
    axes.set_ylim(-100, None)
    axes.set_title(text("Three terms: median error {median:.0f} %").format(median=median))
    axes.legend(loc="lower right")


def _valleys(axes: Axes, view: RunView, text: Text) -> None:
    """Error along training on noisy labels, against the gradient norm reached."""
    curves = view.curves
    for color, index in zip(cm.viridis(np.linspace(0.05, 0.85, len(curves["samples"]))), range(99), strict=False):
        delta, error = curves["predicted.noisy_delta"][index], curves["predicted.noisy_error"][index]
        axes.plot(delta, error, color=color, linewidth=1.0)
        few = slice(None, None, 5)
        x, y = curves["measured.noisy_delta"][index][few], curves["measured.noisy_error"][index][few]
        axes.plot(x, y, "o", color=color, markersize=3.2, label=text("n = {n}").format(n=curves["samples"][index]))
    best = curves["measured.stopping_delta"], curves["measured.stopping_error"]
    axes.plot(*best, "*", color=COLORS[1], markersize=10, label=text("stop here"), zorder=4)
    axes.set(xscale="log", yscale="log", ylabel=text("Test error"))
    axes.set_xlim(curves["predicted.noisy_delta"].max() * 1.3, curves["measured.stopping_delta"].min() / 60)
    axes.set_xlabel(text("Gradient norm δ: training goes to the right"))
    axes.set_title(
        text("Label noise {noise:g}: past the star training hurts").format(noise=view.config["study"]["noise"])
    )
    low, high = axes.get_ylim()
    axes.set_ylim(low * (low / high) ** 0.35, high)
    axes.legend(loc="lower left", ncols=2)


def _stopping(axes: Axes, view: RunView, text: Text) -> None:
    """Gradient norm at the best moment to stop against the number of data."""
    curves, slope = view.curves, slopes.formulas(view)["learning_quality_hard"]
    n, delta = (_joined(curves, f"stopping_{x}", f"stopping_hard_{x}") for x in ("n", "delta"))
    _formula(axes, n, delta, -slope, text("formula {slope:.3f}"))
    _panels.prediction(axes, n, delta, text("theory"))
    _points(axes, curves, curves["samples"], "stopping_delta", COLORS[1], text("simulated"))
    axes.set(xscale="log", yscale="log", xlabel=text("Number of data n"), ylabel=text("Optimal δ"))
    axes.set_title(text("Where to stop: δ* ~ n^-{slope:.3f}").format(slope=slope))
    axes.legend(loc="upper right")


def _bottlenecks(axes: Axes, view: RunView, text: Text) -> None:
    """Noise-free error with one limited size, and the two slopes in question."""
    curves, formulas = view.curves, slopes.formulas(view)
    for name, sizes, label, color, marker in BOTTLENECKS:
        _points(axes, curves, curves[sizes], name, color, text(label), marker)
        _panels.prediction(axes, curves[sizes], curves[f"predicted.{name}"], None, color)
    p, error = curves["features"], curves["predicted.parameters_easy"]
    for power, label, style in (
        (formulas["data_easy"], "slope -min(a-1, 2b)", ":"),
        (formulas["parameters_easy"], "slope -min(a-1, b)", "-"),
    ):
        axes.plot(p, 1.5 * error[0] * (p / p[0]) ** -power, style, color="0.45", linewidth=1.2, label=text(label))
    axes.set(xscale="log", yscale="log", ylabel=text("Test error"), xlabel=text("Number of features p or of data n"))
    low, high = axes.get_ylim()
    axes.set_ylim(low * (low / high) ** 0.55, high)
    title = text("Easy task: p^-{b:g}, not p^-{common:g}")
    _panels.ticks(axes, np.array([40.0, 80.0, 160.0, 320.0, 800.0]) * curves["features"][0] / 40)
    axes.set_title(title.format(b=formulas["parameters_easy"], common=formulas["data_easy"]))
    axes.legend(loc="lower left")


BOTTLENECKS = (
    ("parameters_hard", "features", "hard task, limited p", COLORS[0], "o"),
    ("data_hard", "samples", "hard task, limited n", COLORS[2], "s"),
    ("parameters_easy", "features", "easy task, limited p", COLORS[1], "o"),
    ("data_easy", "easy_samples", "easy task, limited n", COLORS[3], "s"),
)


def _residuals(axes: Axes, view: RunView, text: Text) -> None:
    """Simulated over predicted - 1 of the optima and of the bottlenecks."""
    curves = view.curves
    rows = (
        ("online_p", curves["predicted.online_p"], "optimal p", "o"),
        ("stopping_t", curves["samples"], "optimal t", "s"),
        ("stopping_delta", curves["samples"], "optimal δ", "D"),
        ("optima_delta", curves["predicted.optima_p"], "δ at the optimum", "v"),
        ("parameters_easy", curves["features"], "easy task, limited p", "^"),
        ("data_hard", curves["samples"], "hard task, limited n", "x"),
    )
    for index, (name, sizes, label, marker) in enumerate(rows):
        mean, low, high = (curves[f"measured.{name}{end}"] for end in ("", "_low", "_high"))
        x = np.asarray(sizes) * 1.02 ** (index - 2)
        expected = curves[f"predicted.{name}"]
        _panels.residuals(axes, x, mean, low, high, expected, COLORS[index], text(label), marker)
    axes.set(xscale="log", xlabel=text("Size: p or n"), ylabel=text("Simulated over predicted - 1 (%)"))
    bottom, top = axes.get_ylim()
    axes.set_ylim(bottom, top + 0.35 * (top - bottom))
    _panels.ticks(axes, np.array([30.0, 60.0, 125.0, 250.0, 500.0]) * curves["features"][0] / 40)
    axes.set_title(text("Simulation against theory"))
    axes.legend(loc="upper right", ncols=2)


def _points(axes: Axes, curves: Curves, x: np.ndarray, name: str, color: str, label: str, marker: str = "o") -> None:
    mean, low, high = (curves[f"measured.{name}{end}"] for end in ("", "_low", "_high"))
    _panels.points(axes, x, mean, low, high, color, label, marker)


def _joined(curves: Curves, predicted: str, theory: str) -> np.ndarray:
    """The theory at the simulated sizes and at the large ones, as one line."""
    return np.concatenate([curves[f"predicted.{predicted}"], curves[f"theory.{theory}"]])


def _formula(axes: Axes, x: np.ndarray, y: np.ndarray, slope: float, label: str) -> None:
    """A line of the formula's slope through the end of the theory's curve."""
    label = label.format(slope=slope)
    axes.plot(x, y[-1] * (x / x[-1]) ** slope, color="0.75", linewidth=3, label=label, zorder=0)
