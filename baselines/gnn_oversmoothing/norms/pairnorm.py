"""``norm=pairnorm``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


@dataclass
class Norm:
    """PairNorm: nodes are centred and scaled so that the sum of their squared distances stays constant.

    C = X - 1 mean(X)',  X' = scale C / sqrt(||C||_F^2 / N), hence sum_ij ||x_i' - x_j'||^2 = 2 N^2 scale^2.
    PN-SI scales every row of C to length `scale` instead.

    Source: Zhao and Akoglu, PairNorm: Tackling Oversmoothing in GNNs, ICLR 2020.
    """

    scale: float = 1.0  # root mean square length of a row afterwards
    individually: bool = False  # scale every row by itself (PN-SI)

    def __post_init__(self) -> None:
        """Check the range."""
        if not self.scale > 0.0:
            raise ValueError(f"norm.scale must be above 0; got {self.scale}")

    def layer(self, width: int) -> nn.Module | None:
        """Return the normalisation of one layer."""
        from baselines.gnn_oversmoothing.layers.norms import PairNorm

        return PairNorm(self.scale, self.individually)
