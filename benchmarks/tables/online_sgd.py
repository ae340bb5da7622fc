"""One-pass SGD: the exact recursion, and the slopes of the compute-optimal frontier in three phases."""

from collections.abc import Callable
from typing import ClassVar

import numpy as np
from matplotlib.figure import Figure

from baselines.common.claims import Claim
from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView
from benchmarks.sheet import Cell, Estimate, Sheet

DECADE = 11  # computes in a factor of ten
SEEDS = {"smoke": 1, "standard": 3, "paper": 10}
SLOW = ["study=online_sgd", "study.alphas=[0.75]", "study.betas=[1.2]", "study.runs=8"]
WORDS = {"loss": "loss ~ f^-x", "width": "width ~ f^x"}


class Table:
    """One-pass SGD at the best width: exponents in compute f = features × data, against their limit at infinite f.

    Measured: slope of the exact mean loss and of the best width in the last third of the computes, mean over at least
    40 draws of 8 to 384 features; mean ± standard deviation over the seeds. Closer to the limit is better. Bias in %.
    Early and late: mean distance of the local slopes (one decade) from the limit in the first and last third; late
    should be smaller. Last phase III: a point whose next term is only f^(-1/12) smaller. First row: median deviation of
    simulated SGD from the exact recursion in %, over points with a Monte Carlo error of at most 3 %; goal: 3.
    """

    topic: ClassVar[str] = "scaling_law"
    ZH: ClassVar[dict[str, str]] = {
        "Local slope of the loss over its limit": "损失的局部斜率与极限之比",
        "Compute: features × data": "计算量：特征数 × 数据数",
        "phase {name}: α = {alpha:g}, β = {beta:g}": "相 {name}：α = {alpha:g}，β = {beta:g}",
        "Three phases go to their limits, a slow point does not yet": "三个相趋于各自极限，慢点尚未如此",
        "limit": "极限",
    }

    def runs(self, suite: str) -> list[list[str]]:
        """The default run for each seed, and one in phase III near its border."""
        seeds = [f"seed={seed}" for seed in range(SEEDS[suite])]
        found = [["study=online_sgd", seed] for seed in seeds]
        return found if suite == "smoke" else [*found, *([*SLOW, seed] for seed in seeds)]

    def sheet(self, views: list[RunView]) -> Sheet:
        """The deviation of the simulation, then one row a phase and exponent."""
        columns = ["α, β", "phase", "law", "limit", "measured x", "bias %", "early", "late"]
        claims = [_claim(view, "online_sgd.curve") for view in views]
        deviations = [claim.measured for claim in claims if claim is not None and claim.measured is not None]
        rows: list[list[Cell]] = [
            ["", "", "simulation, %", 0.0, Estimate.of(deviations, 2) if deviations else None, None, None, None]
        ]
        for alpha, beta, phase, members in _phases(views):
            for name, word in WORDS.items():
                key = f"{name}_{phase}"
                claim = _claim(members[0], f"online_sgd.exponent_{key}")
                digits = {"exponent": 3, "bias_percent": 1, "early_distance": 3, "late_distance": 3}
                found = [_estimate(members, f"{start}_{key}", count) for start, count in digits.items()]
                rows.append([f"{alpha:g}, {beta:g}", phase, word, claim.predicted if claim else None, *found])
        return Sheet(columns, rows)

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> Figure:
        """Local slopes of the loss over one decade, divided by the limit."""
        figure, (axis,) = panels(1, width=6.0, height=4.0)
        for color, (alpha, beta, phase, members) in zip(COLORS, _phases(views), strict=False):
            label = text("phase {name}: α = {alpha:g}, β = {beta:g}").format(name=phase, alpha=alpha, beta=beta)
            axis.plot([], [], color=color, label=label)
            for view in members:
                claim = _claim(view, f"online_sgd.exponent_loss_{phase}")
                row = _row(view, alpha, beta)
                inside = view.curves["inside"][row]
                x, y = np.log(view.curves["compute"][inside]), np.log(view.curves["frontier_loss"][row, 0, inside])
                if len(x) > 2 and claim is not None and claim.predicted:
                    middle, slopes = _local(x, y, min(DECADE, len(x)))
                    axis.plot(np.exp(middle), -slopes / claim.predicted, color=color)
        axis.axhline(1, **PREDICTION, label=text("limit"))
        axis.set(xscale="log", xlim=(1e2, 1e7), xlabel=text("Compute: features × data"))
        axis.set_ylabel(text("Local slope of the loss over its limit"))
        axis.set_title(text("Three phases go to their limits, a slow point does not yet"))
        low, high = axis.get_ylim()
        axis.set_ylim(low, high + 0.5 * (high - low))
        axis.legend(loc="upper right")
        return figure

    def claims(self, views: list[RunView]) -> list[Claim]:
        """The direction of the loss slopes from all seeds together, where there are at least three."""
        found = []
        for alpha, beta, phase, members in _phases(views):
            early, late = (
                [view.metrics[f"{part}_distance_loss_{phase}"] for view in members if _decides(view, phase)]
                for part in ("early", "late")
            )
            if len(members) >= 3:
                found.append(
                    Claim(
                        id=f"online_sgd.direction_of_all_{phase}",
                        statement=f"Phase {phase} (alpha {alpha:g}, beta {beta:g}): the local slopes of the loss go to"
                        " the limit; mean distance in the last third of the computes over that in the first, all seeds",
                        predicted=None,
                        low=None,
                        high=1.0,
                        measured=float(np.sum(late) / np.sum(early)) if len(early) >= 3 else None,
                        source="docs/scaling_law.md; phases of Paquette et al. 2024 (arXiv:2405.15074)",
                    )
                )
        return found


def _decides(view: RunView, phase: str) -> bool:
    """Whether a run is large enough for statements about its slopes."""
    claim = _claim(view, f"online_sgd.exponent_loss_{phase}")
    return claim is not None and claim.measured is not None


def _local(x: np.ndarray, y: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Least-squares slopes over windows of so many points."""
    xs, ys = (np.lib.stride_tricks.sliding_window_view(values, window) for values in (x, y))
    centred = xs - xs.mean(1, keepdims=True)
    return xs.mean(1), (centred * ys).sum(1) / (centred**2).sum(1)


def _phases(views: list[RunView]) -> list[tuple[float, float, str, list[RunView]]]:
    """Decays, name and runs of each phase, in the order of the runs."""
    found: dict[tuple[float, float, str], list[RunView]] = {}
    for view in views:
        study = view.config["study"]
        names = [claim.id.rpartition("_")[2] for claim in view.claims if ".exponent_loss_" in claim.id]
        for key in zip(study["alphas"], study["betas"], names, strict=False):
            found.setdefault(key, []).append(view)
    return [(*key, members) for key, members in found.items()]


def _row(view: RunView, alpha: float, beta: float) -> int:
    """Position of a phase in the arrays of a run."""
    study = view.config["study"]
    return list(zip(study["alphas"], study["betas"], strict=True)).index((alpha, beta))


def _estimate(views: list[RunView], metric: str, digits: int) -> Estimate | None:
    values = [view.metrics[metric] for view in views if metric in view.metrics]
    return Estimate.of(values, digits) if values else None


def _claim(view: RunView, name: str) -> Claim | None:
    return next((claim for claim in view.claims if claim.id == name), None)
