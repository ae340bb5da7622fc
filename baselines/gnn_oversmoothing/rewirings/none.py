"""``rewiring=none``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from baselines.gnn_oversmoothing.graphs import Graph


@dataclass
class Rewiring:
    """The graph as it is."""

    name: ClassVar[str] = "none"
    complete_last: ClassVar[bool] = False

    def rewire(self, graph: Graph, seed: int) -> Graph:
        """Return the graph."""
        return graph
