"""The figure of the extrapolation audit, drawn from its record alone."""

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView
from baselines.scaling_law.figures import _panels

Text = Callable[[str], str]

ZH = {
    "Fitted below {cut} FLOP, predicted above": "用低于 {cut} FLOP 的训练拟合，预测更大的",
    "Training compute (FLOP)": "训练计算量（FLOP）",
    "Predicted / measured loss - 1 (%)": "预测损失 / 实测损失 - 1（%）",
    "runs below (fitted)": "低于截断（拟合）",
    "runs above (predicted)": "高于截断（预测）",
    "95 % interval of a new run": "新训练的 95% 区间",
    "Random splits look better than extrapolation": "随机划分比外推显得更好",
    "Compute below which the law is fitted (FLOP)": "拟合所用计算量上限（FLOP）",
    "Mean absolute error above it (%)": "其上的平均绝对误差（%）",
    "larger runs held out": "留出更大的训练",
    "random model sizes held out": "随机留出模型规模",
    "goal 1.2 %": "目标 1.2%",
    "Do 95 % intervals cover what they should?": "95% 区间覆盖了应有的比例吗？",
    "Share of the predicted runs inside": "落在区间内的预测训练比例",
    "law alone": "仅定律",
    "new run": "新训练",
    "new run, model sizes resampled": "新训练，按模型规模重抽样",
    "nominal 95 %": "名义 95%",
    "Where the predicted runs lie": "预测的训练在何处",
    "Model parameters N": "模型参数量 N",
    "Training tokens D": "训练词元数 D",
    "95 % ellipse of the fitted runs": "拟合训练的 95% 椭圆",
    "budget {cut} FLOP": "计算量 {cut} FLOP",
    "outside in N {n:.0f} %, in D {d:.0f} %, beyond the ellipse {e:.0f} %":
        "N 越界 {n:.0f}%，D 越界 {d:.0f}%，椭圆外 {e:.0f}%",
}  # fmt: skip


def draw(view: RunView, text: Text) -> Figure:
    """Residuals and intervals of the middle cut, errors and coverage of all cuts, the plane of N and D.

    Args:
        view: A record of `study=extrapolation`.
        text: Translates a label.
    """
    figure, axes = panels(2, 2, width=11.0, height=7.8)
    cut = len(view.curves["cuts"]) // 2
    _residuals(axes[0, 0], view, text, cut)
    _errors(axes[0, 1], view, text)
    _coverage(axes[1, 0], view, text)
    _plane(axes[1, 1], view, text, cut)
    return figure


def _label(budget: float) -> str:
    return f"{budget:.3g}".replace("e+", "e")


def _residuals(axes: Axes, view: RunView, text: Text, cut: int) -> None:
    curves = view.curves
    test, loss = curves["test"][cut], curves["loss"]
    compute = 6 * curves["parameters"] * curves["tokens"]
    error = 100 * curves["relative_error"][cut]
    predicted = loss * (1 + curves["relative_error"][cut])
    # an interval of the loss, seen as one of predicted / measured: around the error of its run
    low, high = (100 * (predicted / curves[name][cut] - 1) for name in ("run_high", "run_low"))
    order = np.argsort(compute[test])
    label = text("95 % interval of a new run")
    x = compute[test][order]
    axes.vlines(x, low[test][order], high[test][order], color=COLORS[1], alpha=0.25, linewidth=2, label=label)
    axes.plot(compute[~test], error[~test], "o", color="0.55", markersize=3, label=text("runs below (fitted)"))
    axes.plot(compute[test], error[test], "o", color=COLORS[1], markersize=3.5, label=text("runs above (predicted)"))
    axes.axhline(0, **PREDICTION)
    axes.axvline(curves["cuts"][cut], color="0.4", linewidth=0.9, linestyle=":")
    axes.set(xscale="log", xlabel=text("Training compute (FLOP)"), ylabel=text("Predicted / measured loss - 1 (%)"))
    axes.set_title(text("Fitted below {cut} FLOP, predicted above").format(cut=_label(curves["cuts"][cut])))
    bottom, top = axes.get_ylim()
    axes.set_ylim(bottom, top + 0.3 * (top - bottom))
    axes.legend(loc="upper left", ncols=2)


