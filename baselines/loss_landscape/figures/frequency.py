"""The figure of the frequency principle, drawn from its record alone."""

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView

ZH = {
    "step": "步数",
    "iteration": "迭代次数",
    "relative error at frequency k": "频率 k 的相对误差",
    "The network learns low frequencies first": "神经网络先学会低频",
    "Jacobi's iteration solves for high frequencies first": "Jacobi 迭代先消去高频误差",
    "frequency k": "频率 k",
    "steps until the error is below the level": "误差降到阈值以下的步数",
    "Opposite orders": "次序相反",
    "network (Adam)": "神经网络（Adam）",
    "Jacobi's iteration": "Jacobi 迭代",
    "tangent kernel: 1/rate, scaled": "切线核：1/速率（按比例）",
    "predicted: factors cos(kπ/(n+1))": "预测：因子 cos(kπ/(n+1))",
    "dashed: |cos(kπ/(n+1))|^t": "虚线：|cos(kπ/(n+1))|^t",
}


def draw(view: RunView, text: Callable[[str], str]) -> Figure:
    """Errors of each frequency for the network and for Jacobi's iteration, and when each is learned.

    Args:
        view: A record of `probe=frequency`.
        text: Translates a label.
    """
    figure, (left, middle, right) = panels(3, width=13.5, height=4.0)
    _errors(left, view, text, "network")
    _errors(middle, view, text, "jacobi")
    _orders(right, view, text)
    return figure


def _errors(axis: Axes, view: RunView, text: Callable[[str], str], method: str) -> None:
    errors = view.curves[f"{method}.relative_error"]
    rows = _spread(len(errors))
    points = view.config["probe"]["points"]
    for k in range(1, errors.shape[1] + 1):
        color = COLORS[(k - 1) % len(COLORS)]
        axis.plot(rows + 1, errors[rows, k - 1], "o", color=color, markersize=2, markeredgewidth=0, rasterized=True)
        axis.plot([], [], "o", color=color, label=f"k = {k}")
        if method == "jacobi":
            factor = abs(np.cos(k * np.pi / (points + 1)))
            axis.plot(rows + 1, factor ** rows.astype(float), **PREDICTION | {"color": color, "linewidth": 0.9})
    axis.axhline(view.config["probe"]["level"], color="0.5", linewidth=1.0)
    if method == "jacobi":
        axis.plot([], [], **PREDICTION, label=text("dashed: |cos(kπ/(n+1))|^t"))
    axis.set(xscale="log", yscale="log", ylim=(1e-3, 3))
    axis.set_xlabel(text("step" if method == "network" else "iteration"))
    axis.set_ylabel(text("relative error at frequency k"))
    titles = {
        "network": "The network learns low frequencies first",
        "jacobi": "Jacobi's iteration solves for high frequencies first",
    }
    axis.set_title(text(titles[method]))
    axis.legend(loc="lower left")


def _spread(count: int) -> np.ndarray:
    """Row numbers spread evenly on a logarithmic axis: a thousand points on top of each other show nothing."""
    return np.unique(np.geomspace(1, count, 160).round().astype(int)) - 1


def _orders(axis: Axes, view: RunView, text: Callable[[str], str]) -> None:
    curves = view.curves
    learned, rates = curves["network.steps_to_level"], curves["network.tangent_rate"]
    k = np.arange(1, len(learned) + 1)
    found = np.isfinite(learned) & (learned > 0)
    if found.any():
        axis.plot(k[found], learned[found], "o", color=COLORS[0], label=text("network (Adam)"))
        scale = np.exp(np.mean(np.log(learned[found] * rates[found])))
        label = text("tangent kernel: 1/rate, scaled")
        axis.plot(k, scale / rates, **PREDICTION | {"color": COLORS[0]}, label=label)
    axis.plot(k, curves["jacobi.steps_to_level"], "s", color=COLORS[1], label=text("Jacobi's iteration"))
    label = text("predicted: factors cos(kπ/(n+1))")
    axis.plot(k, curves["jacobi.predicted_steps"], **PREDICTION | {"color": COLORS[1]}, label=label)
    axis.set_yscale("log")
    low, high = axis.get_ylim()
    axis.set_ylim(low, high * (high / low) ** 0.45)
    axis.set_xticks(k)
    axis.set_xlabel(text("frequency k"))
    axis.set_ylabel(text("steps until the error is below the level"))
    axis.set_title(text("Opposite orders"))
    axis.legend(loc="upper center")
