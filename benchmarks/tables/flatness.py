"""Flatness: what the step size, momentum, the batch size and SAM do to the final sharpness."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from baselines.common.claims import Claim
from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView
from benchmarks.sheet import Cell, Estimate, Sheet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SEEDS = {"smoke": 1, "standard": 3, "paper": 10}
KINDS = {"momentum": "betas", "batch": "batches"}


class Table:
    """Flatness: final sharpness over its threshold for step size, momentum and batch size; SAM at equal loss.

    Ratio: mean sharpness (largest Hessian eigenvalue) of the second half of training over 2 (1 + β)/η; 1 is predicted
    for the full batch. SAM: its sharpness over that of gradient descent with the same step size, at the smallest
    training loss that both reach; lower is flatter. Accuracy: on held-out digits after the last step, higher is
    better. Mean ± standard deviation over seeds of the initial weights; diverged trainings are counted.
    """

    topic: ClassVar[str] = "loss_landscape"
    ZH: ClassVar[dict[str, str]] = {
        "2 (1 + β) / η": "2 (1 + β) / η",
        "final sharpness × η / (2 (1 + β))": "最终锐度 × η / (2 (1 + β))",
        "Step size and momentum set the sharpness": "步长与动量决定锐度",
        "Small batches end flatter": "小批量终点更平坦",
        "SAM against gradient descent at equal loss": "损失相同时 SAM 与梯度下降之比",
        "momentum": "动量",
        "batch": "批量",
        "ratio of the sharpness": "锐度之比",
        "radius ρ of SAM": "SAM 的半径 ρ",
        "bound of the claim: 0.6": "判据上界：0.6",
        "prediction: 1": "预测：1",
        "full batch: 1": "全批量：1",
    }

    def runs(self, suite: str) -> list[list[str]]:
        """The default map for each seed."""
        return [["probe=flatness", f"seed={seed}"] for seed in range(SEEDS[suite])]

    def sheet(self, views: list[RunView]) -> Sheet:
        """One row a training."""
        probe = _settings(views)
        rows: list[list[Cell]] = []
        for kind, key in KINDS.items():
            for value in probe[key]:
                for level in probe["two_over_eta"]:
                    name = f"{kind}_{value:g}"
                    ratios = _values(views, f"{name}_ratio_{level:g}")
                    rows.append(
                        [
                            f"momentum {value:g}" if kind == "momentum" else f"batch {value:g}",
                            f"{level:g}",
                            Estimate.of(ratios) if ratios else None,
                            f"{len(views) - len(ratios)} of {len(views)}",
                            _estimate(views, f"{name}_accuracy_{level:g}"),
                        ]
                    )
        level = f"{probe['sam_two_over_eta']:g}"
        for rho in probe["rhos"]:
            ratios = _values(views, f"sam_ratio_{rho:g}")
            gain = _estimate(views, f"sam_accuracy_gain_{rho:g}")
            accuracy = None if gain is None else f"{gain.text}, minus that of gradient descent"
            rows.append(
                [
                    f"SAM, rho = {rho:g}, over gradient descent",
                    level,
                    Estimate.of(ratios) if ratios else None,
                    f"{len(views) - len(ratios)} of {len(views)}",
                    accuracy,
                ]
            )
        return Sheet(["training", "2 (1 + β)/η", "ratio", "diverged", "accuracy"], rows)

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> Figure:
        """Sharpness over its edge for every seed; SAM over gradient descent."""
        figure, axes = panels(3, width=12.6, height=4.0)
        probe = _settings(views)
        titles = ("Step size and momentum set the sharpness", "Small batches end flatter")
        labels = ("prediction: 1", "full batch: 1")
        for axis, (kind, key), title, label in zip(axes, KINDS.items(), titles, labels, strict=False):
            for number, value in enumerate(probe[key]):
                shift = 1 + 0.03 * (number - (len(probe[key]) - 1) / 2)  # side by side where they coincide
                pairs = [
                    (level * shift, ratio)
                    for level in probe["two_over_eta"]
                    for ratio in _values(views, f"{kind}_{value:g}_ratio_{level:g}")
                ]
                style = {"color": COLORS[number % len(COLORS)], "label": f"{text(kind)} {value:g}"}
                if pairs:
                    axis.plot(*zip(*pairs, strict=True), "os^DvP"[number % 6], **style)
            axis.axhline(1, **PREDICTION, label=text(label))
            axis.set_ylim(0, 1.2)
            axis.set(xlabel=text("2 (1 + β) / η"), ylabel=text("final sharpness × η / (2 (1 + β))"))
            axis.set_title(text(title))
            axis.legend(loc="lower right", ncols=2)
        right = axes[2]
        for number, rho in enumerate(probe["rhos"]):
            ratios = _values(views, f"sam_ratio_{rho:g}")
            right.plot([rho] * len(ratios), ratios, "o", color=COLORS[number % len(COLORS)])
        right.axhline(0.6, **PREDICTION, label=text("bound of the claim: 0.6"))
        right.set(xlabel=text("radius ρ of SAM"), ylabel=text("ratio of the sharpness"))
        right.set_ylim(0, 1.2)
        right.set_xlim(0, 1.5 * max(probe["rhos"], default=0.1))
        right.set_title(text("SAM against gradient descent at equal loss"))
        right.legend(loc="upper right")
        return figure

    def claims(self, views: list[RunView]) -> list[Claim]:
        """None beyond those of the runs."""
        return []


def _settings(views: list[RunView]) -> dict[str, Any]:
    """The keys of the probe, with the ones that may be a single value as lists."""
    probe = views[0].config["probe"]
    many = ("two_over_eta", "betas", "batches", "rhos")
    return probe | {key: probe[key] if isinstance(probe[key], list) else [probe[key]] for key in many}


def _values(views: list[RunView], metric: str) -> list[float]:
    return [view.metrics[metric] for view in views if metric in view.metrics]


def _estimate(views: list[RunView], metric: str) -> Estimate | None:
    values = _values(views, metric)
    return Estimate.of(values) if values else None
