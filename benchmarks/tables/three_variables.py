"""Gradient flow in three variables: simulation beside the exact theory."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from baselines.common.claims import Claim
from baselines.common.record import RunView
from benchmarks.sheet import Cell, Estimate, Sheet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

THEORY = "two-point functions of gradient flow, docs/scaling_law.md; model of Bordelon et al. 2024, arXiv:2402.01092"
QUANTITIES = {"test_error": "test error", "train_error": "train error", "gradient_norm": "gradient norm δ"}
BUDGET_S = 180.0


class Table:
    """Gradient flow in p, n and t or delta: theory of infinite sizes and simulation.

    Deviation of a simulated mean from theory in %, over all points (p, n, t, noise) of the grid; smaller is better.
    Runs: mean ± standard deviation over the seeds of each run's median. Pooled: all draws of all seeds together, median
    and largest deviation, and the median standard error that the draws leave. Limit: deviation extrapolated to infinite
    n and p ± its standard error (for delta that of its square). Last rows: test error predicted at the measured (p, n,
    delta), and the time that all points of one run take, theory and simulation, in s of the machine that made it.
    """

    topic: ClassVar[str] = "scaling_law"
    ZH: ClassVar[dict[str, str]] = {
        "test error": "测试误差",
        "train error": "训练误差",
        "gradient norm δ": "梯度范数 δ",
        "Time t": "时间 t",
        "Mean deviation from theory (%)": "与理论的平均偏差（%）",
        "Mean over all n, p, noises and seeds ± standard error": "对所有 n、p、噪声与种子取平均 ± 标准误",
        "within 3 %": "3% 以内",
    }

    def runs(self, suite: str) -> list[list[str]]:
        """Three seeds; one for smoke."""
        return [["study=three_variables", f"seed={seed}"] for seed in range(1 if suite == "smoke" else 3)]

    def sheet(self, views: list[RunView]) -> Sheet:
        """One row a quantity, then the test error at given delta, then the time."""
        columns = ["quantity", "points", "runs: median / %", "pooled: median / %", "pooled: largest / %",
                   "standard error / %", "limit / %"]  # fmt: skip
        points = int(views[0].metrics["points"])
        rows: list[list[Cell]] = []
        for name, label in QUANTITIES.items():
            size = np.abs(pooled(views, name))
            key = "squared_gradient_norm" if name == "gradient_norm" else name
            limit, error = _limit(views, key)
            standard = np.mean([view.metrics[f"{name}_standard_error_median_percent"] for view in views])
            rows.append(
                [
                    label, points, _runs(views, f"{name}_deviation_median_percent"), f"{np.median(size):.2f}",
                    f"{size.max():.2f}", f"{standard / np.sqrt(len(views)):.2f}", f"{limit:+.2f} ± {error:.2f}",
                ]
            )  # fmt: skip
        at = "test_error_at_gradient_deviation"
        largest = max(view.metrics[f"{at}_max_percent"] for view in views)
        label = "test error at (p, n, δ)"
        rows.append([label, points, _runs(views, f"{at}_median_percent"), None, f"{largest:.2f} (runs)", None, None])
        seconds = Estimate.of([_seconds(view) for view in views], 0)
        rows.append(["time for all points / s", points, seconds, None, None, None, None])
        return Sheet(columns, rows)

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> "Figure | None":
        """Mean deviation at each time with the standard error over the seeds; points of one time share their draws."""
        from baselines.common.plotting import COLORS, PREDICTION, panels

        times = views[0].curves["times"]
        figure, (axis,) = panels(1, width=5.4, height=3.8)
        axis.axhspan(-3, 3, color="0.92", zorder=0, label=text("within 3 %"))
        for color, (name, label) in zip(COLORS, QUANTITIES.items(), strict=False):
            each = np.stack([pooled([view], name).mean(axis=(0, 1, 2)) for view in views])  # [seeds, T]
            error = each.std(axis=0, ddof=1) / np.sqrt(len(views)) if len(views) > 1 else None
            axis.errorbar(times, each.mean(0), error, fmt="o-", color=color, linewidth=0.8, label=text(label))
        axis.axhline(0, **PREDICTION)
        axis.set(xscale="log", ylim=(-4, 4), xlabel=text("Time t"), ylabel=text("Mean deviation from theory (%)"))
        axis.set_title(text("Mean over all n, p, noises and seeds ± standard error"))
        axis.legend(ncols=2)
        return figure

    def claims(self, views: list[RunView]) -> list[Claim]:
        """The medians and the limit with the draws of all seeds together, and the time."""
        agreement = [claim for view in views for claim in view.claims if claim.id.endswith(("_deviation", ".limit"))]
        measurable = bool(agreement) and all(claim.measured is not None for claim in agreement)
        study: dict[str, Any] = views[0].config["study"]
        setting = f"{len(views)} runs of {study['draws']} draws"
        points = int(views[0].metrics["points"])
        claims = [
            Claim(
                f"three_variables.pooled_{name}",
                f"Median deviation of the {label} from theory, all seeds together, in % ({points} points, {setting})",
                0.0, None, 3.0, float(np.median(np.abs(pooled(views, name)))) if measurable else None, THEORY,
            )
            for name, label in QUANTITIES.items()
        ]  # fmt: skip
        limit, error = _limit(views, "test_error")
        return [
            *claims,
            Claim(
                "three_variables.pooled_limit",
                "Deviation of the test error extrapolated to infinite n and p, all seeds together, in standard errors "
                f"({setting})",
                0.0, -3.0, 3.0, limit / error if measurable else None, THEORY,
            ),
            Claim(
                "three_variables.time",
                f"All {points} points of a run, theory, simulation and inversion of delta(t), in at most three minutes "
                f"(slowest of {len(views)} runs, s)",
                None, None, BUDGET_S, max(_seconds(view) for view in views) if measurable else None,
                "goal of this suite: 5 x 5 x 6 points in 180 s",
            ),
        ]  # fmt: skip


def pooled(views: list[RunView], name: str) -> np.ndarray:
    """Deviation of the mean over runs of equally many draws, in %.  Shape [noises, n, p, times]."""
    power = 2 if name == "gradient_norm" else 1  # what is averaged is delta^2
    mean = np.mean([view.curves[name] ** power for view in views], axis=0) ** (1 / power)
    return np.asarray(100 * (mean / views[0].curves[f"{name}_predicted"] - 1))


def _limit(views: list[RunView], name: str) -> tuple[float, float]:
    """Mean of the runs' limits and its standard error, in %."""
    values, errors = ([view.metrics[f"{name}_limit_{end}_percent"] for view in views]
                      for end in ("deviation", "standard_error"))  # fmt: skip
    return float(np.mean(values)), float(np.sqrt(np.sum(np.square(errors))) / len(views))


def _runs(views: list[RunView], name: str) -> Estimate:
    return Estimate.of([view.metrics[name] for view in views], 2)


def _seconds(view: RunView) -> float:
    """What the points cost; exponents and lines of the figure are not points."""
    return sum(view.cost[f"{part}_s"] for part in ("prediction", "simulation", "inversion"))
