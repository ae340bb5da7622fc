"""Training by the maximum principle against back-propagation, from zero weights."""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from matplotlib.figure import Figure

from baselines.common.claims import Claim
from baselines.common.plotting import COLORS, panels
from baselines.common.record import RunView
from benchmarks.sheet import Cell, Estimate, Sheet

SEEDS = {"smoke": 1, "standard": 3, "paper": 10}
METHODS = {"emsa": "E-MSA", "sgd": "SGD", "adam": "Adam"}


class Table:
    """Maximum principle: E-MSA against SGD and Adam from zero weights, sine problem, 20 residual layers of 5.

    Mean squared error after 50 iterations (SGD, Adam: 50 steps), lower is better: each run takes the median over its 8
    starts; here geometric mean over the seeds, with lowest and highest. Held out: 100 other inputs. With weight decay:
    the loss that all three minimise. Starts ≥ 10×: share of all starts whose error is at least ten times that of E-MSA.
    Equal passes: SGD and Adam after as many passes through the network as the iterations of E-MSA took. Passes and CPU
    seconds: of the whole training, all starts of a run side by side.
    """

    topic: ClassVar[str] = "loss_landscape"
    ZH: ClassVar[dict[str, str]] = {
        "iteration": "迭代次数",
        "passes through the network": "通过网络的次数",
        "mean squared error, median of the starts": "均方误差（各初值的中位数）",
        "E-MSA leaves the plateau (one curve a seed)": "E-MSA 离开平台（每条曲线一个随机种子）",
        "The same by passes, its price": "按通过网络的次数：代价",
    }

    def runs(self, suite: str) -> list[list[str]]:
        """The default run of the probe for each seed."""
        return [["probe=maximum_principle", f"seed={seed}"] for seed in range(SEEDS[suite])]

    def sheet(self, views: list[RunView]) -> Sheet:
        """One row for each method."""
        columns = [
            "method", "error", "held out", "with weight decay", "starts ≥ 10×", "error at equal passes", "passes",
            "CPU seconds",
        ]  # fmt: skip
        return Sheet(columns, [_row(name, views) for name in METHODS])

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> Figure:
        """Median error of every seed against iterations and against passes."""
        figure, (left, right) = panels(2, width=9.0, height=3.8, sharey=True)
        for (name, label), color in zip(METHODS.items(), COLORS, strict=False):
            left.plot([], [], "o", color=color, label=label)
            for view in views:
                error = np.median(view.curves[f"{name}.error"], axis=1)
                count = view.config["probe"]["iterations"] + 1
                passes = view.curves[f"{name}.passes"]
                points: dict[str, Any] = {"color": color, "markersize": 2.2, "markeredgewidth": 0}
                left.plot(np.arange(count), error[:count], "o", **points)
                right.plot(passes[1:], error[1:], "o", **points)
        left.set(yscale="log", xlabel=text("iteration"), ylabel=text("mean squared error, median of the starts"))
        left.set_title(text("E-MSA leaves the plateau (one curve a seed)"))
        left.legend(loc="lower left")
        right.set(xscale="log", xlabel=text("passes through the network"))
        right.set_title(text("The same by passes, its price"))
        return figure

    def claims(self, views: list[RunView]) -> list[Claim]:
        """None beyond those of the runs."""
        return []


def _row(name: str, views: list[RunView]) -> list[Cell]:
    def values(metric: str) -> list[float]:
        return [view.metrics[f"{name}_{metric}"] for view in views if f"{name}_{metric}" in view.metrics]

    share, equal = values("share_10x"), values("error_equal_passes")
    passes = [float(view.curves[f"{name}.passes"][-1]) for view in views]
    seconds = [float(view.curves[f"{name}.cpu_s"][-1]) for view in views]
    return [
        METHODS[name],
        Estimate.log10(values("error")),
        Estimate.log10(values("test_error")),
        Estimate.log10(values("loss")),
        f"{np.mean(share):.0%}" if share else None,
        Estimate.log10(equal) if equal else None,
        Estimate.of(passes, digits=0),
        Estimate.of(seconds, digits=1),
    ]
