"""DeepXDE's documented Burgers recipe beside the default run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from baselines.common.claims import Claim
from baselines.common.record import RunView
from benchmarks.sheet import Cell, Estimate, Sheet
from benchmarks.tables import _pinn

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TIMES = (10.0, 30.0, 60.0)
RECIPE, DEFAULT = "DeepXDE's recipe", "default run"


class Table:
    """DeepXDE's documented Burgers recipe beside the default run.

    Relative L2 error of the last state before 10, 30 and 60 s of training, geometric mean [minimum … maximum] over n
    seeds; the ratio is DeepXDE's error over ours, seed by seed. Lower errors and larger ratios are better. A run that
    ends earlier keeps its last error. The recipe is `experiment=deepxde_burgers`: float32, 15,000 iterations of Adam,
    then L-BFGS; the other is `python -m baselines.pinn_pde`.
    """

    topic: ClassVar[str] = _pinn.TOPIC
    ZH: ClassVar[dict[str, str]] = {
        RECIPE: "DeepXDE 的方案",
        DEFAULT: "默认运行",
        "training time / s": "训练时间 / 秒",
        "relative L2 error": "相对 L2 误差",
    }

    def runs(self, suite: str) -> list[list[str]]:
        """Both with the same seeds."""
        seeds = range(_pinn.SEEDS[suite])
        return [[*choice, f"seed={seed}"] for choice in (["experiment=deepxde_burgers"], []) for seed in seeds]

    def sheet(self, views: list[RunView]) -> Sheet:
        """Two rows of errors and one of ratios."""
        columns = ["run", "method", *(f"error at {at:g} s" for at in TIMES), "final error", "training time / s"]
        rows: list[list[Cell]] = []
        for name, own in split(views).items():
            if own:
                methods = ", ".join(sorted({view.choices["method"] for view in own}))
                time = Estimate.of([view.cost["training_s"] for view in own], digits=1)
                rows.append([name, methods, *(_errors(own, at) for at in TIMES), _log(_pinn.judged(own)), time])
        rows.append(["ratio", None, *(_log(ratios(views, at)) for at in TIMES), None, None])
        return Sheet(columns, rows)

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> Figure | None:
        """Error against time, one line a seed."""
        from baselines.common.plotting import COLORS, panels

        figure, axes = panels(1, width=6.4, height=3.8)
        axis = axes[0]
        for color, (name, own) in zip(COLORS, split(views).items(), strict=False):
            for view in own:
                axis.semilogy(view.curves["history.elapsed_s"], view.curves["history.error"], color=color, alpha=0.8)
            axis.plot([], [], color=color, label=text(name))
        for at in TIMES:
            axis.axvline(at, color="0.7", lw=0.8, ls=":")
        axis.set_xlabel(text("training time / s"))
        axis.set_ylabel(text("relative L2 error"))
        axis.legend()
        return figure

    def claims(self, views: list[RunView]) -> list[Claim]:
        """The target of this project."""
        full = [view for view in views if not _pinn.shortened(view)]
        found = ratios(full, 60.0)
        return [
            Claim(
                "pinn.burgers.side_by_side",
                "Burgers: after 60 s of training the default run is at least 100 times as accurate as DeepXDE's "
                "documented recipe on the same machine (ratio of errors, geometric mean)",
                None,
                100.0,
                None,
                Estimate.log10(found).value if len(found) >= 3 else None,
                "target of this project",
            )
        ]


def split(views: list[RunView]) -> dict[str, list[RunView]]:
    """The recipe and the default run; they differ in the method, or at least in the precision."""
    recipe = [v for v in views if v.choices["method"] == "adam_lbfgs" and v.config["dtype"] == "float32"]
    return {RECIPE: recipe, DEFAULT: [view for view in views if view not in recipe]}


def ratios(views: list[RunView], at: float) -> list[float]:
    """DeepXDE's error over ours, for each seed that has both."""
    own = {name: {view.seed: _pinn.error_at(view, at) for view in found} for name, found in split(views).items()}
    pairs = [(own[RECIPE][seed], own[DEFAULT][seed]) for seed in own[RECIPE] if seed in own[DEFAULT]]
    return [first / second for first, second in pairs if first is not None and second]


def _errors(views: list[RunView], at: float) -> Cell:
    return _log([error for view in views if (error := _pinn.error_at(view, at)) is not None])


def _log(values: list[float]) -> Cell:
    return Estimate.log10(values) if values else None
