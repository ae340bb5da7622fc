"""Where seven optimizers stop sharpening the landscape, against one formula each."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from baselines.common.claims import Claim
from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView
from benchmarks.sheet import Cell, Estimate, Sheet
from benchmarks.tables._thresholds import OPTIMIZERS, Group
from benchmarks.tables._thresholds import groups as groups_of

SEEDS = {"smoke": 1, "standard": 3, "paper": 10}
ADAPTIVE = ("rmsprop", "adam")
DEGREES = (3, 4, 5)
CIFAR = "images/CIFAR10Subset/raw/cifar10_train4k_test1k.npz"
MOST_GRADIENTS = 30.0  # a measurement may cost as much as so many gradients


class Table:
    """Thresholds: the curvature at which each optimizer settles, over the one at which it loses stability.

    The largest eigenvalue of the Hessian of the training loss (of inv(P) H for the adaptive optimizers, with their
    diagonal preconditioner P) over the predicted value, mean over the second half of training; 1 is the prediction,
    except for mini-batches, whose means stay below. Mean ± standard deviation over the seeds of the weights; lowest
    and highest single value of any seed. 500 digits, tanh network 64-32-32-10, 2,000 steps, squared error; below: a
    Chebyshev polynomial at 20 points, tanh network 1-100-1; 1,000 images of CIFAR-10, tanh network 3072-200-200-10,
    1,200 steps, one seed. G: gradient norm of the moment, r: SAM's radius 0.1. The verdict is that of the mean over
    seeds. Batch sharpness: E[g'Hg]/E[g'g] over 32 mini-batches, times η/2, reported and not claimed. Crossing: step
    at which the edge is reached. Products: Hessian-vector products for one measurement, and its processor time in
    gradients (medians). Seconds: for one setting, measuring included.
    """

    topic: ClassVar[str] = "loss_landscape"
    ZH: ClassVar[dict[str, str]] = {
        "measured curvature / predicted edge": "测得的曲率 / 预测的稳定边缘",
        "Each at its own edge; mini-batches below": "各自停在自己的稳定边缘；小批量低于边缘",
        "One training each: rise, then hover": "每种一次训练：先上升，后徘徊",
        "prediction": "预测",
        "band of the claim": "判据区间",
        "step": "步数",
        "gradient descent": "梯度下降",
        "heavy ball, β = 0.9": "重球动量，β = 0.9",
        "Nesterov, β = 0.9": "Nesterov 动量，β = 0.9",
        "mini-batches": "小批量",
        "batch": "批量",
        "edge": "稳定边缘",
        "no prediction of 1: below the edge": "不预测为 1：低于稳定边缘",
        "A harder curve waits longer, then sharpens": "曲线越难，等待越久，随后变锐",
        "training time (step size × step)": "训练时间（步长 × 步数）",
        "sharpness": "锐度",
        "degree": "次数",
    }

    def runs(self, suite: str) -> list[list[str]]:
        """The default run of every optimizer, and the Chebyshev polynomials, for each seed."""
        if suite == "smoke":
            return [["seed=0"]]
        seeds = range(SEEDS[suite])
        found = [[f"optimizer={name}", f"seed={seed}"] for name in OPTIMIZERS for seed in seeds]
        found += [
            ["experiment=chebyshev", f"task.degree={degree}", f"seed={seed}"] for degree in DEGREES for seed in seeds
        ]
        return [*found, ["experiment=cohen_cifar10", "seed=0"]]

    def available(self, run: list[str], data_dir: str) -> bool:
        """CIFAR-10 is read from a file."""
        return "experiment=cohen_cifar10" not in run or (Path(data_dir).expanduser() / CIFAR).is_file()

    def sheet(self, views: list[RunView]) -> Sheet:
        """One row for each optimizer and setting, then one for each polynomial."""
        columns = [
            "optimizer", "edge", "setting", "η", "curvature / edge", "lowest … highest", "band", "verdict",
            "sharpness × η/2", "batch sharpness × η/2", "crossing step", "products", "in gradients", "seconds",
        ]  # fmt: skip
        rows = [_row(group) for group in groups_of(views)]
        return Sheet(columns, rows)

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> Figure:
        """Every setting on one axis, one training of each optimizer, and the polynomials."""
        groups = list(groups_of(views))
        curves, digits = [group for group in groups if group.degree], [group for group in groups if group.on_digits]
        figure, axes = panels(3 if curves else 2, width=14.0 if curves else 10.0, height=4.6)
        _ratios(axes[0], digits, text)
        _trainings(axes[1], digits, text)
        if curves:
            _polynomials(axes[2], curves, text)
        return figure

    def claims(self, views: list[RunView]) -> list[Claim]:
        """Every optimizer arrives; a measurement is cheap; the order of the polynomials."""
        groups = list(groups_of(views))
        most = _most(groups)
        costs = (
            ("cost", "gradient descent", ("gd",)),
            ("cost_others", "the other optimizers", [name for name in OPTIMIZERS if name != "gd"]),
        )
        return [
            _arrivals(groups),
            *(_cost(groups, *which) for which in costs),
            *(_order(most, *pair) for pair in pairwise(DEGREES)),
        ]


def _row(group: Group) -> list[Cell]:
    known, claim = OPTIMIZERS[group.optimizer], group.hover
    crossings, batches = group.metric("crossing_step"), group.metric("batch_ratio")
    missed = f", {len(group.views) - len(crossings)} never" if 0 < len(crossings) < len(group.views) else ""
    seconds = [view.cost[f"{group.curve}_s"] for view in group.views]
    return [
        group.label,
        known.formula,
        f"{known.symbol} = {group.value:g}",
        float(f"{group.lr:.4g}"),
        Estimate.of(group.metric("hover_ratio"), digits=3),
        f"{min(group.metric('hover_min')):.3f} … {max(group.metric('hover_max')):.3f}",
        f"{claim.low:g} … {claim.high:g}" if claim else "–",
        group.verdict,
        "–" if group.optimizer in ADAPTIVE else Estimate.of(group.metric("sharpness_eta_half"), digits=3),
        Estimate.of(batches, digits=3) if batches else "–",
        (Estimate.of(crossings, digits=0).text + missed) if crossings else "never",
        Estimate.of(group.metric("hvp_per_measurement"), digits=1),
        f"{group.gradients:.0f}",
        Estimate.of(seconds, digits=1),
    ]


def _ratios(axis: Axes, groups: list[Group], text: Callable[[str], str]) -> None:
    """One line a setting, one point a seed."""
    names = list(dict.fromkeys(group.optimizer for group in groups))
    for position, group in enumerate(groups):
        claim: Any = group.hover
        if claim:
            label = text("band of the claim") if position == 0 else None
            axis.barh(position, claim.high - claim.low, 0.8, claim.low, color="0.85", zorder=0, label=label)
        color, values = COLORS[names.index(group.optimizer)], group.metric("hover_ratio")
        axis.plot(values, [position] * len(values), "o", color=color, fillstyle="full" if claim else "none")
    axis.axvline(1.0, **PREDICTION, label=text("prediction"))
    if "sgd" in names:
        axis.plot([], [], "o", color="black", fillstyle="none", label=text("no prediction of 1: below the edge"))
    labels = []
    for group in groups:
        known = OPTIMIZERS[group.optimizer]
        labels.append(f"{text(known.name)}, {text(known.symbol)} = {group.value:g}")
    axis.set_yticks(range(len(groups)), labels=labels)
    axis.set_ylim(len(groups) - 0.4, -0.6)
    axis.set_xlim(left=0)
    axis.set_xlabel(text("measured curvature / predicted edge"))
    axis.set_title(text("Each at its own edge; mini-batches below"))
    axis.legend(loc="center left")


def _trainings(axis: Axes, groups: list[Group], text: Callable[[str], str]) -> None:
    """The last setting of each optimizer, first seed."""
    shown = {group.optimizer: group for group in groups if group.optimizer != "sgd"}
    for color, group in zip(COLORS, shown.values(), strict=False):
        curves, name = group.views[0].curves, group.curve
        ratio = curves[f"{name}.sharpness"] / curves[f"{name}.edge"]
        axis.plot(curves[f"{name}.step"], ratio, "o", color=color, markersize=1.8, markeredgewidth=0, rasterized=True)
        known = OPTIMIZERS[group.optimizer]
        label = f"{text(known.name)}, {text(known.symbol)} = {group.value:g}"
        axis.plot([], [], "o", color=color, label=label)
    axis.axhline(1.0, **PREDICTION)
    axis.set(ylim=(0, 1.4), xlabel=text("step"), ylabel=text("measured curvature / predicted edge"))
    axis.set_title(text("One training each: rise, then hover"))
    axis.legend(loc="lower right")


def _polynomials(axis: Axes, groups: list[Group], text: Callable[[str], str]) -> None:
    """Sharpness against training time, every seed."""
    colors = dict(zip(DEGREES, COLORS, strict=False))
    for group in groups:
        for view in group.views:
            time, sharpness = (view.curves[f"{group.curve}.{name}"] for name in ("time", "sharpness"))
            color = colors[group.degree]
            axis.plot(time, sharpness, "o", color=color, markersize=1.8, markeredgewidth=0, rasterized=True)
        axis.axhline(group.value, **PREDICTION)
    for degree, color in colors.items():
        axis.plot([], [], "o", color=color, label=f"{text('degree')} {degree}")
    axis.set(xlabel=text("training time (step size × step)"), ylabel=text("sharpness"), ylim=(0, None))
    axis.set_title(text("A harder curve waits longer, then sharpens"))
    axis.legend(loc="lower right")


def _arrivals(groups: list[Group]) -> Claim:
    """No optimizer drops out by not sharpening."""
    ready = [group for group in groups if group.on_digits and group.hover and group.settled]
    arrived = [
        1.0 if f"crossing_step_{group.value:g}" in view.metrics
        and view.metrics[f"crossing_step_{group.value:g}"] < view.config["probe"]["steps"] / 2 else 0.0
        for group in ready
        for view in group.views
    ]  # fmt: skip
    return Claim(
        id="landscape.thresholds.arrivals",
        statement="share of the trainings (all optimizers but mini-batches, default settings, 500 digits) whose"
        " curvature reaches its predicted edge in the first half",
        predicted=1.0,
        low=1.0,
        high=1.0,
        measured=float(np.mean(arrived)) if arrived else None,
        source="progressive sharpening: Cohen et al. 2021 (arXiv:2103.00065), 2022 (arXiv:2207.14484)",
    )


def _cost(groups: list[Group], name: str, which: str, optimizers: Sequence[str]) -> Claim:
    """Warm starts and the reused gradient graph make a measurement cheap."""
    costs = [group.gradients for group in groups if group.optimizer in optimizers and group.on_digits and group.settled]
    return Claim(
        id=f"landscape.thresholds.{name}",
        statement=f"processor time of one measurement of the sharpness along {which}, in gradients of the full"
        " batch: median, largest of the settings (500 digits, tanh network 64-32-32-10)",
        predicted=None,
        low=None,
        high=MOST_GRADIENTS,
        measured=max(costs) if costs else None,
        source="warm-started Lanczos on a stored gradient graph, docs/loss_landscape.md",
    )


def _most(groups: list[Group]) -> dict[int, float]:
    """Largest sharpness at the smallest step size by degree, mean over the seeds."""
    found: dict[int, float] = {}
    for group in sorted(groups, key=lambda group: group.value):
        if group.degree and group.settled:
            peaks = [float(view.curves[f"{group.curve}.sharpness"].max()) for view in group.views]
            found[group.degree] = float(np.mean(peaks))
    return found


def _order(most: dict[int, float], below: int, above: int) -> Claim:
    """Whether a higher degree sharpens more."""
    return Claim(
        id=f"landscape.thresholds.chebyshev.{above}_{below}",
        statement=f"Chebyshev polynomial of degree {above}: largest sharpness of the training at 2/eta = 30 / that of"
        f" degree {below} (means over seeds; 20 points, tanh network 1-100-1, 20,000 steps)",
        predicted=None,
        low=1.0,
        high=None,
        measured=most[above] / most[below] if {above, below} <= set(most) else None,
        source="Cohen et al. 2021 (arXiv:2103.00065), toy problem",
    )
