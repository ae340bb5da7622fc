"""``drop=dropedge``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from baselines.gnn_oversmoothing.operators import Operators


@dataclass
class Drop:
    """DropEdge: every training step sees the graph without a random part of its edges.

    A' keeps each edge with probability 1 - rate, the same for all layers; P is normalised anew from A'.  Validation and
    test see the whole graph.

    Source: Rong, Huang, Xu and Huang, DropEdge: Towards Deep Graph Convolutional Networks on Node Classification,
    ICLR 2020.
    """

    rate: float = 0.5  # share of the edges left out

    def __post_init__(self) -> None:
        """Check the range."""
        if not 0.0 <= self.rate < 1.0:
            raise ValueError(f"drop.rate must be at least 0 and below 1; got {self.rate}")

    def sample(self, operators: Operators) -> Operators:
        """Return the operators of one training step."""
        return operators.without_edges(self.rate)
