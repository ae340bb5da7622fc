"""``model=resnet``."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

from baselines.gnn_oversmoothing.models._base import BaseModel

if TYPE_CHECKING:
    from baselines.gnn_oversmoothing.layers.base import GraphLayer


@dataclass
class Model(BaseModel):
    """ResNet: no graph, X' = X + ReLU(X W); ResGCN with P replaced by the identity.

    A control: what the features alone give where depth is no obstacle.

    Source: He, Zhang, Ren and Sun, Deep Residual Learning for Image Recognition, CVPR 2016 (the link); Platonov et al.,
    A Critical Look at the Evaluation of GNNs under Heterophily, ICLR 2023 (as a control for graph networks).
    """

    name: ClassVar[str] = "ResNet"
    residual: ClassVar[bool] = True
    uses_graph: ClassVar[bool] = False

    def layers(self, widths: list[int]) -> list[GraphLayer]:
        """Return one layer for each pair of neighbouring widths."""
        from baselines.gnn_oversmoothing.layers.mlp import MLPLayer

        return [MLPLayer(before, after) for before, after in pairwise(widths)]
