"""``rewiring=gtr``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from baselines.gnn_oversmoothing.graphs import Graph


@dataclass
class Rewiring:
    """GTR: the edge that lowers the total effective resistance most, again and again.

    The edge (u, v) lowers N tr L^+ by N ||L^+ (e_u - e_v)||^2 / (1 + R_uv), R_uv the effective resistance.  Dense:
    N^2 memory, and about 80 ms an edge at N = 2500.

    Source: Black, Wan, Nayyeri and Wang, Understanding Oversquashing in GNNs through the Lens of Effective
    Resistance, ICML 2023, arXiv 2302.06835.
    """

    name: ClassVar[str] = "GTR"
    complete_last: ClassVar[bool] = False

    share: float = 0.1  # edges to add, as a share of the edges of the graph

    def __post_init__(self) -> None:
        """Check the range."""
        if not 0.0 <= self.share <= 1.0:
            raise ValueError(f"rewiring.share must lie between 0 and 1; got {self.share}")

    def rewire(self, graph: Graph, seed: int) -> Graph:
        """Return the rewired graph; it does not depend on the seed."""
        from baselines.gnn_oversmoothing.rewiring import gtr, rewired

        return rewired(graph, gtr, self.share)
