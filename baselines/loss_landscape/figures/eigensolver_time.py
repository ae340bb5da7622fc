"""The figure of `probe=eigensolver_time`, drawn from its record alone."""

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView

NAMES = {
    "lanczos": "this suite, Lanczos",
    "arpack": "this suite, along training",
    "curvlinops": "curvlinops + eigsh",
    "pyhessian": "PyHessian 0.1",
}
ZH = {
    "this suite, Lanczos": "本套件，Lanczos",
    "this suite, along training": "本套件，训练中使用",
    "curvlinops + eigsh": "curvlinops + eigsh",
    "PyHessian 0.1": "PyHessian 0.1",
    "processor time / s": "处理器时间 / 秒",
    "Time for the {count} largest eigenvalues": "求最大 {count} 个特征值的时间",
    "target for this suite": "本套件的目标",
    "largest relative error": "最大相对误差",
    "tolerance that was asked for": "所要求的容差",
    "Error against a tight reference": "与高精度参考值的误差",
}


def draw(view: RunView, text: Callable[[str], str]) -> Figure:
    """Time of every round, and error of every solver.

    Args:
        view: A record of `probe=eigensolver_time`.
        text: Translates a label.
    """
    figure, (left, right) = panels(2, width=10.2, height=3.6)
    for row, name in enumerate(NAMES):
        times = view.curves[f"{name}_s"].reshape(-1)
        _points(left, times, row)
        _points(right, np.maximum(view.curves[f"{name}_error"], 1e-9), row)
    target = view.metrics["pyhessian_ms"] / 3e3
    left.axvline(target, **PREDICTION, label=text("target for this suite"))
    left.set(xlim=(0, None), xlabel=text("processor time / s"))
    left.set_title(text("Time for the {count} largest eigenvalues").format(count=view.config["probe"]["eigenvalues"]))
    right.axvline(view.config["probe"]["tol"], **PREDICTION, label=text("tolerance that was asked for"))
    right.set(xscale="log", xlabel=text("largest relative error"), title=text("Error against a tight reference"))
    for axis in (left, right):
        axis.set_yticks(range(len(NAMES)), [text(label) for label in NAMES.values()])
        axis.set_ylim(len(NAMES) - 0.4, -0.6)
        axis.legend(loc="upper right" if axis is left else "lower left")
    return figure


def _points(axis: Axes, values: np.ndarray, row: int) -> None:
    spread = row + np.linspace(-0.18, 0.18, len(values)) if len(values) > 1 else np.array([float(row)])
    axis.plot(values, spread, "o", color=COLORS[row], markersize=4)
