"""The readout of ``model=gprgnn``."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from baselines.gnn_oversmoothing.layers.base import Readout


class GeneralizedPageRank(Readout):
    """Chien et al., Adaptive Universal Generalized PageRank Graph Neural Network, ICLR 2021: sum_k gamma_k X_k."""

    def __init__(self, depth: int, width: int, alpha: float) -> None:
        """Create gamma [depth + 1]: alpha (1 - alpha)^k, and (1 - alpha)^depth for the last, so that they sum to 1."""
        super().__init__()
        self.width = width
        gamma = alpha * (1.0 - alpha) ** torch.arange(depth + 1)
        gamma[-1] = (1.0 - alpha) ** depth
        self.gamma = nn.Parameter(gamma)

    def forward(self, states: list[Tensor]) -> Tensor:
        """Return [N, F]."""
        result = self.gamma[0] * states[0]
        for weight, state in zip(self.gamma[1:], states[1:], strict=True):
            result = torch.addcmul(result, state, weight)
        return result
