"""``rewiring=random``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from baselines.gnn_oversmoothing.graphs import Graph


@dataclass
class Rewiring:
    """Random edges within the components: the control that knows no objective.

    What it gains, any other way to add the same number of edges has to beat.
    """

    name: ClassVar[str] = "random edges"
    complete_last: ClassVar[bool] = False

    share: float = 0.1  # edges to add, as a share of the edges of the graph

    def __post_init__(self) -> None:
        """Check the range."""
        if not 0.0 <= self.share <= 1.0:
            raise ValueError(f"rewiring.share must lie between 0 and 1; got {self.share}")

    def rewire(self, graph: Graph, seed: int) -> Graph:
        """Return the rewired graph."""
        from baselines.common.compute import numpy_generator
        from baselines.gnn_oversmoothing.rewiring import random_edges, rewired

        generator = numpy_generator(seed, "rewiring")
        return rewired(graph, lambda a, count: random_edges(a, count, generator), self.share)
