"""``model=gat``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from baselines.gnn_oversmoothing.models._base import BaseModel

if TYPE_CHECKING:
    from baselines.gnn_oversmoothing.layers.base import GraphLayer


@dataclass
class Model(BaseModel):
    """GAT: a learned weighted mean over the neighbours, X' = ReLU(B(X) X W).

    Head h fills B on the neighbours and the node itself with softmax_j(LeakyReLU(u_h' W_h' x_i + v_h' W_h' x_j)),
    slope 0.2 below zero; each head computes hidden / heads columns of X'.  All models follow one recipe: the paper's
    extra dropout of the entries of B is left out, and ReLU stands for its ELU.

    Source: Velickovic, Cucurull, Casanova, Romero, Lio and Bengio, Graph Attention Networks, ICLR 2018 (which has
    eight heads of eight columns for Cora).
    """

    name: ClassVar[str] = "GAT"
    prediction: ClassVar[str] = "collapse"

    heads: int = 1  # attention heads side by side; they share the width

    def __post_init__(self) -> None:
        """Check the range."""
        if self.heads < 1:
            raise ValueError(f"model.heads must be at least 1; got {self.heads}")

    def skip(self, cfg: Any) -> str | None:
        """Heads share the width equally."""
        if cfg.hidden % self.heads:
            return f"model.heads={self.heads} does not divide hidden={cfg.hidden}; choose a divisor"
        return None

    def layers(self, widths: list[int]) -> list[GraphLayer]:
        """Return L layers, each with its own weights."""
        from baselines.gnn_oversmoothing.layers.gat import GATLayer

        return [GATLayer(width, self.heads) for width in widths[1:]]
