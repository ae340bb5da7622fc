"""``model=sgc``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from baselines.gnn_oversmoothing.models._base import BaseModel

if TYPE_CHECKING:
    from baselines.gnn_oversmoothing.layers.base import GraphLayer


@dataclass
class Model(BaseModel):
    """SGC: X' = P X, linear propagation without weights or activation.

    Source: Wu et al., Simplifying Graph Convolutional Networks, ICML 2019.
    """

    name: ClassVar[str] = "SGC"
    relu: ClassVar[bool] = False

    def layers(self, widths: list[int]) -> list[GraphLayer]:
        """Return the same layer L times: it has no weights."""
        from baselines.gnn_oversmoothing.layers.sgc import SGCLayer

        return [SGCLayer()] * (len(widths) - 1)
