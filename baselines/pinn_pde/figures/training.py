"""Panels of the training: loss terms with the alarm, and the error against time."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from baselines.common.plotting import COLORS, PREDICTION
from baselines.common.record import RunView
from baselines.pinn_pde.figures.words import Text

ALARM = 4.0  # ratio of mean squares, fresh points to training points: twice the root mean square
TERMS = {
    "equation": "equation",
    "boundary": "boundary values",
    "initial": "initial values",
    "velocity": "initial velocity",
    "periodic": "periodicity",
    "holes": "values on the holes",
    "square": "values on the square",
    "u": "prescribed u",
    "v": "prescribed v",
    "pressure": "pressure at a point",
    "gauge": "pressure at a point",
    "bend": "smoothness of a",
    "observations": "observations",
    "energy": "energy",
    "loss": "loss",
}
ZH = {
    "equation": "方程",
    "equation, fresh points": "方程（新取的点）",
    "alarm: they part": "警报：二者分离",
    "boundary values": "边界值",
    "initial values": "初始值",
    "initial velocity": "初始速度",
    "periodicity": "周期性",
    "values on the holes": "孔边界值",
    "values on the square": "方形边界值",
    "prescribed u": "给定的 u",
    "prescribed v": "给定的 v",
    "pressure at a point": "一点的压力",
    "smoothness of a": "a 的光滑性",
    "observations": "观测值",
    "energy": "能量",
    "loss": "损失",
    "Loss terms": "损失项",
    "iteration": "迭代次数",
    "mean square (weighted)": "均方值（加权）",
    "L-BFGS from here": "此后为 L-BFGS",
    "noise variance": "噪声方差",
    "Error against time": "误差随时间的变化",
    "training time / s": "训练时间 / 秒",
    "relative L2 error": "相对 L2 误差",
    "during training": "训练中",
    "returned solution": "返回的解",
    "floor of the reference": "参考解下限",
}


def rows(view: RunView) -> int:
    """Number of rows in the history."""
    return len(view.curves.get("history.iteration", ()))


def losses(axis: Axes, view: RunView, text: Text) -> None:
    """Loss terms and the residual on fresh points; shaded where that is more than twice the trained one."""
    axis.set(title=text("Loss terms"), xlabel=text("iteration"), ylabel=text("mean square (weighted)"))
    if not rows(view):
        return
    iteration, found = view.curves["history.iteration"], terms(view)
    if min(float(values.min()) for values in found.values()) < 0:  # an energy: no logarithm
        for number, (name, values) in enumerate(found.items()):
            axis.plot(iteration, values, color=COLORS[number % len(COLORS)], label=text(TERMS.get(name, name)))
        axis.legend(loc="upper right")
        return
    for number, (name, values) in enumerate(found.items()):
        label = text(TERMS[name]) if name in TERMS else name
        axis.semilogy(iteration, _visible(values), color=COLORS[number % len(COLORS)], label=label)
    fresh = heldout(view)
    if fresh is not None:
        axis.semilogy(iteration, fresh, color="black", ls=":", lw=1.6, label=text("equation, fresh points"))
        trained = found.get("equation")
        if trained is not None and view.config["method"].get("weighting", "none") == "none":
            _alarm(axis, iteration, trained, fresh, text)
    noise = view.config["problem"].get("noise", 0.0)
    sigma = view.metrics.get("noise_sigma", 0.0)
    weighted = view.choices["problem"] in ("poisson_field", "heat_field")  # there the misfit carries a weight
    if noise and sigma and not weighted:
        axis.axhline(sigma**2, label=text("noise variance"), **PREDICTION)
    switch = view.config["method"].get("adam_iterations", 0)
    if 0 < switch < iteration[-1]:
        axis.axvline(switch, color="0.5", lw=1, ls="-.", label=text("L-BFGS from here"))
    low, high = axis.get_ylim()
    decades = min(float(np.log10(high) - np.log10(low)), 40.0)  # a loss of zero in floating point spans hundreds
    room = 0.045 * decades * (1 + len(axis.get_legend_handles_labels()[0]))  # for the legend
    axis.set_ylim(max(low, high * 10.0**-decades), high * 10.0**room)
    axis.legend(loc="upper right", ncols=2, columnspacing=1.0, handlelength=1.6)


def errors(axis: Axes, view: RunView, text: Text) -> None:
    """Error against training time, and the solution that was returned."""
    axis.set(title=text("Error against time"), xlabel=text("training time / s"), ylabel=text("relative L2 error"))
    if not rows(view):
        return
    seconds, error = view.curves["history.elapsed_s"], view.curves["history.error"]
    axis.semilogy(
        seconds, error, "-", marker="." if len(error) < 60 else "", color=COLORS[0], label=text("during training")
    )
    if "relative_l2" in view.metrics:
        axis.semilogy(
            seconds[-1:], [view.metrics["relative_l2"]], "D", color=COLORS[1], label=text("returned solution")
        )
        floor = 3.0 * view.metrics["reference_error"]
        if floor > 1e-2 * view.metrics["relative_l2"]:
            axis.axhline(floor, label=text("floor of the reference"), **PREDICTION)
    low, high = axis.get_ylim()
    axis.set_ylim(min(low, 0.1 * high), 2.0 * high)  # a decade at least, and room for the legend
    axis.legend(loc="upper right")


def terms(view: RunView) -> dict[str, np.ndarray]:
    """Loss terms, those of one kind (`boundary_u` and `boundary_v`, `periodic_0` and `periodic_1`) added.

    A method that does not tell its terms apart has its loss alone.
    """
    found: dict[str, np.ndarray] = {}
    for name, values in view.curves.items():
        if name.startswith("history.loss_"):
            kind = name.removeprefix("history.loss_").partition("_")[0]
            found[kind] = found.get(kind, 0.0) + values
    return found or {"loss": view.curves["history.loss"]}


def heldout(view: RunView) -> np.ndarray | None:
    """Mean square residual on fresh points, summed over the equations as the loss is.

    The history has its mean over the equations. How many there are shows in the first row: an untrained network has
    the same residual on all points.
    """
    fresh, trained = view.curves.get("history.heldout"), terms(view).get("equation")
    if fresh is None or trained is None:
        return fresh
    count = round(float(trained[0] / max(fresh[0], 1e-300))) if np.isfinite(fresh[0] + trained[0]) else 1
    return fresh * min(max(count, 1), 4)


def _alarm(axis: Axes, iteration: np.ndarray, trained: np.ndarray, fresh: np.ndarray, text: Text) -> None:
    parted = fresh > ALARM * trained
    if parted.any():
        parted[:-1] |= parted[1:]  # an area needs two rows
        axis.fill_between(
            iteration, trained, fresh, where=parted, color=COLORS[1], alpha=0.25, lw=0, label=text("alarm: they part")
        )


def _visible(values: np.ndarray) -> np.ndarray:
    """Zero has no place on a logarithmic axis."""
    return np.where(values > 0, values, np.nan)
