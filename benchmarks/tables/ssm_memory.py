"""Memory of linear state-space models: modes, slowest rate and sensitivity."""

from collections.abc import Callable
from typing import ClassVar

import numpy as np
from matplotlib.figure import Figure

from baselines.common.claims import Claim
from baselines.common.plotting import COLORS, PREDICTION, panels
from baselines.common.record import RunView
from benchmarks.sheet import Cell, Sheet

SEEDS = {"smoke": 1, "standard": 3, "paper": 3}
NAMES = {"direct": "λ = w", "exp": "λ = exp(w)", "inverse_square": "λ = 1/(h(w²+1/2))"}


class Table:
    """Linear state-space models: error of the best model with m modes, in continuous time, lower is better.

    Error: L2 distance of the kernels, closed form, best of the starts of all seeds; largest relative difference of the
    seeds in the last row. Columns: kernel with rates in [0.01, 1]; power laws (1+t)^-q with free rates; power law with
    rates bounded below. Slowest rate: of the best model for the first power law. Growth of its loss under weight noise,
    divided by the square of the noise, for three ways to store a rate: mean over seeds of measured values.
    """

    topic: ClassVar[str] = "scaling_law"
    ZH: ClassVar[dict[str, str]] = {
        "Number of modes m": "模态数 m",
        "Error (L2 distance of the kernels)": "误差（核的 L2 距离）",
        "Exponential memory is cheap, power-law memory is not": "指数记忆代价低，幂律记忆代价高",
        "exponential": "指数",
        "(1+t)^-{q:g}": "(1+t)^-{q:g}",
        "(1+t)^-{q:g}, rates ≥ {bound:g}": "(1+t)^-{q:g}，速率 ≥ {bound:g}",
        "theory, one free factor each": "理论，各含一个自由因子",
    }

    def runs(self, suite: str) -> list[list[str]]:
        """The default run of the study for each seed."""
        return [["study=memory", f"seed={seed}"] for seed in range(SEEDS[suite])]

    def sheet(self, views: list[RunView]) -> Sheet:
        """One row for each number of modes."""
        curves, study = views[0].curves, views[0].config["study"]
        top = int(np.argmax(curves["bounds"]))
        columns = ["m", "exponential", *(f"q = {q:g}" for q in curves["q"])]
        columns += [f"q = {study['q']:g}, rates ≥ {curves['bounds'][top]:g}", "slowest rate"]
        columns += [f"growth, {name}" for name in NAMES.values()]
        error = np.min([view.curves["error"] for view in views], axis=0)
        rows: list[list[Cell]] = []
        for k, m in enumerate(int(m) for m in curves["modes"]):
            row: list[Cell] = [m, _cell(_at(views, "exponential_error", "exponential_modes", m))]
            row += [_cell(float(value)) for value in error[:, k]]
            row += [_cell(float(curves["bounded_error"][top, k])), _cell(float(curves["slowest_rate"][0, k]))]
            row += [_cell(_at(views, f"{name}.sensitivity_measured", "disturbed_modes", m)) for name in NAMES]
            rows.append(row)
        spread = np.max([view.curves["error"] for view in views], axis=0) / error - 1
        last: list[Cell] = ["seeds differ by", None, *(f"{value:.0e}" for value in spread.max(axis=1))]
        return Sheet(columns, [*rows, [*last, *([None] * (len(columns) - len(last)))]])

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> Figure:
        """Errors against the number of modes."""
        figure, (axis,) = panels(1, width=6.0, height=4.0)
        curves, claims = views[0].curves, {claim.id: claim.predicted for claim in views[0].claims}
        study, top, m = views[0].config["study"], int(np.argmax(curves["bounds"])), curves["modes"]
        x = curves["exponential_modes"]
        lines = [(text("exponential"), x, curves["exponential_error"], -(claims["memory.exponential_rate"] or 0.0) * x)]
        for q, error in zip(curves["q"], curves["error"], strict=True):
            fall = -(claims[f"memory.power_law_rate_q{q:g}"] or 0.0) * np.sqrt(m)
            lines.append((text("(1+t)^-{q:g}").format(q=q), m, error, fall))
        label = text("(1+t)^-{q:g}, rates ≥ {bound:g}").format(q=study["q"], bound=curves["bounds"][top])
        lines.append((label, m, curves["bounded_error"][top], -(study["q"] - 0.5) * np.log(m)))
        for color, (label, x, error, fall) in zip(COLORS, lines, strict=False):
            axis.plot(x, error, "o", color=color, label=label)
            axis.plot(x, error[-1] * np.exp(fall - fall[-1]), **PREDICTION | {"color": color})
        axis.plot([], [], **PREDICTION, label=text("theory, one free factor each"))
        axis.set(yscale="log", xlabel=text("Number of modes m"), ylabel=text("Error (L2 distance of the kernels)"))
        axis.set_title(text("Exponential memory is cheap, power-law memory is not"))
        low, high = axis.get_ylim()
        axis.set_ylim(low, high * (high / low) ** 0.4)
        axis.legend(loc="upper right", ncols=2)
        return figure

    def claims(self, views: list[RunView]) -> list[Claim]:
        """None beyond those of the runs."""
        return []


def _at(views: list[RunView], name: str, key: str, m: int) -> float | None:
    """Mean over the runs of one entry of a curve; None where there is none."""
    found = [float(view.curves[name][list(view.curves[key]).index(m)]) for view in views if m in view.curves[key]]
    return float(np.mean(found)) if found else None


def _cell(value: float | None) -> str | None:
    return None if value is None else f"{value:.2e}"
