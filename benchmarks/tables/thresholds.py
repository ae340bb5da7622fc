"""Where seven optimizers stop sharpening the landscape, against one formula each."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from baselines.common.claims import FAILS, HOLDS, Claim, verdict
from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView
from benchmarks.sheet import Cell, Estimate, Sheet

SEEDS = {"smoke": 1, "standard": 3, "paper": 10}
ADAPTIVE = ("rmsprop", "adam")
DEGREES = (3, 4, 5)
ENOUGH_STEPS = 1000  # a shorter run has not settled
MOST_GRADIENTS = 30.0  # a measurement may cost as much as so many gradients


@dataclass(frozen=True)
class Known:
    """What the table says about an optimizer; its file in baselines/loss_landscape/optimizers has the mathematics."""

    name: str
    formula: str
    symbol: str
    """The setting that is compared."""


OPTIMIZERS = {
    "gd": Known("gradient descent", "2/η", "2/η"),
    "polyak": Known("heavy ball, β = 0.9", "2(1+β)/η", "edge"),
    "nesterov": Known("Nesterov, β = 0.9", "2(1+β)/((1+2β)η)", "edge"),
    "rmsprop": Known("RMSprop", "2/η, of inv(P) H", "η"),
    "adam": Known("Adam", "38/η, of inv(P) H", "η"),
    "sam": Known("SAM", "G (√(1+8r/(ηG)) - 1) / 2r", "2/η"),
    "sgd": Known("mini-batches", "below 2/η", "batch"),
}


class Table:
    """Thresholds: the curvature at which each optimizer settles, over the one at which it loses stability.

    The largest eigenvalue of the Hessian of the training loss (of inv(P) H for the adaptive optimizers, with their
    diagonal preconditioner P) over the predicted value, mean over the second half of training; 1 is the prediction,
    except for mini-batches, whose means stay below. Mean ± standard deviation over the seeds of the weights; lowest
    and highest single value of any seed. 500 digits, tanh network 64-32-32-10, 2,000 steps, squared error; below: a
    Chebyshev polynomial at 20 points, tanh network 1-100-1. G: gradient norm of the moment, r: SAM's radius 0.1. The
    verdict is that of the mean over seeds. Batch sharpness: E[g'Hg]/E[g'g] over 32 mini-batches, times η/2, reported
    and not claimed. Crossing: step at which the edge is reached. Products: Hessian-vector products for one
    measurement, and its processor time in gradients (medians). Seconds: for one setting, measuring included.
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
        return found

    def sheet(self, views: list[RunView]) -> Sheet:
        """One row for each optimizer and setting, then one for each polynomial."""
        columns = [
            "optimizer", "edge", "setting", "η", "curvature / edge", "lowest … highest", "band", "verdict",
            "sharpness × η/2", "batch sharpness × η/2", "crossing step", "products", "in gradients", "seconds",
        ]  # fmt: skip
        rows = [_row(group) for group in _groups(views)]
        return Sheet(columns, rows)

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> Figure:
        """Every setting on one axis, one training of each optimizer, and the polynomials."""
        groups = list(_groups(views))
        curves = [group for group in groups if group.degree]
        figure, axes = panels(3 if curves else 2, width=14.0 if curves else 10.0, height=4.6)
        _ratios(axes[0], [group for group in groups if not group.degree], text)
        _trainings(axes[1], [group for group in groups if not group.degree], text)
        if curves:
            _polynomials(axes[2], curves, text)
        return figure

    def claims(self, views: list[RunView]) -> list[Claim]:
        """Every optimizer arrives; a measurement is cheap; the order of the polynomials."""
        groups = list(_groups(views))
        most = _most(groups)
        return [_arrivals(groups), _cost(groups), *(_order(most, *pair) for pair in pairwise(DEGREES))]


@dataclass(frozen=True)
class Group:
    """The runs of one setting, one a seed."""

    optimizer: str
    value: float
    degree: int
    """Of the Chebyshev polynomial; 0 on digits."""
    views: tuple[RunView, ...]

    @property
    def curve(self) -> str:
        """Name of the training in the records."""
        return f"edge_{self.value:g}"

    @property
    def label(self) -> str:
        """Name of the optimizer or problem."""
        return f"gradient descent, Chebyshev {self.degree}" if self.degree else OPTIMIZERS[self.optimizer].name

    def metric(self, name: str) -> list[float]:
        """A metric of every run that has it."""
        key = f"{name}_{self.value:g}"
        return [view.metrics[key] for view in self.views if key in view.metrics]

    @property
    def lr(self) -> float:
        """The step size."""
        first = self.views[0].curves
        return float(first[f"{self.curve}.time"][-1] / first[f"{self.curve}.step"][-1])

    @property
    def hover(self) -> Claim | None:
        """The claim of the first run that has one about this setting."""
        found = [
            claim
            for view in self.views
            for claim in view.claims
            if claim.id == f"landscape.{self.optimizer}.hover.{self.value:g}"
        ]
        measured = [claim for claim in found if claim.measured is not None]
        return next(iter(measured or found), None)

    @property
    def verdict(self) -> str:
        """That of the mean over the runs, if any of them is long enough."""
        claim = self.hover
        if claim is None or claim.measured is None:
            return "–"
        found = verdict(float(np.mean(self.metric("hover_ratio"))), claim.low, claim.high)
        return {HOLDS: "✓ holds", FAILS: "✗ fails"}[found]

    @property
    def gradients(self) -> float:
        """Processor time of a measurement over that of a gradient, median over the runs."""
        quotients = []
        for view in self.views:
            measuring, gradient = (view.curves[f"{self.curve}_loss.{part}_s"] for part in ("curvature", "gradient"))
            quotients.append(np.median(measuring[measuring > 0]) / np.median(gradient))
        return float(np.median(quotients))

    @property
    def long_enough(self) -> bool:
        """Whether the runs have settled."""
        return all(view.config["probe"]["steps"] >= ENOUGH_STEPS for view in self.views)


def _groups(views: list[RunView]) -> Iterator[Group]:
    """The settings in the order of the table."""
    found: dict[tuple[str, float, int], list[RunView]] = {}
    for view in views:
        optimizer = view.choices["optimizer"]
        degree = view.config["task"]["degree"] if view.choices["task"] == "chebyshev" else 0
        names = [key for key in view.curves if key.startswith("edge_") and key.endswith(".sharpness")]
        for name in names:
            value = float(name.removeprefix("edge_").removesuffix(".sharpness"))
            found.setdefault((optimizer, value, degree), []).append(view)
    order = list(OPTIMIZERS)
    for key in sorted(found, key=lambda key: (key[2], order.index(key[0]), key[1])):
        yield Group(*key, tuple(found[key]))


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
    ready = [group for group in groups if not group.degree and group.hover and group.long_enough]
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


def _cost(groups: list[Group]) -> Claim:
    """Warm starts and the reused gradient graph make a measurement cheap."""
    costs = [group.gradients for group in groups if group.optimizer == "gd" and not group.degree and group.long_enough]
    return Claim(
        id="landscape.thresholds.cost",
        statement="processor time of one measurement of the sharpness along gradient descent, in gradients of the full"
        " batch: median, largest of the step sizes (500 digits, tanh network 64-32-32-10)",
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
        if group.degree and group.long_enough:
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
