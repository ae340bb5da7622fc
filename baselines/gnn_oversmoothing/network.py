"""One network around every model: encoder, L graph layers, decoder, with the same rules for all.

    X_0 = ReLU(X W_in + b_in),   X_l = [X_{l-1} +] sigma(norm_l(layer_l(X_{l-1}))),
    logits = R(X_0, ..., X_L) W_out + b_out

sigma is ReLU or the identity, the part in brackets belongs to residual models, and the readout R is X_L for most.
Dropout stands before every map that has weights, so a model without weights in its layers has none there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.gnn_oversmoothing.layers.base import Context, GraphLayer, Linear, Readout
from baselines.gnn_oversmoothing.operators import Operators
from baselines.gnn_oversmoothing.sparse import SparseOperator, dropout

Features = Tensor | SparseOperator


class DeepGNN(nn.Module):
    """Graph layers between a linear encoder and a linear decoder, or without both.

    Args:
        layers: the graph layers, first to last.
        width: their width F; None leaves encoder and decoder out (the first graph layer then takes the features, the
            last gives the logits and has neither normalisation nor activation).
        num_features: width of the features.
        num_classes: number of classes C.
        dropout: probability of dropping an entry.
        relu: whether sigma is ReLU; else it is the identity.
        residual: whether a layer's input is added to its output.
        norms: the normalisation after each layer; none if left out.
        readout: what the decoder reads; X_L if left out.
        complete_last: whether the last layer sees the complete graph instead.
    """

    def __init__(
        self,
        layers: Sequence[GraphLayer],
        *,
        width: int | None,
        num_features: int,
        num_classes: int,
        dropout: float,
        relu: bool,
        residual: bool = False,
        norms: Sequence[nn.Module | None] = (),
        readout: Readout | None = None,
        complete_last: bool = False,
    ) -> None:
        """Assemble the parts."""
        super().__init__()
        self.encoder = None if width is None else Linear(num_features, width)
        self.layers = nn.ModuleList(layers)
        self.norms = nn.ModuleList([norm or nn.Identity() for norm in norms or [None] * len(layers)])
        self.readout = readout
        self.decoder = None if width is None else Linear(readout.width if readout else width, num_classes)
        self.dropout, self.relu, self.residual, self.complete_last = dropout, relu, residual, complete_last

    @property
    def is_plain(self) -> bool:
        """Whether X_l = sigma(layer_l(X_(l-1))), without normalisation, skip or exchanged graph."""
        bare = all(isinstance(norm, nn.Identity) for norm in self.norms)
        return bare and not self.residual and not self.complete_last

    def forward(self, x: Features, operators: Operators) -> Tensor:
        """Return the logits [N, C] of features X [N, num_features]."""
        return self.logits(self.states(x, operators))

    def logits(self, states: list[Any]) -> Tensor:
        """Return the logits [N, C] of the representations X_0, ..., X_L."""
        last: Tensor = self.read(states)
        if self.decoder is None:
            return last
        logits: Tensor = self.decoder(self._drop(last))
        return logits

    def read(self, states: list[Any]) -> Tensor:
        """Return what the decoder sees: X_L, or what the readout makes of all."""
        result: Tensor = states[-1] if self.readout is None else self.readout(states)
        return result

    def states(self, x: Features, operators: Operators) -> list[Any]:
        """Return X_0, ..., X_L: the representations after the encoder and after every graph layer.

        Without an encoder X_0 are the features as they came, and X_L the logits.
        """
        first: Any = x if self.encoder is None else F.relu(self.encoder(self._drop(x)))
        context, states = Context(operators, first, self._drop), [first]
        for number, (layer, norm) in enumerate(zip(self.layers, self.norms, strict=True), start=1):
            if self.complete_last and number == len(self.layers):
                context.operators = operators.complete()
            h = layer(states[-1], context)
            if not (self.decoder is None and number == len(self.layers)):
                h = norm(h)
                h = F.relu(h) if self.relu else h
            states.append(states[-1] + h if self.residual else h)
        return states

    def _drop(self, x: Features) -> Features:
        if isinstance(x, SparseOperator):
            return x.dropout(self.dropout, self.training)
        return dropout(x, self.dropout, self.training)


def parameter_count(network: nn.Module) -> int:
    """Return the number of trained parameters."""
    return sum(parameter.numel() for parameter in network.parameters())


@torch.no_grad()
def representations(network: DeepGNN, x: Features, operators: Operators) -> list[Tensor]:
    """Return X_0, ..., X_L in evaluation mode (no dropout), dense, without gradients."""
    network.eval()
    return [state.dense() if isinstance(state, SparseOperator) else state for state in network.states(x, operators)]
