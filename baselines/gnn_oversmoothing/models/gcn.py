"""``model=gcn``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from baselines.gnn_oversmoothing.layers import GraphLayer


@dataclass
class Model:
    """GCN: X' = ReLU(P X W), P the normalised adjacency with self-loops.

    Source: Kipf and Welling, Semi-Supervised Classification with Graph Convolutional Networks, ICLR 2017.
    """

    name: ClassVar[str] = "GCN"
    relu: ClassVar[bool] = True

    bias: bool = False  # add b in every graph layer; the Cai-Wang energy bound then no longer applies

    def layer(self, number: int, width_in: int, width_out: int) -> GraphLayer:
        """Return graph layer `number` = 1, 2, ..."""
        from baselines.gnn_oversmoothing.layers import GCNLayer

        return GCNLayer(width_in, width_out, bias=self.bias)
