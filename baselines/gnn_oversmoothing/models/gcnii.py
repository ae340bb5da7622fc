"""``model=gcnii``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from baselines.gnn_oversmoothing.layers import GraphLayer


@dataclass
class Model:
    """GCNII: GCN with a link to the first layer and weights close to the identity.

    X' = ReLU(((1 - alpha) P X + alpha X_0) ((1 - beta) I + beta W)),  beta = log(theta / layer + 1).

    Source: Chen, Wei, Huang, Ding and Li, Simple and Deep Graph Convolutional Networks, ICML 2020; defaults from the
    authors' settings for Cora.
    """

    name: ClassVar[str] = "GCNII"
    relu: ClassVar[bool] = True

    alpha: float = 0.1  # share of the first representation in every layer
    theta: float = 0.5  # how much of the weight matrix a layer takes

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not 0.0 <= self.alpha <= 1.0:
            raise ValueError(f"model.alpha must lie between 0 and 1; got {self.alpha}")
        if not self.theta >= 0.0:
            raise ValueError(f"model.theta must be at least 0; got {self.theta}")

    def skip(self, cfg: Any) -> str | None:
        """Refuse a network without encoder: X_0 must have the width of the layers."""
        if cfg.ends == "graph":
            return "model=gcnii keeps the width in every layer; use ends=linear"
        return None

    def layer(self, number: int, width_in: int, width_out: int) -> GraphLayer:
        """Return graph layer `number` = 1, 2, ..."""
        from baselines.gnn_oversmoothing.layers import GCN2Layer

        return GCN2Layer(width_in, self.alpha, self.theta, number)
