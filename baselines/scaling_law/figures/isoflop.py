"""The figure of the IsoFLOP analysis, drawn from its record alone."""

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView
from baselines.scaling_law import published_laws as published
from baselines.scaling_law.figures import _panels
from baselines.scaling_law.parametric_fit import ScalingLaw
from baselines.scaling_law.power_laws import local_slopes

Text = Callable[[str], str]
Curves = dict[str, np.ndarray]

METHODS = {"parabola": ("parabola", "o"), "akima": ("Akima", "s"), "surface": ("surface", "^")}
COUNTS = {
    "all": "all parameters",
    "without_embedding": "without the embedding",
    "without_embedding_and_head": "without embedding and head",
}

ZH = {
    "Each budget has a best number of tokens": "每个计算预算都有最佳词元数",
    "What the fits leave over": "拟合残差",
    "Where the methods lead: D* ~ C^d, extrapolated": "各方法外推的结果：D* ~ C^d",
    "Slope from budget to budget": "相邻预算间的斜率",
    "A parabola is biased on a wide grid (simulated)": "网格越宽，抛物线偏差越大（模拟）",
    "What is counted decides the exponent": "参数计法决定指数",
    "Training tokens D": "训练词元数 D",
    "Loss": "损失",
    "Training compute (FLOP)": "训练计算量（FLOP）",
    "Loss minus fitted loss (%)": "损失与拟合损失之差（%）",
    "Best tokens per parameter D*/N*": "最佳每参数词元数 D*/N*",
    "Local slope of log D* in log C": "log D* 对 log C 的局部斜率",
    "Half width of the grid (decades of D)": "网格半宽（D 的十倍数）",
    "Shift of D* by the parabola (%)": "抛物线使 D* 偏移（%）",
    "Best number of parameters N*": "最佳参数量 N*",
    "parabola": "抛物线",
    "Akima": "Akima 插值",
    "surface": "损失曲面",
    "minimum": "最小值",
    "{name}: exponent {value:.3f}": "{name}：指数 {value:.3f}",
    "parabola, 95 % band": "抛物线，95% 区间",
    "Llama 3: 16.55 T tokens, 402 B": "Llama 3：16.55 T 词元，402 B 参数",
    "simulated, 95 % bootstrap": "模拟，95% 自助法",
    "without noise": "无噪声",
    "leading order": "首阶近似",
    "all parameters": "全部参数",
    "without the embedding": "不含嵌入层",
    "without embedding and head": "不含嵌入层与输出层",
    "{name}: {value:.2f} (printed {printed:.2f})": "{name}：{value:.2f}（原文 {printed:.2f}）",
    "Exponents of the bootstrap": "自助法得到的指数",
    "Exponent d of D* ~ C^d": "D* ~ C^d 的指数 d",
    "Bootstrap tables": "自助法数据表数",
}


def draw(view: RunView, text: Text) -> Figure:
    """Groups of runs, residuals, the optimum; local slopes, the bias, parameter counts or the bootstrap.

    Args:
        view: A record of `study=isoflop`.
        text: Translates a label.
    """
    figure, axes = panels(3, 2, width=14.8, height=8.0)
    _groups(axes[0, 0], view.curves, text)
    _residuals(axes[0, 1], view.curves, text)
    _optimum(axes[0, 2], view, text)
    _slopes(axes[1, 0], view.curves, text)
    _bias(axes[1, 1], view.curves, text)
    if any(f"nanochat_{name}_compute" in view.curves for name in COUNTS):
        _counts(axes[1, 2], view, text)
    else:
        _exponents(axes[1, 2], view.curves, text)
    return figure


def _colors(budgets: np.ndarray) -> list[tuple[float, float, float, float]]:
    """One colour a budget, dark for small ones."""
    import matplotlib

    scale = LogNorm(budgets[0], budgets[-1] * 2)
    return [matplotlib.colormaps["viridis"](scale(budget)) for budget in budgets]


def _parabolas(curves: Curves) -> list[np.ndarray]:
    """Coefficients of each budget's parabola in log D, highest power first."""
    found = []
    for number in range(len(curves["budgets"])):
        rows = curves["budget_number"] == number
        found.append(np.polyfit(np.log(curves["tokens"][rows]), curves["loss"][rows], 2))
    return found


