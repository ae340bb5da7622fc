"""What the tables of pinn_pde share: the problems, the runs of each method, and times read from histories."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

import numpy as np

from baselines.common import options
from baselines.common.compose import configs_folder
from baselines.common.record import RunView
from benchmarks.sheet import Estimate

TOPIC = "pinn_pde"
SEEDS = {"smoke": 1, "standard": 3, "paper": 5}
DEEPXDE, PINN, FEATURES, CLASSICAL = "DeepXDE Adam + L-BFGS", "best PINN", "random features", "classical"
KINDS = (DEEPXDE, PINN, FEATURES, CLASSICAL)
METHOD = {"adam_lbfgs": DEEPXDE, "rfm": FEATURES, "classical": CLASSICAL}  # all others train the project's own network
EQUATIONS = {"schroedinger": 2, "kovasznay": 3, "taylor_green": 3, "cavity": 3}  # of systems
FULL = 20000  # held-out points of a run that was not shortened


@dataclass(frozen=True)
class Row:
    """One forward problem of the tables."""

    slug: str
    title: str
    zh: str
    problem: str
    keys: tuple[str, ...] = ()
    """Overrides that make it this case of the problem."""
    deepxde: tuple[str, ...] = ("dtype=float32",)
    """Of the DeepXDE runs: single precision as in its examples; fewer iterations where one is expensive."""

    def owns(self, view: RunView) -> bool:
        """Whether a record is of this problem in this case."""
        if view.choices["problem"] != self.problem:
            return False
        wanted = dict(key.removeprefix("problem.").split("=") for key in self.keys)
        return all(float(view.config["problem"][name]) == float(value) for name, value in wanted.items())


SHORT = ("dtype=float32", "method.adam_iterations=500", "method.lbfgs_iterations=1000")
ROWS = (
    Row("burgers", "Burgers", "Burgers 方程", "burgers"),
    Row("allen_cahn", "Allen-Cahn", "Allen-Cahn 方程", "allen_cahn"),
    Row("poisson2d", "Poisson 2D", "二维泊松方程", "poisson2d", deepxde=("dtype=float64",)),
    Row("poisson_holes", "Poisson, four holes", "泊松方程，四个孔", "poisson_holes"),
    Row("poisson_lshape", "Poisson, L-shape", "泊松方程，L 形区域", "poisson_lshape"),
    Row("poisson_nd", "Laplace, 10 dimensions", "拉普拉斯方程，10 维", "poisson_nd", deepxde=SHORT),
    Row("helmholtz", "Helmholtz (1, 4)", "亥姆霍兹方程 (1, 4)", "helmholtz"),
    Row("heat", "heat", "热方程", "heat", deepxde=("dtype=float64",)),
    Row("wave", "wave, c = 2, β = 5", "波动方程，c = 2，β = 5", "wave", ("problem.beta=5",), SHORT),
    Row("wave4", "wave, c = 2, β = 4", "波动方程，c = 2，β = 4", "wave", ("problem.beta=4",), SHORT),
    Row("convection", "convection, β = 30", "对流方程，β = 30", "convection", deepxde=SHORT),
    Row("reaction", "reaction, ρ = 5", "反应方程，ρ = 5", "reaction", deepxde=SHORT),
    Row("schroedinger", "Schrödinger", "薛定谔方程", "schroedinger", deepxde=SHORT),
    Row("kovasznay", "Kovasznay", "Kovasznay 流", "kovasznay", deepxde=SHORT),
    Row("taylor_green", "Taylor-Green", "Taylor-Green 涡", "taylor_green", deepxde=SHORT),
    Row("cavity", "cavity, Re = 100", "方腔流，Re = 100", "cavity", deepxde=SHORT),
)
SMOKE = ("poisson2d",)


def rows(suite: str) -> list[Row]:
    """The problems of a suite."""
    return [row for row in ROWS if suite != "smoke" or row.slug in SMOKE]


def preset(kind: str, problem: str, otherwise: str) -> list[str]:
    """The overrides of a tuned setting: a preset `<kind>_<problem>` if there is one, else a method's defaults."""
    name = f"{kind}_{problem}"
    if (configs_folder() / TOPIC / "experiment" / f"{name}.yaml").exists():
        return [f"experiment={name}"]
    return [f"problem={problem}", f"method={otherwise}"]


def network_runs(row: Row, suite: str) -> list[list[str]]:
    """Our best network, random features and DeepXDE's baseline, with the same seeds."""
    baseline = [f"problem={row.problem}", "method=adam_lbfgs", *row.deepxde]
    ours = (preset("best", row.problem, "lm"), preset("rfm", row.problem, "rfm"))
    found = [[*choice, *row.keys, f"seed={seed}"] for choice in ours for seed in range(SEEDS[suite])]
    return found + [[*baseline, *row.keys, f"seed={seed}"] for seed in range(SEEDS[suite])]


