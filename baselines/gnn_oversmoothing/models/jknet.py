"""``model=jknet``."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

from baselines.gnn_oversmoothing.models._base import BaseModel

if TYPE_CHECKING:
    from baselines.gnn_oversmoothing.layers.base import GraphLayer, Readout


@dataclass
class Model(BaseModel):
    """JKNet: GCN layers, all of which the decoder sees: X' = ReLU(P X W), logits = [X_1, ..., X_L] W_out + b_out.

    ``mode=max`` takes the entrywise largest of X_1, ..., X_L instead of putting them side by side.

    Source: Xu, Li, Tian, Sonobe, Kawarabayashi and Jegelka, Representation Learning on Graphs with Jumping Knowledge
    Networks, ICML 2018 (without its LSTM attention).
    """

    name: ClassVar[str] = "JKNet"

    mode: str = "cat"  # how layers are joined: cat (side by side) or max (entrywise largest)

    def __post_init__(self) -> None:
        """Check the mode."""
        if self.mode not in ("cat", "max"):
            raise ValueError(f"model.mode must be cat or max; got {self.mode}")

    def layers(self, widths: list[int]) -> list[GraphLayer]:
        """Return the layers of GCN."""
        from baselines.gnn_oversmoothing.layers.gcn import GCNLayer

        return [GCNLayer(before, after) for before, after in pairwise(widths)]

    def readout(self, depth: int, width: int) -> Readout:
        """Return the join of all layers."""
        from baselines.gnn_oversmoothing.layers.jknet import JumpingKnowledge

        return JumpingKnowledge(depth, width, self.mode)
