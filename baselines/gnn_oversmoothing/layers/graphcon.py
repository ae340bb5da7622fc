"""The layer of ``model=graphcon``."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from baselines.gnn_oversmoothing.integrators import oscillator_step
from baselines.gnn_oversmoothing.layers.base import Context, GraphLayer, Linear

VELOCITY = "velocity"  # its name in the context's memory


class GraphCONLayer(GraphLayer):
    """Rusch et al., ICML 2022: one step of X'' = ReLU(P X W) - gamma X - alpha X'.

    Y_new = Y + dt (ReLU(P X W) - gamma X - alpha Y),  X_new = X + dt Y_new;  Y starts as X_0.
    """

    def __init__(self, width: int, dt: float, alpha: float, gamma: float) -> None:
        """Create W [width, width]."""
        super().__init__()
        self.dt, self.alpha, self.gamma = dt, alpha, gamma
        self.linear = Linear(width, width, bias=False)

    def forward(self, x: Any, context: Context) -> Tensor:
        """Return X_new, [N, F], and leave Y_new in the context."""
        velocity = context.memory.get(VELOCITY, context.first)
        force = torch.relu(context.operators.p @ self.linear(context.drop(x)))
        x, context.memory[VELOCITY] = oscillator_step(force, x, velocity, self.dt, self.alpha, self.gamma)
        return x
