"""One network around every model: encoder, L graph layers, decoder, with the same dropout rule for all.

    X_0 = ReLU(X W_in + b_in),   X_l = sigma(layer_l(X_{l-1}, X_0, P)),   logits = X_L W_out + b_out

Dropout stands before every map that has weights, so a model without weights in its layers has none there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.gnn_oversmoothing.layers import GraphLayer, Linear
from baselines.gnn_oversmoothing.sparse import SparseOperator, dropout

Features = Tensor | SparseOperator


class DeepGNN(nn.Module):
    """Graph layers between a linear encoder and a linear decoder, or without both.

    Args:
        layers: the graph layers, first to last.
        width: their width F; None leaves encoder and decoder out (the first graph layer then takes the features, the
            last gives the logits and has no activation).
        num_features: width of the features.
        num_classes: number of classes C.
        dropout: probability of dropping an entry.
        relu: whether sigma is ReLU; else it is the identity.
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
    ) -> None:
        """Assemble the parts."""
        super().__init__()
        self.encoder = None if width is None else Linear(num_features, width)
        self.layers = nn.ModuleList(layers)
        self.decoder = None if width is None else Linear(width, num_classes)
        self.dropout, self.relu = dropout, relu

    def forward(self, x: Features, p: SparseOperator) -> Tensor:
        """Return the logits [N, C] of features X [N, num_features]."""
        last: Tensor = self.states(x, p)[-1]
        if self.decoder is None:
            return last
        logits: Tensor = self.decoder(self._drop(last))
        return logits

    def states(self, x: Features, p: SparseOperator) -> list[Any]:
        """Return X_0, ..., X_L: the representations after the encoder and after every graph layer.

        Without an encoder X_0 are the features as they came, and X_L the logits.
        """
        if self.encoder is None:
            return self._through_layers(x, p)
        return self._through_layers(F.relu(self.encoder(self._drop(x))), p)

    def _through_layers(self, first: Features, p: SparseOperator) -> list[Any]:
        h, states = first, [first]
        for number, layer in enumerate(self.layers, start=1):
            if any(True for _ in layer.parameters()):
                h = self._drop(h)
            h = layer(h, first, p)
            if self.relu and not (self.decoder is None and number == len(self.layers)):
                h = F.relu(h)
            states.append(h)
        return states

    def _drop(self, x: Features) -> Features:
        if isinstance(x, SparseOperator):
            return x.dropout(self.dropout, self.training)
        return dropout(x, self.dropout, self.training)


def parameter_count(network: nn.Module) -> int:
    """Return the number of trained parameters."""
    return sum(parameter.numel() for parameter in network.parameters())


@torch.no_grad()
def representations(network: DeepGNN, x: Features, p: SparseOperator) -> list[Tensor]:
    """Return X_0, ..., X_L in evaluation mode (no dropout), dense, without gradients."""
    network.eval()
    return [state.dense() if isinstance(state, SparseOperator) else state for state in network.states(x, p)]
