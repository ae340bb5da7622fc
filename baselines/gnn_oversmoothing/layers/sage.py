"""The layer of ``model=sage``."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from baselines.gnn_oversmoothing.layers.base import Context, GraphLayer, Linear


class SAGELayer(GraphLayer):
    """Hamilton et al., GraphSAGE, NeurIPS 2017, with the mean aggregator: X W + D^(-1) A X V."""

    def __init__(self, width_in: int, width_out: int) -> None:
        """Create W and V, [width_in, width_out] each."""
        super().__init__()
        self.own = Linear(width_in, width_out, bias=False)
        self.neighbours = Linear(width_in, width_out, bias=False)

    def forward(self, x: Any, context: Context) -> Tensor:
        """Return the next representations, [N, width_out]; V first, since it narrows wide features."""
        x = context.drop(x)
        h = context.operators.mean @ self.neighbours(x)
        return torch.addmm(h, x, self.own.weight) if isinstance(x, Tensor) else h + self.own(x)
