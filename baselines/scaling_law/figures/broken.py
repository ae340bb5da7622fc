"""The figure of a broken power law, drawn from its record alone."""

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView
from baselines.scaling_law.power_laws import local_slopes

Text = Callable[[str], str]

ZH = {
    "One law for both sides of the break": "一条律贯穿拐点两侧",
    "Size x": "规模 x",
    "Loss y": "损失 y",
    "fitted points": "拟合点",
    "held-out points": "留出点",
    "broken law, 95 % bootstrap band": "折断幂律，95% 自助法区间",
    "authors' procedure": "原作者的步骤",
    "power law": "幂律",
    "power law + constant": "幂律 + 常数",
    "Residuals": "残差",
    "Measured / law - 1 (%)": "测量 / 拟合 - 1（%）",
    "Local slopes: steep beyond the break": "局部斜率：过拐点后变陡",
    "d log y / d log x": "d log y / d log x",
    "break d = {d:.4g}": "拐点 d = {d:.4g}",
    "Error on the held-out points": "留出点上的误差",
    "Root mean squared error of log y": "log y 的均方根误差",
    "broken law, objective log(1 + y)": "折断幂律，目标 log(1 + y)",
    "broken law, objective log y": "折断幂律，目标 log y",
    "fitted": "拟合",
    "held out": "留出",
}
LAWS = {
    "broken_log1p": "broken law, objective log(1 + y)",
    "broken_log": "broken law, objective log y",
    "reference": "authors' procedure",
    "power_constant": "power law + constant",
    "power": "power law",
}


def draw(view: RunView, text: Text) -> Figure:
    """Points and laws, residuals with the bootstrap band, local slopes, errors of all laws.

    Args:
        view: A record of `study=broken`.
        text: Translates a label.
    """
    figure, axes = panels(2, 2, width=11.0, height=7.6)
    _laws(axes[0, 0], view, text)
    _residuals(axes[1, 0], view, text)
    _slopes(axes[0, 1], view, text)
    _errors(axes[1, 1], view, text)
    return figure


def _points(axes: Axes, view: RunView, text: Text, values: np.ndarray) -> None:
    curves, split = view.curves, int(view.curves["fitted"])
    axes.plot(curves["x"][:split], values[:split], "o", color="black", label=text("fitted points"), zorder=4)
    label = text("held-out points")
    axes.plot(curves["x"][split:], values[split:], "D", color=COLORS[1], markersize=5, label=label, zorder=4)


def _laws(axes: Axes, view: RunView, text: Text) -> None:
    curves = view.curves
    label = text("broken law, 95 % bootstrap band")
    axes.fill_between(curves["line_x"], curves["line_low"], curves["line_high"], color=COLORS[0], alpha=0.2, lw=0)
    axes.plot(curves["line_x"], curves["line_broken"], color=COLORS[0], label=label)
    if "line_reference" in curves:
        line = PREDICTION | {"linestyle": ":", "linewidth": 1.6}
        axes.plot(curves["line_x"], curves["line_reference"], label=text("authors' procedure"), **line)
    axes.plot(curves["line_x"], curves["line_power"], color=COLORS[2], label=text("power law"))
    line = {"color": COLORS[3], "linestyle": "--"}
    axes.plot(curves["line_x"], curves["line_power_constant"], label=text("power law + constant"), **line)
    _points(axes, view, text, curves["y"])
    axes.set(xscale="log", yscale="log", xlabel=text("Size x"), ylabel=text("Loss y"))
    axes.set_ylim(curves["y"].min() / 1.6, curves["y"].max() * 1.5)
    axes.set_title(text("One law for both sides of the break"))
    _plain(axes, curves["x"])
    axes.legend(loc="lower left")


def _residuals(axes: Axes, view: RunView, text: Text) -> None:
    curves = view.curves
    low, high = (100 * (curves[f"at_{end}"] / curves["at_broken"] - 1) for end in ("low", "high"))
    axes.fill_between(curves["x"], low, high, color=COLORS[0], alpha=0.2, lw=0)
    axes.plot([], [], color=COLORS[0], linewidth=6, alpha=0.3, label=text("broken law, 95 % bootstrap band"))
    _points(axes, view, text, 100 * (curves["y"] / curves["at_broken"] - 1))
    axes.axhline(0, **PREDICTION)
    axes.set(xscale="log", xlabel=text("Size x"), ylabel=text("Measured / law - 1 (%)"))
    axes.set_ylim(-12, 12)
    axes.set_title(text("Residuals"))
    _plain(axes, curves["x"])
    axes.legend(loc="upper left")


