"""Several GCNs in one: the weights of all seeds side by side, to measure whether batching them is worth it."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.gnn_oversmoothing.graphs import Graph, Task
from baselines.gnn_oversmoothing.layers.gcn import GCNLayer
from baselines.gnn_oversmoothing.network import DeepGNN
from baselines.gnn_oversmoothing.sparse import SparseOperator, dropout


def batched_task(task: Task, seeds: int, dtype: torch.dtype) -> tuple[SparseOperator, Tensor | SparseOperator]:
    """Return P of `seeds` copies of the graph side by side, and the features as they are."""
    nodes = task.graph.num_nodes
    copies = [task.graph.edge_index + number * nodes for number in range(seeds)]
    return Graph(seeds * nodes, torch.cat(copies, dim=1)).propagation(dtype), task.features


class BatchedGCN(nn.Module):
    """`seeds` GCNs of L layers, trained together on one task.

    Args:
        seeds: number of networks S.
        sizes: features, width, classes.
        depth: number of graph layers L.
        rate: dropout.
    """

    def __init__(self, seeds: int, sizes: tuple[int, int, int], depth: int, rate: float) -> None:
        """Create the weights, [S, in, out] a layer."""
        super().__init__()
        features, hidden, classes = sizes
        widths = [features, *[hidden] * (depth - 1), classes]
        self.weights = nn.ParameterList(
            torch.stack([nn.init.xavier_uniform_(torch.empty(a, b)) for _ in range(seeds)]) for a, b in pairwise(widths)
        )
        self.seeds, self.rate = seeds, rate

    def single(self, seed: int, rate: float) -> DeepGNN:
        """Return one of the networks by itself, with a copy of its weights."""
        layers = [GCNLayer(int(w.shape[1]), int(w.shape[2])) for w in self.weights]
        for layer, weight in zip(layers, self.weights, strict=True):
            layer.linear.weight.data = weight.data[seed].clone()
        features, classes = int(self.weights[0].shape[1]), int(self.weights[-1].shape[2])
        return DeepGNN(layers, width=None, num_features=features, num_classes=classes, dropout=rate, relu=True)

    def forward(self, features: Tensor | SparseOperator, p: SparseOperator) -> Tensor:
        """Return the logits [S, N, C]; p is P of S copies of the graph."""
        width = self.weights[0].shape[1]
        # The first layer shares the features: one wide product for all seeds.
        wide = self.weights[0].permute(1, 0, 2).reshape(width, -1)
        if isinstance(features, SparseOperator):
            x = features.dropout(self.rate, self.training) @ wide
        else:
            x = dropout(features, self.rate, self.training) @ wide
        x = x.view(x.shape[0], self.seeds, -1).transpose(0, 1).reshape(self.seeds * x.shape[0], -1)
        x = p @ x
        for weight in list(self.weights)[1:]:
            x = dropout(F.relu(x), self.rate, self.training)
            x = torch.bmm(x.view(self.seeds, -1, x.shape[1]), weight).flatten(0, 1)
            x = p @ x
        return x.view(self.seeds, -1, x.shape[1])

    def loss(self, features: Tensor | SparseOperator, p: SparseOperator, task: Task) -> Tensor:
        """Return the sum of the seeds' cross-entropies on the training nodes (nats)."""
        logits = self(features, p)[:, task.train]
        labels = task.labels[task.train].repeat(self.seeds)
        return self.seeds * F.cross_entropy(logits.flatten(0, 1), labels)
