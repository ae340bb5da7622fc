"""The pictures of each study, drawn from the stored curves alone."""

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator, ScalarFormatter

from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView
from baselines.scaling_law import published_laws as published
from baselines.scaling_law.bootstrap import interval
from baselines.scaling_law.parametric_fit import ScalingLaw

Text = Callable[[str], str]
Curves = dict[str, np.ndarray]

ZH = {
    # ridge
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
    # chinchilla
    "Residuals of the fit": "拟合残差",
    "Training compute (FLOP)": "训练计算量（FLOP）",
    "Loss minus fitted loss (%)": "损失与拟合损失之差（%）",
    "Model parameters": "模型参数量",
    "Compute-optimal model size": "计算最优的模型规模",
    "runs": "训练运行",
    "this fit, 80 % bootstrap band": "本拟合，80% 自助法区间",
    "Hoffmann et al.": "Hoffmann 等",
    "Besiroglu et al., 80 % width": "Besiroglu 等，80% 宽度",
    "What the table fixes": "数据表能确定什么",
    "Exponent of optimal model size": "最优模型规模的指数",
    "Bootstrap fits": "自助法拟合次数",
    "converged fits": "收敛的拟合",
    "fits that stop early": "过早停止的拟合",
    "Why the published interval was narrow": "已发表的区间为何过窄",
    "Iteration": "迭代次数",
    "Objective above its minimum (%)": "目标函数超出最小值（%）",
    "scaled objective, BFGS": "缩放目标函数，BFGS",
    "default tolerances, mean": "默认容差，均值",
    "default tolerances, sum": "默认容差，求和",
    "the solver stops": "求解器停止",
}


def draw(view: RunView, text: Text) -> dict[str, Figure]:
    """The main figure of a record.

    Args:
        view: The record.
        text: Translates every visible word.
    """
    study = {"ridge": _ridge, "chinchilla": _chinchilla}[view.choices["study"]]
    return {"figure": study(view, text)}


def _ridge(view: RunView, text: Text) -> Figure:
    """Four panels: test error against n, double descent against p, deviations, train error."""
    figure, axes = panels(2, 2, width=10.4, height=7.6)
    curves = view.curves
    middle, last = len(curves["ridges"]) // 2, len(curves["noises"]) - 1
    _along_samples(axes[0, 0], curves, text, "test", middle, 0)
    _double_descent(axes[0, 1], curves, text, view.config["study"]["curve_samples"])
    _deviations(axes[1, 0], curves, text)
    _along_samples(axes[1, 1], curves, text, "train", 0, last)
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
    _ticks(axes, curves["samples"])
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
    _ticks(axes, curves["features"])
    axes.legend()


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
    _ticks(axes, np.unique(smaller))
    axes.legend(ncols=2)


def _chinchilla(view: RunView, text: Text) -> Figure:
    """Four panels: residuals, compute-optimal size, bootstrap of the exponent, early stop."""
    figure, axes = panels(2, 2, width=10.4, height=7.6)
    laws = {"fit": ScalingLaw.from_logs(view.curves["fitted"]), "hoffmann": published.HOFFMANN}
    points = _residuals(axes[0, 0], view.curves, text)
    figure.colorbar(points, ax=axes[0, 0], label=text("Model parameters"), pad=0.01)
    _optimal_size(axes[0, 1], view.curves, laws, text)
    _exponents(axes[1, 0], view.curves, text)
    _early_stop(axes[1, 1], view.curves, view.metrics["objective"], text)
    return figure


def _residuals(axes: Axes, curves: Curves, text: Text) -> Any:
    """Relative residuals against compute, coloured by model size."""
    size = curves["parameters"]
    residual = 100 * (curves["loss"] / curves["fitted_loss"] - 1)
    axes.axhline(0, **PREDICTION)
    points = axes.scatter(6 * size * curves["tokens"], residual, c=size, s=12, norm="log", cmap="viridis", zorder=3)
    axes.set(xscale="log", xlabel=text("Training compute (FLOP)"), ylabel=text("Loss minus fitted loss (%)"))
    axes.set_title(text("Residuals of the fit"))
    return points