def _slopes(axes: Axes, view: RunView, text: Text) -> None:
    curves, split = view.curves, int(view.curves["fitted"])
    middle, slope = local_slopes(curves["x"], curves["y"])
    shown = middle <= curves["x"][split - 1]
    line, of_law = local_slopes(curves["line_x"], curves["line_broken"])
    axes.plot(line, of_law, color=COLORS[0], label=text("broken law, objective log(1 + y)" if
              view.config["study"]["objective"] == "log1p" else "broken law, objective log y"))  # fmt: skip
    for name, color, style in (("power", COLORS[2], "-"), ("power_constant", COLORS[3], "--")):
        _, of_power = local_slopes(curves["line_x"], curves[f"line_{name}"])
        axes.plot(line, of_power, color=color, linestyle=style, label=text(LAWS[name]))
    axes.plot(middle[shown], slope[shown], "o", color="black", label=text("fitted points"))
    axes.plot(middle[~shown], slope[~shown], "D", color=COLORS[1], label=text("held-out points"))
    if "d1" in view.metrics:
        d = view.metrics["d1"]
        axes.axvline(d, color="0.5", linewidth=0.8, linestyle=":", label=text("break d = {d:.4g}").format(d=d))
    axes.set(xscale="log", xlabel=text("Size x"), ylabel=text("d log y / d log x"))
    axes.set_title(text("Local slopes: steep beyond the break"))
    _plain(axes, curves["x"])
    axes.legend(loc="lower left")


def _errors(axes: Axes, view: RunView, text: Text) -> None:
    metrics = view.metrics
    shown = [name for name in LAWS if f"rmsle_heldout_{name}" in metrics]
    for position, name in enumerate(reversed(shown)):
        main = name == f"broken_{view.config['study']['objective']}"
        value = metrics[f"rmsle_heldout_{name}"]
        if main:
            ends = [metrics["rmsle_heldout_low"], metrics["rmsle_heldout_high"]]
            axes.plot(ends, [position, position], color=COLORS[1], linewidth=1.2)
        first = position == 0
        axes.plot(value, position, "D", color=COLORS[1], label=text("held out") if first else None)
        label = text("fitted") if first else None
        axes.plot(metrics[f"rmsle_train_{name}"], position, "o", color="black", label=label)
        axes.annotate(f"{value:.4f}", (value, position), xytext=(0, 6), textcoords="offset points", ha="center",
                      color=COLORS[1], fontsize=8)  # fmt: skip
    axes.set_yticks(range(len(shown)), labels=[_lines(text(LAWS[name])) for name in reversed(shown)])
    axes.set(xscale="log", xlabel=text("Root mean squared error of log y"), ylim=(-0.5, len(shown) - 0.3))
    axes.set_title(text("Error on the held-out points"))
    axes.legend(loc="lower left")


def _lines(label: str) -> str:
    """Break a long label after its comma."""
    return label.replace(", ", ",\n").replace("，", "，\n")


def _plain(axes: Axes, sizes: np.ndarray) -> None:
    """Ticks at a few of the sizes."""
    wanted = np.geomspace(sizes[0], sizes[-1], 5)
    shown = sorted({float(sizes[np.abs(np.log(sizes / value)).argmin()]) for value in wanted})
    axes.set_xticks(shown, labels=[f"{value:.4g}" for value in shown])
    axes.minorticks_off()
    if axes.get_yscale() == "log":
        low, high = axes.get_ylim()
        marks = [mark * 10.0**power for power in range(-9, 9) for mark in (1, 2, 5)]
        marks = [mark for mark in marks if low <= mark <= high]
        if len(marks) < 9:
            axes.set_yticks(marks, labels=[f"{mark:g}" for mark in marks])
