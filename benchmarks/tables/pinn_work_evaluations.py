"""Error against residual evaluations on every forward problem."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from baselines.common.claims import Claim
from baselines.common.record import RunView
from benchmarks.sheet import Sheet
from benchmarks.tables import _pinn, _pinn_work
from benchmarks.tables.pinn_accuracy import Table as Accuracy

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Table:
    """Error against residual evaluations.

    Residuals computed until the relative L2 error stays below a level, one for each point and equation, median over
    seeds; a dash where it never does. Lower is better, and independent of the machine, but an evaluation with a
    Jacobian costs more than one with a gradient. Of the classical solver the number of unknowns is shown.
    """

    topic: ClassVar[str] = _pinn.TOPIC
    ZH: ClassVar[dict[str, str]] = Accuracy.ZH | {"residual evaluations": "残差计算次数"}

    def runs(self, suite: str) -> list[list[str]]:
        """Those of the table of times."""
        return _pinn.precision_runs(suite)

    def sheet(self, views: list[RunView]) -> Sheet:
        """One row a problem and method."""
        return _pinn_work.sheet(views, "evaluations", "evaluations")

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> Figure | None:
        """One panel a problem."""
        return _pinn_work.figure(views, text, "evaluations", "residual evaluations")

    def claims(self, views: list[RunView]) -> list[Claim]:
        """The targets stand in the accuracy table."""
        return []
