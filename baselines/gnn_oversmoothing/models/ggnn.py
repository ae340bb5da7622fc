"""``model=ggnn``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from baselines.gnn_oversmoothing.models._base import BaseModel

if TYPE_CHECKING:
    from baselines.gnn_oversmoothing.layers.base import GraphLayer


@dataclass
class Model(BaseModel):
    """GGNN: a recurrent network over the layers, X' = GRU(A X W, X).

    The gated recurrent unit reads the summed messages A X W and keeps X as its state.  W and the unit are the same in
    all layers, as in the paper; nothing else stands after it (its states lie between -1 and 1 after the first update
    of such states).

    Source: Li, Tarlow, Brockschmidt and Zemel, Gated Graph Sequence Neural Networks, ICLR 2016 (one edge type).
    """

    name: ClassVar[str] = "GGNN"
    relu: ClassVar[bool] = False

    def layers(self, widths: list[int]) -> list[GraphLayer]:
        """Return the same layer L times: the weights are shared."""
        from baselines.gnn_oversmoothing.layers.ggnn import GGNNLayer

        return [GGNNLayer(widths[0])] * (len(widths) - 1)
