"""``model=gcn``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from baselines.gnn_oversmoothing.models._base import BaseModel

if TYPE_CHECKING:
    from baselines.gnn_oversmoothing.layers.base import GraphLayer


@dataclass
class Model(BaseModel):
    """GCN: X' = ReLU(P X W), P the normalised adjacency with self-loops.

    Source: Kipf and Welling, Semi-Supervised Classification with Graph Convolutional Networks, ICLR 2017.
    """

    name: ClassVar[str] = "GCN"
    prediction: ClassVar[str] = "collapse"
    any_width: ClassVar[bool] = True

    bias: bool = False  # add b in every graph layer; the Cai-Wang energy bound then no longer applies

    def layers(self, widths: list[int]) -> list[GraphLayer]:
        """Return one layer for each pair of neighbouring widths."""
        from baselines.gnn_oversmoothing.layers.gcn import GCNLayer

        return [GCNLayer(before, after, bias=self.bias) for before, after in zip(widths, widths[1:], strict=False)]  # noqa: RUF007
