"""``model=gin``."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

from baselines.gnn_oversmoothing.models._base import BaseModel

if TYPE_CHECKING:
    from baselines.gnn_oversmoothing.layers.base import GraphLayer


@dataclass
class Model(BaseModel):
    """GIN: sums over the neighbours and a perceptron, X' = ReLU(MLP((1 + eps) X + A X)).

    MLP(Z) = ReLU(Z W + b) V + c.  Sums grow by the degree in every layer, so deep stacks need a normalisation
    (the paper has batch normalisation: ``norm=batchnorm``).

    Source: Xu, Hu, Leskovec and Jegelka, How Powerful are Graph Neural Networks?, ICLR 2019 (GIN-0: eps fixed at 0).
    """

    name: ClassVar[str] = "GIN"

    eps: float = 0.0  # additional weight of the node itself; fixed

    def layers(self, widths: list[int]) -> list[GraphLayer]:
        """Return one layer for each pair of neighbouring widths."""
        from baselines.gnn_oversmoothing.layers.gin import GINLayer

        return [GINLayer(before, after, self.eps) for before, after in pairwise(widths)]
