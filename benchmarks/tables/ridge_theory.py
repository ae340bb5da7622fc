"""Random-feature ridge regression: simulation beside the theory of infinite sizes."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from baselines.common.claims import Claim
from baselines.common.record import RunView
from benchmarks.sheet import Cell, Sheet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

THEORY = "Simon et al. 2023, arXiv:2311.14646; Defilippis et al. 2024, arXiv:2405.15699"


class Table:
    """Random-feature ridge regression: theory of infinite sizes and simulation.

    Test error against the noise-free target, lower is better; theory and simulation should agree. Mean over seeds and
    over the draws of each run ± its standard error; deviation of simulation from theory in %, and in standard errors
    (z). Deviations of order 1/n + 1/p are expected: the theory is exact in the limit only.
    """

    topic: ClassVar[str] = "scaling_law"
    ZH: ClassVar[dict[str, str]] = {
        "Deviation shrinks with size": "偏差随规模减小",
        "Smaller of data and features": "数据个数与特征个数中较小者",
        "Mean simulated error minus theory (%)": "模拟误差与理论之差的均值（%）",
        "one over the size": "规模的倒数",
        "ridge {ridge:g}": "岭参数 {ridge:g}",
    }

    def runs(self, suite: str) -> list[list[str]]:
        """Three seeds; one for smoke."""
        return [["study=ridge", f"seed={seed}"] for seed in range(1 if suite == "smoke" else 3)]

    def sheet(self, views: list[RunView]) -> Sheet:
        """The three largest doubling sizes, the two smallest ridges, all noise levels."""
        curves = views[0].curves
        mean, error = pooled(views)
        samples, features = ([int(size) for size in curves[name]] for name in ("samples", "features"))
        largest = min(samples[-1], features[-1])
        sizes = [size for size in samples if size in features and size in (largest, largest // 2, largest // 4)]
        rows: list[list[Cell]] = []
        for i, ridge in enumerate(curves["ridges"][:2]):
            for j, noise in enumerate(curves["noises"]):
                for n in sizes:
                    for p in sizes:
                        at = (i, j, samples.index(n), features.index(p))
                        expected = float(curves["predicted_test_error"][at])
                        rows.append(
                            [
                                float(ridge), float(noise), n, p, expected, f"{mean[at]:.4g} ± {error[at]:.1g}",
                                f"{100 * (mean[at] / expected - 1):+.2f}", f"{(mean[at] - expected) / error[at]:+.1f}",
                            ]
                        )  # fmt: skip
        columns = ["ridge", "noise", "n", "p", "theory", "simulation", "deviation / %", "z"]
        return Sheet(columns, rows)

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> "Figure | None":
        """Mean deviation over the points of one size, against the size."""
        from baselines.common.plotting import COLORS, PREDICTION, panels

        curves = views[0].curves
        mean, _ = pooled(views)
        deviation = 100 * (mean / curves["predicted_test_error"] - 1)
        smaller = np.minimum(curves["samples"][:, None], curves["features"][None, :])
        sizes = np.intersect1d(curves["samples"], curves["features"])
        figure, axes = panels(1, width=5.4, height=3.8)
        for i, ridge in enumerate(curves["ridges"]):
            at_size = [deviation[i][:, smaller == size].mean() for size in sizes]
            axes[0].plot(sizes, at_size, "o", color=COLORS[i % 8], label=text("ridge {ridge:g}").format(ridge=ridge))
        overall = deviation[:, :, smaller == sizes[0]].mean()
        axes[0].plot(sizes, overall * sizes[0] / sizes, label=text("one over the size"), **PREDICTION)
        axes[0].axhline(0, color="0.6", linewidth=0.8)
        axes[0].set(xscale="log", xlabel=text("Smaller of data and features"))
        axes[0].set_ylabel(text("Mean simulated error minus theory (%)"))
        axes[0].set_title(text("Deviation shrinks with size"))
        axes[0].set_xticks(sizes, labels=[f"{size:g}" for size in sizes])
        axes[0].minorticks_off()
        axes[0].legend()
        return figure

    def claims(self, views: list[RunView]) -> list[Claim]:
        """The claims on the largest deviation and on the limit, with the draws of all seeds together."""
        measurable = all(claim.measured is not None for view in views for claim in view.claims)
        mean, _ = pooled(views)
        largest = float(100 * np.abs(mean / views[0].curves["predicted_test_error"] - 1).max())
        limit = float(np.mean([view.metrics["limit_deviation_percent"] for view in views]))
        error = _combined([view.metrics["limit_standard_error_percent"] for view in views])
        study: dict[str, Any] = views[0].config["study"]
        setting = f"{len(views)} runs of {study['draws']} draws"
        return [
            Claim(
                "ridge.pooled_max_deviation",
                f"Largest deviation of all points, all seeds together, in % ({setting})",
                0.0, None, 6.0, largest if measurable else None, THEORY,
            ),
            Claim(
                "ridge.pooled_limit",
                f"Deviation extrapolated to infinite n and p, all seeds together, in standard errors ({setting})",
                0.0, -3.0, 3.0, limit / float(error) if measurable else None, THEORY,
            ),
        ]  # fmt: skip


def pooled(views: list[RunView]) -> tuple[np.ndarray, np.ndarray]:
    """Mean test error over runs of equally many draws, and its standard error.  Shapes [ridges, noises, n, p]."""
    mean = np.mean([view.curves["test_error"] for view in views], axis=0)
    return mean, _combined([view.curves["test_error_standard_error"] for view in views])


def _combined(errors: list[Any]) -> np.ndarray:
    """Standard error of the mean of independent means."""
    return np.asarray(np.sqrt(np.sum(np.square(errors), axis=0)) / len(errors))
