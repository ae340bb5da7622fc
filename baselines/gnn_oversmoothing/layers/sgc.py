"""The layer of ``model=sgc``."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from baselines.gnn_oversmoothing.layers.base import Context, GraphLayer


class SGCLayer(GraphLayer):
    """Wu et al., Simplifying Graph Convolutional Networks, ICML 2019: P X, no weights."""

    def forward(self, x: Any, context: Context) -> Tensor:
        """Return P X, [N, F]."""
        return context.operators.p @ x

    def energy_factor(self) -> float | None:
        """Return 1: there are no weights."""
        return 1.0
