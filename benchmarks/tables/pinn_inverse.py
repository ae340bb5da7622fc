"""Inverse problems: error of the parameters against the noise of the data, and coverage of the intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import median
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from baselines.common import options
from baselines.common.claims import Claim
from baselines.common.record import RunView
from benchmarks.sheet import Cell, Estimate, Sheet
from benchmarks.tables import _pinn

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class Inverse(NamedTuple):
    """One inverse problem of the table."""

    problem: str
    title: str
    seeds: int
    """Of the noise curves in the standard suite."""
    network: tuple[str, ...]
    """Settings of Levenberg-Marquardt where the problem has no preset."""


NOISE = (0.0, 0.01, 0.05, 0.1, 0.2)
SMOOTH = ("method.depth=2", "method.width=16", "method.points=800", "method.iterations=150")
FINE = ("method.depth=3", "method.width=16", "method.points=2500", "method.iterations=250")  # fronts and layers
PROBLEMS = (
    Inverse("poisson_inverse", "Poisson, constant a", 3, SMOOTH),
    Inverse("poisson_field", "Poisson, field a(x, y)", 3, SMOOTH),
    Inverse("heat_field", "heat, field a(x, y)", 3, SMOOTH),
    Inverse("burgers_inverse", "Burgers, λ₁ and ν", 1, FINE),
    Inverse("reaction_diffusion", "reaction-diffusion, D and k", 1, FINE),
    Inverse("lorenz", "Lorenz, σ, ρ and β", 3, SMOOTH),
    Inverse("kovasznay_inverse", "Kovasznay, ν", 3, SMOOTH),
)
COVERED = {  # short trainings of small networks, enough for these two
    "poisson_inverse": ("method.iterations=60", "method.depth=1", "method.width=16", "method.points=300"),
    "lorenz": ("method.iterations=80", "method.depth=1", "method.width=24", "method.points=150"),
}
DRAWS = {"smoke": 1, "standard": 20, "paper": 100}
COVERAGE_NOISE = 0.05
SMOKE = ("poisson_inverse",)
NETWORK, CLASSICAL = "network", "classical"
LEAST_DRAWS = 20
Z90 = 1.6448536269514722  # half width of a normal 90 % interval in standard deviations
FIELD_TARGET = 2e-2  # for the coefficient of poisson_field with noise of standard deviation 0.1


class Table:
    """Inverse problems: parameters from noisy data.

    Relative error of the recovered parameters (root mean square where there are several; of a field the relative L2
    error) against the noise, whose standard deviation is given in % of the root mean square of the clean values:
    geometric mean [minimum … maximum] over n seeds of data and network. Lower is better. Network: the preset of the
    problem, else Levenberg-Marquardt; classical: least squares on the solved equation with the same data. Coverage:
    share of the 90 % intervals that contain the truth over draws of 5 % noise, all parameters together; the closer to
    90 % the better.
    """

    topic: ClassVar[str] = _pinn.TOPIC
    ZH: ClassVar[dict[str, str]] = {
        NETWORK: "网络",
        CLASSICAL: "经典解法",
        "noise / %": "噪声 / %",
        "relative error of the parameters": "参数的相对误差",
        "slope 1": "斜率 1",
        "coverage of the 90 % interval / %": "90 % 区间的覆盖率 / %",
        "Coverage": "覆盖率",
        "target": "目标",
        "Poisson, constant a": "泊松方程，常数 a",
        "Poisson, field a(x, y)": "泊松方程，场 a(x, y)",
        "heat, field a(x, y)": "热方程，场 a(x, y)",
        "Burgers, λ₁ and ν": "Burgers 方程，λ₁ 与 ν",
        "reaction-diffusion, D and k": "反应扩散方程，D 与 k",
        "Lorenz, σ, ρ and β": "Lorenz 方程，σ、ρ 与 β",
        "Kovasznay, ν": "Kovasznay 流，ν",
    }

    def runs(self, suite: str) -> list[list[str]]:
        """Noise curves, then the draws for the coverage; the classical method shares some of them."""
        found: list[list[str]] = []
        for inverse in PROBLEMS:
            if suite == "smoke" and inverse.problem not in SMOKE:
                continue
            network = _pinn.preset("best", inverse.problem, "lm")
            if suite != "smoke" and not network[0].startswith("experiment="):
                network += inverse.network
            classical = [f"problem={inverse.problem}", "method=classical"]
            seeds = {"smoke": 1, "standard": inverse.seeds, "paper": 5}[suite]
            for noise in NOISE if suite != "smoke" else (0.0, 0.1):
                found += [[*network, f"problem.noise={noise}", f"seed={seed}"] for seed in range(seeds)]
                found += [[*classical, f"problem.noise={noise}", f"seed={s}"] for s in range(seeds)]
        for problem, small in COVERED.items():
            if suite == "smoke" and problem not in SMOKE:
                continue
            keys = [] if suite == "smoke" else list(small)
            for seed in range(DRAWS[suite]):
                draw = [f"problem.noise={COVERAGE_NOISE}", f"seed={seed}"]
                found.append([f"problem={problem}", "method=lm", *keys, *draw])
                found.append([f"problem={problem}", "method=classical", *draw])
        return [list(run) for run in dict.fromkeys(tuple(run) for run in found)]

    def sheet(self, views: list[RunView]) -> Sheet:
        """One row a problem and method."""
        levels = sorted({_noise(view) for view in views})
        columns = [
            "problem",
            "method",
            *(f"error, {100 * level:g} % noise" for level in levels),
            "coverage / %",
            "training time / s",
        ]
        rows: list[list[Cell]] = []
        for inverse in PROBLEMS:
            for name in (NETWORK, CLASSICAL):
                own = curve(views, inverse.problem, name)
                if own:
                    methods = (
                        "classical" if name == CLASSICAL else ", ".join(sorted({v.choices["method"] for v in own}))
                    )
                    errors = [_estimate([v for v in own if _noise(v) == level]) for level in levels]
                    share = _coverage_cell(drawn(views, inverse.problem, name))
                    time = float(f"{median(v.cost['training_s'] for v in own):.2g}")
                    rows.append([inverse.title, methods, *errors, share, time])
        return Sheet(columns, rows)

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> Figure | None:
        """Error against noise, one panel a problem, then the coverage."""
        from baselines.common.plotting import panels

        shown = [inverse for inverse in PROBLEMS if curve(views, inverse.problem, CLASSICAL)]
        across = min(4, len(shown) + 1)
        down = -(-(len(shown) + 1) // across)
        figure, axes = panels(across, down, width=3.5 * across, height=2.9 * down)
        flat = list(axes.flat)
        for axis, inverse in zip(flat, shown, strict=False):
            _noise_panel(axis, views, inverse, text)
        for axis in flat[::across]:
            axis.set_ylabel(text("relative error of the parameters"))
        _coverage_panel(flat[len(shown)], views, text)
        for axis in flat[len(shown) + 1 :]:
            axis.set_visible(False)
        flat[0].legend(fontsize=7.5)
        return figure

    def claims(self, views: list[RunView]) -> list[Claim]:
        """Coverage of both methods, the field coefficient, and exact data."""
        coverages = [_coverage_claim(views, name) for name in (NETWORK, CLASSICAL)]
        return [*coverages, _field_claim(views), *(_exact_claim(views, inverse) for inverse in PROBLEMS)]


def curve(views: Sequence[RunView], problem: str, name: str) -> list[RunView]:
    """The records of a noise curve, each seed once a level; the classical draws for the coverage are among them."""
    own = [v for v in views if v.choices["problem"] == problem and _name(v) == name and not _is_short(v)]
    return list({(_noise(v), v.seed): v for v in own}.values())


def drawn(views: Sequence[RunView], problem: str, name: str) -> list[RunView]:
    """The draws of noise for the coverage, each seed once."""
    own = [v for v in views if v.choices["problem"] == problem and _name(v) == name and _noise(v) == COVERAGE_NOISE]
    wanted = [v for v in own if name == CLASSICAL or _is_short(v) or _pinn.shortened(v)]
    return list({v.seed: v for v in wanted}.values()) if problem in COVERED else []


def parameter_error(view: RunView) -> float:
    """Root mean square of the relative errors of the unknowns; of an unknown field its relative L2 error."""
    errors = [view.metrics[f"{unknown.name}_error"] for unknown in _unknowns(view)]
    return math.sqrt(float(np.mean(np.square(errors)))) if errors else view.metrics["judged_l2"]


def covered(view: RunView) -> list[bool]:
    """Whether the 90 % interval of each unknown contains the true value."""
    found = []
    for unknown in _unknowns(view):
        bar = view.metrics.get(f"{unknown.name}_standard_error")
        if bar is not None:
            found.append(abs(view.metrics[unknown.name] - unknown.true) <= Z90 * bar)
    return found


def _unknowns(view: RunView) -> list[Any]:
    problem: Any = options.option_class(view.topic, "problem", view.choices["problem"])(**view.config["problem"])
    return list(problem.unknowns())


def _name(view: RunView) -> str:
    return CLASSICAL if view.choices["method"] == "classical" else NETWORK


def _noise(view: RunView) -> float:
    return float(view.config["problem"]["noise"])


def _is_short(view: RunView) -> bool:
    """Whether the run has the small network of the coverage draws."""
    small = dict(key.removeprefix("method.").split("=") for key in COVERED.get(view.choices["problem"], ()))
    method = view.config["method"]
    return bool(small) and view.choices["method"] == "lm" and all(method[k] == int(v) for k, v in small.items())


def _estimate(views: Sequence[RunView]) -> Cell:
    return Estimate.log10([max(parameter_error(view), 1e-16) for view in views]) if views else None


def _shares(views: Sequence[RunView]) -> list[bool]:
    return [inside for view in views for inside in covered(view)]


def _coverage_cell(views: Sequence[RunView]) -> Cell:
    inside = _shares(views)
    return f"{100 * float(np.mean(inside)):.0f} ({sum(inside)} of {len(inside)})" if inside else None


def _coverage_claim(views: Sequence[RunView], name: str) -> Claim:
    """All intervals of the covered problems together."""
    each = {problem: [v for v in drawn(views, problem, name) if not _pinn.shortened(v)] for problem in COVERED}
    enough = all(len(own) >= LEAST_DRAWS for own in each.values())
    inside = [hit for own in each.values() for hit in _shares(own)]
    return Claim(
        f"pinn.inverse.coverage.{name}",
        f"90 % intervals of the parameters ({name}: {', '.join(COVERED)}, 5 % noise) contain the truth in 90 ± 7 % of "
        f"at least {LEAST_DRAWS} draws each",
        0.9,
        0.83,
        0.97,
        float(np.mean(inside)) if inside and enough else None,
        "target of this project; the share of n independent intervals scatters by sqrt(0.09 / n), 0.027 for 120",
    )


def _field_claim(views: Sequence[RunView]) -> Claim:
    own = [v for v in curve(views, "poisson_field", NETWORK) if _noise(v) == 0.2 and not _pinn.shortened(v)]
    return Claim(
        "pinn.target.poisson_field",
        "Inverse Poisson with an unknown field a(x, y): noise of standard deviation 0.1 (20 % of the root mean square) "
        "leaves a relative L2 error of at most 2e-2",
        None,
        None,
        FIELD_TARGET,
        Estimate.log10([parameter_error(view) for view in own]).value if own else None,
        "target of this project for case PInv of PINNacle",
    )


def _exact_claim(views: Sequence[RunView], inverse: Inverse) -> Claim:
    own = [v for v in curve(views, inverse.problem, NETWORK) if _noise(v) == 0.0 and not _pinn.shortened(v)]
    return Claim(
        f"pinn.target.{inverse.problem}.exact_data",
        f"{inverse.title}: from exact data the network recovers the parameters to 1e-4 (relative error)",
        None,
        None,
        1e-4,
        Estimate.log10([max(parameter_error(view), 1e-16) for view in own]).value if own else None,
        "target of this project for noise-free data",
    )


def _noise_panel(axis: Axes, views: Sequence[RunView], inverse: Inverse, text: Callable[[str], str]) -> None:
    """Points for seeds, a line through their medians, and a line of slope 1 through the classical ones."""
    from baselines.common.plotting import COLORS, PREDICTION

    for color, marker, name in zip(COLORS, "sD", (NETWORK, CLASSICAL), strict=False):
        own = [view for view in curve(views, inverse.problem, name) if _noise(view) > 0]
        levels = sorted({_noise(view) for view in own})
        middle = [median(parameter_error(v) for v in own if _noise(v) == level) for level in levels]
        percent = [100 * level for level in levels]
        axis.loglog(percent, middle, "-", color=color, lw=0.9)
        axis.loglog(
            [100 * _noise(view) for view in own],
            [parameter_error(view) for view in own],
            marker,
            color=color,
            ms=4,
            alpha=0.75,
            label=text(name),
        )
        if name == CLASSICAL and levels:
            scale = math.exp(float(np.mean(np.log(middle) - np.log(percent))))
            axis.loglog(percent, [scale * at for at in percent], label=text("slope 1"), **PREDICTION)
    axis.set_xticks([1, 5, 10, 20], ["1", "5", "10", "20"])
    axis.set_xticks([], minor=True)
    axis.set_xlabel(text("noise / %"))
    axis.set_title(text(inverse.title))


def _coverage_panel(axis: Axes, views: Sequence[RunView], text: Callable[[str], str]) -> None:
    """Share of covering intervals of each problem and method, with its binomial scatter."""
    from baselines.common.plotting import COLORS, PREDICTION

    titles = {inverse.problem: inverse.title for inverse in PROBLEMS}
    axis.axhspan(83, 97, color="0.5", alpha=0.15, lw=0, label=text("target"))
    axis.axhline(90, **PREDICTION)
    for number, problem in enumerate(COVERED):
        for color, marker, shift, name in zip(COLORS, "sD", (-0.12, 0.12), (NETWORK, CLASSICAL), strict=False):
            inside = _shares(drawn(views, problem, name))
            if inside:
                share = float(np.mean(inside))
                bar = 100 * math.sqrt(max(share * (1 - share), 0.25 / len(inside)) / len(inside))
                axis.errorbar([number + shift], [100 * share], [bar], fmt=marker, color=color, ms=4.5, capsize=2)
    axis.set_xticks(
        range(len(COVERED)),
        [text(titles[problem]).replace("，", "，\n").replace(", ", ",\n", 1) for problem in COVERED],
    )
    axis.set_xlim(-0.6, len(COVERED) - 0.4)
    axis.set_ylim(40, 104)
    axis.set_ylabel(text("coverage of the 90 % interval / %"))
    axis.set_title(text("Coverage"))
    axis.legend(loc="lower right")
