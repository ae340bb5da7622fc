"""The layer of ``model=gat``."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.gnn_oversmoothing.layers.base import Context, GraphLayer, Linear
from baselines.gnn_oversmoothing.sparse import SparseOperator, weighted_matmul

NEGATIVE_SLOPE = 0.2  # of the LeakyReLU, as in the paper


class _Attention(torch.autograd.Function):
    """Entries softmax_j(LeakyReLU(target_i + source_j)) of a pattern, row by row, with their gradient in one pass."""

    @staticmethod
    def forward(ctx: Any, target: Tensor, source: Tensor, pattern: SparseOperator) -> Tensor:
        row, col = pattern.indices
        pointers = pattern.pointers
        raw = source.index_select(0, col).add_(target.index_select(0, row))
        score = F.leaky_relu(raw, NEGATIVE_SLOPE)
        score -= torch.segment_reduce(score, "max", offsets=pointers).index_select(0, row)  # exp cannot overflow
        entry = score.exp_()
        entry /= torch.segment_reduce(entry, "sum", offsets=pointers).index_select(0, row)
        ctx.save_for_backward(entry, raw, row, col, pointers)
        return entry

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        entry, raw, row, col, pointers = ctx.saved_tensors
        weighted = entry * gradient
        total = torch.segment_reduce(weighted, "sum", offsets=pointers)
        weighted -= entry * total.index_select(0, row)  # through the softmax
        weighted = torch.ops.aten.leaky_relu_backward(weighted, raw, NEGATIVE_SLOPE, False)
        to_source = torch.zeros_like(total).index_add_(0, col, weighted)
        return torch.segment_reduce(weighted, "sum", offsets=pointers), to_source, None


def attention(target: Tensor, source: Tensor, pattern: SparseOperator) -> Tensor:
    """Return the attention of every entry of the pattern, [nnz] row by row.

        a_ij = exp(e_ij) / sum_k exp(e_ik),  e_ij = LeakyReLU(target_i + source_j),  i, j, k in the pattern.

    Args:
        target: share of the row's node in the score, [n].
        source: share of the column's node, [n].
        pattern: square, at least one entry in every row; its values are not used.
    """
    entries: Tensor = _Attention.apply(target, source, pattern)
    return entries


class GATLayer(GraphLayer):
    """Velickovic et al., Graph Attention Networks, ICLR 2018; heads side by side.

    Head h computes sum_j a_ij W_h' x_j over the neighbours and the node itself, with a_ij the softmax over j of
    LeakyReLU(u_h' W_h' x_i + v_h' W_h' x_j). All heads are one sparse product with `heads` rows for each node.
    """

    def __init__(self, width: int, heads: int) -> None:
        """Create W [width, width] and u, v for each head; `heads` divides `width`."""
        super().__init__()
        self.heads, columns = heads, width // heads
        self.linear = Linear(width, width, bias=False)
        self.attend = nn.Parameter(torch.empty(heads, columns, 2))  # u, v
        bound = math.sqrt(6.0 / (2 * columns + 1))  # Glorot of the map [2 columns, 1] of each head
        nn.init.uniform_(self.attend, -bound, bound)

    def forward(self, x: Any, context: Context) -> Tensor:
        """Return the next representations, [N, F]."""
        x, weight = context.drop(x), self.linear.weight
        nodes, width = x.shape
        by_head = weight.view(width, self.heads, -1).transpose(0, 1)  # [heads, F, F / heads]
        maps = torch.bmm(by_head, self.attend).permute(2, 0, 1).reshape(-1, width)  # [2 heads, F]: W_h u_h, W_h v_h
        scores = (maps @ x.T).view(2, self.heads, nodes)
        target, source = scores.transpose(1, 2).reshape(2, -1).unbind()  # [heads N]
        pattern = context.operators.looped_heads(self.heads)
        h = (x @ weight).view(nodes * self.heads, -1)  # [heads N, F / heads]
        return weighted_matmul(pattern, attention(target, source, pattern), h).view(nodes, -1)