def classical_run(row: Row, resolution: int | None = None) -> list[str]:
    """The classical solver, at its finest resolution unless one is given; chance plays no part in it."""
    one = [] if resolution is None else [f"method.resolution={resolution}"]
    return [f"problem={row.problem}", "method=classical", *row.keys, *one, "seed=0"]


def resolutions(row: Row, suite: str) -> list[int]:
    """Of the classical solver, coarse to fine without the finest, the default; all of them in `paper` only."""
    found = list(getattr(options.option_class(TOPIC, "problem", row.problem), "resolutions", ()))[:-1]
    return found if suite == "paper" else found[1:2]


def accuracy_runs(suite: str) -> list[list[str]]:
    """Every problem by every method that solves it."""
    return [run for row in rows(suite) for run in [*network_runs(row, suite), classical_run(row)]]


def precision_runs(suite: str) -> list[list[str]]:
    """The same, and the classical solver from coarse to fine."""
    finer = [classical_run(row, resolution) for row in rows(suite) for resolution in resolutions(row, suite)]
    return accuracy_runs(suite) + finer


def kind(view: RunView) -> str:
    """Which column a record belongs to."""
    return METHOD.get(view.choices["method"], PINN)


def of(views: Sequence[RunView], row: Row, column: str) -> list[RunView]:
    """The records of one problem by one kind of method."""
    return [view for view in views if kind(view) == column and row.owns(view)]


def finest(views: Sequence[RunView]) -> list[RunView]:
    """Of classical records the one with the finest resolution."""
    return sorted(views, key=lambda view: view.metrics["resolution"])[-1:]


def shortened(view: RunView) -> bool:
    """Whether the run had the smoke budget, about whose accuracy nothing is claimed."""
    return int(view.config["heldout_points"]) < FULL


def judged(views: Sequence[RunView]) -> list[float]:
    """Errors, floor-guarded."""
    return [view.metrics["judged_l2"] for view in views]


def seconds(views: Sequence[RunView]) -> float:
    """Median training time."""
    return median(view.cost["training_s"] for view in views)


def timed(views: Sequence[RunView]) -> Estimate | None:
    """Geometric mean of the errors; the text adds the median training time."""
    if not views:
        return None
    estimate = Estimate.log10(judged(views))
    return replace(estimate, text=f"{estimate.text}, {seconds(views):.2g} s")


def target(views: Sequence[RunView], least: int = 3) -> float | None:
    """Geometric mean over seeds, if the runs are full ones and enough."""
    full = [view for view in views if not shortened(view)]
    return Estimate.log10(judged(full)).value if len(full) >= least else None


def spent(view: RunView, along: str) -> np.ndarray:
    """Time or residual evaluations of each row; DeepXDE's runs count points, so their equations are multiplied in."""
    work = view.curves[f"history.{along}"]
    if along != "evaluations" or kind(view) != DEEPXDE:
        return work
    return work * EQUATIONS.get(view.choices["problem"], 1)


def error_at(view: RunView, limit: float, along: str = "elapsed_s") -> float | None:
    """Error in the last row of the history before a limit of time or work; None before the first."""
    work, error = spent(view, along), view.curves["history.error"]
    done = int(np.searchsorted(work, limit, side="right"))
    return float(error[done - 1]) if done else None


def work_to_reach(view: RunView, error: float, along: str = "elapsed_s") -> float:
    """Time or work at the first row from which on the error stays below; infinite if the run ends above it."""
    above = np.flatnonzero(~(view.curves["history.error"] <= error))
    first = int(above[-1]) + 1 if len(above) else 0
    work = spent(view, along)
    return float(work[first]) if first < len(work) else math.inf


def middle(values: Sequence[float]) -> float | None:
    """Median in which a run that never arrives counts as infinite; None if that is infinite."""
    if not values:
        return None
    found = median(values)
    return found if math.isfinite(found) else None


def course(
    views: Sequence[RunView], along: str, points: int = 60
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray] | None:
    """Error against work over seeds: work, median, lowest, highest, each [points]; None without a history.

    The error at some work is that of the last row before it, not the best so far.
    """
    works = [spent(view, along) for view in views]
    works = [work[work > 0] for work in works]
    if not works or any(len(work) < 2 for work in works):
        return None
    start, end = max(work[0] for work in works), median(float(work[-1]) for work in works)
    if not start < end:
        return None
    grid = np.geomspace(start, end, points)
    errors = np.array([[error_at(view, float(at), along) or math.nan for at in grid] for view in views])
    return grid, np.median(errors, axis=0), errors.min(axis=0), errors.max(axis=0)


def points(views: Sequence[RunView], along: str) -> tuple[list[float], list[float]]:
    """Work and error of finished solutions, in the order of their work."""
    found = sorted((float(spent(view, along)[-1]), view.metrics["judged_l2"]) for view in views)
    return [work for work, _ in found], [error for _, error in found]
