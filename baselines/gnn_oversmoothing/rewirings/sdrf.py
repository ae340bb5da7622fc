"""``rewiring=sdrf``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from baselines.gnn_oversmoothing.graphs import Graph


@dataclass
class Rewiring:
    """SDRF: edges around the edge of lowest Balanced Forman curvature, by its definition.

    In every step the edge of lowest curvature Ric(i, j) gets a new edge (k, l) between the closed neighbourhoods of i
    and j, drawn with probability proportional to exp(temperature * gain of Ric(i, j)); then the edge of highest
    curvature is removed if its curvature is above a threshold.

    Source: Topping et al., Understanding Over-Squashing and Bottlenecks on Graphs via Curvature, ICLR 2022, Alg. 1.
    """

    name: ClassVar[str] = "SDRF"
    complete_last: ClassVar[bool] = False

    share: float = 0.1  # edges to add, as a share of the edges of the graph
    temperature: float = 100.0  # how greedy the draw is: 0 uniform, large values take the largest gain
    remove_above: float | None = 1.0  # curvature above which an edge is removed; null removes nothing

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not 0.0 <= self.share <= 1.0:
            raise ValueError(f"rewiring.share must lie between 0 and 1; got {self.share}")
        if not self.temperature >= 0.0:
            raise ValueError(f"rewiring.temperature must be at least 0; got {self.temperature}")
        if self.remove_above is not None and not self.remove_above >= 0.0:
            raise ValueError(
                f"rewiring.remove_above must be null or at least 0, else bridges may go; got {self.remove_above}"
            )

    def rewire(self, graph: Graph, seed: int) -> Graph:
        """Return the rewired graph; the draws depend on the seed."""
        from baselines.common.compute import numpy_generator
        from baselines.gnn_oversmoothing.rewiring import rewired, sdrf

        generator = numpy_generator(seed, "rewiring")
        return rewired(
            graph, lambda a, count: sdrf(a, count, self.temperature, self.remove_above, generator), self.share
        )
