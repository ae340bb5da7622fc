"""The figure of the kernel study: every system above, its deviation from the prediction below."""

from collections.abc import Callable

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView
from baselines.scaling_law.figures._panels import points, prediction, residuals, slopes, ticks

ZH = {
    "Tangent kernel of a network on digits": "神经网络的切线核（手写数字）",
    "Random ReLU features, {n} digits": "随机 ReLU 特征（{n} 个手写数字）",
    "Sphere, d = {d}: degree after degree emerges": "球面，d = {d}：各次数依次涌现",
    "Wider networks are more linear": "网络越宽越接近线性",
    "Digits learned from n": "训练所用数字图像数 n",
    "Number of features p": "特征数 p",
    "Training points n": "训练点数 n",
    "Units of a hidden layer": "隐藏层宽度",
    "Test error": "测试误差",
    "Relative difference of the functions": "函数的相对差",
    "Measured minus predicted (%)": "测量值与预测值之差（%）",
    "Local slope": "局部斜率",
    "ridge {ridge:g}": "岭参数 {ridge:g}",
    "predicted datum by datum": "逐样本预测",
    "from the spectrum alone": "仅由谱预测",
    "as if the pool were infinite": "视样本池为无穷大",
    "p = n": "p = n",
    "degree {k} ({modes:.0f} modes)": "次数 {k}（{modes:.0f} 个模式）",
    "whole target": "整个目标函数",
    "theory": "理论",
    "within 5 %": "5% 以内",
    "bound: slope -1/2": "上界：斜率 -1/2",
    "smooth networks: slope -1": "光滑网络：斜率 -1",
    "What each theory leaves": "各理论的剩余偏差",
    "What the theory leaves": "理论的剩余偏差",
    "Slope from width to width": "相邻宽度间的斜率",
    "network from its linearisation": "网络与其线性化之差",
}
Text = Callable[[str], str]


def draw(view: RunView, text: Text) -> Figure:
    """Two rows: what was measured with the theory as lines, and the deviations.

    Args:
        view: A record of `study=kernel`.
        text: Translates a label.
    """
    systems = [name for name in ("ntk", "random_features", "sphere", "linearisation") if _has(view, name)]
    figure, axes = panels(len(systems), 2, width=4.3 * len(systems), height=7.4)
    for column, name in enumerate(systems):
        upper, lower = axes[0, column], axes[1, column]
        if name == "sphere":
            _sphere(upper, lower, view, text)
        elif name == "linearisation":
            _linear(upper, lower, view, text)
        else:
            _pool(upper, lower, view, text, name)
    return figure


def _has(view: RunView, name: str) -> bool:
    return any(curve.startswith(f"{name}.") for curve in view.curves)


def _pool(upper: Axes, lower: Axes, view: RunView, text: Text, name: str) -> None:
    """Error curves of each ridge, and the deviations from three predictions at the smallest ridge."""
    curves, study = view.curves, view.config["study"]
    x = curves[f"{name}.samples" if name == "ntk" else f"{name}.features"]
    mean, low, high = (curves[f"{name}.test_error{end}"] for end in ("", "_low", "_high"))
    predicted = curves[f"{name}.predicted"]
    lower.axhspan(-5, 5, color="0.92", zorder=0, label=text("within 5 %"))
    for i, ridge in enumerate(curves["ridges"]):
        color, label = COLORS[i % len(COLORS)], text("ridge {ridge:g}").format(ridge=ridge)
        points(upper, x, mean[i], low[i], high[i], color, label)
        prediction(upper, x, predicted[i], color=color)
        residuals(lower, x, mean[i], low[i], high[i], predicted[i], color)
        deviation = 100 * (mean[i] / curves[f"{name}.predicted_spectrum"][i] - 1)
        lower.plot(x, deviation, color=color, linewidth=0.9, linestyle=":")
    upper.plot([], [], label=text("predicted datum by datum"), **PREDICTION)
    deviation = 100 * (mean[0] / curves[f"{name}.predicted_infinite"][0] - 1)
    lower.plot(x, deviation, color="0.55", linewidth=1.1, label=text("as if the pool were infinite"))
    lower.plot([], [], "o", color="0.3", label=text("predicted datum by datum"))
    lower.plot([], [], color="0.3", linewidth=0.9, linestyle=":", label=text("from the spectrum alone"))
    if name == "ntk":
        title, label = text("Tangent kernel of a network on digits"), text("Digits learned from n")
    else:
        n = study["features_samples"]
        title, label = text("Random ReLU features, {n} digits").format(n=n), text("Number of features p")
        upper.axvline(n, color="0.6", linewidth=0.8, linestyle=":", label=text("p = n"))
    upper.set(xscale="log", yscale="log", xlabel=label, ylabel=text("Test error"), title=title)
    lower.set(xscale="log", xlabel=label, ylabel=text("Measured minus predicted (%)"))
    lower.set_title(text("What each theory leaves"))
    lower.set_ylim(-10, 75)
    for axes in (upper, lower):
        ticks(axes, x)
    _room(upper, 0.55)
    upper.legend(loc="upper right", ncols=2 if name == "random_features" else 1)
    lower.legend(loc="upper left")


