"""The layer of ``model=g2``."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from baselines.gnn_oversmoothing.layers.base import Context, GraphLayer, Linear
from baselines.gnn_oversmoothing.operators import Operators
from baselines.gnn_oversmoothing.sparse import SparseOperator


class GradientGate:
    """tau_i = tanh(mean or sum over j in N_i of |y_j - y_i|^p), channel by channel.

    The differences are taken once for each undirected edge, by a product with the incidence matrix.

    Args:
        p: exponent, at least 1.
        reduce: "mean" or "sum".
    """

    def __init__(self, p: float, reduce: str) -> None:
        """Keep the parameters; the matrices are made for the first graph that comes."""
        self.p, self.reduce = p, reduce
        self._known: tuple[Operators, SparseOperator, SparseOperator] | None = None

    def __call__(self, y: Tensor, operators: Operators) -> Tensor:
        """Return tau, [N, F]; 0 for a node without neighbours."""
        difference, collect = self._matrices(operators)
        gradient = difference @ y  # [edges, F]
        powers = gradient * gradient if self.p == 2.0 else gradient.abs().pow(self.p)  # pow costs three times more
        return torch.tanh(collect @ powers)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_known": None}  # torch cannot copy CSR tensors; they are made again

    def _matrices(self, operators: Operators) -> tuple[SparseOperator, SparseOperator]:
        """Return the incidence matrix [edges, N] and the mean or sum over the edges of a node [N, edges]."""
        if self._known is None or self._known[0] is not operators:
            nodes = operators.graph.num_nodes
            row, col = operators.graph.edge_index
            ends = torch.cat([row[row < col], col[row < col]])
            count = ends.numel() // 2
            edge = torch.arange(count, device=ends.device).repeat(2)
            one = torch.ones(count, dtype=operators.dtype, device=ends.device)
            weight = torch.cat([one, one])
            if self.reduce == "mean":
                weight = weight / operators.graph.degree.to(operators.dtype)[ends]
            incidence = SparseOperator(edge, ends, torch.cat([-one, one]), (count, nodes))
            self._known = operators, incidence, SparseOperator(ends, edge, weight, (nodes, count))
        return self._known[1:]


class G2Layer(GraphLayer):
    """Rusch, Chamberlain, Mahoney, Bronstein and Mishra, ICLR 2023: (1 - tau) X + tau ReLU(P X W).

    tau comes from a layer of its own, y = ReLU(P X W_g), and is small where y is smooth: such a node stops moving.
    """

    def __init__(self, width: int, gate: GradientGate) -> None:
        """Create W and W_g, [width, width]; the gate, without parameters, may be shared by all layers."""
        super().__init__()
        self.linear, self.gate_linear = Linear(width, width, bias=False), Linear(width, width, bias=False)
        self.gate = gate

    def forward(self, x: Any, context: Context) -> Tensor:
        """Return the next representations, [N, F]."""
        smooth = context.operators.p @ context.drop(x)  # once for both
        h, y = torch.relu(self.linear(smooth)), torch.relu(self.gate_linear(smooth))
        return torch.lerp(x, h, self.gate(y, context.operators))
