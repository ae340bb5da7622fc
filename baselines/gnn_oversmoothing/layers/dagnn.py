"""The readout of ``model=dagnn``."""

from __future__ import annotations

import torch
from torch import Tensor

from baselines.gnn_oversmoothing.layers.base import Linear, Readout


class AdaptiveGate(Readout):
    """Liu, Gao and Ji, Towards Deeper Graph Neural Networks, KDD 2020: sum_k sigmoid(X_k s + b) X_k, node by node."""

    def __init__(self, width: int) -> None:
        """Create the projection s [width, 1] with its bias b."""
        super().__init__()
        self.width = width
        self.projection = Linear(width, 1)

    def forward(self, states: list[Tensor]) -> Tensor:
        """Return [N, F]; every hop k = 0, ..., L has a weight between 0 and 1 for every node."""
        result = states[0] * torch.sigmoid(self.projection(states[0]))
        for state in states[1:]:
            result = torch.addcmul(result, state, torch.sigmoid(self.projection(state)))
        return result
