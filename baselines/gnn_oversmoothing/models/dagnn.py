"""``model=dagnn``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from baselines.gnn_oversmoothing.models._base import BaseModel

if TYPE_CHECKING:
    from baselines.gnn_oversmoothing.layers.base import GraphLayer, Readout


@dataclass
class Model(BaseModel):
    """DAGNN: each node weighs its own hops, X' = P X, logits from sum_k sigmoid(X_k s + b) X_k, k = 0, ..., L.

    Propagation has no weights and no activation; one projection s [F, 1] serves all hops.  The paper propagates logits
    and ends with the sum; here X_0 are the hidden features, and the decoder follows the sum.

    Source: Liu, Gao and Ji, Towards Deeper Graph Neural Networks, KDD 2020.
    """

    name: ClassVar[str] = "DAGNN"
    relu: ClassVar[bool] = False
    prediction: ClassVar[str] = "depth"

    def layers(self, widths: list[int]) -> list[GraphLayer]:
        """Return the layers of SGC."""
        from baselines.gnn_oversmoothing.layers.sgc import SGCLayer

        return [SGCLayer()] * (len(widths) - 1)

    def readout(self, depth: int, width: int) -> Readout:
        """Return the gate over the hops."""
        from baselines.gnn_oversmoothing.layers.dagnn import AdaptiveGate

        return AdaptiveGate(width)
