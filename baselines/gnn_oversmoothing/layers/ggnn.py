"""The layer of ``model=ggnn``."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from baselines.gnn_oversmoothing.layers.base import Context, GraphLayer, Linear


class GGNNLayer(GraphLayer):
    """Li et al., Gated Graph Sequence Neural Networks, ICLR 2016: GRU(A X W, X), one cell for all layers."""

    def __init__(self, width: int) -> None:
        """Create W [width, width] and the gated recurrent unit."""
        super().__init__()
        self.linear = Linear(width, width, bias=False)
        self.cell = nn.GRUCell(width, width)

    def forward(self, x: Any, context: Context) -> Tensor:
        """Return the next states, [N, F]; the state itself passes without dropout."""
        message = context.operators.adjacency @ self.linear(context.drop(x))
        state: Tensor = self.cell(message, x)
        return state
