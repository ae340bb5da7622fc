"""The figure of `probe=spectrum`, drawn from its record alone."""

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView

ZH = {
    "eigenvalue of the Hessian": "Hessian 特征值",
    "density of eigenvalues": "特征值密度",
    "Most eigenvalues are near zero, a few stand apart": "多数特征值接近零，少数离群",
    "Spectral density by Lanczos quadrature": "Lanczos 求积得到的谱密度",
    "exact, smoothed alike": "精确值（同样平滑）",
    "Lanczos quadrature": "Lanczos 求积",
    "the {count} largest eigenvalues": "最大的 {count} 个特征值",
    "number of the eigenvalue": "特征值序号",
    "eigenvalue": "特征值",
    "Hessian": "Hessian",
    "Gauss-Newton part": "Gauss-Newton 部分",
    "largest gap": "最大间隔",
    "The largest gap comes after number {gap}; classes: {classes}": "最大间隔在第 {gap} 个之后；类别数：{classes}",
    "The largest gap comes after number {gap}": "最大间隔在第 {gap} 个之后",
    "Lanczos steps": "Lanczos 步数",
    "copies of the largest eigenvalue": "最大特征值的份数",
    "Without reorthogonalisation ghosts appear": "不做重正交化就会出现“幽灵”",
    "with reorthogonalisation": "重正交化",
    "without": "不重正交化",
    "exact: one": "精确：一份",
    "Ritz value": "Ritz 值",
    "Largest Ritz values": "最大的 Ritz 值",
    "number of eigenvectors k": "特征向量个数 k",
    "share of the gradient's length": "梯度长度的占比",
    "The gradient lies in the first {classes} eigenvectors": "梯度位于前 {classes} 个特征向量中",
    "{share:.1%} of the gradient in the first {classes} eigenvectors": "前 {classes} 个特征向量含梯度的 {share:.1%}",
    "number of classes": "类别数",
    "number of outputs": "输出数",
}


def draw(view: RunView, text: Callable[[str], str]) -> Figure:
    """Density, largest eigenvalues, ghosts of Lanczos, and where the gradient lies.

    Args:
        view: A record of `probe=spectrum`.
        text: Translates a label.
    """
    figure, axes = panels(2, 2, width=10.4, height=7.4)
    _density(axes[0, 0], view, text)
    _largest(axes[0, 1], view, text)
    _ghosts(axes[1, 0], view, text)
    _gradient(axes[1, 1], view, text)
    return figure


def _outputs(view: RunView) -> int:
    """Number of classes or outputs, after which the gap is looked for."""
    return int(view.metrics["outputs"])


def _density(axis: Axes, view: RunView, text: Callable[[str], str]) -> None:
    curves, grid = view.curves, view.curves["density_grid"]
    floor = 1e-2 / (view.metrics["parameters"] * view.metrics["density_sigma"])
    if "density_exact" in curves:
        axis.plot(grid, curves["density_exact"], **PREDICTION, label=text("exact, smoothed alike"), zorder=3)
        axis.set_title(text("Most eigenvalues are near zero, a few stand apart"))
    else:
        axis.set_title(text("Spectral density by Lanczos quadrature"))
    axis.plot(grid[::4], curves["density_slq"][::4], "o", color=COLORS[0], markersize=2.2, markeredgewidth=0)
    axis.plot([], [], "o", color=COLORS[0], label=text("Lanczos quadrature"))
    count = min(_outputs(view), len(curves["largest_eigenvalues"]))
    outliers = curves["largest_eigenvalues"][:count]
    label = text("the {count} largest eigenvalues").format(count=count)
    axis.plot(outliers, np.full(count, 2 * floor), "|", color=COLORS[1], markersize=11, mew=1.6, label=label)
    top = curves["density_slq"].max()
    axis.set(yscale="log", ylim=(floor, 30 * top), xlabel=text("eigenvalue of the Hessian"))
    axis.set_ylabel(text("density of eigenvalues"))
    axis.legend(loc="upper right")


def _largest(axis: Axes, view: RunView, text: Callable[[str], str]) -> None:
    values = view.curves["largest_eigenvalues"]
    newton = view.curves["gauss_newton_eigenvalues"]
    number = np.arange(1, len(values) + 1)
    gap, label = int(view.metrics["gap_after"]), text("largest gap")
    axis.axvspan(gap, gap + 1, color="0.88", zorder=0, label=label)
    axis.axvline(_outputs(view) + 0.5, **PREDICTION, label=_count_label(view, text))
    axis.plot(number, values, "o", color=COLORS[0], label=text("Hessian"))
    axis.plot(number[: len(newton)], newton, "x", color=COLORS[1], label=text("Gauss-Newton part"))
    axis.set(yscale="log", xlabel=text("number of the eigenvalue"), ylabel=text("eigenvalue"))
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    if "accuracy" in view.metrics:
        title = text("The largest gap comes after number {gap}; classes: {classes}")
        axis.set_title(title.format(gap=gap, classes=_outputs(view)))
    else:
        axis.set_title(text("The largest gap comes after number {gap}").format(gap=gap))
    axis.legend(loc="upper right")


def _ghosts(axis: Axes, view: RunView, text: Callable[[str], str]) -> None:
    kinds = (("plain", "without", COLORS[1], "x"), ("kept", "with reorthogonalisation", COLORS[0], "o"))
    if "copies_kept" in view.curves:
        for name, label, color, marker in kinds:
            counts = view.curves[f"copies_{name}"]
            step = np.arange(1, len(counts) + 1)
            axis.plot(step, counts, marker, color=color, markersize=3.5, label=text(label))
        axis.axhline(1, **PREDICTION, label=text("exact: one"))
        axis.set(xlabel=text("Lanczos steps"), ylabel=text("copies of the largest eigenvalue"))
        axis.yaxis.set_major_locator(MaxNLocator(integer=True))
        axis.set_title(text("Without reorthogonalisation ghosts appear"))
    else:
        for name, label, color, marker in kinds:
            values = view.curves[f"ritz_{name}"][:20]
            axis.plot(np.arange(1, len(values) + 1), values, marker, color=color, label=text(label))
        axis.set(xlabel=text("number of the eigenvalue"), ylabel=text("Ritz value"))
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.set_title(text("Largest Ritz values"))
    axis.legend(loc="best")


def _gradient(axis: Axes, view: RunView, text: Callable[[str], str]) -> None:
    share, outputs = view.curves["gradient_shares"], _outputs(view)
    axis.plot(np.arange(1, len(share) + 1), share, "o", color=COLORS[0])
    axis.axvline(outputs, **PREDICTION, label=_count_label(view, text))
    found = view.metrics["gradient_share"]
    if found >= 0.99:
        title = text("The gradient lies in the first {classes} eigenvectors")
    else:
        title = text("{share:.1%} of the gradient in the first {classes} eigenvectors")
    axis.set_title(title.format(share=found, classes=outputs))
    axis.set(xlabel=text("number of eigenvectors k"), ylabel=text("share of the gradient's length"), ylim=(0, 1.05))
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.legend(loc="lower right")


def _count_label(view: RunView, text: Callable[[str], str]) -> str:
    return text("number of classes" if "accuracy" in view.metrics else "number of outputs")
