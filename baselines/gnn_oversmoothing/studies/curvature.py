"""``study=curvature``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from baselines.common.record import Outcome, Record


@dataclass
class Study:
    """Balanced Forman curvature: definition, closed forms, published code, upper bound.

    The definition is checked on graphs with closed forms; on the dataset's graph it is compared with the formula of
    the published code and with Lin-Lu-Yau curvature, which is never smaller.

    Source: Topping et al., Understanding Over-Squashing and Bottlenecks on Graphs via Curvature, ICLR 2022.
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {"smoke": {"edges": 300}}

    edges: int = 10_000  # edges of the dataset's graph to look at; of a larger graph a random sample

    def __post_init__(self) -> None:
        """Check the count."""
        if self.edges < 1:
            raise ValueError(f"study.edges must be at least 1; got {self.edges}")

    def run(self, cfg: Any, record: Record) -> Outcome:
        """Compute the curvatures and compare."""
        from baselines.gnn_oversmoothing.curvature_study import run

        return run(cfg, record)
