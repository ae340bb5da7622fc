"""``model=mlp``."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

from baselines.gnn_oversmoothing.models._base import BaseModel

if TYPE_CHECKING:
    from baselines.gnn_oversmoothing.layers.base import GraphLayer


@dataclass
class Model(BaseModel):
    """MLP: no graph, X' = ReLU(X W); GCN with P replaced by the identity.

    A control: what the features alone give, and what depth does without smoothing.
    """

    name: ClassVar[str] = "MLP"
    any_width: ClassVar[bool] = True
    uses_graph: ClassVar[bool] = False

    def layers(self, widths: list[int]) -> list[GraphLayer]:
        """Return one layer for each pair of neighbouring widths."""
        from baselines.gnn_oversmoothing.layers.mlp import MLPLayer

        return [MLPLayer(before, after) for before, after in pairwise(widths)]
