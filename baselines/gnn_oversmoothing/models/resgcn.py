"""``model=resgcn``."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

from baselines.gnn_oversmoothing.models._base import BaseModel

if TYPE_CHECKING:
    from baselines.gnn_oversmoothing.layers.base import GraphLayer


@dataclass
class Model(BaseModel):
    """ResGCN: GCN whose layers add to their input, X' = X + ReLU(P X W).

    Source: Kipf and Welling, Semi-Supervised Classification with Graph Convolutional Networks, ICLR 2017, appendix B;
    Li, Mueller, Thabet and Ghanem, DeepGCNs: Can GCNs Go as Deep as CNNs?, ICCV 2019.
    """

    name: ClassVar[str] = "ResGCN"
    residual: ClassVar[bool] = True

    def layers(self, widths: list[int]) -> list[GraphLayer]:
        """Return the layers of GCN."""
        from baselines.gnn_oversmoothing.layers.gcn import GCNLayer

        return [GCNLayer(before, after) for before, after in pairwise(widths)]
