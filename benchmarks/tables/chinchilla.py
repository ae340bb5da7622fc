"""The parametric Chinchilla fit beside the published ones."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from baselines.common.claims import Claim
from baselines.common.record import RunView
from benchmarks.claims import published
from benchmarks.sheet import Cell, Sheet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

QUANTITIES = ("E", "A", "B", "alpha", "beta", "exponent")


class Table:
    """Parametric scaling law L(N, D) = E + A/N^alpha + B/D^beta of the Chinchilla runs.

    Estimates and bootstrap intervals (95 %; for the exponent a = beta/(alpha + beta) of the compute-optimal model size
    80 %, as published) on the 240 runs that Besiroglu et al. read off a figure of Hoffmann et al. The fit has no
    randomness; interval ends are means over the seeds of the bootstrap. Projection: the same objective by reweighted
    variable projection. Profile: 95 % likelihood interval of E. Last row: tokens per parameter that the law asks for at
    Chinchilla's budget of 5.88e23 FLOP, with the 95 % bootstrap interval.
    """

    topic: ClassVar[str] = "scaling_law"
    ZH: ClassVar[dict[str, str]] = {
        "Relative to the refit": "相对于本拟合",
        "Value over this fit's value": "与本拟合值之比",
        "this fit, bootstrap interval": "本拟合，自助法区间",
        "Besiroglu et al.": "Besiroglu 等",
        "Hoffmann et al.": "Hoffmann 等",
        "irreducible loss": "不可约损失",
        "exponent of model size": "模型规模的指数",
        "exponent of data": "数据量的指数",
        "optimal-size exponent": "最优规模指数",
    }

    def needs(self, data_dir: str) -> str | None:
        """The table of runs is not part of the package."""
        path = Path(data_dir).expanduser() / "scaling/epoch_chinchilla/svg_extracted_data.csv"
        if path.is_file():
            return None
        return f"{path} is missing; `python -m baselines.scaling_law study=chinchilla` says where to get it"

    def runs(self, suite: str) -> list[list[str]]:
        """Three seeds of the bootstrap; one for smoke."""
        return [["study=chinchilla", f"seed={seed}"] for seed in range(1 if suite == "smoke" else 3)]

    def sheet(self, views: list[RunView]) -> Sheet:
        """One row a quantity: ours, Besiroglu et al.'s, Hoffmann et al.'s."""
        known = published(self.topic)
        rows: list[list[Cell]] = []
        for name in QUANTITIES:
            value, low, high = ours(views, name)
            cells: list[Cell] = [name, _short(value), f"{_short(low)} … {_short(high)}"]
            for other in ("", ".interval", ".hoffmann"):
                row = known.get(f"chinchilla.{name}{other}")
                cells.append(row["value"] if row else None)
            rows.append(cells)
        blank: list[Cell] = [None, None, None]
        for name in ("alpha", "beta"):
            value = float(np.mean([view.metrics[f"projection_{name}"] for view in views]))
            rows.append([f"{name}, projection", _short(value), None, *blank])
        profiles = [(v.metrics.get("E_profile_low", np.nan), v.metrics.get("E_profile_high", np.nan)) for v in views]
        low, high = np.mean(profiles, axis=0)
        rows.append(["E, profile", _short(ours(views, "E")[0]), f"{_short(low)} … {_short(high)}", *blank])
        value, low, high = ours(views, "tokens_per_parameter")
        rows.append(["tokens per parameter", _short(value), f"{_short(low)} … {_short(high)}", *blank])
        columns = ["quantity", "this fit", "interval", "Besiroglu et al.", "their interval", "Hoffmann et al."]
        return Sheet(columns, rows)

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> "Figure | None":
        """Published values and our intervals, each over our value."""
        from baselines.common.plotting import COLORS, panels

        labels = {
            "E": "irreducible loss", "alpha": "exponent of model size", "beta": "exponent of data",
            "exponent": "optimal-size exponent",
        }  # fmt: skip
        known = published(self.topic)
        figure, axes = panels(1, width=6.2, height=3.4)
        for position, name in enumerate(labels):
            value, low, high = ours(views, name)
            bar = [[max(1 - low / value, 0)], [max(high / value - 1, 0)]]
            axes[0].errorbar(
                1, position, xerr=bar, fmt="o", color=COLORS[0], capsize=3,
                label=text("this fit, bootstrap interval") if position == 0 else None,
            )  # fmt: skip
            for suffix, label, shift in (("", "Besiroglu et al.", 0.15), (".hoffmann", "Hoffmann et al.", -0.15)):
                row = known.get(f"chinchilla.{name}{suffix}")
                if row:
                    axes[0].plot(
                        float(row["value"]) / value, position + shift, "D" if suffix else "s",
                        color=COLORS[1] if suffix else COLORS[2], label=text(label) if position == 0 else None,
                    )  # fmt: skip
        axes[0].axvline(1, color="0.6", linewidth=0.8)
        axes[0].set_yticks(range(len(labels)), labels=[text(label) for label in labels.values()])
        axes[0].set(xlabel=text("Value over this fit's value"), ylim=(-0.6, len(labels) + 0.5))
        axes[0].set_title(text("Relative to the refit"))
        axes[0].legend(loc="upper left")
        return figure

    def claims(self, views: list[RunView]) -> list[Claim]:
        """That the fit does not depend on the seed, which chooses the starts, and that the bootstrap is quick."""
        objectives = np.array([view.metrics["objective"] for view in views])
        spread = float((objectives.max() - objectives.min()) / objectives.min())
        counts = [view.config["study"]["bootstraps"] for view in views]
        seconds = max(view.cost["bootstrap_s"] for view in views)
        return [
            Claim(
                "chinchilla.same_optimum",
                f"Different starts reach the same optimum: relative spread of the objective over {len(views)} seeds",
                0.0, None, 1e-9, spread if len(views) > 1 else None, "this project",
            ),
            Claim(
                "chinchilla.bootstrap_seconds",
                "500 bootstrap tables, each fitted by two solvers, on one thread: seconds of the slowest run",
                None, None, 30.0, seconds if min(counts) >= 500 else None, "goal of this project",
            ),
        ]  # fmt: skip


def ours(views: list[RunView], name: str) -> tuple[float, float, float]:
    """Our value and the ends of its interval, means over the seeds."""
    level = "_80" if name == "exponent" else ""
    found = [[view.metrics[key] for key in (name, f"{name}_low{level}", f"{name}_high{level}")] for view in views]
    value, low, high = np.mean(found, axis=0)
    return float(value), float(low), float(high)


def _short(value: float) -> str:
    return f"{value:.4g}" if value < 100 else f"{value:.0f}"
