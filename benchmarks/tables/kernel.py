"""Nonlinear networks as kernels: measured test errors beside predictions from one kernel matrix."""

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from baselines.common.claims import Claim
from baselines.common.record import RunView
from benchmarks.sheet import Cell, Estimate, Sheet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SYSTEMS = {"ntk": ("samples", "tangent kernel"), "random_features": ("features", "ReLU features")}
THEORIES = {
    "predicted": "datum by datum",
    "predicted_spectrum": "spectrum of the pool",
    "predicted_infinite": "as if the pool were infinite",
}
SOURCE = "effective ridge of each datum, docs/scaling_law.md"


class Table:
    """Kernel regression on digits and on the sphere: predicted and measured test error.

    Test error as a share of the variance of the target, lower is better; theory and measurement should agree. Digits:
    size is n for the tangent kernel and p for the ReLU features; mean over seeds (each a pool, 60 training sets), and
    the mean deviation from three predictions in %. Sphere: number of training points at which half of degree k is
    learned, size is its number of modes. Width: exponent of the difference between trained networks and their
    linearisation. mean ± standard deviation over the seeds.
    """

    topic: ClassVar[str] = "scaling_law"
    ZH: ClassVar[dict[str, str]] = {
        "tangent kernel": "切线核",
        "ReLU features": "ReLU 特征",
        "Training data n": "训练数据数 n",
        "Number of features p": "特征数 p",
        "Measured minus predicted (%)": "测量值与预测值之差（%）",
        "datum by datum": "逐样本",
        "spectrum of the pool": "样本池的谱",
        "as if the pool were infinite": "视样本池为无穷大",
        "within 5 %": "5% 以内",
        "Ridge {ridge:g}, {name}: three theories": "岭参数 {ridge:g}，{name}：三种理论",
    }

    def runs(self, suite: str) -> list[list[str]]:
        """Three seeds; one for smoke."""
        return [["study=kernel", f"seed={seed}"] for seed in range(1 if suite == "smoke" else 3)]

    def sheet(self, views: list[RunView]) -> Sheet:
        """Digits at sizes that double, then stairs and the exponent of the width."""
        columns = ["system", "ridge", "size", "measured", *(f"{label} / %" for label in THEORIES.values())]
        rows: list[list[Cell]] = []
        for name, (axis, label) in SYSTEMS.items():
            deviation = {theory: deviations(views, name, theory) for theory in THEORIES}
            shown = doublings(views[0].curves[f"{name}.{axis}"])
            errors = np.stack([view.curves[f"{name}.test_error"] for view in views])
            for i, ridge in enumerate(views[0].curves["ridges"]):
                for j, size in enumerate(views[0].curves[f"{name}.{axis}"]):
                    if j not in shown:
                        continue
                    cells: list[Cell] = [f"{values[i, j]:+.1f}" for values in deviation.values()]
                    rows.append([label, float(ridge), int(size), Estimate.of(errors[:, i, j].tolist(), 4), *cells])
        for k in range(1, 5):
            known = [view.metrics.get(f"sphere_half_learned_{k}_measured") for view in views]
            measured = [value for value in known if value is not None]
            expected = views[0].metrics.get(f"sphere_half_learned_{k}_predicted")
            if measured and expected is not None:
                change = f"{100 * (np.mean(measured) / expected - 1):+.1f}"
                modes = int(views[0].metrics[f"sphere_modes_{k}"])
                rows.append(
                    [
                        f"sphere, degree {k}: half learned at n",
                        None,
                        modes,
                        Estimate.of(measured, 1),
                        change,
                        None,
                        None,
                    ]
                )
        slopes = [view.metrics["exponent_width"] for view in views]
        rows.append(
            ["difference from linearisation ~ width^-x: x", None, None, Estimate.of(slopes, 2), None, None, None]
        )
        return Sheet(columns, rows)

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> "Figure | None":
        """Deviation from each theory at the smallest ridge."""
        from baselines.common.plotting import COLORS, PREDICTION, panels

        figure, axes = panels(2, width=9.6, height=3.8)
        ridge = float(views[0].curves["ridges"][0])
        for axis, (name, (size, label)) in zip(axes, SYSTEMS.items(), strict=True):
            axis.axhspan(-5, 5, color="0.92", zorder=0, label=text("within 5 %"))
            axis.axhline(0, **PREDICTION)
            for color, (theory, words) in zip(COLORS, THEORIES.items(), strict=False):
                values = deviations(views, name, theory)[0]
                axis.plot(views[0].curves[f"{name}.{size}"], values, "o-", color=color, label=text(words))
            axis.set(xscale="log", xlabel=text("Training data n" if name == "ntk" else "Number of features p"))
            axis.set_ylabel(text("Measured minus predicted (%)"))
            axis.set_title(text("Ridge {ridge:g}, {name}: three theories").format(name=text(label), ridge=ridge))
            sizes = views[0].curves[f"{name}.{size}"]
            axis.set_xticks(sizes, labels=[f"{value:g}" for value in sizes])
            axis.minorticks_off()
            axis.set_ylim(top=1.45 * axis.get_ylim()[1])
            axis.legend(loc="upper left")
        return figure

    def claims(self, views: list[RunView]) -> list[Claim]:
        """Agreement of the mean over all seeds, whose Monte-Carlo error is smaller than that of one run."""
        made = []
        for name, (_, label) in SYSTEMS.items():
            known = [claim for view in views for claim in view.claims if claim.id == f"kernel.{name}"]
            measurable = len(views) > 1 and all(claim.measured is not None for claim in known)
            largest = float(np.abs(deviations(views, name, "predicted")).max())
            made.append(
                Claim(
                    f"kernel.pooled_{name}",
                    f"Largest mean deviation over {len(views)} seeds of the test error from that predicted datum by "
                    f"datum, in % ({label}, digits)",
                    0.0, None, 5.0, largest if measurable else None, SOURCE,
                )
            )  # fmt: skip
        return made


def doublings(sizes: np.ndarray) -> list[int]:
    """Positions of sizes that about double: enough rows for a table."""
    kept = [0]
    for j, size in enumerate(sizes):
        if size >= 1.9 * sizes[kept[-1]]:
            kept.append(j)
    return kept


def deviations(views: list[RunView], name: str, theory: str) -> np.ndarray:
    """Mean over the seeds of measured over predicted minus one, in %.  Shape [ridges, sizes]."""
    ratios = [view.curves[f"{name}.test_error"] / view.curves[f"{name}.{theory}"] for view in views]
    return np.asarray(100 * (np.mean(ratios, axis=0) - 1))
