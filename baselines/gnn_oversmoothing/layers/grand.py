"""The layer of ``model=grand``, and the attention that ACMP shares."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from baselines.gnn_oversmoothing.integrators import rk4_step
from baselines.gnn_oversmoothing.layers.base import Context, GraphLayer, Linear
from baselines.gnn_oversmoothing.sparse import SparseOperator, weighted_matmul


def row_softmax(score: Tensor, pattern: SparseOperator) -> Tensor:
    """Return exp(score) over its row's sum for the entries [nnz, ...] of a sparse pattern without empty rows."""
    row = pattern.indices[0].long()
    shape = (pattern.shape[0], *score.shape[1:])
    index = row.view(-1, *[1] * (score.dim() - 1)).expand_as(score)
    largest = score.detach().new_full(shape, -math.inf).scatter_reduce(0, index, score.detach(), "amax")
    value = torch.exp(score - largest[row])
    return value / value.new_zeros(shape).index_add(0, row, value)[row]


class Attention(nn.Module):
    """Row-stochastic attention a_ij = softmax over j in N_i and i of <x_i W_Q, x_j W_K> / sqrt(d_k), mean of the heads.

    Args:
        width: columns of X.
        heads: number of heads, a divisor of the width; d_k = width / heads.
    """

    def __init__(self, width: int, heads: int) -> None:
        """Create W_Q and W_K, [width, width]."""
        super().__init__()
        self.heads = heads
        self.query, self.key = Linear(width, width, bias=False), Linear(width, width, bias=False)

    def forward(self, context: Context) -> Tensor:
        """Return the entries [nnz] of A(X_0) on the pattern A + I, computed once in a forward pass."""
        name = f"attention on {id(context.operators)}"  # the last layer may see another graph than the others
        if name not in context.memory:
            pattern, x = context.operators.looped, context.drop(context.first)
            row, col = pattern.indices
            query, key = self.query(x)[row], self.key(x)[col]  # [nnz, F]
            score = (query * key).view(row.numel(), self.heads, -1).sum(dim=2)
            scale = math.sqrt(x.shape[1] / self.heads)
            context.memory[name] = row_softmax(score / scale, pattern).mean(dim=1)
        return context.memory[name]


class GRANDLayer(GraphLayer):
    """Chamberlain, Rowbottom, Gorinova, Webb, Rossi and Bronstein, ICML 2021: one step of X' = (A(X_0) - I) X.

    Args:
        width: columns of X.
        heads: of the attention.
        step: length tau of the step.
        integrator: "euler" or "rk4".
    """

    def __init__(self, width: int, heads: int, step: float, integrator: str) -> None:
        """Create the attention; the layer stands in all places of a network."""
        super().__init__()
        self.step, self.integrator = step, integrator
        self.attention = Attention(width, heads)

    def forward(self, x: Any, context: Context) -> Tensor:
        """Return X after the time `step`, [N, F]."""
        pattern, value = context.operators.looped, self.attention(context)
        if self.integrator == "euler":
            return torch.lerp(x, weighted_matmul(pattern, value, x), self.step)
        return rk4_step(lambda y: weighted_matmul(pattern, value, y) - y, x, self.step)
