"""Catapult and loss spikes: large steps that do not end training."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from baselines.common.claims import Claim
from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView
from benchmarks.sheet import Cell, Estimate, Sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SEEDS = {"smoke": 1, "standard": 3, "paper": 10}
LINEAR = "two-layer linear network, one example"
QUANTITIES = {
    "onset": ("step size from which 5 % of the curvature is lost, η λ(0)", "2"),
    "divergence": ("step size from which it diverges, η λ(0)", "4"),
    "landed_max": ("largest final η λ of all step sizes that converge", "≤ 2"),
    "peak_time_slope": ("steps to the peak for each unit of ln n, × 2 ln 2", "1"),
}


class Table:
    """Phases of training: the catapult of gradient descent, and the loss spikes of Adam.

    Large steps that do not end training. Catapult: step sizes times the curvature at the start, λ(0). Adam, quadratic:
    steps of the crossing of 2/η by the preconditioned curvature, of a loss 100 times its minimum, and of the return;
    they depend on no seed. Mean ± standard deviation over seeds of the initial weights.
    """

    topic: ClassVar[str] = "loss_landscape"
    ZH: ClassVar[dict[str, str]] = {
        "step size, as η × initial curvature": "步长（η × 初始曲率）",
        "final curvature × η": "最终曲率 × η",
        "Catapult: it lands below 2, and diverges from 4": "弹射：终点低于 2，从 4 起发散",
        "bound: 2": "上界：2",
        "unchanged": "不变",
        "divergence: 4": "发散：4",
        "step by the formula": "公式给出的步数",
        "step measured": "实测步数",
        "Adam on a quadratic: the steps of a spike": "二次函数上的 Adam：尖峰的各个时刻",
        "crossing": "越过阈值",
        "loss × 100": "损失 × 100",
        "return": "返回",
        "equal": "相等",
    }

    def runs(self, suite: str) -> list[list[str]]:
        """Both probes for each seed."""
        seeds = range(SEEDS[suite])
        return [[f"probe={probe}", f"seed={seed}"] for probe in ("catapult", "loss_spike") for seed in seeds]

    def sheet(self, views: list[RunView]) -> Sheet:
        """One row a prediction."""
        catapults, spikes = ([view for view in views if view.choices["probe"] == name] for name in NAMES)
        rows = [*_linear(catapults), *_relu(catapults), *_quadratics(spikes), *_network(spikes)]
        return Sheet(["setting", "quantity", "predicted", "measured"], rows)

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> Figure:
        """Where step sizes land, for every seed; steps of the spikes against their formulas."""
        figure, (left, right) = panels(2, width=9.4, height=4.0)
        catapults, spikes = ([view for view in views if view.choices["probe"] == name] for name in NAMES)
        for number, view in enumerate(catapults):
            grid, landed = view.curves["map.eta_lambda"], view.curves["map.landed_eta_lambda"]
            left.plot(grid, landed, "o", color=COLORS[number % len(COLORS)], markersize=2.5)
        left.plot([0, 2], [0, 2], **PREDICTION, label=text("unchanged"))
        left.axhline(2, **PREDICTION | {"linestyle": ":"}, label=text("bound: 2"))
        left.axvline(4, **PREDICTION | {"linestyle": "-."}, label=text("divergence: 4"))
        left.set(xlabel=text("step size, as η × initial curvature"), ylabel=text("final curvature × η"))
        left.set_xlim(0, 4.5)
        left.set_ylim(0, 2.8)
        left.set_title(text("Catapult: it lands below 2, and diverges from 4"))
        left.legend(loc="upper left", ncols=3)
        _steps(right, spikes, text)
        return figure

    def claims(self, views: list[RunView]) -> list[Claim]:
        """None beyond those of the runs."""
        return []


NAMES = ("catapult", "loss_spike")


def _values(views: list[RunView], metric: str) -> list[float]:
    return [view.metrics[metric] for view in views if metric in view.metrics]


def _many(given: Any) -> list[Any]:
    """One value or a list, as a list."""
    return given if isinstance(given, list) else [given]


def _linear(views: list[RunView]) -> list[list[Cell]]:
    """The exact model."""
    rows: list[list[Cell]] = [
        [LINEAR, quantity, predicted, Estimate.of(values, digits=3)]
        for name, (quantity, predicted) in QUANTITIES.items()
        if (values := _values(views, name))
    ]
    if deviations := _values(views, "deviation"):
        difference = f"{max(deviations):.0e} (largest of {len(deviations)})"
        rows.append([LINEAR, "training minus recursion, output and curvature", "0", difference])
    return rows


def _relu(views: list[RunView]) -> list[list[Cell]]:
    """ReLU networks of every depth."""
    rows: list[list[Cell]] = []
    for depth in sorted({depth for view in views for depth in _many(view.config["probe"]["relu_depths"])}):
        name = f"ReLU network, {depth} hidden layer{'s' if depth > 1 else ''}"
        for metric, quantity, predicted in (
            ("relu_edge", "step size from which it learns nothing, η λ(0)", "about 12" if depth > 1 else None),
            ("relu_divergence", "step size from which it diverges, η λ(0)", None),
        ):
            if values := _values(views, f"{metric}_{depth}"):
                rows.append([name, quantity, predicted, Estimate.of(values, digits=1)])
    return rows


def _quadratics(views: list[RunView]) -> list[list[Cell]]:
    """Adam on a quadratic; the same for every seed."""
    rows: list[list[Cell]] = []
    if not views:
        return rows
    probe, metrics = views[0].config["probe"], views[0].metrics
    for lr, beta2 in zip(_many(probe["lrs"]), _many(probe["beta2s"]), strict=True):
        tag = f"{lr:g}_{beta2:g}"
        crossing, formula = metrics[f"crossing_{tag}"], metrics[f"crossing_formula_{tag}"]
        for quantity, predicted, measured in (
            ("crossing of the threshold, step", np.ceil(formula), crossing),
            ("loss × 100, step", crossing + metrics[f"lag_formula_{tag}"], metrics[f"onset_{tag}"]),
            ("return of x, step", metrics[f"comeback_formula_{tag}"], metrics[f"comeback_{tag}"]),
        ):
            name = f"Adam, quadratic, η = {lr:g}, β2 = {beta2:g}"
            rows.append([name, quantity, f"{predicted:.0f}", f"{measured:.0f}"])
    return rows


def _network(views: list[RunView]) -> list[list[Cell]]:
    """Adam on a network."""
    rows: list[list[Cell]] = []
    for metric, quantity, predicted in (
        ("network_preceded", "share of spikes after a curvature beyond the threshold", "1"),
        ("network_base_rate", "the same share for any step", None),
        ("network_spikes", "number of spikes", None),
    ):
        if values := _values(views, metric):
            rows.append(["Adam, network", quantity, predicted, Estimate.of(values, digits=2)])
    return rows


def _steps(axis: Axes, views: list[RunView], text: Callable[[str], str]) -> None:
    """Crossing, onset and return of every setting; they depend on no seed."""
    points: dict[str, list[tuple[float, float]]] = {"crossing": [], "loss × 100": [], "return": []}
    for view in views[:1]:
        probe, metrics = view.config["probe"], view.metrics
        for lr, beta2 in zip(_many(probe["lrs"]), _many(probe["beta2s"]), strict=True):
            tag = f"{lr:g}_{beta2:g}"
            lag = metrics[f"lag_formula_{tag}"]
            points["crossing"].append((metrics[f"crossing_formula_{tag}"], metrics[f"crossing_{tag}"]))
            points["loss × 100"].append((metrics[f"crossing_{tag}"] + lag, metrics[f"onset_{tag}"]))
            points["return"].append((metrics[f"comeback_formula_{tag}"], metrics[f"comeback_{tag}"]))
    for number, (name, pairs) in enumerate(points.items()):
        axis.plot(*np.array(pairs).T, "os^"[number], color=COLORS[number], label=text(name), fillstyle="none")
    ends = [value for pairs in points.values() for pair in pairs for value in pair]
    line = np.array([min(ends) / 1.3, max(ends) * 1.3])
    axis.plot(line, line, **PREDICTION, label=text("equal"), zorder=1)
    axis.set(xscale="log", yscale="log", xlabel=text("step by the formula"), ylabel=text("step measured"))
    axis.set_title(text("Adam on a quadratic: the steps of a spike"))
    axis.legend(loc="upper left")
