"""``norm=nodenorm``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


@dataclass
class Norm:
    """NodeNorm: every node is divided by a root of its own standard deviation.

    x_i' = x_i / std_i^(1/p), std_i^2 = mean_f (x_if - mean_f x_if)^2 + 1e-5.  With p = 1 and `center` it is LayerNorm
    without parameters.

    Source: Zhou, Dong, Wang, Lee, Hooi, Xu and Feng, Understanding and Resolving Performance Degradation in Deep Graph
    Convolutional Networks, CIKM 2021.
    """

    p: float = 1.0  # 1 gives every node unit variance; larger p change it less
    center: bool = False  # subtract the mean of each node first

    def __post_init__(self) -> None:
        """Check the range."""
        if not self.p > 0.0:
            raise ValueError(f"norm.p must be above 0; got {self.p}")

    def layer(self, width: int) -> nn.Module | None:
        """Return the normalisation of one layer."""
        from baselines.gnn_oversmoothing.layers.norms import NodeNorm

        return NodeNorm(self.p, self.center)
