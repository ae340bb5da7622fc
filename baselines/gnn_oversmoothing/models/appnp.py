"""``model=appnp``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from baselines.gnn_oversmoothing.models._base import BaseModel

if TYPE_CHECKING:
    from baselines.gnn_oversmoothing.layers.base import GraphLayer


@dataclass
class Model(BaseModel):
    """APPNP: personalised PageRank of the encoder's output, X' = (1 - alpha) P X + alpha X_0.

    No weights and no activation in the layers.  The limit alpha (I - (1 - alpha) P)^(-1) X_0 depends on X_0, so depth
    does no harm.  The paper propagates logits; here X_0 are the hidden features and the decoder follows.

    Source: Gasteiger, Bojchevski and Guennemann, Predict then Propagate: Graph Neural Networks meet Personalized
    PageRank, ICLR 2019 (alpha = 0.1 for the citation graphs).
    """

    name: ClassVar[str] = "APPNP"
    relu: ClassVar[bool] = False
    prediction: ClassVar[str] = "depth"

    alpha: float = 0.1  # share of the first representation in every layer

    def __post_init__(self) -> None:
        """Check the range."""
        if not 0.0 <= self.alpha <= 1.0:
            raise ValueError(f"model.alpha must lie between 0 and 1; got {self.alpha}")

    def layers(self, widths: list[int]) -> list[GraphLayer]:
        """Return the same layer L times: it has no weights."""
        from baselines.gnn_oversmoothing.layers.appnp import APPNPLayer

        return [APPNPLayer(self.alpha)] * (len(widths) - 1)
