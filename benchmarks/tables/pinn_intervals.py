"""Intervals and gross errors: how sure each method is of a recovered parameter, and what outliers do to it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import median
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np

from baselines.common.claims import Claim
from baselines.common.record import RunView
from benchmarks.sheet import Cell, Estimate, Sheet
from benchmarks.tables import _pinn
from benchmarks.tables.pinn_inverse import COVERAGE_NOISE, COVERED, LEAST_DRAWS, Z90

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PROBLEM, TRUTH = "poisson_inverse", 2.0
NETWORK = COVERED[PROBLEM]
DRAWS = {"smoke": 1, "standard": 20, "paper": 100}
SPOILT = 0.1


class Way(NamedTuple):
    """One way to an estimate with an interval."""

    method: str
    title: str
    keys: tuple[str, ...] = ()


WAYS = (
    Way("lm", "network, sandwich covariance", NETWORK),
    Way("ensemble", "ensemble of 5 networks, perturbed data", NETWORK),
    Way("rfm", "random features, Gauss-Newton covariance", ("method.features=150",)),
    Way("classical", "least squares, closed form"),
)
LOSSES = {"none": "squares", "huber": "Huber", "student": "Student"}


class Table:
    """A diffusivity from 100 noisy values: 90 % intervals of four methods, and three losses against gross errors.

    Above: share of the intervals that contain the truth over draws of 5 % noise (the closer to 90 % the better), median
    half width of the interval. Below: the network with three losses of the observations when a tenth of the values is
    replaced by gross errors of ten times the signal. Relative error of the parameter: geometric mean
    [minimum … maximum] over n draws; lower is better. Training time: median, one thread.
    """

    topic: ClassVar[str] = _pinn.TOPIC
    ZH: ClassVar[dict[str, str]] = {
        "Intervals of twenty draws": "二十次噪声抽样的区间",
        "Errors with a tenth of gross errors": "含一成粗差时的误差",
        "estimate of a": "a 的估计",
        "relative error of a": "a 的相对误差",
        "loss of the observations": "观测项的损失函数",
        "draw": "抽样",
        "squares": "平方",
        "Huber": "Huber",
        "Student": "Student",
        **{
            way.title: zh
            for way, zh in zip(
                WAYS,
                ("网络，夹心协方差", "5 个网络的集成，扰动数据", "随机特征，Gauss-Newton 协方差", "最小二乘，闭式解"),
                strict=True,
            )
        },
    }

    def runs(self, suite: str) -> list[list[str]]:
        """Draws for each way, then for each loss; the network's draws are those of `pinn_inverse`."""
        found = []
        for way in WAYS:
            keys = [] if suite == "smoke" else way.keys
            for seed in range(DRAWS[suite]):
                noise = [f"problem.noise={COVERAGE_NOISE}", f"seed={seed}"]
                found.append([f"problem={PROBLEM}", f"method={way.method}", *keys, *noise])
        for loss in LOSSES if suite != "smoke" else ("student",):
            keys = [] if suite == "smoke" else NETWORK
            spoilt = [f"problem.noise={COVERAGE_NOISE}", f"problem.outliers={SPOILT}"]
            for seed in range(max(1, DRAWS[suite] // 2)):
                found.append(
                    [f"problem={PROBLEM}", "method=lm", *keys, f"method.robust={loss}", *spoilt, f"seed={seed}"]
                )
        return found

    def sheet(self, views: list[RunView]) -> Sheet:
        """One row a way, then one row a loss."""
        columns = ["estimate", "data", "coverage / %", "half width", "error of a", "training time / s"]
        rows: list[list[Cell]] = []
        for way in WAYS:
            if own := drawn(views, way):
                inside = [covered(view) for view in own]
                share = f"{100 * float(np.mean(inside)):.0f} ({sum(inside)} of {len(inside)})"
                width = f"{Z90 * median(view.metrics['a_standard_error'] for view in own):.3g}"
                rows.append([way.title, "5 % noise", share, width, error(own), seconds(own)])
        for loss, title in LOSSES.items():
            if own := spoilt(views, loss):
                rows.append([f"network, {title}", "5 % noise, 10 % gross errors", None, None, error(own), seconds(own)])
        return Sheet(columns, rows)

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> Figure | None:
        """Intervals of each draw, and errors under gross errors."""
        from baselines.common.plotting import COLORS, PREDICTION, panels

        figure, axes = panels(2, width=11.0, height=4.6)
        for k, (way, color) in enumerate(zip(WAYS, COLORS, strict=False)):
            own = drawn(views, way)
            at = [view.seed + 0.18 * (k - 1.5) for view in own]
            bars = [Z90 * view.metrics["a_standard_error"] for view in own]
            values = [view.metrics["a"] for view in own]
            axes[0].errorbar(at, values, bars, fmt=".", ms=5, lw=1.1, color=color, label=text(way.title))
        axes[0].axhline(TRUTH, **PREDICTION)
        axes[0].xaxis.get_major_locator().set_params(integer=True)
        low, high = axes[0].get_ylim()
        axes[0].set_ylim(low, high + 0.45 * (high - low))  # room for the legend
        axes[0].legend(loc="upper center", fontsize=7.5)
        axes[0].set(title=text("Intervals of twenty draws"), xlabel=text("draw"), ylabel=text("estimate of a"))
        for k, (loss, title) in enumerate(LOSSES.items()):
            own = spoilt(views, loss)
            axes[1].semilogy(
                [text(title)] * len(own), [abs(v.metrics["a"] / TRUTH - 1) for v in own], "o", color=COLORS[k]
            )
        axes[1].set(
            title=text("Errors with a tenth of gross errors"),
            xlabel=text("loss of the observations"),
            ylabel=text("relative error of a"),
        )
        return figure

    def claims(self, views: list[RunView]) -> list[Claim]:
        """The ensemble covers; a robust loss is worth a factor."""
        ensemble = [view for view in drawn(views, WAYS[1]) if not _pinn.shortened(view)]
        inside = [covered(view) for view in ensemble]
        bad, good = (
            [view.metrics["a_error"] for view in spoilt(views, loss) if not _pinn.shortened(view)]
            for loss in ("none", "student")
        )
        return [
            Claim(
                "pinn.intervals.ensemble",
                f"90 % intervals of an ensemble of 5 networks contain the true diffusivity in 75 to "
                f"100 % of {LEAST_DRAWS} draws",
                0.9,
                0.75,
                1.0,
                float(np.mean(inside)) if len(inside) >= LEAST_DRAWS else None,
                "binomial: of 20 correct intervals 15 to 20 cover with probability 0.99",
            ),
            Claim(
                "pinn.intervals.robust",
                "A tenth of gross errors, ten times the signal: Student's loss has at most a tenth of the error that "
                "squares have (ratio of geometric means)",
                0.017,
                None,
                0.1,
                Estimate.log10(good).value / Estimate.log10(bad).value if good and bad else None,
                "squares: relative error sqrt(0.1 * 100 / 100) = 0.32; the other 90 values alone: 0.05 / sqrt(90)",
            ),
        ]


def drawn(views: Sequence[RunView], way: Way) -> list[RunView]:
    """The draws of one way, each seed once, without gross errors."""
    wanted = dict(key.removeprefix("method.").split("=") for key in way.keys)
    found = {}
    for view in views:
        if view.choices["problem"] != PROBLEM:
            continue
        method, problem = view.config["method"], view.config["problem"]
        plain = problem["outliers"] == 0 and math.isclose(problem["noise"], COVERAGE_NOISE)
        same = _pinn.shortened(view) or all(method.get(key) == int(value) for key, value in wanted.items())
        if view.choices["method"] == way.method and plain and same and "a_standard_error" in view.metrics:
            found[view.seed] = view
    return list(found.values())


def spoilt(views: Sequence[RunView], loss: str) -> list[RunView]:
    """The records with gross errors under one loss."""
    own = [view for view in views if view.choices["problem"] == PROBLEM and view.config["problem"]["outliers"] > 0]
    return [view for view in own if view.config["method"].get("robust") == loss]


def covered(view: RunView) -> bool:
    """Whether the 90 % interval contains the truth."""
    return bool(abs(view.metrics["a"] - TRUTH) <= Z90 * view.metrics["a_standard_error"])


def error(views: Sequence[RunView]) -> Cell:
    """Relative error of the parameter."""
    return Estimate.log10([max(view.metrics["a_error"], 1e-16) for view in views])


def seconds(views: Sequence[RunView]) -> float:
    """Median training time."""
    return float(f"{median(view.cost['training_s'] for view in views):.2g}")
