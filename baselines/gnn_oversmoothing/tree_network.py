"""The network of Tree-NeighborsMatch and its training.

    X_0 = W_key key + W_value value + b,  X_l = LayerNorm(X_(l-1) + ReLU(layer_l(X_(l-1)))),  logits = W_out X_L[root]

Keys and values are one-hot; nodes without either have X_0 = b.

Source: Alon and Yahav, ICLR 2021, appendix A; repository tech-srl/bottleneck.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.gnn_oversmoothing.layers.base import Context, GraphLayer
from baselines.gnn_oversmoothing.operators import Operators
from baselines.gnn_oversmoothing.trees import MatchTree, labels, layer_operators

THRESHOLD = 1e-4  # a gain of the accuracy that counts as one


class TreeNetwork(nn.Module):
    """Graph layers on batches of `MatchTree`.

    Args:
        layers: at least as many as the distance between root and leaves.
        tree: the graph of one permutation.
        width: F.
        complete_last: whether the last layer connects the roots to all nodes.
        relu: whether ReLU follows every layer.
    """

    def __init__(
        self, layers: Sequence[GraphLayer], tree: MatchTree, width: int, complete_last: bool = False, relu: bool = True
    ) -> None:
        """Create the maps around the layers."""
        super().__init__()
        self.tree, self.complete_last, self.relu = tree, complete_last, relu
        self.encoder = nn.Linear(2 * tree.num_keys, width)
        self.layers = nn.ModuleList(layers)
        self.norms = nn.ModuleList([nn.LayerNorm(width) for _ in layers])
        self.decoder = nn.Linear(width, tree.num_keys, bias=False)
        self._operators: dict[int, list[tuple[Operators, int]]] = {}

    def forward(self, values: Tensor) -> Tensor:
        """Return the logits [B 2^r, 2^r] of all roots for permutations [B, 2^r]."""
        copies = values.shape[0]
        x = self.embed(values)
        for layer, norm, (operators, kept) in zip(self.layers, self.norms, self.operators(copies), strict=True):
            nodes = x.shape[1]
            h = layer(x.reshape(copies * nodes, -1), Context(operators, None)).view(copies, nodes, -1)
            x, h = x[:, :kept], h[:, :kept]
            x = norm(x + (F.relu(h) if self.relu else h))
        logits: Tensor = self.decoder(x.reshape(copies * self.tree.num_keys, -1))
        return logits

    def embed(self, values: Tensor) -> Tensor:
        """Return X_0 of all nodes, [B, n, F]."""
        keys, copies = self.tree.num_keys, values.shape[0]
        table = self.encoder.weight.T
        keyed = self.encoder.bias + table[:keys]
        between = self.tree.num_nodes() - 2 * keys
        leaves = keyed + F.one_hot(values, keys).to(table.dtype) @ table[keys:]
        inner = self.encoder.bias.expand(copies, between, -1)
        return torch.cat([keyed.expand(copies, -1, -1), inner, leaves], dim=1)

    def operators(self, copies: int) -> list[tuple[Operators, int]]:
        """Return operators and kept nodes of every layer for a batch size; made once."""
        if copies not in self._operators:
            weight = self.encoder.weight
            self._operators[copies] = layer_operators(
                self.tree, len(self.layers), copies, weight.dtype, weight.device, self.complete_last
            )
        return self._operators[copies]


@dataclass
class MatchFit:
    """What training leaves.

    Attributes:
        accuracies: share of right answers on the training examples, counted during each epoch.
        losses: mean cross-entropy of each epoch, nats.
        steps: steps of Adam done.
        test_accuracy: share of right answers on the held-out examples after training; NaN without any.
    """

    accuracies: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    steps: int = 0
    test_accuracy: float = float("nan")

    @property
    def best(self) -> float:
        """The highest training accuracy of an epoch, which is what the paper reports."""
        return max(self.accuracies)


def train(
    network: TreeNetwork,
    values: Tensor,
    train_mask: Tensor,
    generator: torch.Generator,
    *,
    steps: int,
    batch_size: int,
    learning_rate: float,
    plateau: int,
    patience: int,
    on_epoch: Callable[[int, float, float], None] = lambda steps, loss, accuracy: None,
) -> MatchFit:
    """Train until every training example is right, the accuracy has stopped rising, or the steps are used up.

    Args:
        network: trained in place.
        values: permutations [P, 2^r].
        train_mask: which pairs of permutation and key are trained on, [P, 2^r] bool; the others are held out.
        generator: shuffles the permutations.
        steps: most steps of Adam, rounded up to whole epochs.
        batch_size: examples of one step, rounded to whole permutations.
        learning_rate: of Adam.
        plateau: steps without a better accuracy that halve the learning rate.
        patience: steps without a better accuracy that end the training.
        on_epoch: called with the steps, the loss and the training accuracy of an epoch.
    """
    examples_per_copy = float(train_mask.sum()) / values.shape[0]
    copies = max(1, min(values.shape[0], round(batch_size / examples_per_copy)))
    steps_per_epoch = math.ceil(values.shape[0] / copies)
    optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer,
        mode="max",
        factor=0.5,
        patience=math.ceil(plateau / steps_per_epoch),
        threshold=THRESHOLD,
        threshold_mode="abs",
    )
    fit, best, last_gain = MatchFit(), 0.0, 0
    network.train()
    for epoch in range(1, math.ceil(steps / steps_per_epoch) + 1):
        loss, accuracy = _epoch(network, values, train_mask, optimizer, generator, copies)
        fit.losses.append(loss)
        fit.accuracies.append(accuracy)
        fit.steps += steps_per_epoch
        on_epoch(steps_per_epoch, loss, accuracy)
        schedule.step(accuracy)
        if accuracy > best + THRESHOLD:
            best, last_gain = accuracy, epoch
        if accuracy == 1.0 or (epoch - last_gain) * steps_per_epoch >= patience:
            break
    held_out = ~train_mask
    if held_out.any():
        fit.test_accuracy = float(answers(network, values, copies)[held_out].double().mean())
    return fit


def _epoch(
    network: TreeNetwork,
    values: Tensor,
    train_mask: Tensor,
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
    copies: int,
) -> tuple[float, float]:
    """Return mean loss and accuracy of one pass over the training examples."""
    order = torch.randperm(values.shape[0], generator=generator, device=generator.device).to(values.device)
    total, right = values.new_zeros((), dtype=torch.float64), values.new_zeros(())
    for batch in order.split(copies):
        chosen = train_mask[batch].flatten()
        target = labels(values[batch])
        logits = network(values[batch])
        losses = F.cross_entropy(logits, target, reduction="none") * chosen
        count = chosen.sum().clamp(min=1)
        optimizer.zero_grad()
        (losses.sum() / count).backward()
        optimizer.step()
        total += losses.detach().sum().double()
        right += ((logits.detach().argmax(dim=1) == target) & chosen).sum()
    examples = int(train_mask.sum())
    return float(total) / examples, int(right) / examples


@torch.no_grad()
def answers(network: TreeNetwork, values: Tensor, copies: int) -> Tensor:
    """Return whether each pair of permutation and key is answered rightly, [P, 2^r] bool."""
    network.eval()
    right = [(network(batch).argmax(dim=1) == labels(batch)).view(batch.shape) for batch in values.split(copies)]
    return torch.cat(right)
