"""What all graph layers share: the signature ``layer(x, context) -> x'`` and the affine map.

x [N, F] are the representations.  The layers leave normalisation, activation and the skip connection to the network,
which treats all models alike; each calls ``context.drop`` in front of every map that has weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from baselines.gnn_oversmoothing.operators import Operators
from baselines.gnn_oversmoothing.sparse import SparseOperator


def no_dropout(x: Any) -> Any:
    """Return x."""
    return x


@dataclass
class Context:
    """What a layer may use besides X in one forward pass.

    Attributes:
        operators: the matrices of the graph.
        first: X_0, [N, F].
        drop: dropout of the recipe; the identity outside training.
        memory: what layers hand on besides X in this pass (the velocity of GraphCON).
    """

    operators: Operators
    first: Any
    drop: Callable[[Any], Any] = no_dropout
    memory: dict[str, Tensor] = field(default_factory=dict)


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
        if self.bias is None:
            return x @ self.weight
        return torch.addmm(self.bias, x, self.weight) if isinstance(x, Tensor) else x @ self.weight + self.bias


class GraphLayer(nn.Module):
    """Base of the layers: the shared signature."""

    def forward(self, x: Any, context: Context) -> Tensor:
        """Return the next representations, [N, F']."""
        raise NotImplementedError

    def energy_factor(self) -> float | None:
        """Return s^2 with E_sym(layer(X)) <= lambda^2 s^2 E_sym(X), or None where no such bound is known."""
        return None


class Readout(nn.Module):
    """Base of the readouts: from all representations X_0, ..., X_L to the one that the decoder sees.

    Attributes:
        width: columns of the result.
    """

    width: int

    def forward(self, states: list[Tensor]) -> Tensor:
        """Return [N, width]."""
        raise NotImplementedError
