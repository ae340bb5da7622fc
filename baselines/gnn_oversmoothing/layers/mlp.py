"""The layer of ``model=mlp`` and ``model=resnet``."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from baselines.gnn_oversmoothing.layers.base import Context, GraphLayer, Linear


class MLPLayer(GraphLayer):
    """X W: a GCN layer whose graph has no edges."""

    def __init__(self, width_in: int, width_out: int) -> None:
        """Create W [width_in, width_out]."""
        super().__init__()
        self.linear = Linear(width_in, width_out, bias=False)

    def forward(self, x: Any, context: Context) -> Tensor:
        """Return X W, [N, width_out]."""
        result: Tensor = self.linear(context.drop(x))
        return result
