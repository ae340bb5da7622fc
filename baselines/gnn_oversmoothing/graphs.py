"""Graphs and node-classification tasks: what a dataset returns and what the networks work on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from baselines.gnn_oversmoothing.sparse import SparseOperator


@dataclass(frozen=True)
class Graph:
    """An undirected graph without self-loops.

    Attributes:
        num_nodes: N.
        edge_index: [2, 2m], every edge in both directions, sorted, each once.
    """

    num_nodes: int
    edge_index: Tensor

    @classmethod
    def from_edges(cls, edge_index: Tensor, num_nodes: int) -> Graph:
        """Make any list of edges [2, *] undirected; drop self-loops and repetitions."""
        from torch_geometric.utils import remove_self_loops, to_undirected

        edges, _ = remove_self_loops(edge_index)
        return cls(num_nodes, to_undirected(edges, num_nodes=num_nodes))

    @property
    def degree(self) -> Tensor:
        """Number of neighbours of each node, [N]."""
        return torch.bincount(self.edge_index[0], minlength=self.num_nodes)

    def propagation(self, dtype: torch.dtype = torch.float32) -> SparseOperator:
        """Return P = (D + I)^(-1/2) (A + I) (D + I)^(-1/2), the propagation matrix of GCN, [N, N].

        Source: Kipf and Welling, Semi-Supervised Classification with Graph Convolutional Networks, ICLR 2017.
        """
        from torch_geometric.nn.conv.gcn_conv import gcn_norm

        index, weight = gcn_norm(self.edge_index, num_nodes=self.num_nodes, dtype=torch.float64)
        return SparseOperator(index[0], index[1], weight.to(dtype), (self.num_nodes, self.num_nodes))

    def to(self, device: torch.device) -> Graph:
        """Return a copy on another device."""
        return Graph(self.num_nodes, self.edge_index.to(device))

    def adjacency(self) -> sparse.csr_array:
        """Return A as a scipy matrix [N, N] of float64 ones."""
        row, col = self.edge_index.cpu().numpy()
        return sparse.csr_array((np.ones(row.size), (row, col)), shape=(self.num_nodes, self.num_nodes))


@dataclass(frozen=True)
class Task:
    """Node classification on one graph.

    Attributes:
        name: how tables and figures call the dataset.
        graph: the graph.
        features: [N, F], dense, or sparse where most entries are zero.
        labels: class of each node, [N], int64.
        train: nodes trained on, [N] bool.
        validation: nodes that choose the epoch, [N] bool.
        test: nodes scored, [N] bool.
        score: what is reported: "accuracy", or "roc_auc" for two classes.
    """

    name: str
    graph: Graph
    features: Tensor | SparseOperator
    labels: Tensor
    train: Tensor
    validation: Tensor
    test: Tensor
    score: str = "accuracy"

    @property
    def num_classes(self) -> int:
        """Number of classes C."""
        return int(self.labels.max()) + 1

    @property
    def num_features(self) -> int:
        """Number of features F."""
        return int(self.features.shape[1])

    def to(self, device: torch.device, dtype: torch.dtype) -> Task:
        """Return a copy on another device with features of another precision."""
        return replace(
            self,
            graph=self.graph.to(device),
            features=self.features.to(device=device, dtype=dtype),
            **{name: getattr(self, name).to(device) for name in ("labels", "train", "validation", "test")},
        )


def random_split(
    num_nodes: int, shares: tuple[float, float], generator: np.random.Generator
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Split the nodes at random into train, validation and test.

    Args:
        num_nodes: N.
        shares: shares of train and validation; the rest is test.
        generator: source of the permutation.

    Returns:
        Three disjoint masks [N] that cover all nodes.
    """
    order = generator.permutation(num_nodes)
    ends = [round(shares[0] * num_nodes), round((shares[0] + shares[1]) * num_nodes)]
    masks = np.zeros((3, num_nodes), dtype=bool)
    for mask, nodes in zip(masks, np.split(order, ends), strict=True):
        mask[nodes] = True
    return masks[0], masks[1], masks[2]
