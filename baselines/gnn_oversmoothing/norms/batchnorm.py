"""``norm=batchnorm``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


@dataclass
class Norm:
    """Batch normalisation: every column has mean 0 and variance 1 over the nodes, then a learned scale and shift.

    x'_if = gamma_f (x_if - mean_f) / sqrt(var_f + 1e-5) + beta_f, mean and variance over all N nodes, in training and
    in evaluation: with the whole graph in every step, running averages would only lag behind.

    Source: Ioffe and Szegedy, Batch Normalization, ICML 2015; between graph layers in DropEdge (Rong et al., 2020).
    """

    def layer(self, width: int) -> nn.Module | None:
        """Return the normalisation of one layer."""
        from torch import nn

        return nn.BatchNorm1d(width, track_running_stats=False)
