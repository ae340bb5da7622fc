"""Scaling exponents of parameters, data, compute and learning quality: formula, exact theory, simulation."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from baselines.common.claims import Claim
from baselines.common.record import RunView
from benchmarks.sheet import Cell, Sheet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMULA = "balance of resolved modes, docs/scaling_law.md"
RIDGE = "Defilippis et al. 2024, arXiv:2405.15699; Simon et al. 2023, arXiv:2311.14646"
LAWS = {
    "data": "error in n, no noise",
    "parameters": "error in p",
    "online_loss": "smallest error in C = p t",
    "online_parameters": "optimal p in C = p t",
    "full_batch_loss": "smallest error in C = p n t",
    "matching_parameters": "matched p in 1/δ",
    "matching_data": "matched n in 1/δ",
    "stopping_time": "optimal t in n, label noise",
    "excess": "error at optimal t in n, label noise",
    "learning_quality": "optimal δ in n, label noise",
}
TASKS = {"hard": "", "harder": "harder_", "easy": "easy_"}
CHECKS = {
    "optimal_features_deviation_max_percent": "optimal p at fixed C, simulated: largest deviation from theory / %",
    "optimal_delta_deviation_max_percent": "optimal δ with noise, simulated: largest deviation from theory / %",
    "law_deviation_median_percent": "sum of three terms: median deviation from the exact error / %",
    "law_deviation_90_percent": "sum of three terms: 90 % of deviations are below / %",
    "law_deviation_max_percent": "sum of three terms: largest deviation (at p = n) / %",
}


class Table:
    """Scaling exponents of parameters, data, compute and learning quality, and how the three must match.

    Absolute values of exponents; targets: theory within 0.03 of the formula (0.02 for smallest errors), simulation
    within 0.07. Theory: slope of the exact theory at large sizes, the same for every seed; in brackets its slope at the
    simulated sizes. Simulated: mean over the runs, each the slope of the mean over its draws, and the hull of their
    95 % bootstrap intervals. Last rows: deviations, mean over the runs.
    """

    topic: ClassVar[str] = "scaling_law"
    ZH: ClassVar[dict[str, str]] = {
        "Exponent over formula": "指数 / 公式",
        "Simulated exponents beside their formulas": "模拟指数与公式",
        "simulated, one point a run": "模拟，每次运行一点",
        "theory, same sizes": "理论，同一规模",
        "theory, large sizes": "理论，大规模",
        "error in n, no noise": "误差对 n，无噪声",
        "error in p": "误差对 p",
        "smallest error in C = p t": "最小误差对 C = p t",
        "optimal p in C = p t": "最优 p 对 C = p t",
        "matched p in 1/δ": "匹配的 p 对 1/δ",
        "matched n in 1/δ": "匹配的 n 对 1/δ",
        "optimal t in n, label noise": "最优 t 对 n，标签噪声",
        "error at optimal t in n, label noise": "最优 t 处误差对 n，标签噪声",
        "optimal δ in n, label noise": "最优 δ 对 n，标签噪声",
        "hard": "难",
        "easy": "易",
    }

    def runs(self, suite: str) -> list[list[str]]:
        """Three seeds; one for smoke."""
        return [["study=matching", f"seed={seed}"] for seed in range(1 if suite == "smoke" else 3)]

    def sheet(self, views: list[RunView]) -> Sheet:
        """One row for each law and task, then the deviations."""
        study, metrics, formulas = views[0].config["study"], views[0].metrics, _formulas(views[0])
        rows: list[list[Cell]] = []
        for name, says in LAWS.items():
            for which, prefix in TASKS.items():
                key = f"{name}_{which}"
                if key not in formulas:
                    continue
                theory = f"{metrics[f'theory_{key}']:.4f}"
                expected = f" ({metrics[f'expected_{key}']:.4f})" if f"expected_{key}" in metrics else ""
                task = f"a = {study[f'{prefix}signal_decay']:g}, b = {study[f'{prefix}decay']:g}"
                rows.append([says, task, f"{formulas[key]:.4f}", theory + expected, _simulated(views, key)])
        for key, says in CHECKS.items():
            mean = f"{np.mean([view.metrics[key] for view in views]):.2f}"
            from_theory = key.startswith("law")
            rows.append([says, "a hard task", None, mean if from_theory else None, None if from_theory else mean])
        return Sheet(["law", "task", "formula", "theory", "simulated"], rows)

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> "Figure | None":
        """Every simulated exponent over its formula, one point a run, beside the theory."""
        from baselines.common.plotting import COLORS, PREDICTION, panels

        formulas, metrics = _formulas(views[0]), views[0].metrics
        keys = [key for key in formulas if f"exponent_{key}" in metrics]
        figure, (axes,) = panels(1, width=7.4, height=5.2)
        for row, key in enumerate(keys):
            found = [view.metrics[f"exponent_{key}"] / formulas[key] for view in views]
            axes.plot(found, [row] * len(found), "o", color=COLORS[1], zorder=3)
            axes.plot(metrics[f"expected_{key}"] / formulas[key], row, "|", color="black", markersize=12)
            axes.plot(metrics[f"theory_{key}"] / formulas[key], row, "x", color=COLORS[0], markersize=7)
        for marker, color, label in (
            ("o", COLORS[1], "simulated, one point a run"),
            ("|", "black", "theory, same sizes"),
            ("x", COLORS[0], "theory, large sizes"),
        ):
            axes.plot([], [], marker, color=color, label=text(label))
        axes.axvline(1, **PREDICTION)
        labels = [f"{text(LAWS[key.rsplit('_', 1)[0]])} ({text(key.rsplit('_', 1)[1])})" for key in keys]
        axes.set_yticks(range(len(keys)), labels=labels)
        axes.set_ylim(len(keys) - 0.3, -0.7)
        axes.set_xlabel(text("Exponent over formula"))
        axes.set_title(text("Simulated exponents beside their formulas"))
        figure.legend(loc="outside lower center", ncols=3)
        return figure

    def claims(self, views: list[RunView]) -> list[Claim]:
        """What needs the draws of all runs: the easy task, whose errors fluctuate most."""
        study: dict[str, Any] = views[0].config["study"]
        draws = sum(len(view.curves["drawn_data_easy"]) for view in views)
        enough = draws >= 50 and all(claim.measured is not None for claim in views[0].claims if _is_simulated(claim))
        n, p = views[0].curves["easy_samples"], views[0].curves["features"]
        data, parameters = (_pooled(views, f"drawn_{name}_easy") for name in ("data", "parameters"))
        expected = views[0].curves["predicted.parameters_easy"]
        formula, at_sizes = _formulas(views[0])["data_easy"], views[0].metrics["expected_data_easy"]
        found = -_slope(n, data)
        deviation = float(100 * np.median(np.abs(parameters / expected - 1)))
        setting = f"a = {study['easy_signal_decay']:g}, b = {study['easy_decay']:g}; {draws} draws of {len(views)} runs"
        return [
            Claim(
                "matching.pooled_data_easy",
                f"error ~ n^-x without noise: x, simulated, all runs together ({setting}, n = {n[0]} … {n[-1]})",
                formula, formula - 0.07, formula + 0.07, found if enough else None, FORMULA,
            ),
            Claim(
                "matching.pooled_data_easy_at_sizes",
                f"the exact theory has the same slope at these numbers of data: simulated slope ({setting},"
                f" n = {n[0]} … {n[-1]})",
                at_sizes, at_sizes - 0.07, at_sizes + 0.07, found if enough else None, RIDGE,
            ),
            Claim(
                "matching.pooled_projection",
                "error of the best function of p random features, simulated: median deviation from the theory in %"
                f" ({setting}, p = {p[0]} … {p[-1]})",
                0.0, None, 3.0, deviation if enough else None, RIDGE,
            ),
        ]  # fmt: skip


def _formulas(view: RunView) -> dict[str, float]:
    """Exponent of each law and task, as the record's claims state it."""
    prefix = "matching.theory_"
    stated = [claim for claim in view.claims if claim.id.startswith(prefix)]
    return {claim.id.removeprefix(prefix): float(claim.predicted or 0) for claim in stated}


def _is_simulated(claim: Claim) -> bool:
    return claim.id == "matching.exponent_parameters_easy"


def _simulated(views: list[RunView], key: str) -> str | None:
    """Mean over the runs and the hull of their intervals."""
    name = f"exponent_{key}"
    if name not in views[0].metrics:
        return None
    value, low, high = ([view.metrics[f"{name}{end}"] for view in views] for end in ("", "_low", "_high"))
    return f"{np.mean(value):.3f} [{min(low):.3f} … {max(high):.3f}]"


def _pooled(views: list[RunView], name: str) -> np.ndarray:
    """Mean over the draws of all runs."""
    return np.asarray(np.concatenate([view.curves[name] for view in views]).mean(0))


def _slope(x: np.ndarray, y: np.ndarray) -> float:
    """Least-squares slope in the log-log plane."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])
