"""The layer of ``model=appnp``."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from baselines.gnn_oversmoothing.layers.base import Context, GraphLayer


class APPNPLayer(GraphLayer):
    """Gasteiger et al., Predict then Propagate, ICLR 2019: (1 - alpha) P X + alpha X_0, no weights."""

    def __init__(self, alpha: float) -> None:
        """Keep the probability `alpha` of going back to the start."""
        super().__init__()
        self.alpha = alpha

    def forward(self, x: Any, context: Context) -> Tensor:
        """Return the next representations, [N, F]."""
        return torch.lerp(context.operators.p @ x, context.first, self.alpha)
