"""The matrices of a graph that layers multiply with."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from baselines.gnn_oversmoothing.graphs import Graph
from baselines.gnn_oversmoothing.sparse import BlockMean, SparseOperator

MOST_PAIRS = 4_000_000  # edges of a complete graph that are still listed one by one


class Operators:
    """Operators of one graph; each is made when first asked for and kept.

    Args:
        graph: undirected, without self-loops.
        dtype: of the entries.
    """

    def __init__(self, graph: Graph, dtype: torch.dtype = torch.float32) -> None:
        """Keep the graph; nothing is computed yet."""
        self.graph, self.dtype = graph, dtype
        self._complete: CompleteOperators | None = None
        self._heads: dict[int, SparseOperator] = {}

    @cached_property
    def p(self) -> SparseOperator | BlockMean:
        """P = (D + I)^(-1/2) (A + I) (D + I)^(-1/2), GCN's propagation matrix, [N, N]."""
        return self.graph.propagation(self.dtype)

    @cached_property
    def mean(self) -> SparseOperator:
        """D^(-1) A: the mean over the neighbours, [N, N]; zero for nodes without any."""
        row, col = self.graph.edge_index
        weight = 1.0 / self.graph.degree.clamp(min=1).to(torch.float64)[row]
        return SparseOperator(row, col, weight.to(self.dtype), (self.graph.num_nodes, self.graph.num_nodes))

    @cached_property
    def adjacency(self) -> SparseOperator:
        """A: the sum over the neighbours, [N, N]."""
        row, col = self.graph.edge_index
        return SparseOperator(row, col, self.mean.values.new_ones(row.numel()), self.mean.shape)

    @cached_property
    def looped(self) -> SparseOperator:
        """A + I: the pattern that attention with self-loops fills, [N, N]."""
        nodes = torch.arange(self.graph.num_nodes, device=self.graph.edge_index.device)
        row, col = torch.cat([self.graph.edge_index, nodes.repeat(2, 1)], dim=1)
        value = torch.ones(row.numel(), dtype=self.dtype, device=row.device)
        return SparseOperator(row, col, value, (self.graph.num_nodes, self.graph.num_nodes))

    def looped_heads(self, heads: int) -> SparseOperator:
        """(A + I) kron I_heads: row i * heads + h sees head h of the neighbours of i, [heads N, heads N]."""
        if heads == 1:
            return self.looped
        if heads not in self._heads:
            head = torch.arange(heads, device=self.looped.values.device)
            row, col = ((index.unsqueeze(1) * heads + head).flatten() for index in self.looped.indices)
            size = heads * self.graph.num_nodes
            value = self.looped.values.new_ones(row.numel())
            self._heads[heads] = SparseOperator(row.long(), col.long(), value, (size, size))
        return self._heads[heads]

    def without_edges(self, rate: float) -> Operators:
        """Return the operators of the graph with each edge left out with probability `rate` (torch's generator)."""
        row, col = self.graph.edge_index
        forward = row < col  # an edge and its reverse stay or go together
        kept = self.graph.edge_index[:, forward]
        kept = kept[:, torch.rand(kept.shape[1], device=kept.device) >= rate]
        both = torch.cat([kept, kept.flip(0)], dim=1)
        order = torch.argsort(both[0] * self.graph.num_nodes + both[1])
        return Operators(Graph(self.graph.num_nodes, both[:, order]), self.dtype)

    def complete(self, block: int | None = None) -> Operators:
        """Return the operators of the complete graph on the same nodes.

        Args:
            block: number of nodes of one graph where this graph is many of equal size side by side; each becomes
                complete for itself.
        """
        if self._complete is None:
            self._complete = CompleteOperators(self.graph, self.dtype, block or self.graph.num_nodes)
        return self._complete


class CompleteOperators(Operators):
    """Operators of complete graphs of `block` nodes side by side; P is the mean over a block, without a matrix."""

    def __init__(self, graph: Graph, dtype: torch.dtype, block: int) -> None:
        """Keep the nodes; the edges are listed only if a layer asks for them."""
        super().__init__(graph, dtype)
        self.block = block
        self._edges: Tensor | None = None

    @cached_property
    def p(self) -> SparseOperator | BlockMean:
        """P of a complete graph: every entry is 1 / block."""
        return BlockMean(self._nodes, self.block)

    @property
    def graph(self) -> Graph:
        """The complete graph.

        Raises:
            ValueError: If it has too many edges to list.
        """
        if self._edges is None:
            nodes, block = self._nodes, self.block
            if nodes * block > MOST_PAIRS:
                raise ValueError(
                    f"the complete graph of {block} nodes has {block * (block - 1)} edges, too many for a layer that "
                    "weighs each; use model=gcn, which needs none, or a smaller graph"
                )
            first = torch.arange(nodes, device=self._device)
            row = first.repeat_interleave(block)
            within = torch.arange(block, device=self._device).repeat(nodes)
            col = (first // block * block).repeat_interleave(block) + within
            self._edges = torch.stack([row, col])[:, row != col]
        return Graph(self._nodes, self._edges)

    @graph.setter
    def graph(self, graph: Graph) -> None:
        self._nodes, self._device = graph.num_nodes, graph.edge_index.device