def _sphere(upper: Axes, lower: Axes, view: RunView, text: Text) -> None:
    """The error of each degree over its variance, and that of the whole target."""
    curves, study = view.curves, view.config["study"]
    x, line = curves["sphere.samples"], curves["sphere.line_samples"]
    lower.axhspan(-5, 5, color="0.92", zorder=0, label=text("within 5 %"))
    for k in range(len(study["powers"])):
        mean, low, high = (curves[f"sphere.error_by_degree{end}"][k] for end in ("", "_low", "_high"))
        modes = view.metrics[f"sphere_modes_{k + 1}"]
        label = text("degree {k} ({modes:.0f} modes)").format(k=k + 1, modes=modes)
        points(upper, x, mean, low, high, COLORS[k], label)
        prediction(upper, line, curves["sphere.line"][k], color=COLORS[k])
        upper.axvline(modes, color=COLORS[k], linewidth=0.7, linestyle=":")
    total, low, high = (curves[f"sphere.error_total{end}"] for end in ("", "_low", "_high"))
    points(upper, x, total, low, high, "0.15", text("whole target"), marker="s")
    prediction(upper, line, curves["sphere.line_total"], text("theory"))
    residuals(lower, x, total, low, high, curves["sphere.predicted_total"], "0.15", text("whole target"), marker="s")
    upper.set(xscale="log", xlabel=text("Training points n"), ylabel=text("Test error"))
    upper.set_ylim(0, 1.95)
    upper.set_title(text("Sphere, d = {d}: degree after degree emerges").format(d=study["dimension"]))
    lower.set(xscale="log", xlabel=text("Training points n"), ylabel=text("Measured minus predicted (%)"))
    lower.set_title(text("What the theory leaves"))
    lower.set_ylim(-9, 9)
    for axes in (upper, lower):
        ticks(axes, x)
    lower.legend(loc="upper left")
    upper.legend(loc="upper right", ncols=2, columnspacing=0.8, handletextpad=0.4, handlelength=1.5)


def _linear(upper: Axes, lower: Axes, view: RunView, text: Text) -> None:
    """How far trained networks are from their linearisation, and the local slopes."""
    curves = view.curves
    widths = curves["linearisation.widths"]
    mean, low, high = (curves[f"linearisation.difference{end}"] for end in ("", "_low", "_high"))
    points(upper, widths, mean, low, high, COLORS[0], text("network from its linearisation"))
    for power, label, style in ((0.5, "bound: slope -1/2", "--"), (1.0, "smooth networks: slope -1", ":")):
        line = mean[0] * (widths / widths[0]) ** -power
        upper.plot(widths, line, **PREDICTION | {"linestyle": style}, label=text(label))
    slopes(lower, widths, mean, COLORS[0])
    for power, style in ((0.5, "--"), (1.0, ":")):
        lower.axhline(-power, **PREDICTION | {"linestyle": style})
    upper.set(xscale="log", yscale="log", xlabel=text("Units of a hidden layer"))
    upper.set_ylabel(text("Relative difference of the functions"))
    upper.set_title(text("Wider networks are more linear"))
    lower.set(xlabel=text("Units of a hidden layer"), ylabel=text("Local slope"), ylim=(-1.2, 0))
    lower.set_title(text("Slope from width to width"))
    for axes in (upper, lower):
        ticks(axes, widths)
        axes.set_xlim(widths[0] / 1.15, widths[-1] * 1.15)
    upper.legend(loc="lower left")


def _room(axes: Axes, share: float) -> None:
    """Room above the curves for the legend."""
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * (high / low) ** share if axes.get_yscale() == "log" else high + share * (high - low))
