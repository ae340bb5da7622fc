"""The edge of stability at three step sizes."""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from matplotlib.figure import Figure

from baselines.common.claims import Claim
from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView
from benchmarks.sheet import Cell, Estimate, Sheet

SEEDS = {"smoke": 1, "standard": 3, "paper": 10}


class Table:
    """Edge of stability: sharpness of full-batch gradient descent at three step sizes.

    Sharpness (largest Hessian eigenvalue) times eta/2, mean over the second half of training: 1 is the prediction.
    Mean ± standard deviation over the seeds of the initial weights; lowest and highest single value of any seed;
    arrival: step at which the sharpness reaches 2/eta; loss: at the last step; products: Hessian-vector products for
    one sharpness; seconds: for one step size, measuring included, mean over the runs.
    """

    topic: ClassVar[str] = "loss_landscape"
    ZH: ClassVar[dict[str, str]] = {
        "2/η (set by the step size)": "2/η（由步长决定）",
        "sharpness, mean of the second half": "锐度（后半程均值）",
        "The sharpness settles at 2/η": "锐度稳定在 2/η",
        "prediction: equal to 2/η": "预测：等于 2/η",
        "training time (step size × step)": "训练时间（步长 × 步数）",
        "sharpness": "锐度",
        "One run a seed: arrival, then hovering": "每个随机种子一次训练：先到达，后徘徊",
    }

    def runs(self, suite: str) -> list[list[str]]:
        """The default run, which trains with three step sizes, for each seed."""
        return [[f"seed={seed}"] for seed in range(SEEDS[suite])]

    def sheet(self, views: list[RunView]) -> Sheet:
        """One row for each step size."""
        columns = [
            "2/η", "sharpness × η/2", "lowest … highest", "arrival / step", "final loss", "products", "seconds",
        ]  # fmt: skip
        return Sheet(columns, [_row(level, views) for level in _levels(views)])

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> Figure:
        """Sharpness of every seed, and the mean of the second half against its prediction."""
        figure, (left, right) = panels(2, width=9.0, height=3.8)
        for i, level in enumerate(_levels(views)):
            name = f"edge_{level:g}"
            for view in views:
                times, sharpness = view.curves[f"{name}.time"], view.curves[f"{name}.sharpness"]
                left.plot(times, sharpness, "o", color=COLORS[i], markersize=1.5, markeredgewidth=0, rasterized=True)
            left.axhline(level, **PREDICTION | {"color": COLORS[i]})
            values = [level * view.metrics[f"hover_ratio_{level:g}"] for view in views]
            right.plot([level] * len(values), values, "o", color=COLORS[i])
        left.set(xscale="log", xlabel=text("training time (step size × step)"), ylabel=text("sharpness"))
        left.set_title(text("One run a seed: arrival, then hovering"))
        line = np.array([min(_levels(views)) - 0.5, max(_levels(views)) + 0.5])
        right.plot(line, line, **PREDICTION, label=text("prediction: equal to 2/η"))
        right.set(xlabel=text("2/η (set by the step size)"), ylabel=text("sharpness, mean of the second half"))
        right.set_title(text("The sharpness settles at 2/η"))
        right.legend(loc="upper left")
        return figure

    def claims(self, views: list[RunView]) -> list[Claim]:
        """Every run arrives at its edge; measured on runs long enough for it."""
        arrived = [
            f"crossing_step_{level:g}" in view.metrics
            for view in views
            for level in _levels([view])
            if view.config["probe"]["steps"] >= 1000
        ]
        return [
            Claim(
                id="landscape.gd.arrivals",
                statement="share of the runs at 2/eta = 3, 4, 6 whose sharpness reaches 2/eta (500 digits)",
                predicted=1.0,
                low=1.0,
                high=1.0,
                measured=float(np.mean(arrived)) if arrived else None,
                source="progressive sharpening: Cohen et al. 2021 (arXiv:2103.00065)",
            )
        ]


def _levels(views: list[RunView]) -> list[float]:
    """The values of 2/eta of the runs, ascending."""
    given: list[Any] = [view.config["optimizer"]["two_over_eta"] for view in views]
    return sorted({float(level) for levels in given for level in levels})


def _row(level: float, views: list[RunView]) -> list[Cell]:
    def values(metric: str) -> list[float]:
        name = f"{metric}_{level:g}"
        return [view.metrics[name] for view in views if name in view.metrics]

    arrivals = values("crossing_step")
    return [
        level,
        Estimate.of(values("hover_ratio"), digits=3),
        f"{min(values('hover_min')):.3f} … {max(values('hover_max')):.3f}",
        Estimate.of(arrivals, digits=0) if arrivals else "never",
        Estimate.log10(values("final_loss")),
        Estimate.of(values("hvp_per_measurement"), digits=1),
        Estimate.of([view.cost[f"edge_{level:g}_s"] for view in views], digits=1),
    ]
