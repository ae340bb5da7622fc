"""The layer of ``model=gin``."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn import functional as F

from baselines.gnn_oversmoothing.layers.base import Context, GraphLayer, Linear


class GINLayer(GraphLayer):
    """Xu et al., How Powerful are Graph Neural Networks?, ICLR 2019: MLP((1 + eps) X + A X)."""

    def __init__(self, width_in: int, width_out: int, eps: float) -> None:
        """Create the two maps of the MLP, [width_in, width_out] and [width_out, width_out], with biases."""
        super().__init__()
        self.eps = eps
        self.first = Linear(width_in, width_out)
        self.second = Linear(width_out, width_out)

    def forward(self, x: Any, context: Context) -> Tensor:
        """Return the next representations, [N, width_out]."""
        h = (context.operators.adjacency @ x).add(x, alpha=1.0 + self.eps)
        h = F.relu(self.first(context.drop(h)))
        return self.second(context.drop(h))
