"""The figure of the transformers' IsoFLOP ladder, drawn from its record alone."""

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView
from baselines.scaling_law.figures import _panels
from baselines.scaling_law.parametric_fit import ScalingLaw

ZH = {
    "Each budget has a best size": "每个计算预算都有最优规模",
    "The best size grows as C^{a:.2f}": "最优规模按 C^{a:.2f} 增长",
    "The loss falls towards the entropy": "损失趋向熵",
    "The loss falls towards E": "损失趋向 E",
    "The law fits within {r:.1f} % (rms)": "定律拟合误差 {r:.1f}%（均方根）",
    "Local slopes": "局部斜率",
    "The fitted E is {ratio:.3f} of the entropy": "拟合的 E 是熵的 {ratio:.3f} 倍",
    "What the law says is irreducible": "由定律得到的不可约损失",
    "parameters N": "参数量 N",
    "loss (nats per token)": "损失（nat/词元）",
    "compute C (FLOP)": "计算量 C（FLOP）",
    "best size N*": "最优规模 N*",
    "loss at N* above {floor} (nats)": "N* 处损失超出 {floor} 的部分（nat）",
    "measured over fitted loss, minus one (%)": "实测与拟合损失之比减一（%）",
    "slope of log excess against log C": "超出部分对 C 的对数斜率",
    "E (nats per token)": "E（nat/词元）",
    "bootstrap fits": "自助法拟合次数",
    "C = {c:.0e} FLOP": "C = {c:.0e} FLOP",
    "parabola, best size": "抛物线与最优规模",
    "exact entropy H": "精确熵 H",
    "H ± 3 %": "H ± 3%",
    "fitted E": "拟合的 E",
    "all: a = {a:.2f}": "全部参数：a = {a:.2f}",
    "without embedding: a = {a:.2f}": "不计嵌入层：a = {a:.2f}",
    "without embedding and head: a = {a:.2f}": "不计嵌入层与输出层：a = {a:.2f}",
    "fitted law: a = {a:.2f}": "拟合定律：a = {a:.2f}",
    "fitted law": "拟合定律",
    "parabolas": "抛物线",
    "fitted law: -αβ/(α+β) = {s:.2f}": "拟合定律：-αβ/(α+β) = {s:.2f}",
    "loss seeing {n} tokens": "只看 {n} 个词元时的损失",
}
CONVENTIONS = ("all", "without_embedding", "without_embedding_and_head")
Text = Callable[[str], str]


def draw(view: RunView, text: Text) -> Figure:
    """Valleys, best sizes, loss at the best size; residuals, local slopes, bootstrap of E.

    Args:
        view: A record of `study=transformer`.
        text: Translates a label.
    """
    figure, axes = panels(3, 2, width=13.2, height=7.6)
    law = ScalingLaw.from_logs(view.curves["law"])
    _valleys(axes[0, 0], view, text)
    _sizes(axes[0, 1], view, text, law)
    _excess(axes[0, 2], axes[1, 1], view, text, law)
    _residuals(axes[1, 0], view, text)
    _entropy(axes[1, 2], view, text, law)
    for panel in (axes[0, 1], axes[0, 2], axes[1, 1]):
        panel.xaxis.set_minor_formatter(NullFormatter())  # less than two decades: labels would overlap
    return figure


def _known(view: RunView) -> bool:
    return bool(np.isfinite(view.curves["entropy_nats"]))


def _valleys(axes: Axes, view: RunView, text: Text) -> None:
    curves = view.curves
    budgets, size, loss = curves["training_budget_flop"], curves["training_parameters"], curves["training_loss_nats"]
    low, high = curves["training_loss_low_nats"], curves["training_loss_high_nats"]
    for color, budget, parabola, best in zip(
        COLORS, curves["budgets_flop"], curves["parabolas"], curves["optimal_parameters"], strict=False
    ):
        own = budgets == budget
        label = text("C = {c:.0e} FLOP").format(c=budget)
        _panels.points(axes, size[own], loss[own], low[own], high[own], color, label)
        fine = np.geomspace(size[own].min() / 1.2, size[own].max() * 1.2, 60)
        axes.plot(fine, np.polyval(parabola, np.log(fine)), color=color, linewidth=1.0)
        if size[own].min() / 1.2 <= best <= size[own].max() * 1.2:
            axes.plot(best, np.polyval(parabola, np.log(best)), "D", color=color, markersize=6, markerfacecolor="white")
    axes.plot([], [], "D-", color="0.4", markerfacecolor="white", label=text("parabola, best size"))
    if _known(view):
        axes.axhline(float(curves["entropy_nats"]), **PREDICTION, label=text("exact entropy H"))
        for seen, value in enumerate(curves["ngram_entropy_nats"][:-1]):
            if value <= 1.02 * loss.max():
                label = text("loss seeing {n} tokens").format(n=seen)
                axes.axhline(value, color="0.55", linestyle=":", linewidth=1.1, label=label)
    axes.set(xscale="log", xlabel=text("parameters N"), ylabel=text("loss (nats per token)"))
    bottom, top = axes.get_ylim()
    axes.set_ylim(bottom, top + 0.5 * (top - bottom))
    axes.set_title(text("Each budget has a best size"))
    axes.legend(ncols=2, loc="upper center")


