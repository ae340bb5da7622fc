"""Time of the largest Hessian eigenvalues, side by side with other packages."""

from collections.abc import Callable
from typing import ClassVar

import numpy as np
from matplotlib.figure import Figure

from baselines.common.claims import Claim
from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView
from benchmarks.sheet import Cell, Estimate, Sheet

SOLVERS = {
    "lanczos": "this suite: Lanczos without restarts, stored graph",
    "arpack": "this suite: as along training",
    "curvlinops": "curvlinops + eigsh",
    "pyhessian": "PyHessian 0.1",
}


class Table:
    """Time of the five largest Hessian eigenvalues: this suite, curvlinops + eigsh, PyHessian.

    Tanh network 64-200-200-10 (55,210 parameters) on all 1,797 digits, half squared error, float32, one thread,
    tolerance 1e-3 for each solver, after 100 steps of gradient descent from three initial weights. Processor time:
    median of three rounds that alternate between the solvers in one process, mean over the weights. Products:
    Hessian-vector products. Error: largest relative error of the five against the same eigenvalues in float64, largest
    of the weights. All lower is better. Last row: mean products of one sharpness along training, started from the one
    before, and its cost in gradients.
    """

    topic: ClassVar[str] = "loss_landscape"
    ZH: ClassVar[dict[str, str]] = {
        "processor time / s": "处理器时间 / 秒",
        "largest relative error": "最大相对误差",
        "Accuracy against time": "精度与时间",
        "tolerance": "容差",
        "this suite: Lanczos without restarts, stored graph": "本套件：无重启 Lanczos，保留计算图",
        "this suite: as along training": "本套件：训练中所用",
        "curvlinops + eigsh": "curvlinops + eigsh",
        "PyHessian 0.1": "PyHessian 0.1",
    }

    def runs(self, suite: str) -> list[list[str]]:
        """One run, with three initial weights inside."""
        if suite == "smoke":
            return [["probe=eigensolver_time"]]
        return [["probe=eigensolver_time", "dtype=float32"]]

    def sheet(self, views: list[RunView]) -> Sheet:
        """One row for each solver, and one for a sharpness along training."""
        columns = ["solver", "time / ms", "relative time", "products", "largest error"]
        rows: list[list[Cell]] = []
        for name, label in SOLVERS.items():
            values = [[view.metrics[f"{name}_{what}"] for view in views] for what in ("ms", "over_lanczos", "products")]
            error = max(max(view.metrics[f"{name}_error"], 1e-16) for view in views)
            time, ratio, products = values
            rows.append(
                [
                    label,
                    Estimate.of(time, 0),
                    Estimate.of(ratio, 2),
                    Estimate.of(products, 1),
                    float(error),
                ]
            )
        warm = [view.metrics["warm_products"] for view in views]
        gradients = float(np.mean([view.metrics["warm_gradients"] for view in views]))
        rows.append(["one sharpness along training", None, f"{gradients:.3g} gradients", Estimate.of(warm, 1), None])
        return Sheet(columns, rows)

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> Figure:
        """Every round and every weights: error against time."""
        figure, (axis,) = panels(1, width=6.4, height=4.0)
        for i, (name, label) in enumerate(SOLVERS.items()):
            for view in views:
                times = view.curves[f"{name}_s"]
                errors = np.maximum(view.curves[f"{name}_error"], 1e-9)
                axis.plot(times.reshape(-1), np.repeat(errors, times.shape[1]), "osD^"[i], color=COLORS[i])
            axis.plot([], [], "osD^"[i], color=COLORS[i], label=text(label))
        axis.axhline(views[0].config["probe"]["tol"], **PREDICTION, label=text("tolerance"))
        axis.set(xlim=(0, None), yscale="log", xlabel=text("processor time / s"), ylabel=text("largest relative error"))
        axis.set_title(text("Accuracy against time"))
        axis.legend(loc="upper left")
        return figure

    def claims(self, views: list[RunView]) -> list[Claim]:
        """The runs make them."""
        return []
