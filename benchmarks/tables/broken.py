"""Broken power law on four-digit addition, beside simpler laws and the authors' procedure."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from baselines.common.claims import Claim
from baselines.common.record import RunView
from benchmarks.sheet import Cell, Sheet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LAWS = {
    "broken_log1p": "broken law, log(1 + y)",
    "broken_log": "broken law, log y",
    "reference": "authors' procedure, log(1 + y)",
    "power_constant": "power law + constant",
    "power": "power law",
}
PARAMETERS = {"broken_log1p": 6, "broken_log": 6, "reference": 6, "power_constant": 3, "power": 2}


class Table:
    """Broken power law y = a + b x^-c0 (1 + (x/d)^(1/f))^(-c f) on the addition of four digits.

    Root mean squared error of log y on the 14 smallest training sets, which are fitted, and on the 3 largest, which no
    fit sees; lower is better. The data are fixed and the fits deterministic up to their random starts: median over the
    seeds (of the starts and the bootstrap). "95 % of resamples": errors on the 3 points after refits of resampled
    fitted points. "Authors' procedure": their grid search and local search, written again.
    """

    topic: ClassVar[str] = "scaling_law"
    ZH: ClassVar[dict[str, str]] = {
        "Only a break predicts the three largest sizes": "只有带拐点的定律能预测最大的三个规模",
        "Root mean squared error of log y, held out": "log y 的均方根误差（留出点）",
        "broken law, log(1 + y)": "折断幂律，log(1 + y)",
        "broken law, log y": "折断幂律，log y",
        "authors' procedure, log(1 + y)": "原作者的步骤，log(1 + y)",
        "power law + constant": "幂律 + 常数",
        "power law": "幂律",
    }

    def needs(self, data_dir: str) -> str | None:
        """The points are not part of the package."""
        path = Path(data_dir).expanduser() / "scaling/bnsl_addition/four_digit_addition.csv"
        if path.is_file():
            return None
        return f"{path} is missing; `python -m baselines.scaling_law study=broken` says where to get it"

    def runs(self, suite: str) -> list[list[str]]:
        """Three seeds of starts and bootstrap; one for smoke."""
        return [["study=broken", f"seed={seed}"] for seed in range(1 if suite == "smoke" else 3)]

    def sheet(self, views: list[RunView]) -> Sheet:
        """One row a law."""
        rows: list[list[Cell]] = []
        for name, label in LAWS.items():
            fitted, held_out = (_median(views, f"rmsle_{part}_{name}") for part in ("train", "heldout"))
            band = None
            if name == "broken_log1p":
                low, high = (_median(views, f"rmsle_heldout_{end}") for end in ("low", "high"))
                band = f"{low:.4f} … {high:.2f}"
            cells = [None if value is None else f"{value:.5f}" for value in (fitted, held_out)]
            rows.append([label, PARAMETERS[name], *cells, band])
        return Sheet(["law and objective", "parameters", "fitted points", "held-out points", "95 % of resamples"], rows)

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> "Figure | None":
        """Held-out error of every law."""
        from baselines.common.plotting import COLORS, panels

        figure, (axes,) = panels(1, width=6.2, height=3.0)
        shown = [(name, _median(views, f"rmsle_heldout_{name}")) for name in reversed(LAWS)]
        for position, (name, value) in enumerate(shown):
            if value is not None:
                color = COLORS[0] if name.startswith("broken") else COLORS[1] if name == "reference" else "0.5"
                axes.plot(value, position, "o", color=color, markersize=6)
                axes.annotate(f"{value:.4f}", (value, position), xytext=(0, 6), textcoords="offset points", ha="center")
        axes.set_yticks(range(len(shown)), labels=[text(LAWS[name]) for name, _ in shown])
        axes.set(xscale="log", xlim=(5e-3, 2), ylim=(-0.5, len(shown) - 0.2))
        axes.set_xlabel(text("Root mean squared error of log y, held out"))
        axes.set_title(text("Only a break predicts the three largest sizes"))
        return figure

    def claims(self, views: list[RunView]) -> list[Claim]:
        """That the optimum does not depend on the seed, which chooses the starts."""
        objectives = np.array([view.metrics["rmsle_train_broken_log1p"] for view in views])
        spread = float(objectives.max() / objectives.min() - 1)
        return [
            Claim(
                "broken.same_optimum",
                f"different starts reach the same optimum: relative spread of the error on the fitted points over "
                f"{len(views)} seeds",
                0.0, None, 1e-6, spread if len(views) > 1 else None, "this project",
            )
        ]  # fmt: skip


def _median(views: list[RunView], metric: str) -> float | None:
    values = [view.metrics[metric] for view in views if metric in view.metrics]
    return float(np.median(values)) if values else None
