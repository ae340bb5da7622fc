"""Emergence: skill curves, quanta learned, and losses beside the tail sums they should be."""

from collections.abc import Callable
from typing import ClassVar

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from baselines.common.claims import Claim
from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView
from benchmarks.sheet import Cell, Estimate, Sheet

SEEDS = {"smoke": 1, "standard": 3, "paper": 5}
LAWS = ("time", "data", "parameters", "compute")
SOURCE = "Michaud et al. 2023, arXiv:2303.13506; derived in docs/scaling_emergence.md"


class Table:
    """Emergence: exact multilinear skills, and quanta of multitask sparse parity by width.

    Mean ± standard deviation over n seeds. Skill curves: largest difference of gradient descent from the sigmoid, all
    tasks and times, lower is better. Exponents x of loss ~ resource^-x; parity fitted from five quanta on, its loss
    corrected for the end of the list of tasks. Quanta: tasks with a loss below half of ln 2, mean over the networks of
    a width. Loss and tail sum in nats (one bit is ln 2 nats); the deviation of their means should be within 10 %.
    """

    topic: ClassVar[str] = "scaling_law"
    ZH: ClassVar[dict[str, str]] = {
        "Loss is the tail sum of what is not learned": "损失等于未学会任务的尾和",
        "tail sum of the tasks not learned (nats)": "未学会任务的尾和（nats）",
        "loss (nats)": "损失（nats）",
        "loss = tail sum": "损失 = 尾和",
        "Quanta against parameters": "量子数与参数个数",
        "parameters of a network": "单个网络的参数个数",
        "tasks learned (quanta)": "学会的任务数（量子数）",
        "proportional": "成正比",
        "width {width:g}": "宽度 {width:g}",
        "one point a width and seed": "每个宽度、每个随机种子一个点",
    }

    def runs(self, suite: str) -> list[list[str]]:
        """Both studies for every seed."""
        return [[f"study={study}", f"seed={seed}"] for study in ("skills", "parity") for seed in range(SEEDS[suite])]

    def sheet(self, views: list[RunView]) -> Sheet:
        """Skills first, then parity: exponents and one row a width."""
        columns = ["study", "quantity", "predicted", "measured", "deviation / %"]
        rows: list[list[Cell]] = []
        skills, parity = _of(views, "skills"), _of(views, "parity")
        if skills:
            alpha = skills[0].config["study"]["alpha"]
            rows.append(
                ["skills", "largest error of a skill curve", 0.0, _estimate(skills, "skill_curve_error_max", 4), None]
            )
            expected = dict(
                zip(LAWS, (alpha / (1 + alpha), alpha / (1 + alpha), alpha, alpha / (2 + alpha)), strict=True)
            )
            for law in LAWS:
                rows.append(_exponent("skills", f"exponent in {law}", expected[law], skills, f"exponent_{law}"))
        if parity:
            alpha = parity[0].config["study"]["alpha"]
            rows.append(_exponent("parity", "exponent in quanta", alpha, parity, "exponent_quanta"))
            rows.append(_exponent("parity", "exponent in parameters", alpha, parity, "exponent_parameters"))
            rows += self._widths(parity)
        return Sheet(columns, rows)

    def _widths(self, views: list[RunView]) -> list[list[Cell]]:
        """Quanta learned, then the loss beside its tail sum."""
        rows: list[list[Cell]] = []
        curves = views[0].curves
        for i, width in enumerate(curves["widths"]):
            quanta = [float(view.curves["quanta"][i]) for view in views]
            losses = [float(view.curves["loss_nats"][i]) for view in views]
            tails = [float(view.curves["tail_sum_nats"][i]) for view in views]
            deviation = 100 * (np.mean(losses) / np.mean(tails) - 1) if np.mean(tails) > 0 else None
            label = f"width {width:g}, {curves['parameters'][i]:g} parameters"
            rows.append(["parity", f"{label}: quanta", None, Estimate.of(quanta, 1), None])
            signed = None if deviation is None else f"{deviation:+.1f}"
            rows.append(["parity", f"{label}: loss / nats", f"{np.mean(tails):.3f}", Estimate.of(losses, 3), signed])
        return rows

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> Figure:
        """Loss against tail sum, and quanta against parameters, one point a width and seed."""
        figure, (left, right) = panels(2, width=10.0, height=4.2)
        parity = _of(views, "parity")
        for number, view in enumerate(parity):
            curves = view.curves
            for i, width in enumerate(curves["widths"]):
                color = COLORS[i % len(COLORS)]
                label = None if number else text("width {width:g}").format(width=width)
                marker = "os"[i // len(COLORS) % 2]
                left.plot(curves["tail_sum_nats"][i], curves["loss_nats"][i], marker, color=color, label=label)
                mean = max(float(curves["quanta"][i]), 0.5)
                right.plot(curves["parameters"][i], mean, marker, color=color)
        if parity:
            ends = [
                min(view.curves["loss_nats"].min() for view in parity),
                max(view.curves["loss_nats"].max() for view in parity),
            ]
            left.plot(ends, ends, **PREDICTION, label=text("loss = tail sum"))
            size = parity[0].curves["parameters"]
            quanta = np.maximum(np.mean([view.curves["quanta"] for view in parity], axis=0), 0.5)
            scale = np.exp(np.mean(np.log(quanta / size)))
            right.plot(size, scale * size, **PREDICTION, label=text("proportional"))
            right.plot([], [], "o", color="0.5", label=text("one point a width and seed"))
        left.set(xscale="log", yscale="log", xlabel=text("tail sum of the tasks not learned (nats)"))
        left.set_ylabel(text("loss (nats)"))
        left.xaxis.set_minor_formatter(NullFormatter())
        left.set_title(text("Loss is the tail sum of what is not learned"))
        left.legend(loc="upper left", ncols=2)
        right.set(xscale="log", yscale="log", xlabel=text("parameters of a network"))
        right.set_ylabel(text("tasks learned (quanta)"))
        right.set_title(text("Quanta against parameters"))
        right.legend(loc="upper left")
        return figure

    def claims(self, views: list[RunView]) -> list[Claim]:
        """The tail sum over all seeds together; the runs claim the rest."""
        parity = _of(views, "parity")
        if not parity:
            return []
        loss = np.mean([view.curves["loss_nats"] for view in parity], axis=0)
        tail = np.mean([view.curves["tail_sum_nats"] for view in parity], axis=0)
        known = [claim.measured for view in parity for claim in view.claims if claim.id == "parity.tail_sum"]
        enough = len(parity) >= 3 and None not in known
        widths = parity[0].curves["widths"]
        error = float(100 * np.abs(loss / np.maximum(tail, 1e-6) - 1).max())
        return [
            Claim(
                "emergence.tail_sum",
                f"Parity: the mean loss over {len(parity)} seeds is the mean tail sum of the tasks not learned: largest"
                f" deviation over {len(widths)} widths from {widths[0]:g} to {widths[-1]:g}, in %",
                0.0, None, 10.0, error if enough else None, SOURCE,
            )
        ]  # fmt: skip


def _of(views: list[RunView], study: str) -> list[RunView]:
    return [view for view in views if view.choices["study"] == study]


def _estimate(views: list[RunView], name: str, digits: int = 3) -> Estimate:
    return Estimate.of([view.metrics[name] for view in views], digits)


def _exponent(study: str, label: str, expected: float, views: list[RunView], name: str) -> list[Cell]:
    found = _estimate(views, name, 4)
    return [study, label, f"{expected:.4f}", found, f"{100 * (found.value / expected - 1):+.1f}"]