def _errors(axes: Axes, view: RunView, text: Text) -> None:
    metrics, cuts = view.metrics, view.curves["cuts"]
    value, low, high = (
        np.array([metrics[f"error_percent_{_label(cut)}{end}"] for cut in cuts]) for end in ("", "_low", "_high")
    )
    random = [metrics[f"random_error_percent_{_label(cut)}"] for cut in cuts]
    _panels.points(axes, cuts, value, low, high, COLORS[1], text("larger runs held out"))
    axes.plot(cuts, random, "s", color=COLORS[0], label=text("random model sizes held out"))
    if any(claim.id.startswith("extrapolation.error") for claim in view.claims):
        axes.axhline(1.2, **PREDICTION, label=text("goal 1.2 %"))
    axes.set(xscale="log", xlabel=text("Compute below which the law is fitted (FLOP)"))
    axes.set(ylabel=text("Mean absolute error above it (%)"), ylim=(0, 1.45 * max(high.max(), max(random))))
    _cut_ticks(axes, cuts)
    axes.set_title(text("Random splits look better than extrapolation"))
    axes.legend(loc="upper left")


def _coverage(axes: Axes, view: RunView, text: Text) -> None:
    cuts = view.curves["cuts"]
    for name, label, marker, color in (
        ("run_by_size", "new run, model sizes resampled", "D", COLORS[2]), ("run", "new run", "o", COLORS[1]),
        ("law", "law alone", "s", COLORS[0]),
    ):  # fmt: skip
        shares = [100 * view.metrics[f"coverage_{name}_{_label(cut)}"] for cut in cuts]
        axes.plot(cuts, shares, marker, color=color, label=text(label), markersize=5)
    axes.axhline(95, **PREDICTION, label=text("nominal 95 %"))
    axes.set(xscale="log", xlabel=text("Compute below which the law is fitted (FLOP)"), ylim=(0, 142))
    axes.set_yticks([0, 20, 40, 60, 80, 100], labels=[f"{share} %" for share in (0, 20, 40, 60, 80, 100)])
    axes.set_ylabel(text("Share of the predicted runs inside"))
    _cut_ticks(axes, cuts)
    axes.set_title(text("Do 95 % intervals cover what they should?"))
    axes.legend(loc="upper center", ncols=2)


def _plane(axes: Axes, view: RunView, text: Text, cut: int) -> None:
    curves, name = view.curves, _label(view.curves["cuts"][cut])
    test = curves["test"][cut]
    logs = np.log(np.stack([curves["parameters"], curves["tokens"]]))
    axes.plot(*np.exp(logs[:, ~test]), "o", color="0.55", markersize=3, label=text("runs below (fitted)"))
    axes.plot(*np.exp(logs[:, test]), "o", color=COLORS[1], markersize=3.5, label=text("runs above (predicted)"))
    angle = np.linspace(0, 2 * np.pi, 200)
    factor = np.linalg.cholesky(np.cov(logs[:, ~test])) * np.sqrt(-2 * np.log(0.05))
    ellipse = logs[:, ~test].mean(1)[:, None] + factor @ np.stack([np.cos(angle), np.sin(angle)])
    axes.plot(*np.exp(ellipse), color="0.35", linewidth=1, label=text("95 % ellipse of the fitted runs"))
    sizes = np.exp(np.array([logs[0].min() - 0.3, logs[0].max() + 0.3]))
    label = text("budget {cut} FLOP").format(cut=name)
    axes.plot(sizes, curves["cuts"][cut] / 6 / sizes, color="0.4", linewidth=0.9, linestyle=":", label=label)
    axes.set(xscale="log", yscale="log", xlabel=text("Model parameters N"), ylabel=text("Training tokens D"))
    low, high = curves["tokens"].min() / 2, curves["tokens"].max()
    axes.set_ylim(low, high * (high / low) ** 0.45)
    shares = [100 * view.metrics[f"{key}_{name}"] for key in ("outside_n", "outside_d", "beyond_95")]
    words = text("outside in N {n:.0f} %, in D {d:.0f} %, beyond the ellipse {e:.0f} %")
    axes.annotate(words.format(n=shares[0], d=shares[1], e=shares[2]), (0.02, 0.03), xycoords="axes fraction",
                  fontsize=8, color="0.3")  # fmt: skip
    axes.set_title(text("Where the predicted runs lie"))
    axes.legend(loc="upper left", ncols=2, fontsize=8)


def _cut_ticks(axes: Axes, cuts: np.ndarray) -> None:
    axes.set_xticks(cuts, labels=[_label(cut) for cut in cuts])
    axes.minorticks_off()
    axes.set_xlim(cuts[0] / 1.6, cuts[-1] * 1.6)
