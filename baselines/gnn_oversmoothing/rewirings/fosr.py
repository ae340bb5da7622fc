"""``rewiring=fosr``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from baselines.gnn_oversmoothing.graphs import Graph


@dataclass
class Rewiring:
    """FoSR: the edge that raises the spectral gap most to first order, again and again.

    Joins the pair with the smallest x_u x_v / sqrt((1 + d_u) (1 + d_v)), x the eigenvector of D^(-1/2) A D^(-1/2) for
    its second largest eigenvalue, kept by power iteration.

    Source: Karhadkar, Banerjee and Montufar, FoSR, ICLR 2023, arXiv 2210.11790.
    """

    name: ClassVar[str] = "FoSR"
    complete_last: ClassVar[bool] = False

    share: float = 0.1  # edges to add, as a share of the edges of the graph
    power_steps: int = 10  # power iterations after every added edge

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not 0.0 <= self.share <= 1.0:
            raise ValueError(f"rewiring.share must lie between 0 and 1; got {self.share}")
        if self.power_steps < 1:
            raise ValueError(f"rewiring.power_steps must be at least 1; got {self.power_steps}")

    def rewire(self, graph: Graph, seed: int) -> Graph:
        """Return the rewired graph; the seed only starts the power iteration."""
        from baselines.common.compute import numpy_generator
        from baselines.gnn_oversmoothing.rewiring import fosr, rewired

        generator = numpy_generator(seed, "rewiring")
        return rewired(graph, lambda a, count: fosr(a, count, self.power_steps, generator), self.share)
