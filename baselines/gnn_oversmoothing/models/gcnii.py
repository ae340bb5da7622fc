"""``model=gcnii``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from baselines.gnn_oversmoothing.models._base import BaseModel

if TYPE_CHECKING:
    from baselines.gnn_oversmoothing.layers.base import GraphLayer


@dataclass
class Model(BaseModel):
    """GCNII: GCN with a link to the first layer and weights close to the identity.

    X' = ReLU(((1 - alpha) P X + alpha X_0) ((1 - beta) I + beta W)),  beta = log(theta / layer + 1).

    Source: Chen, Wei, Huang, Ding and Li, Simple and Deep Graph Convolutional Networks, ICML 2020; defaults from the
    authors' settings for Cora.
    """

    name: ClassVar[str] = "GCNII"
    prediction: ClassVar[str] = "depth"

    alpha: float = 0.1  # share of the first representation in every layer
    theta: float = 0.5  # how much of the weight matrix a layer takes

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not 0.0 <= self.alpha <= 1.0:
            raise ValueError(f"model.alpha must lie between 0 and 1; got {self.alpha}")
        if not self.theta >= 0.0:
            raise ValueError(f"model.theta must be at least 0; got {self.theta}")

    def layers(self, widths: list[int]) -> list[GraphLayer]:
        """Return L layers, each with its own beta."""
        from baselines.gnn_oversmoothing.layers.gcnii import GCNIILayer

        depth, width = len(widths) - 1, widths[0]
        return [GCNIILayer(width, self.alpha, self.theta, layer) for layer in range(1, depth + 1)]
