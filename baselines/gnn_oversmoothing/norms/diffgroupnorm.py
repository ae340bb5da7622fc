"""``norm=diffgroupnorm``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


@dataclass
class Norm:
    """Differentiable group normalisation: batch normalisation within soft groups of nodes that are learned.

    S = softmax(X W), X' = X + lamda sum_g BatchNorm_g(s_g X), statistics over all nodes, in training and in evaluation.

    Source: Zhou, Huang, Li, Zha, Chen and Hu, Towards Deeper Graph Neural Networks with Differentiable Group
    Normalization, NeurIPS 2020 (10 groups; the authors tune lamda for each data set and depth, 0.001 to 0.05).
    """

    groups: int = 10  # number of groups G
    lamda: float = 0.01  # weight of the normalised part

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.groups < 1:
            raise ValueError(f"norm.groups must be at least 1; got {self.groups}")
        if not self.lamda >= 0.0:
            raise ValueError(f"norm.lamda must be at least 0; got {self.lamda}")

    def layer(self, width: int) -> nn.Module | None:
        """Return the normalisation of one layer."""
        from baselines.gnn_oversmoothing.layers.norms import DifferentiableGroupNorm

        return DifferentiableGroupNorm(width, self.groups, self.lamda)