def _sizes(axes: Axes, view: RunView, text: Text, law: ScalingLaw) -> None:
    curves, budgets = view.curves, view.curves["budgets_flop"]
    for color, marker, name in zip(COLORS, "osD", CONVENTIONS, strict=False):
        best, band = curves[f"optimal_{name}"], curves[f"optimal_{name}_band"]
        exponent = view.metrics[f"exponent_{name}"]
        label = text(f"{name.replace('_', ' ')}: a = {{a:.2f}}").format(a=exponent)
        band = np.clip(np.nan_to_num(band, posinf=1e300), best / 30, best * 30)
        _panels.points(axes, budgets, best, band[0], band[1], color, label, marker)
        centre = np.exp(np.log(best).mean() - exponent * np.log(budgets).mean())
        axes.plot(budgets, centre * budgets**exponent, color=color, linewidth=1.0)
    line = law.optimal_parameters(budgets)
    _panels.prediction(axes, budgets, line, text("fitted law: a = {a:.2f}").format(a=law.compute_exponent))
    axes.set(xscale="log", yscale="log", xlabel=text("compute C (FLOP)"), ylabel=text("best size N*"))
    axes.set_title(text("The best size grows as C^{a:.2f}").format(a=view.metrics["exponent_a"]))
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * (high / low) ** 0.35)
    axes.legend(loc="upper left")


def _excess(axes: Axes, below: Axes, view: RunView, text: Text, law: ScalingLaw) -> None:
    """Loss at the best size above the floor, and its local slopes."""
    curves, budgets = view.curves, view.curves["budgets_flop"]
    floor = float(curves["entropy_nats"]) if _known(view) else law.E
    excess = curves["valley_loss_nats"] - floor
    fine = np.geomspace(budgets[0] / 2, budgets[-1] * 2, 50)
    size = law.optimal_parameters(fine)
    fitted = law.loss(size, fine / 6 / size) - floor
    expected = -law.alpha * law.beta / (law.alpha + law.beta)
    good, shown = excess > 0, fitted > 0
    _panels.points(axes, budgets[good], excess[good], None, None, COLORS[0], text("parabolas"))
    _panels.prediction(axes, fine[shown], fitted[shown], text("fitted law"))
    axes.set(xscale="log", yscale="log", xlabel=text("compute C (FLOP)"))
    axes.set_ylabel(text("loss at N* above {floor} (nats)").format(floor="H" if _known(view) else "E"))
    axes.set_title(text("The loss falls towards the entropy" if _known(view) else "The loss falls towards E"))
    axes.legend(loc="upper right")
    if good.sum() > 1:
        _panels.slopes(below, budgets[good], excess[good], COLORS[0], text("parabolas"))
    below.axhline(expected, **PREDICTION, label=text("fitted law: -αβ/(α+β) = {s:.2f}").format(s=expected))
    below.set_ylim(expected - 0.2, expected + 0.2)
    below.set(xlabel=text("compute C (FLOP)"), ylabel=text("slope of log excess against log C"))
    below.set_xscale("log")
    below.set_xlim(axes.get_xlim())
    below.set_title(text("Local slopes"))
    below.legend(loc="best")


def _residuals(axes: Axes, view: RunView, text: Text) -> None:
    curves = view.curves
    low, high = curves["training_loss_low_nats"], curves["training_loss_high_nats"]
    size, loss, fitted = curves["training_parameters"], curves["training_loss_nats"], curves["fitted_loss_nats"]
    for color, budget in zip(COLORS, curves["budgets_flop"], strict=False):
        own = curves["training_budget_flop"] == budget
        label = text("C = {c:.0e} FLOP").format(c=budget)
        _panels.residuals(axes, size[own], loss[own], low[own], high[own], fitted[own], color, label)
    axes.set(xscale="log", xlabel=text("parameters N"), ylabel=text("measured over fitted loss, minus one (%)"))
    axes.set_title(text("The law fits within {r:.1f} % (rms)").format(r=view.metrics["residual_percent"]))
    bottom, top = axes.get_ylim()
    axes.set_ylim(bottom, top + 0.35 * (top - bottom))
    axes.legend(ncols=2, loc="upper center")


def _entropy(axes: Axes, view: RunView, text: Text, law: ScalingLaw) -> None:
    values = np.exp(view.curves["bootstrap"][:, 2])
    if len(values):
        low, high = np.percentile(values, [1, 99])
        axes.hist(values, bins=np.linspace(low - 1e-6, high + 1e-6, 30).tolist(), color=COLORS[0], alpha=0.6)
    axes.axvline(law.E, color=COLORS[0], linewidth=1.8, label=text("fitted E"))
    if _known(view):
        entropy = float(view.curves["entropy_nats"])
        axes.axvline(entropy, **PREDICTION, label=text("exact entropy H"))
        axes.axvspan(0.97 * entropy, 1.03 * entropy, color="0.85", zorder=0, label=text("H ± 3 %"))
    axes.set(xlabel=text("E (nats per token)"), ylabel=text("bootstrap fits"))
    axes.locator_params(axis="x", nbins=5)
    if _known(view):
        title = text("The fitted E is {ratio:.3f} of the entropy").format(
            ratio=law.E / float(view.curves["entropy_nats"])
        )
    else:
        title = text("What the law says is irreducible")
    axes.set_title(title)
    axes.legend(loc="upper left")
