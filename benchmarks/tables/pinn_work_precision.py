"""Error against training time on every forward problem."""

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
    """Error against training time.

    Seconds until the relative L2 error stays below a level, median over seeds; a dash where it never does. Lower is
    better. The clock runs while a method trains or solves, not while the error is measured. The figure shows the error
    itself, not the best so far: median and range over seeds for what trains, points for random features, and the
    classical solver from its coarsest to its finest resolution.
    """

    topic: ClassVar[str] = _pinn.TOPIC
    ZH: ClassVar[dict[str, str]] = Accuracy.ZH | {"training time / s": "训练时间 / 秒"}

    def runs(self, suite: str) -> list[list[str]]:
        """The runs of the accuracy table, and the classical solver from coarse to fine."""
        return _pinn.precision_runs(suite)

    def sheet(self, views: list[RunView]) -> Sheet:
        """One row a problem and method."""
        return _pinn_work.sheet(views, "elapsed_s", "s")

    def figure(self, views: list[RunView], text: Callable[[str], str]) -> Figure | None:
        """One panel a problem."""
        return _pinn_work.figure(views, text, "elapsed_s", "training time / s")

    def claims(self, views: list[RunView]) -> list[Claim]:
        """The targets stand in the accuracy table."""
        return []
