"""The picture of one run, drawn from its stored curves alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView

Text = Callable[[str], str]

AXES = {"x": "position x", "y": "position y", "t": "time t"}
TERMS = {
    "equation": "residual, training points",
    "boundary": "boundary values",
    "initial": "initial values",
    "observations": "observations",
}
AT_FLOOR = "at the reference's floor"
UNKNOWNS = {"a": "diffusivity a"}
ZH = {
    "position x": "位置 x",
    "position y": "位置 y",
    "time t": "时间 t",
    "residual, training points": "残差（训练点）",
    "residual, fresh points": "残差（新取的点）",
    "boundary values": "边界值",
    "initial values": "初始值",
    "observations": "观测值",
    "Network's solution, observed points (white)": "网络解与观测点（白圈）",
    "noise variance": "噪声方差",
    "solution u": "解 u",
    "Network's solution": "网络解",
    "Absolute error": "绝对误差",
    "relative L2": "相对 L2 误差",
    AT_FLOOR: "已达参考解的误差下限",
    "absolute error": "绝对误差",
    "Cuts: reference and network": "截面：参考解与网络解",
    "reference": "参考解",
    "network": "网络",
    "Loss terms during training": "训练中的各损失项",
    "iteration": "迭代次数",
    "mean square (weighted)": "均方值（加权）",
    "L-BFGS from here": "此后为 L-BFGS",
    "Parameter during training": "训练中的参数",
    "diffusivity a": "扩散系数 a",
    "true value": "真值",
    "least squares, ± 1 standard error": "最小二乘，± 1 标准误差",
    "network's estimate": "网络的估计",
}


def draw(view: RunView, text: Text) -> dict[str, Figure]:
    """Solution, error, cuts (or the recovered parameter), loss history.

    Args:
        view: The record; only its curves, metrics and config are read.
        text: Translates a label.
    """
    if "prediction" not in view.curves:  # a run that diverged has its history only
        figure, axes = panels(1, width=6.0, height=4.0)
        _history(axes[0], view, text)
        return {"figure": figure}
    figure, axes = panels(2, 2, width=10.0, height=7.4)
    _solution(axes[0, 0], view, text)
    _error(axes[0, 1], view, text)
    if "observation_points" in view.curves:
        _parameter(axes[1, 0], view, text)
    else:
        _cuts(axes[1, 0], view, text)
    _history(axes[1, 1], view, text)
    return {"figure": figure}


def _plane(view: RunView) -> tuple[np.ndarray, np.ndarray, int, int]:
    """Horizontal and vertical values and their coordinates: time runs to the right, x upward; else x to the right."""
    names = list(view.curves["coordinates"])
    right, up = (1, 0) if names[1] == "t" else (0, 1)
    return view.curves[f"axis_{right}"], view.curves[f"axis_{up}"], right, up


def _label(axis: Axes, view: RunView, text: Text) -> None:
    _, _, right, up = _plane(view)
    names = view.curves["coordinates"]
    axis.set_xlabel(text(AXES[str(names[right])]))
    axis.set_ylabel(text(AXES[str(names[up])]))
    axis.grid(False)


def _image(values: np.ndarray, view: RunView) -> np.ndarray:
    """[axis_0, axis_1] turned so that rows go up and columns go right."""
    _, _, right, _ = _plane(view)
    return values if right == 1 else values.T


def _solution(axis: Axes, view: RunView, text: Text) -> None:
    h, v, right, up = _plane(view)
    u = view.curves["prediction"]
    if view.curves["reference"].min() < 0:
        limit = float(np.abs(view.curves["reference"]).max())
        style: dict[str, Any] = {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit}
    else:
        style = {"cmap": "viridis"}
    mesh = axis.pcolormesh(h, v, _image(u, view), shading="gouraud", rasterized=True, **style)
    axis.figure.colorbar(mesh, ax=axis, label=text("solution u"))
    points = view.curves.get("observation_points")
    axis.set_title(text("Network's solution"))
    if points is not None:
        axis.plot(points[:, right], points[:, up], "o", ms=3, mfc="none", mec="white", clip_on=False)
        axis.set_title(text("Network's solution, observed points (white)"))
    _label(axis, view, text)


def _error(axis: Axes, view: RunView, text: Text) -> None:
    h, v, _, _ = _plane(view)
    error = np.abs(view.curves["prediction"] - view.curves["reference"])
    top = max(float(error.max()), 1e-16)
    shown = np.clip(error, top * 1e-5, None)
    mesh = axis.pcolormesh(
        h, v, _image(shown, view), shading="gouraud", rasterized=True, cmap="magma", norm=LogNorm(top * 1e-5, top)
    )
    axis.figure.colorbar(mesh, ax=axis, label=text("absolute error"))
    note = f"{text('relative L2')} {view.metrics['relative_l2']:.1e}"
    if view.metrics["at_floor"]:
        note += f" ({text(AT_FLOOR)})"
    axis.set_title(f"{text('Absolute error')}: {note}")
    _label(axis, view, text)


def _cuts(axis: Axes, view: RunView, text: Text) -> None:
    """Reference as lines, network as points, along the first coordinate."""
    names = view.curves["coordinates"]
    x, other = view.curves["axis_0"], view.curves["axis_1"]
    places = (0.0, 0.25, 0.5, 1.0) if names[1] == "t" else (0.1, 0.25, 0.5)
    every = max(1, len(x) // 50)
    for color, place in zip(COLORS, places, strict=False):
        j = int(np.abs(other - (other[0] + place * (other[-1] - other[0]))).argmin())
        axis.plot(x, view.curves["reference"][:, j], color=color)
        axis.plot(x[::every], view.curves["prediction"][::every, j], "o", color=color, ms=3.2, mew=0)
        axis.plot([], [], "o-", color=color, ms=3.2, label=f"{names[1]} = {other[j]:.2g}")
    axis.plot([], [], "-", color="0.3", label=text("reference"))
    axis.plot([], [], "o", color="0.3", ms=3.2, label=text("network"))
    axis.set_title(text("Cuts: reference and network"))
    axis.set_xlabel(text(AXES[str(names[0])]))
    axis.set_ylabel(text("solution u"))
    low, high = axis.get_ylim()
    axis.set_ylim(low, high + 0.3 * (high - low))  # room for the legend
    axis.legend(ncols=3, loc="upper center")


def _parameter(axis: Axes, view: RunView, text: Text) -> None:
    """The unknown along training, the truth, and the classical estimate with its interval."""
    iteration, m = view.curves["history.iteration"], view.metrics
    axis.axhspan(
        m["least_squares"] - m["standard_error"],
        m["least_squares"] + m["standard_error"],
        color=COLORS[1],
        alpha=0.2,
        lw=0,
        label=text("least squares, ± 1 standard error"),
    )
    axis.axhline(m["least_squares"], color=COLORS[1], lw=1.2)
    axis.axhline(view.config["problem"]["diffusivity"], label=text("true value"), **PREDICTION)
    axis.plot(iteration, view.curves["history.a"], "o", ms=3, color=COLORS[0], label=text("network's estimate"))
    axis.set_title(text("Parameter during training"))
    axis.set_xlabel(text("iteration"))
    axis.set_ylabel(text(UNKNOWNS["a"]))
    axis.legend(loc="best")


def _history(axis: Axes, view: RunView, text: Text) -> None:
    """Loss terms over the iterations of Adam and L-BFGS on one axis, the switch marked."""
    if "history.iteration" not in view.curves:
        return
    iteration = view.curves["history.iteration"]
    terms = [name for name in view.curves if name.startswith("history.loss_")]
    for color, name in zip(COLORS, terms, strict=False):
        term = name.removeprefix("history.loss_")
        axis.semilogy(iteration, view.curves[name], color=color, label=text(TERMS.get(term, term)))
    heldout = view.curves.get("history.heldout_equation")
    if heldout is not None:
        axis.semilogy(iteration, heldout, color=COLORS[0], ls=":", lw=1.8, label=text("residual, fresh points"))
    if "observation_points" in view.curves:
        axis.axhline(view.config["problem"]["noise"] ** 2, label=text("noise variance"), **PREDICTION)
    switch = view.config["method"].get("adam_iterations", 0)
    if 0 < switch < iteration[-1]:
        axis.axvline(switch, color="0.5", lw=1, ls="-.", label=text("L-BFGS from here"))
    axis.set_title(text("Loss terms during training"))
    axis.set_xlabel(text("iteration"))
    axis.set_ylabel(text("mean square (weighted)"))
    low, high = axis.get_ylim()
    axis.set_ylim(low, high * (high / low) ** 0.3)  # room for the legend
    axis.legend(loc="upper right")
