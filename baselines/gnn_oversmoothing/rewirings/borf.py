"""``rewiring=borf``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from baselines.gnn_oversmoothing.graphs import Graph


@dataclass
class Rewiring:
    """BORF: batches of edges where Ollivier-Ricci curvature is lowest.

    For each edge of lowest curvature the pair (p, q) with the largest pi(p, q) d(p, q) of its optimal transport pi is
    joined; edges of highest positive curvature are removed.  The transports are solved by POT.

    Source: Nguyen et al., Revisiting Over-Smoothing and Over-Squashing Using Ollivier-Ricci Curvature, ICML 2023.
    """

    name: ClassVar[str] = "BORF"
    complete_last: ClassVar[bool] = False

    share: float = 0.1  # edges to add, as a share of the edges of the graph
    share_removed: float = 0.02  # edges to remove at most, as a share of the edges of the graph
    batches: int = 3  # curvature is computed once in each

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not 0.0 <= self.share <= 1.0:
            raise ValueError(f"rewiring.share must lie between 0 and 1; got {self.share}")
        if not 0.0 <= self.share_removed <= 1.0:
            raise ValueError(f"rewiring.share_removed must lie between 0 and 1; got {self.share_removed}")
        if self.batches < 1:
            raise ValueError(f"rewiring.batches must be at least 1; got {self.batches}")

    def rewire(self, graph: Graph, seed: int) -> Graph:
        """Return the rewired graph; it does not depend on the seed."""
        from baselines.gnn_oversmoothing.rewiring import borf, rewired

        removals = round(self.share_removed * graph.edge_index.shape[1] / 2)
        return rewired(graph, lambda a, count: borf(a, count, removals, self.batches), self.share)
