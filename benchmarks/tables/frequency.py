"""The frequency principle against Jacobi's iteration."""

from collections.abc import Callable
from typing import ClassVar

import numpy as np
from matplotlib.figure import Figure

from baselines.common.claims import Claim
from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView
from benchmarks.sheet import Cell, Estimate, Sheet

SEEDS = {"smoke": 1, "standard": 3, "paper": 10}


class Table:
    """Frequency principle: steps until the relative error of each frequency is first below 0.1.

    Network on sin x + ... + sin 5x (Adam): geometric mean over the seeds of the initial weights, with lowest and
    highest. Rate: of the tangent kernel at the start, mean ± standard deviation; a high rate predicts early learning.
    Jacobi's iteration on the Poisson problem: measured, and predicted from cos(kπ/(n+1)); it has no random part.
    """

    topic: ClassVar[str] = "loss_landscape"
    ZH: ClassVar[dict[str, str]] = {
        "frequency k": "频率 k",
        "steps until the error is below 0.1": "误差降到 0.1 以下的步数",
        "The network goes up the frequencies, Jacobi down": "神经网络由低频到高频，Jacobi 由高频到低频",
        "network, one point a seed": "神经网络（每点一个随机种子）",
        "Jacobi's iteration": "Jacobi 迭代",
        "predicted: cos(kπ/(n+1))": "预测：cos(kπ/(n+1))",
    }

    def runs(self, suite: str) -> list[list[str]]:
        """The default run of the probe for each seed."""
        return [["probe=frequency", f"seed={seed}"] for seed in range(SEEDS[suite])]

    def sheet(self, views: list[RunView]) -> Sheet:
        """One row for each frequency."""
        columns = ["k", "network / steps", "tangent-kernel rate", "Jacobi / iterations", "predicted"]
        return Sheet(columns, [_row(k, views) for k in range(1, _count(views) + 1)])

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> Figure:
        """Steps against frequency for both."""
        figure, (axis,) = panels(1, width=5.0, height=3.8)
        k = np.arange(1, _count(views) + 1)
        for i, view in enumerate(views):
            learned = view.curves["network.steps_to_level"]
            label = text("network, one point a seed") if i == 0 else None
            found = np.isfinite(learned) & (learned > 0)
            axis.plot(k[: len(learned)][found], learned[found], "o", color=COLORS[0], label=label)
        curves = views[0].curves
        solved, predicted = curves["jacobi.steps_to_level"], curves["jacobi.predicted_steps"]
        axis.plot(k[: len(solved)], solved, "s", color=COLORS[1], label=text("Jacobi's iteration"))
        line = PREDICTION | {"color": COLORS[1]}
        axis.plot(k[: len(solved)], predicted, **line, label=text("predicted: cos(kπ/(n+1))"))
        axis.set_yscale("log")
        low, high = axis.get_ylim()
        axis.set_ylim(low, high * (high / low) ** 0.3)
        axis.set_xticks(k)
        axis.set(xlabel=text("frequency k"), ylabel=text("steps until the error is below 0.1"))
        axis.set_title(text("The network goes up the frequencies, Jacobi down"))
        axis.legend(loc="upper center")
        return figure

    def claims(self, views: list[RunView]) -> list[Claim]:
        """None beyond those of the runs."""
        return []


def _count(views: list[RunView]) -> int:
    return max(int(view.config["probe"]["frequencies"]) for view in views)


def _row(k: int, views: list[RunView]) -> list[Cell]:
    steps = [v.metrics[f"network_steps_{k}"] for v in views if f"network_steps_{k}" in v.metrics]
    mean = np.exp(np.mean(np.log(np.maximum(steps, 1)))) if steps else 0.0
    spread = f" [{min(steps):.0f} … {max(steps):.0f}]" if len(steps) > 1 else ""
    rates = [v.metrics[f"tangent_rate_{k}"] for v in views if f"tangent_rate_{k}" in v.metrics]
    curves = views[0].curves
    inside = k <= len(curves["jacobi.steps_to_level"])
    return [
        k,
        f"{mean:.0f}{spread}" if steps else "not learned",
        Estimate.of(rates, digits=3) if rates else None,
        int(curves["jacobi.steps_to_level"][k - 1]) if inside else None,
        int(curves["jacobi.predicted_steps"][k - 1]) if inside else None,
    ]