def _groups(axes: Axes, curves: Curves, text: Text) -> None:
    """Loss against tokens at each budget, with the parabolas and their minima."""
    budgets, vertices = curves["budgets"], curves["parabola_log_tokens"]
    for number, (color, fit) in enumerate(zip(_colors(budgets), _parabolas(curves), strict=True)):
        rows = curves["budget_number"] == number
        x = np.log(curves["tokens"][rows])
        line = np.linspace(x.min(), x.max(), 60)
        label = f"{budgets[number]:.0e}" if number in (0, len(budgets) // 2, len(budgets) - 1) else None
        axes.plot(np.exp(x), curves["loss"][rows], "o", color=color, markersize=3.2, label=label and f"C = {label}")
        axes.plot(np.exp(line), np.polyval(fit, line), color=color, linewidth=1.0)
        if np.isfinite(vertices[number]):
            axes.plot(np.exp(vertices[number]), np.polyval(fit, vertices[number]), "k*", markersize=7, zorder=4)
    axes.plot([], [], "k*", markersize=7, label=text("minimum"))
    axes.set(xscale="log", xlabel=text("Training tokens D"), ylabel=text("Loss"))
    axes.set_title(text("Each budget has a best number of tokens"))
    axes.legend(loc="upper right")


def _residuals(axes: Axes, curves: Curves, text: Text) -> None:
    """Relative residuals of the parabolas and of the one surface."""
    tokens, loss, number = curves["tokens"], curves["loss"], curves["budget_number"]
    size = curves["budgets"][number] / 6 / tokens
    fits = np.array(_parabolas(curves))[number]  # [n, 3]
    parabola = (fits * np.log(tokens)[:, None] ** np.array([2, 1, 0])).sum(1)
    surface = ScalingLaw(*(float(value) for value in curves["surface"])).loss(size, tokens)
    for (name, fitted), color in zip(
        (("surface", surface), ("parabola", parabola)), (COLORS[2], COLORS[0]), strict=True
    ):
        axes.plot(tokens, 100 * (loss / fitted - 1), METHODS[name][1], color=color, markersize=3.4, label=text(name))
    axes.axhline(0, **PREDICTION)
    axes.set(xscale="log", xlabel=text("Training tokens D"), ylabel=text("Loss minus fitted loss (%)"))
    axes.set_title(text("What the fits leave over"))
    axes.legend()


def _optimum(axes: Axes, view: RunView, text: Text) -> None:
    """Best tokens per parameter by the three methods, their power laws up to the target, the band of the parabola.

    D* itself spans five decades, in which the methods could not be told apart.
    """
    curves = view.curves
    budgets, target = curves["budgets"], float(curves["target"])
    line = np.geomspace(budgets[0], max(target, budgets[-1]), 60)
    draws = curves["parabola_bootstrap"]
    draws = draws[np.isfinite(draws[:, 0])]
    if len(draws):
        band = _ratio(draws[:, 1:] + draws[:, :1] * np.log(line), line)  # [k, 60]
        low, high = np.percentile(band, [2.5, 97.5], axis=0)
        axes.fill_between(line, low, high, color=COLORS[0], alpha=0.18, linewidth=0, label=text("parabola, 95 % band"))
    ends = _ratio(curves["parabola_log_tokens_ends"], budgets)
    for (name, (label, marker)), color in zip(METHODS.items(), COLORS, strict=False):
        exponent, intercept = curves[f"{name}_line"]
        shown = text("{name}: exponent {value:.3f}").format(name=text(label), value=exponent)
        axes.plot(line, _ratio(intercept + exponent * np.log(line), line), **PREDICTION | {"color": color})
        low_end, high_end = (ends[0], ends[1]) if name == "parabola" else (None, None)
        found = _ratio(curves[f"{name}_log_tokens"], budgets)
        _panels.points(axes, budgets, found, low_end, high_end, color, shown, marker)
    if any(claim.id == "isoflop.allocation" for claim in view.claims):
        point = (published.LLAMA3_COMPUTE, published.LLAMA3_TOKENS / published.LLAMA3_PARAMETERS)
        axes.plot(*point, "*", color=COLORS[4], markersize=12, label=text("Llama 3: 16.55 T tokens, 402 B"), zorder=4)
    axes.set(xscale="log", yscale="log", xlabel=text("Training compute (FLOP)"))
    axes.set_ylabel(text("Best tokens per parameter D*/N*"))
    bottom, top = axes.get_ylim()
    axes.set_ylim(bottom, top * (top / bottom) ** 0.4)  # room for the legend
    axes.set_title(text("Where the methods lead: D* ~ C^d, extrapolated"))
    axes.legend(loc="upper left")


def _ratio(log_tokens: np.ndarray, compute: np.ndarray) -> np.ndarray:
    """Tokens per parameter, `6 D^2 / C`."""
    return np.asarray(6 * np.exp(2 * log_tokens) / compute)


def _slopes(axes: Axes, curves: Curves, text: Text) -> None:
    """Slopes over three neighbouring budgets, with the exponent of the whole range."""
    for (name, (label, marker)), color in zip(METHODS.items(), COLORS, strict=False):
        exponent = float(curves[f"{name}_line"][0])
        known = np.isfinite(curves[f"{name}_log_tokens"])
        if name != "surface" and known.sum() > 3:
            budgets, best = curves["budgets"][known], np.exp(curves[f"{name}_log_tokens"][known])
            middle, slopes = local_slopes(budgets, best, window=3)
            axes.plot(middle, slopes, f"{marker}-", color=color, markersize=4, linewidth=0.9)
        shown = text("{name}: exponent {value:.3f}").format(name=text(label), value=exponent)
        axes.axhline(exponent, **PREDICTION | {"color": color}, label=shown)
    axes.set(xscale="log", xlabel=text("Training compute (FLOP)"), ylabel=text("Local slope of log D* in log C"))
    bottom, top = axes.get_ylim()
    axes.set_ylim(bottom, top + 0.35 * (top - bottom))  # room for the legend
    axes.set_title(text("Slope from budget to budget"))
    axes.legend(loc="upper left")


def _bias(axes: Axes, curves: Curves, text: Text) -> None:
    """Shift of the vertex against the width of the grid: noisy points, the noise-free value, the leading order."""
    widths = curves["bias_half_widths"] / np.log(10)
    draws = curves["bias_noisy"]
    draws = draws[np.isfinite(draws).all(1)]
    share = np.random.default_rng(0).multinomial(len(draws), np.full(len(draws), 1 / len(draws)), 1000) / len(draws)
    low, high = np.percentile(share @ draws, [2.5, 97.5], axis=0)
    mean, low, high = (100 * np.expm1(value) for value in (draws.mean(0), low, high))
    _panels.prediction(axes, widths, 100 * np.expm1(curves["bias_predicted"]), text("leading order"))
    axes.plot(widths, 100 * np.expm1(curves["bias_noise_free"]), color=COLORS[2], label=text("without noise"))
    _panels.points(axes, widths, mean, low, high, COLORS[0], text("simulated, 95 % bootstrap"))
    axes.set(xlabel=text("Half width of the grid (decades of D)"), ylabel=text("Shift of D* by the parabola (%)"))
    axes.set_title(text("A parabola is biased on a wide grid (simulated)"))
    axes.legend()


def _counts(axes: Axes, view: RunView, text: Text) -> None:
    """Optimal sizes of nanochat under each count, with their power laws."""
    for (name, label), color in zip(COUNTS.items(), COLORS, strict=False):
        if f"nanochat_{name}_compute" not in view.curves:
            continue
        compute, size = view.curves[f"nanochat_{name}_compute"], view.curves[f"nanochat_{name}_parameters"]
        exponent = view.metrics[f"nanochat_size_{name}"]
        printed = published.NANOCHAT_EXPONENTS[name].parameters
        shown = text("{name}: {value:.2f} (printed {printed:.2f})").format(
            name=text(label), value=exponent, printed=printed
        )
        line = np.exp(np.mean(np.log(size)) + exponent * (np.log(compute) - np.mean(np.log(compute))))
        axes.plot(compute, size, "o", color=color, label=shown)
        axes.plot(compute, line, **PREDICTION | {"color": color})
    axes.set(xscale="log", yscale="log", xlabel=text("Training compute (FLOP)"))
    axes.set_ylabel(text("Best number of parameters N*"))
    bottom, top = axes.get_ylim()
    axes.set_ylim(bottom, top * (top / bottom) ** 0.4)  # room for the legend
    axes.set_title(text("What is counted decides the exponent"))
    axes.legend(loc="upper left")


def _exponents(axes: Axes, curves: Curves, text: Text) -> None:
    """Bootstrap distributions of the exponent, for a table of one's own."""
    values = {name: curves[f"{name}_bootstrap"][:, 0] for name in METHODS}
    known = {name: found[np.isfinite(found)] for name, found in values.items()}
    bins = list(np.histogram_bin_edges(np.concatenate(list(known.values())), 40))
    for (name, (label, _)), color in zip(METHODS.items(), COLORS, strict=False):
        axes.hist(known[name], bins=bins, color=color, alpha=0.6, label=text(label))
    axes.set(xlabel=text("Exponent d of D* ~ C^d"), ylabel=text("Bootstrap tables"))
    axes.set_title(text("Exponents of the bootstrap"))
    axes.legend()
