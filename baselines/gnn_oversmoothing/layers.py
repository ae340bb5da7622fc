"""Graph layers with one signature: ``layer(x, x0, p) -> x'``.

x [N, F] are the representations, x0 [N, F] those after the encoder, p the propagation matrix P [N, N].  The
layers leave activation and dropout to the network, which treats all models alike.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from baselines.gnn_oversmoothing.sparse import SparseOperator


class Linear(nn.Module):
    """X W + b for dense or sparse X [N, in]; W [in, out] starts Glorot-uniform, b zero."""

    def __init__(self, width_in: int, width_out: int, bias: bool = True) -> None:
        """Create the parameters."""
        super().__init__()
        self.weight = nn.Parameter(torch.empty(width_in, width_out))
        self.bias = nn.Parameter(torch.zeros(width_out)) if bias else None
        nn.init.xavier_uniform_(self.weight)

    def forward(self, x: Tensor | SparseOperator) -> Tensor:
        """Return X W + b, [N, out]."""
        y = x @ self.weight
        return y if self.bias is None else y + self.bias


class GraphLayer(nn.Module):
    """Base of the layers: the shared signature."""

    def forward(self, x: Tensor, x0: Tensor, p: SparseOperator) -> Tensor:
        """Return the next representations, [N, F']."""
        raise NotImplementedError

    def energy_factor(self) -> float | None:
        """Return s^2 with E_sym(layer(X)) <= lambda^2 s^2 E_sym(X), or None where no such bound is known."""
        return None


class GCNLayer(GraphLayer):
    """Kipf and Welling, ICLR 2017: P X W + b."""

    def __init__(self, width_in: int, width_out: int, bias: bool) -> None:
        """Create W [width_in, width_out] and, if wanted, b."""
        super().__init__()
        self.linear = Linear(width_in, width_out, bias=False)
        self.bias = nn.Parameter(torch.zeros(width_out)) if bias else None

    def forward(self, x: Tensor | SparseOperator, x0: Tensor | SparseOperator, p: SparseOperator) -> Tensor:
        """Return P X W + b; W first, since it narrows wide features."""
        y = p @ self.linear(x)
        return y if self.bias is None else y + self.bias

    def energy_factor(self) -> float | None:
        """Return the largest squared singular value of W; None with a bias, which adds energy.

        Source: Cai and Wang 2020, arXiv 2006.13318 (ReLU does not raise E_sym either).
        """
        if self.bias is not None:
            return None
        return float(torch.linalg.matrix_norm(self.linear.weight.detach().double(), 2)) ** 2


class GCN2Layer(GraphLayer):
    """Chen et al., Simple and Deep Graph Convolutional Networks, ICML 2020 (GCNII).

    ((1 - alpha) P X + alpha X_0) ((1 - beta) I + beta W),  beta = log(theta / layer + 1).
    """

    def __init__(self, width: int, alpha: float, theta: float, layer: int) -> None:
        """Create W [width, width] of layer number `layer` = 1, 2, ..."""
        super().__init__()
        self.alpha, self.beta = alpha, math.log(theta / layer + 1.0)
        self.linear = Linear(width, width, bias=False)

    def forward(self, x: Tensor, x0: Tensor, p: SparseOperator) -> Tensor:
        """Return the next representations, [N, F]."""
        h = (1.0 - self.alpha) * (p @ x) + self.alpha * x0
        return (1.0 - self.beta) * h + self.beta * self.linear(h)


class SGCLayer(GraphLayer):
    """Wu et al., Simplifying Graph Convolutional Networks, ICML 2019: P X, no weights."""

    def forward(self, x: Tensor, x0: Tensor, p: SparseOperator) -> Tensor:
        """Return P X, [N, F]."""
        return p @ x

    def energy_factor(self) -> float | None:
        """Return 1: there are no weights."""
        return 1.0
