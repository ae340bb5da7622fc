"""The layer of ``model=gcn``."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from baselines.gnn_oversmoothing.layers.base import Context, GraphLayer, Linear


class GCNLayer(GraphLayer):
    """Kipf and Welling, ICLR 2017: P X W + b."""

    def __init__(self, width_in: int, width_out: int, bias: bool = False) -> None:
        """Create W [width_in, width_out] and, if wanted, b."""
        super().__init__()
        self.linear = Linear(width_in, width_out, bias=False)
        self.bias = nn.Parameter(torch.zeros(width_out)) if bias else None

    def forward(self, x: Any, context: Context) -> Tensor:
        """Return P X W + b, [N, width_out]; W first, since it narrows wide features."""
        y = context.operators.p @ self.linear(context.drop(x))
        return y if self.bias is None else y + self.bias

    def energy_factor(self) -> float | None:
        """Return the largest squared singular value of W; None with a bias, which adds energy.

        Source: Cai and Wang 2020, arXiv 2006.13318 (ReLU does not raise E_sym either).
        """
        if self.bias is not None:
            return None
        return float(torch.linalg.matrix_norm(self.linear.weight.detach().double(), 2)) ** 2
