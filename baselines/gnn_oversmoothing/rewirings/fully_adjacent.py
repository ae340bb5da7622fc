"""``rewiring=fully_adjacent``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from baselines.gnn_oversmoothing.graphs import Graph


@dataclass
class Rewiring:
    """The last graph layer works on the complete graph, all others on the graph itself.

    Source: Alon and Yahav, On the Bottleneck of Graph Neural Networks and its Practical Implications, ICLR 2021.
    """

    name: ClassVar[str] = "fully adjacent"
    complete_last: ClassVar[bool] = True

    def rewire(self, graph: Graph, seed: int) -> Graph:
        """Return the graph: the network replaces it in its last layer."""
        return graph
