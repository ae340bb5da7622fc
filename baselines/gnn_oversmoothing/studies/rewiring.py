"""``study=rewiring``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from baselines.common.record import Outcome, Record


@dataclass
class Study:
    """One rewiring: spectral gap, effective resistance, curvature, accuracy, before and after.

    The same model is trained on the graph as it is and on the rewired graph, with the same split and initial weights.
    One run does several seeds, so the gain in accuracy has a paired interval.  As many random edges are the control
    of the structural quantities.
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {"smoke": {"repeats": 2}}

    depth: int = 3  # number of graph layers
    repeats: int = 5  # seeds: that of the run and the following ones, each with its own data, split and weights

    def __post_init__(self) -> None:
        """Check the counts."""
        for key in ("depth", "repeats"):
            if getattr(self, key) < 1:
                raise ValueError(f"study.{key} must be at least 1; got {getattr(self, key)}")

    def skip(self, cfg: Any) -> str | None:
        """Refuse models whose width cannot change, if the ends ask for it."""
        from baselines.gnn_oversmoothing.config import width_problem

        return width_problem(cfg)

    def run(self, cfg: Any, record: Record) -> Outcome:
        """Rewire, train twice and compare."""
        from baselines.gnn_oversmoothing.rewiring_study import run

        return run(cfg, record)
