"""Panel of the recovered parameters: along training, their interval, the classical estimate, the truth."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from baselines.common.plotting import COLORS, PREDICTION
from baselines.common.record import RunView
from baselines.pinn_pde.figures.words import Text, math, problem

Z90 = 1.6448536269514722  # half width of a normal 90 % interval in standard deviations
ZH = {
    "Recovered parameters": "恢复的参数",
    "iteration": "迭代次数",
    "estimate": "估计值",
    "90 % interval": "90 % 区间",
    "truth": "真值",
    "classical": "经典解法",
}


def of(view: RunView) -> dict[str, float]:
    """The unknowns that the run recovered, with their true values."""
    return {unknown.name: unknown.true for unknown in problem(view).unknowns() if unknown.name in view.metrics}


def draw(axis: Axes, view: RunView, found: dict[str, float], text: Text) -> None:
    """One strip for each parameter.

    Args:
        axis: its place is taken by the strips.
        view: the record.
        found: names and true values.
        text: translates a label.
    """
    place = axis.get_subplotspec()
    assert place is not None
    figure = axis.figure
    axis.remove()
    strips = place.subgridspec(len(found), 1, hspace=0.05)
    for number, (name, true) in enumerate(found.items()):
        strip = figure.add_subplot(strips[number])
        _strip(strip, view, name, true, text)
        if number == 0:
            strip.set_title(text("Recovered parameters"))
        strip.tick_params(labelbottom=False)
        if number == len(found) - 1:
            if f"history.{name}" in view.curves and len(view.curves[f"history.{name}"]) > 1:
                strip.tick_params(labelbottom=True)
                strip.set_xlabel(text("iteration"))
            low, high = strip.get_ylim()
            strip.set_ylim(low, high + 0.2 * (len(found) + 1) * (high - low))  # room for the legend
            strip.legend(loc="upper right", ncols=4, columnspacing=0.9, handlelength=1.4, fontsize=7.5)


def _strip(axis: Axes, view: RunView, name: str, true: float, text: Text) -> None:
    m, value = view.metrics, view.metrics[name]
    iteration = view.curves.get("history.iteration", np.zeros(1))
    values = view.curves.get(f"history.{name}", np.array([value]))
    bar = m.get(f"{name}_standard_error")
    if bar:
        axis.axhspan(
            value - Z90 * bar, value + Z90 * bar, color=COLORS[0], alpha=0.2, lw=0, label=text("90 % interval")
        )
    axis.axhline(true, label=text("truth"), **PREDICTION)
    classical = m.get(f"{name}_classical", m.get("least_squares") if name == "a" else None)
    if classical is not None:
        axis.axhline(classical, color=COLORS[1], lw=1.2, label=text("classical"))
    axis.plot(iteration[: len(values)], values, ".-", lw=0.8, color=COLORS[0], label=text("estimate"))
    axis.set_ylabel(math(name))
    late = values[-max(1, len(values) // 3) :]  # far starting values may leave the strip
    near = np.abs(np.array([*late, value, true if classical is None else classical]) - true)
    half = 1.25 * max(float(near.max()), 2.0 * Z90 * (bar or 0.0), 1e-9 * abs(true))
    axis.set_ylim(true - half, true + half)