def _optimal_size(axes: Axes, curves: Curves, laws: dict[str, ScalingLaw], text: Text) -> None:
    """The runs in the plane of compute and size, and the compute-optimal lines."""
    compute = 6 * curves["parameters"] * curves["tokens"]
    line = np.geomspace(compute.min(), published.CHINCHILLA_COMPUTE, 60)
    resampled = np.array([ScalingLaw.from_logs(law).optimal_parameters(line) for law in curves["bootstrap"]])
    low, high = np.percentile(resampled, [10, 90], axis=0)
    axes.scatter(compute, curves["parameters"], s=8, color=COLORS[0], label=text("runs"), zorder=3)
    axes.plot(line, laws["fit"].optimal_parameters(line), **PREDICTION)
    axes.fill_between(line, low, high, color="0.8", label=text("this fit, 80 % bootstrap band"))
    label = text("Hoffmann et al.")
    axes.plot(line, laws["hoffmann"].optimal_parameters(line), color=COLORS[1], linewidth=1.2, label=label)
    axes.plot(
        [published.CHINCHILLA_COMPUTE],
        [published.CHINCHILLA_PARAMETERS],
        "*",
        color=COLORS[4],
        markersize=11,
        label="Chinchilla (70 B)",
    )
    axes.set(xscale="log", yscale="log", xlabel=text("Training compute (FLOP)"), ylabel=text("Model parameters"))
    axes.set_title(text("Compute-optimal model size"))
    axes.legend()


def _exponents(axes: Axes, curves: Curves, text: Text) -> None:
    """Bootstrap distribution of the exponent for the converged and for the early-stopping solver."""
    kinds = (("bootstrap", "converged fits", COLORS[0]), ("early_bootstrap", "fits that stop early", COLORS[1]))
    values = {key: curves[key][:, 4] / (curves[key][:, 3] + curves[key][:, 4]) for key, _, _ in kinds}
    # Outliers of the early stop would stretch the axis: the central 99 % of both is shown.
    ends = [interval(sample, 0.99) for sample in values.values()]
    bins = np.linspace(min(low for low, _ in ends) - 0.01, max(high for _, high in ends) + 0.01, 61)
    for key, label, color in kinds:
        axes.hist(values[key], bins=list(bins), color=color, alpha=0.75, label=text(label))
    half = published.EPOCH_EXPONENT_80_WIDTH / 2
    centre = published.EPOCH.compute_exponent
    highest = np.histogram(values["bootstrap"], bins)[0].max()
    axes.set_yscale("log")
    axes.set_ylim(0.7, 200 * highest)  # room for the legend
    axes.plot(
        [centre - half, centre + half], [1.5 * highest] * 2, **PREDICTION, label=text("Besiroglu et al., 80 % width")
    )
    hoffmann = float(np.mean(published.HOFFMANN_EXPONENT_80))
    axes.axvline(hoffmann, color=COLORS[1], linewidth=1.0, linestyle=":", label=text("Hoffmann et al."))
    axes.set(xlabel=text("Exponent of optimal model size"), ylabel=text("Bootstrap fits"))
    axes.set_title(text("What the table fixes"))
    axes.legend()


def _early_stop(axes: Axes, curves: Curves, minimum: float, text: Text) -> None:
    """Objective of the three solvers from Hoffmann et al.'s values."""
    kinds = (
        ("objective_converging", "scaled objective, BFGS", COLORS[0]),
        ("objective_stopping_sum", "default tolerances, sum", COLORS[4]),
        ("objective_stopping_mean", "default tolerances, mean", COLORS[1]),
    )
    for key, label, color in kinds:
        above = np.maximum(100 * (curves[key] / minimum - 1), 1e-6)  # rounding noise below
        axes.plot(above, "o-", color=color, markersize=3, label=text(label))
        axes.plot([len(above) - 1], above[-1:], "s", color=color, markersize=8, fillstyle="none")
    axes.plot([], [], "s", color="0.4", markersize=8, fillstyle="none", label=text("the solver stops"))
    axes.set(yscale="log", xlabel=text("Iteration"), ylabel=text("Objective above its minimum (%)"))
    axes.set_title(text("Why the published interval was narrow"))
    axes.legend()


def _ticks(axes: Axes, sizes: np.ndarray) -> None:
    """Label a logarithmic axis with some of the sizes themselves."""
    kept: list[float] = []
    for size in sizes:
        if not kept or size >= 1.32 * kept[-1]:
            kept.append(float(size))
    axes.xaxis.set_major_locator(FixedLocator(kept))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_formatter(NullFormatter())
