"""How well a law fitted to the small budgets predicts the large ones, on three tables of runs."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np

from baselines.common.claims import Claim
from baselines.common.record import RunView
from benchmarks.sheet import Cell, Sheet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LESS = ["study.starts=10", "study.bootstraps=10", "study.folds=2"]  # these tables are slow to fit
MISFITTING = [
    "study=extrapolation", "study.table=scaling/misfitting/scaling_results_last_ckpt_only.csv", "study.columns.n=N",
    "study.columns.d=D", "study.best_of_repeats=true", "study.drop_bad_rows=true",
    "study.cuts=[3e18,1e19]", *LESS,
]  # fmt: skip
OTHERS = [
    MISFITTING,
    [*MISFITTING, "study.min_tokens_per_parameter=5"],
    [
        "study=extrapolation", "study.table=scaling/llama3_isoflops/isoflops.csv", "study.columns.n=params",
        "study.columns.d=tokens", 'study.where=["condition=raw_loss"]',
        "study.cuts=[1e20,1e21]", *LESS,
    ],
]  # fmt: skip
FILES = ("epoch_chinchilla/svg_extracted_data.csv", "misfitting/scaling_results_last_ckpt_only.csv",
         "llama3_isoflops/isoflops.csv")  # fmt: skip
NAMES = {"epoch_chinchilla": "Chinchilla", "misfitting": "(Mis)Fitting", "llama3_isoflops": "Llama 3"}


class Row(NamedTuple):
    """One table of runs, one filter, one cut."""

    name: str
    cut: str
    views: list[RunView]

    def mean(self, metric: str) -> float:
        """Mean over the seeds of a metric of this cut."""
        return float(np.mean([view.metrics[f"{metric}_{self.cut}"] for view in self.views]))

    def interval(self) -> tuple[float, float]:
        """Ends of the error's interval, means over the seeds."""
        ends = [[view.metrics[f"error_percent_{self.cut}_{end}"] for view in self.views] for end in ("low", "high")]
        return float(np.mean(ends[0])), float(np.mean(ends[1]))


class Table:
    """Extrapolation of L = E + A/N^alpha + B/D^beta: fitted below a compute budget, judged on the runs above it.

    Mean absolute relative error of the loss in % (lower is better) with its 95 % bootstrap interval over the predicted
    runs; the error on the same runs when random model sizes are left out instead; share of the predicted runs inside
    95 % intervals of a new run; their share outside the range of N and of D and beyond the 95 % ellipse of the fitted
    runs. Chinchilla: mean over seeds of starts, bootstrap and splits; other tables one seed. D/N ≥ 5 leaves out
    under-trained runs.
    """

    topic: ClassVar[str] = "scaling_law"
    ZH: ClassVar[dict[str, str]] = {
        "Extrapolation against random splits": "外推与随机划分的比较",
        "Mean absolute error of the loss (%)": "损失的平均绝对误差（%）",
        "larger runs held out": "留出更大的训练",
        "random model sizes held out": "随机留出模型规模",
        "goal 1.2 % (Chinchilla)": "目标 1.2%（Chinchilla）",
    }

    def needs(self, data_dir: str) -> str | None:
        """The tables of runs are not part of the package."""
        for file in FILES:
            path = Path(data_dir).expanduser() / "scaling" / file
            if not path.is_file():
                return f"{path} is missing; `python -m baselines.scaling_law study=extrapolation` says where to get it"
        return None

    def runs(self, suite: str) -> list[list[str]]:
        """Three seeds of the published table and one of each other; one run for smoke."""
        if suite == "smoke":
            return [["study=extrapolation", "seed=0"]]
        return [*(["study=extrapolation", f"seed={seed}"] for seed in range(3)), *OTHERS]

    def sheet(self, views: list[RunView]) -> Sheet:
        """One row a table, filter and cut."""
        rows: list[list[Cell]] = []
        for row in _rows(views):
            value, (low, high) = row.mean("error_percent"), row.interval()
            shares = [f"{100 * row.mean(metric):.0f} %" for metric in
                      ("coverage_run", "outside_n", "outside_d", "beyond_95")]  # fmt: skip
            counts = f"{row.mean('runs_fitted'):.0f} + {row.mean('runs_predicted'):.0f}"
            rows.append(
                [row.name, row.cut, counts, f"{value:.2f} ({low:.2f} … {high:.2f})",
                 f"{row.mean('random_error_percent'):.2f}", *shares]
            )  # fmt: skip
        columns = ["runs", "cut / FLOP", "fitted + predicted", "error %", "random splits %", "inside 95 %"]
        return Sheet([*columns, "outside N", "outside D", "beyond ellipse"], rows)

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> "Figure | None":
        """Errors of ordered and random splits."""
        from baselines.common.plotting import COLORS, PREDICTION, panels

        rows = list(reversed(_rows(views)))
        figure, (axes,) = panels(1, width=6.6, height=1.2 + 0.36 * len(rows))
        for position, row in enumerate(rows):
            value, random = row.mean("error_percent"), row.mean("random_error_percent")
            axes.plot(row.interval(), [position, position], color=COLORS[1], linewidth=1.2)
            first = position == 0
            axes.plot(value, position, "o", color=COLORS[1], label=text("larger runs held out") if first else None)
            label = text("random model sizes held out") if first else None
            axes.plot(random, position, "s", color=COLORS[0], label=label)
        axes.axvline(1.2, label=text("goal 1.2 % (Chinchilla)"), **PREDICTION)
        axes.set_yticks(range(len(rows)), labels=[f"{row.name}, {row.cut} FLOP" for row in rows])
        axes.set(xlabel=text("Mean absolute error of the loss (%)"), ylim=(-0.6, len(rows) + 1.2))
        axes.set_xlim(left=0)
        axes.set_title(text("Extrapolation against random splits"))
        axes.legend(loc="upper right")
        return figure

    def claims(self, views: list[RunView]) -> list[Claim]:
        """None beyond those of the runs."""
        return []


def _rows(views: list[RunView]) -> list[Row]:
    """Rows in the order of the runs; seeds of one table together."""
    found: dict[tuple[str, str], list[RunView]] = {}
    for view in views:
        study = view.config["study"]
        name = next((word for key, word in NAMES.items() if key in study["table"]), Path(study["table"]).name)
        smallest = study["min_tokens_per_parameter"]
        name += f", D/N ≥ {smallest:g}" if smallest else ""
        for cut in view.curves["cuts"]:
            found.setdefault((name, f"{cut:.3g}".replace("e+", "e")), []).append(view)
    return [Row(name, cut, group) for (name, cut), group in found.items()]
