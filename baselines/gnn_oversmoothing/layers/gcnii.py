"""The layer of ``model=gcnii``."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from baselines.gnn_oversmoothing.layers.base import Context, GraphLayer, Linear


class GCNIILayer(GraphLayer):
    """Chen et al., Simple and Deep Graph Convolutional Networks, ICML 2020.

    ((1 - alpha) P X + alpha X_0) ((1 - beta) I + beta W),  beta = log(theta / layer + 1).
    """

    def __init__(self, width: int, alpha: float, theta: float, layer: int) -> None:
        """Create W [width, width] of layer number `layer` = 1, 2, ..."""
        super().__init__()
        self.alpha, self.beta = alpha, math.log(theta / layer + 1.0)
        self.linear = Linear(width, width, bias=False)

    def forward(self, x: Any, context: Context) -> Tensor:
        """Return the next representations, [N, F]."""
        h = torch.lerp(context.operators.p @ context.drop(x), context.first, self.alpha)
        return torch.addmm(h, h, self.linear.weight, beta=1.0 - self.beta, alpha=self.beta)
