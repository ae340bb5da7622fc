"""Linear regression in context: ridge, trained linear attention and their theory."""

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from baselines.common.claims import Claim
from baselines.common.record import RunView
from benchmarks.sheet import Cell, Estimate, Sheet

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Table:
    """Linear regression in context: error on new tasks against context length l and number of training tasks k.

    Error without the noise of the query, as a share of the variance of the label, lower is better; theory and
    measurement should agree. mean ± standard deviation over the seeds (each: 10,000 test tasks, and 8 lists of tasks
    for each k). Bayes: ridge with the best ridge, theory of large d. Attention: one layer trained on new tasks, theory
    exact. Lists: layers trained on k tasks. Posterior: exact posterior mean over the k tasks, no theory.
    """

    topic: ClassVar[str] = "scaling_law"
    ZH: ClassVar[dict[str, str]] = {
        "Context length l": "上下文长度 l",
        "Tasks to train on k": "训练任务数 k",
        "Error on new tasks": "新任务上的误差",
        "Bayes-optimal ridge": "贝叶斯最优岭回归",
        "trained linear attention": "训练后的线性注意力",
        "trained on k tasks": "在 k 个任务上训练",
        "posterior over the k tasks": "k 个任务上的后验均值",
        "theory": "理论",
        "Longer contexts": "增加上下文长度",
        "More tasks": "增加任务数",
    }

    def runs(self, suite: str) -> list[list[str]]:
        """Three seeds; one for smoke."""
        return [["study=in_context", f"seed={seed}"] for seed in range(1 if suite == "smoke" else 3)]

    def sheet(self, views: list[RunView]) -> Sheet:
        """One row a context length, then one a number of tasks."""
        rows: list[list[Cell]] = []
        curves = views[0].curves
        for name, label in (("ridge", "Bayes"), ("attention", "attention")):
            for i, length in enumerate(curves["length.lengths"]):
                expected = float(curves[f"length.{name}_predicted"][i])
                rows.append(
                    _row(f"{label}, l = {length}", expected, [v.curves[f"length.{name}_error"][i] for v in views])
                )
        for i, k in enumerate(curves["diversity.tasks"]):
            expected = float(curves["diversity.new_predicted"][i])
            rows.append(_row(f"lists, k = {k:.0f}", expected, [v.curves["diversity.new"][i] for v in views]))
        for i, k in enumerate(curves["diversity.tasks"]):
            rows.append(_row(f"posterior, k = {k:.0f}", None, [v.curves["diversity.discrete"][i] for v in views]))
        return Sheet(["learner", "theory", "measured", "deviation / %"], rows)

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> "Figure | None":
        """Errors of all seeds, points, on the theory, lines."""
        from baselines.common.plotting import COLORS, PREDICTION, panels

        figure, (left, right) = panels(2, width=9.6, height=3.8)
        curves = views[0].curves
        kinds = (("ridge", "Bayes-optimal ridge"), ("attention", "trained linear attention"))
        for (name, label), color in zip(kinds, COLORS, strict=False):
            for number, view in enumerate(views):
                words = text(label) if number == 0 else None
                left.plot(
                    view.curves["length.lengths"], view.curves[f"length.{name}_error"], "o", color=color, label=words
                )
            left.plot(curves["length.line_lengths"], curves[f"length.{name}_line"], **PREDICTION | {"color": color})
        for name, label, color in (
            ("new", "trained on k tasks", COLORS[1]), ("discrete", "posterior over the k tasks", COLORS[3])
        ):  # fmt: skip
            for number, view in enumerate(views):
                words = text(label) if number == 0 else None
                right.plot(
                    view.curves["diversity.tasks"], view.curves[f"diversity.{name}"], "o", color=color, label=words
                )
        right.plot(curves["diversity.line_tasks"], curves["diversity.new_line"], **PREDICTION | {"color": COLORS[1]})
        for axis, label, title in (
            (left, "Context length l", "Longer contexts"), (right, "Tasks to train on k", "More tasks")
        ):  # fmt: skip
            axis.plot([], [], label=text("theory"), **PREDICTION)
            axis.set(xscale="log", xlabel=text(label), ylabel=text("Error on new tasks"), title=text(title))
            axis.legend()
        left.set_yscale("log")
        return figure

    def claims(self, views: list[RunView]) -> list[Claim]:
        """None beyond those of the runs."""
        return []


def _row(label: str, expected: float | None, measured: list[float]) -> list[Cell]:
    deviation = None if expected is None else f"{100 * (np.mean(measured) / expected - 1):+.1f}"
    return [label, expected, Estimate.of([float(value) for value in measured], 4), deviation]
