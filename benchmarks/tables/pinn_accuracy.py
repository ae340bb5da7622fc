"""Accuracy of every method on every forward problem."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np

from baselines.common.claims import FAILS, HOLDS, Claim
from baselines.common.record import RunView
from benchmarks.claims import published
from benchmarks.sheet import Cell, Estimate, Sheet
from benchmarks.tables import _pinn
from benchmarks.tables._pinn import CLASSICAL, DEEPXDE, FEATURES, KINDS, PINN, Row

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Target(NamedTuple):
    """An error that a method is asked to reach, perhaps within some seconds."""

    slug: str
    column: str
    error: float
    seconds: float | None = None


TARGETS = (
    Target("poisson2d", PINN, 1e-7, 10.0),
    Target("poisson2d", FEATURES, 1e-11, 1.0),
    Target("poisson_holes", PINN, 1e-4),
    Target("poisson_nd", PINN, 4e-3),
    Target("helmholtz", PINN, 1e-4),
    Target("helmholtz", FEATURES, 1e-6),
    Target("wave", PINN, 1e-2),
    Target("wave", FEATURES, 1e-5),
    Target("wave4", PINN, 1e-2),
    Target("wave4", FEATURES, 1e-5),
    Target("convection", PINN, 1e-3),
    Target("convection", FEATURES, 1e-7),
    Target("reaction", PINN, 1e-4),
    Target("burgers", PINN, 1e-5),
    Target("allen_cahn", PINN, 1e-4),
    Target("schroedinger", PINN, 1e-4),
    Target("kovasznay", PINN, 1e-6),
    Target("cavity", PINN, 1e-3),
)
SHORT = {PINN: "PINN", FEATURES: "RF"}
MARKERS = dict(zip(KINDS, "s^oD", strict=True))


class Table:
    """Accuracy of every method on every problem.

    Relative L2 error against the reference, never below three of its error bars: geometric mean [minimum … maximum]
    over n seeds, and the median training time. Lower is better. The best PINN is the preset of each problem, its method
    named; the classical solver has no chance in it and is shown at its finest resolution. DeepXDE's baseline runs 1,000
    iterations of Adam and at most 5,000 of L-BFGS (500 and 1,000 for wave, convection, reaction,
    systems and in ten dimensions), in float32 as in
    its examples (Poisson 2D and heat: float64). Published values have settings and machines of their own.
    """

    topic: ClassVar[str] = _pinn.TOPIC
    ZH: ClassVar[dict[str, str]] = {
        "relative L2 error": "相对 L2 误差",
        "target": "目标",
        "three bars of the reference": "参考解误差的三倍",
        DEEPXDE: "DeepXDE：Adam + L-BFGS",
        PINN: "最佳 PINN",
        FEATURES: "随机特征",
        CLASSICAL: "经典解法",
        **{row.title: row.zh for row in _pinn.ROWS},
    }

    def runs(self, suite: str) -> list[list[str]]:
        """Every problem by every method; the L-shape by finite elements of all sizes, for equal unknowns."""
        lshape = next(row for row in _pinn.ROWS if row.slug == "poisson_lshape")
        sizes = _pinn.resolutions(lshape, suite) if lshape in _pinn.rows(suite) else []
        return _pinn.accuracy_runs(suite) + [_pinn.classical_run(lshape, size) for size in sizes]

    def sheet(self, views: list[RunView]) -> Sheet:
        """One row a problem."""
        columns = [
            "problem",
            *KINDS[:2],
            "its method",
            *KINDS[2:],
            "reference's bar",
            "published best",
            "target",
            "verdict",
        ]
        found = {claim.id: claim.verdict for claim in self.claims(views)}
        return Sheet(columns, [self._row(row, views, found) for row in _pinn.ROWS if _all(views, row)])

    def _row(self, row: Row, views: list[RunView], verdicts: dict[str, str]) -> list[Cell]:
        errors = {column: _pinn.timed(_shown(views, row, column)) for column in KINDS}
        methods = sorted({view.choices["method"] for view in _pinn.of(views, row, PINN)})
        known = published(self.topic).get(f"pinn.target.{row.slug}.pinn")
        asked = [target for target in TARGETS if target.slug == row.slug]
        marks = {HOLDS: "✓", FAILS: "✗"}
        return [
            row.title,
            errors[DEEPXDE],
            errors[PINN],
            ", ".join(methods) or None,
            errors[FEATURES],
            errors[CLASSICAL],
            f"{max(view.metrics['reference_error'] for view in _all(views, row)):.0e}",
            f"{known['value']} ({known['source']})" if known else None,
            "; ".join(f"{SHORT[target.column]} ≤ {target.error:.0e}" for target in asked) or None,
            " ".join(f"{SHORT[t.column]} {marks.get(verdicts[_id(t)], '–')}" for t in asked) or None,
        ]

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> Figure | None:
        """One line a problem, one point a seed; targets as bars."""
        from baselines.common.plotting import COLORS, panels

        shown = [row for row in _pinn.ROWS if _all(views, row)]
        figure, axes = panels(1, width=8.6, height=1.6 + 0.36 * len(shown))
        axis = axes[0]
        for y, row in enumerate(shown):
            for number, column in enumerate(KINDS):
                own = _shown(views, row, column)
                place = y + 0.14 * (number - 1.5)
                axis.plot(
                    _pinn.judged(own), [place] * len(own), MARKERS[column], color=COLORS[number], ms=4.5, alpha=0.8
                )
                for target in TARGETS:
                    if (target.slug, target.column) == (row.slug, column):
                        axis.plot([target.error] * 2, [y - 0.4, y + 0.4], color=COLORS[number], lw=1.6, alpha=0.6)
            floor = 3.0 * max(view.metrics["reference_error"] for view in _all(views, row))
            axis.plot([floor] * 2, [y - 0.4, y + 0.4], ":", color="0.4", lw=1.4)
        for number, column in enumerate(KINDS):
            axis.plot([], [], MARKERS[column], color=COLORS[number], label=text(column))
        axis.plot([], [], "-", color="0.3", label=text("target"))
        axis.plot([], [], ":", color="0.4", label=text("three bars of the reference"))
        axis.set_xscale("log")
        axis.set_yticks(range(len(shown)), [text(row.title) for row in shown])
        axis.set_ylim(len(shown) - 0.4, -0.6)
        axis.set_xlabel(text("relative L2 error"))
        axis.legend(loc="lower center", bbox_to_anchor=(0.45, 1.0), ncols=3)
        return figure

    def claims(self, views: list[RunView]) -> list[Claim]:
        """The targets, the L-shape against elements, and what a front costs the common baseline."""
        found = [claim for target in TARGETS for claim in _claims(target, views)]
        return [*found, _lshape(views), _front(views)]


def _all(views: list[RunView], row: Row) -> list[RunView]:
    return [view for view in views if row.owns(view)]


def _shown(views: list[RunView], row: Row, column: str) -> list[RunView]:
    own = _pinn.of(views, row, column)
    return _pinn.finest(own) if column == CLASSICAL else own


def _id(target: Target) -> str:
    return f"pinn.target.{target.slug}.{'pinn' if target.column == PINN else 'rfm'}"


def _claims(target: Target, views: list[RunView]) -> list[Claim]:
    row = next(row for row in _pinn.ROWS if row.slug == target.slug)
    own = _pinn.of(views, row, target.column)
    name = {PINN: "a PINN reaches", FEATURES: "random features reach"}[target.column]
    source = "target of this project; geometric mean of the seeds, never below three bars of the reference"
    claims = [
        Claim(
            _id(target),
            f"{row.title}: {name} a relative L2 error of {target.error:.0e}",
            None,
            None,
            target.error,
            _pinn.target(own),
            source,
        )
    ]
    if target.seconds is not None:
        full = [view for view in own if not _pinn.shortened(view)]
        reached = _pinn.middle([_pinn.work_to_reach(view, target.error) for view in full])
        claims.append(
            Claim(
                f"{_id(target)}.seconds",
                f"{row.title}: {name} {target.error:.0e} within {target.seconds:g} s of training (median)",
                None,
                None,
                target.seconds,
                None if len(full) < 3 else (math.inf if reached is None else reached),
                "target of this project; the time depends on the machine",
            )
        )
    return claims


def _lshape(views: list[RunView]) -> Claim:
    """Error of the network over that of quadratic elements with as many unknowns."""
    row = next(row for row in _pinn.ROWS if row.slug == "poisson_lshape")
    networks = [view for view in _pinn.of(views, row, PINN) if not _pinn.shortened(view)]
    elements = sorted(_pinn.of(views, row, CLASSICAL), key=lambda view: view.metrics["degrees_of_freedom"])
    measured = None
    if len(networks) >= 3 and len(elements) >= 2:
        size = np.log([view.metrics["degrees_of_freedom"] for view in elements])
        error = np.log(_pinn.judged(elements))
        equal = np.interp(math.log(networks[0].cost["parameters"]), size, error)
        measured = Estimate.log10(_pinn.judged(networks)).value / float(np.exp(equal))
    return Claim(
        "pinn.target.poisson_lshape.pinn",
        "Poisson on the L-shape: a network is at least as accurate as graded P2 elements with equally many unknowns "
        "(ratio of relative L2 errors)",
        None,
        None,
        1.0,
        measured,
        "graded P2 elements interpolated in log-log; on a uniform mesh the corner limits them to the order 4/3 in h",
    )


def _front(views: list[RunView]) -> Claim:
    """The common baseline on Burgers against the worse of two smooth problems."""
    means = {}
    for row in _pinn.ROWS:
        own = [v for v in _pinn.of(views, row, DEEPXDE) if v.metrics["iterations"] > 1000]
        means[row.slug] = Estimate.log10(_pinn.judged(own)).value if own else None
    front, smooth = means["burgers"], [means["poisson2d"], means["heat"]]
    return Claim(
        "pinn.front_is_hard",
        "The front of Burgers costs at least a factor 5 in relative L2 error against the worse of two smooth "
        "problems, with the same network and training by Adam and L-BFGS",
        None,
        5.0,
        None,
        front / max(s for s in smooth if s) if front and all(smooth) else None,
        "collocation points 0.028 apart cannot see a front 0.013 thick; geometric means over seeds",
    )
