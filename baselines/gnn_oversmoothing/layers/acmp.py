"""The layer of ``model=acmp``."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from baselines.gnn_oversmoothing.integrators import euler_step, rk4_step
from baselines.gnn_oversmoothing.layers.base import Context, GraphLayer
from baselines.gnn_oversmoothing.layers.grand import Attention
from baselines.gnn_oversmoothing.layers.gread import Coefficient
from baselines.gnn_oversmoothing.operators import Operators
from baselines.gnn_oversmoothing.reactions import allen_cahn, allen_cahn_flow
from baselines.gnn_oversmoothing.sparse import SparseOperator, weighted_matmul


def coupling(weight: Tensor, pattern: SparseOperator, repulsion: float) -> Tensor:
    """Return the entries [nnz] of W with (W x)_i = sum_{j in N_i} (a_ij - repulsion) (x_j - x_i).

    Args:
        weight: a_ij, [nnz], on the pattern A + I.
        pattern: A + I.
        repulsion: beta.
    """
    row, col = (index.long() for index in pattern.indices)
    loop = row == col
    pair = torch.where(loop, 0.0, weight - repulsion)
    total = pair.new_zeros(pattern.shape[0]).index_add(0, row, pair)
    return torch.where(loop, -total[row], pair)


def gcn_weights(operators: Operators) -> Tensor:
    """Return a_ij = 1 / sqrt((1 + d_i) (1 + d_j)), the entries [nnz] of P on the pattern A + I."""
    row, col = operators.looped.indices
    scale = (1.0 + operators.graph.degree.double()).rsqrt()
    return (scale[row] * scale[col]).to(operators.dtype)


class ACMPLayer(GraphLayer):
    """Wang, Yi, Liu, Wang and Jin, ICLR 2023: one step of the Allen-Cahn particle system.

    x_i' = alpha sum_{j in N_i} (a_ij - beta) (x_j - x_i) + delta x_i (1 - x_i^2)

    Args:
        width: columns of X.
        attention: a_ij as in GRAND, or None for the entries of P.
        alpha: coupling at the start.
        beta: repulsion.
        delta: strength of the double well at the start.
        trained: whether alpha and delta are trained, one pair for each channel.
        step: length tau of the step.
        integrator: "split" (Euler for the coupling, then the flow of the double well), "euler" or "rk4".
    """

    def __init__(
        self,
        width: int,
        attention: Attention | None,
        alpha: float,
        beta: float,
        delta: float,
        trained: bool,
        step: float,
        integrator: str,
    ) -> None:
        """Create the coefficients; the layer stands in all places of a network."""
        super().__init__()
        self.attention, self.repulsion, self.step, self.integrator = attention, beta, step, integrator
        self.alpha, self.delta = Coefficient(width, alpha, trained), Coefficient(width, delta, trained)
        self._known: tuple[Operators, SparseOperator] | None = None

    def forward(self, x: Any, context: Context) -> Tensor:
        """Return X after the time `step`, [N, F]."""
        alpha, delta = self.alpha(), self.delta()
        if self.integrator == "split":
            moved = torch.addcmul(x, self.couple(x, context), self.step * alpha)
            return allen_cahn_flow(moved, self.step * delta)

        def f(y: Tensor) -> Tensor:
            return alpha * self.couple(y, context) + delta * allen_cahn(y)

        return (rk4_step if self.integrator == "rk4" else euler_step)(f, x, self.step)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_known": None}  # torch cannot copy CSR tensors; they are made again

    def couple(self, x: Tensor, context: Context) -> Tensor:
        """Return sum_{j in N_i} (a_ij - beta) (x_j - x_i), [N, F]."""
        operators = context.operators
        if self.attention is not None:
            name = f"coupling on {id(operators)}"
            if name not in context.memory:
                context.memory[name] = coupling(self.attention(context), operators.looped, self.repulsion)
            return weighted_matmul(operators.looped, context.memory[name], x)
        if self._known is None or self._known[0] is not operators:
            value = coupling(gcn_weights(operators), operators.looped, self.repulsion)
            self._known = operators, operators.looped.with_values(value)
        return self._known[1] @ x
