"""The figure of the parametric fit, drawn from its record alone."""

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView
from baselines.scaling_law import published_laws as published
from baselines.scaling_law.allocation import of_laws
from baselines.scaling_law.bootstrap import interval
from baselines.scaling_law.parametric_fit import ScalingLaw

Text = Callable[[str], str]
Curves = dict[str, np.ndarray]

CHI_SQUARE_95 = 3.84  # of one degree of freedom
PROFILE_TOP = 60.0  # of the likelihood panel

ZH = {
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
    "Compute-optimal tokens per parameter": "计算最优的每参数词元数",
    "Tokens per parameter": "每参数词元数",
    "20 tokens per parameter": "每参数 20 个词元",
    "How well the table fixes E": "数据表对 E 的约束",
    "Irreducible loss E": "不可约损失 E",
    "Twice the log-likelihood lost": "对数似然损失的两倍",
    "likelihood profile": "似然剖面",
    "95 % threshold": "95% 阈值",
    "bootstrap, 95 %": "自助法，95%",
}


def draw(view: RunView, text: Text) -> Figure:
    """Six panels: residuals, optimal size, tokens per parameter; the exponent, E, the early stop.

    Args:
        view: A record of `study=chinchilla`.
        text: Translates a label.
    """
    figure, axes = panels(3, 2, width=14.4, height=7.8)
    laws = {"fit": ScalingLaw.from_logs(view.curves["fitted"]), "hoffmann": published.HOFFMANN}
    points = _residuals(axes[0, 0], view.curves, text)
    figure.colorbar(points, ax=axes[0, 0], label=text("Model parameters"), pad=0.01)
    _optimal_size(axes[0, 1], view.curves, laws, text)
    _ratio(axes[0, 2], view.curves, text)
    _exponents(axes[1, 0], view.curves, text)
    _profile(axes[1, 1], view, text)
    _early_stop(axes[1, 2], view.curves, view.metrics["objective"], text)
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
    low, high = of_laws(curves["bootstrap"], line).band("parameters", 0.8)
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


def _ratio(axes: Axes, curves: Curves, text: Text) -> None:
    """Tokens per parameter along the compute-optimal line, with its band, and in the runs."""
    compute = 6 * curves["parameters"] * curves["tokens"]
    line = np.geomspace(compute.min(), 10 * published.CHINCHILLA_COMPUTE, 60)
    low, high = of_laws(curves["bootstrap"], line).band("ratio", 0.8)
    axes.scatter(compute, curves["tokens"] / curves["parameters"], s=8, color=COLORS[0], label=text("runs"), zorder=3)
    axes.plot(line, of_laws(curves["fitted"], line).ratio, **PREDICTION)
    axes.fill_between(line, low, high, color="0.8", label=text("this fit, 80 % bootstrap band"))
    theirs = published.HOFFMANN.tokens_per_parameter(line)
    axes.plot(line, theirs, color=COLORS[1], linewidth=1.2, label=text("Hoffmann et al."))
    axes.axhline(20, color="0.5", linewidth=0.9, linestyle=":", label=text("20 tokens per parameter"))
    axes.plot(
        [published.CHINCHILLA_COMPUTE],
        [published.CHINCHILLA_TOKENS / published.CHINCHILLA_PARAMETERS],
        "*",
        color=COLORS[4],
        markersize=11,
        label="Chinchilla (70 B)",
    )
    axes.set(xscale="log", yscale="log", xlabel=text("Training compute (FLOP)"), ylabel=text("Tokens per parameter"))
    bottom, top = axes.get_ylim()
    axes.set_ylim(bottom, top * (top / bottom) ** 0.45)  # room for the legend
    axes.set_title(text("Compute-optimal tokens per parameter"))
    axes.legend(loc="upper right")


def _profile(axes: Axes, view: RunView, text: Text) -> None:
    """Likelihood lost along E, beside the bootstrap interval and the published values."""
    values, deficit = view.curves["profile_E"], view.curves["profile_deficit"]
    shown = deficit < PROFILE_TOP
    axes.plot(values[shown], deficit[shown], color=COLORS[0], label=text("likelihood profile"))
    axes.axhline(CHI_SQUARE_95, **PREDICTION, label=text("95 % threshold"))
    low, high = interval(np.exp(view.curves["bootstrap"][:, 2]), 0.95)
    best = float(np.exp(view.curves["fitted"][2]))
    bar = np.maximum([[best - low], [high - best]], 0)
    axes.errorbar([best], [-1.5], xerr=bar, fmt="o", color=COLORS[2], capsize=3, label=text("bootstrap, 95 %"))
    if values.min() < published.HOFFMANN.E < values.max():
        axes.axvline(published.HOFFMANN.E, color=COLORS[1], linewidth=1, linestyle=":", label=text("Hoffmann et al."))
    axes.set(xlabel=text("Irreducible loss E"), ylabel=text("Twice the log-likelihood lost"))
    axes.set_ylim(-4, PROFILE_TOP * 1.15)
    axes.set_title(text("How well the table fixes E"))
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
