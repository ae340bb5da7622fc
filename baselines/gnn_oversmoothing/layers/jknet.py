"""The readout of ``model=jknet``."""

from __future__ import annotations

import torch
from torch import Tensor

from baselines.gnn_oversmoothing.layers.base import Readout


class JumpingKnowledge(Readout):
    """Xu et al., Jumping Knowledge Networks, ICML 2018: the decoder sees X_1, ..., X_L at once."""

    def __init__(self, depth: int, width: int, mode: str) -> None:
        """Join `depth` representations of `width` columns: side by side (``cat``) or entrywise largest (``max``)."""
        super().__init__()
        self.mode = mode
        self.width = depth * width if mode == "cat" else width

    def forward(self, states: list[Tensor]) -> Tensor:
        """Return [N, L F] or [N, F]; X_0, the encoder's output, is not part of it."""
        if self.mode == "cat":
            return torch.cat(states[1:], dim=1)
        largest = states[1]
        for state in states[2:]:
            largest = torch.maximum(largest, state)
        return largest
