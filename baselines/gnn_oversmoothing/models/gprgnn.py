"""``model=gprgnn``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from baselines.gnn_oversmoothing.models._base import BaseModel

if TYPE_CHECKING:
    from baselines.gnn_oversmoothing.layers.base import GraphLayer, Readout


@dataclass
class Model(BaseModel):
    """GPR-GNN: learned weights of the hops, X' = P X, logits from sum_k gamma_k X_k, k = 0, ..., L.

    gamma starts as personalised PageRank, alpha (1 - alpha)^k and (1 - alpha)^L for the last, and may become negative:
    a polynomial filter of P.  The paper propagates logits and has no penalty on gamma; here X_0 are the hidden
    features, the decoder follows the sum, and the recipe's penalty covers gamma too.

    Source: Chien, Peng, Li and Milenkovic, Adaptive Universal Generalized PageRank Graph Neural Network, ICLR 2021.
    """

    name: ClassVar[str] = "GPR-GNN"
    relu: ClassVar[bool] = False
    prediction: ClassVar[str] = "depth"

    alpha: float = 0.1  # of the personalised PageRank that gamma starts as

    def __post_init__(self) -> None:
        """Check the range."""
        if not 0.0 <= self.alpha <= 1.0:
            raise ValueError(f"model.alpha must lie between 0 and 1; got {self.alpha}")

    def layers(self, widths: list[int]) -> list[GraphLayer]:
        """Return the layers of SGC."""
        from baselines.gnn_oversmoothing.layers.sgc import SGCLayer

        return [SGCLayer()] * (len(widths) - 1)

    def readout(self, depth: int, width: int) -> Readout:
        """Return the weighted sum of the hops."""
        from baselines.gnn_oversmoothing.layers.gprgnn import GeneralizedPageRank

        return GeneralizedPageRank(depth, width, self.alpha)
