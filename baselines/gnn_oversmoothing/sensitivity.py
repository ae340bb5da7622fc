"""How much a node's last representation depends on another node's first: the Jacobian, and its bound for a GCN.

With X_l = ReLU(P X_(l-1) W_l + b_l), the chain rule sums over all walks v = i_L, ..., i_0 = u:

    d x_v^(L) / d x_u^(0) = sum over walks of prod_l P_(i_l, i_(l-1)) D_l W_l^T,   D_l diagonal with entries 0 and 1,

so, P having no negative entries, ||d x_v^(L) / d x_u^(0)||_2 <= (P^L)_vu prod_l s_l, s_l the largest singular value
of W_l.

Source: Topping et al., Understanding Over-Squashing and Bottlenecks on Graphs via Curvature, ICLR 2022, Lemma 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from baselines.gnn_oversmoothing.sparse import SparseOperator


def jacobians(output: Tensor, given: Tensor, targets: Tensor, sources: Tensor) -> Tensor:
    """Return the Jacobians d output[targets[b]] / d given[sources[b]], [B, F', F].

    Args:
        output: [N, F'], computed from `given` with gradients.
        given: [N, F].
        targets: nodes v, [B].
        sources: nodes u, [B]; ``targets[b]`` must not depend on ``sources[c]`` for another c (graphs side by side),
            since all blocks are found in the same F' backward passes.
    """
    rows = [
        torch.autograd.grad(output[targets, column].sum(), given, retain_graph=True)[0][sources]
        for column in range(output.shape[1])
    ]
    return torch.stack(rows, dim=1)


def sensitivities(blocks: Tensor) -> Tensor:
    """Return the largest singular value of each Jacobian [B, F', F], [B]."""
    norms: Tensor = torch.linalg.matrix_norm(blocks.double(), 2)
    return norms


def walk_weight(operator: SparseOperator, length: int, target: int, source: int) -> float:
    """Return (S^length)_vu of an operator S: the weight of all walks of that length from u to v."""
    x = torch.zeros(operator.shape[1], 1, dtype=torch.float64, device=operator.values.device)
    x[source] = 1.0
    exact = operator.to(dtype=torch.float64)
    for _ in range(length):
        x = exact @ x
    return float(x[target])


def gcn_bound(weights: Sequence[Tensor], walks: float) -> float:
    """Return (P^L)_vu prod_l s_l.

    Args:
        weights: W_1, ..., W_L.
        walks: (P^L)_vu.
    """
    bound = walks
    for weight in weights:
        bound *= float(torch.linalg.matrix_norm(weight.detach().double(), 2))
    return bound
