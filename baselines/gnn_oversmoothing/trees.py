"""Tree-NeighborsMatch: the tree, its examples, and the matrices of a batch.

The leaves of a binary tree of depth r carry the keys 0, ..., 2^r - 1 and, as values, a permutation pi of the same
numbers.  The root carries one key k and must answer pi(k).  Messages run from children to parents only, as in the
published experiment, so every node sees nothing but its own subtree, and examples that differ in the root's key alone
share everything below it.  One graph for each permutation therefore has 2^r roots above one tree: the same numbers as
with a tree for each example, an order of magnitude cheaper.

With a chain of c nodes between root and tree the distance is r + c, while the number of leaves stays 2^r: a long range
without squashing.

Source: Alon and Yahav, On the Bottleneck of Graph Neural Networks and its Practical Implications, ICLR 2021.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from baselines.gnn_oversmoothing.graphs import Graph
from baselines.gnn_oversmoothing.operators import Operators
from baselines.gnn_oversmoothing.sparse import SparseOperator


@dataclass(frozen=True)
class MatchTree:
    """The graph of one permutation; its nodes are numbered by their depth below the roots.

    Attributes:
        radius: depth r of the binary tree.
        chain: number of nodes c between the roots and the binary tree; 0: the roots are its roots.
    """

    radius: int
    chain: int = 0

    @property
    def num_keys(self) -> int:
        """Number of leaves, keys and values, 2^r; also the number of roots."""
        return 2**self.radius

    @property
    def distance(self) -> int:
        """Edges between a root and a leaf, r + c."""
        return self.radius + self.chain

    @cached_property
    def level_sizes(self) -> list[int]:
        """Number of nodes at depth 0 (the roots), 1, ..., r + c (the leaves)."""
        if self.chain:
            return [self.num_keys, *[1] * self.chain, *(2**k for k in range(1, self.radius + 1))]
        return [self.num_keys, *(2**k for k in range(1, self.radius + 1))]

    def num_nodes(self, depth: int | None = None) -> int:
        """Return the number of nodes down to a depth; of all without one."""
        return sum(self.level_sizes if depth is None else self.level_sizes[: depth + 1])

    @cached_property
    def edges(self) -> NDArray[np.int64]:
        """Receivers (parents) and senders (children), [2, m]."""
        starts = np.cumsum([0, *self.level_sizes])
        pairs = []
        for depth, (above, below) in enumerate(zip(self.level_sizes, self.level_sizes[1:], strict=False)):
            parents, children = np.arange(above) + starts[depth], np.arange(below) + starts[depth + 1]
            if depth == 0:  # every root has the same children
                pairs.append(np.stack([np.repeat(parents, below), np.tile(children, above)]))
            else:
                pairs.append(np.stack([np.repeat(parents, below // above), children]))
        return np.concatenate(pairs, axis=1)

    @cached_property
    def all_to_roots(self) -> NDArray[np.int64]:
        """Receivers and senders where every root hears all other nodes of its tree at once, [2, m]."""
        roots, others = np.arange(self.num_keys), np.arange(self.num_keys, self.num_nodes())
        return np.stack([np.repeat(roots, others.size), np.tile(others, roots.size)])


class DirectedOperators(Operators):
    """Matrices of many copies of a directed graph side by side; rows receive, columns send.

    Args:
        edges: receivers and senders within one copy, [2, m].
        num_nodes: n of one copy.
        in_degree: number of senders of each node, [n]; given because edges into the last nodes may be left out where
            what they receive is not used any more.
        copies: B.
        dtype: of the entries.
        device: of the entries.
    """

    def __init__(
        self,
        edges: NDArray[np.int64],
        num_nodes: int,
        in_degree: NDArray[np.int64],
        copies: int,
        dtype: torch.dtype,
        device: torch.device | str,
    ) -> None:
        """List the edges of all copies."""
        offset = num_nodes * torch.arange(copies, device=device)[:, None]
        both = [(torch.from_numpy(index).to(device) + offset).flatten() for index in edges]
        super().__init__(Graph(num_nodes * copies, torch.stack(both)), dtype)
        self._in_degree = torch.from_numpy(in_degree).to(device).repeat(copies)

    @cached_property
    def adjacency(self) -> SparseOperator:
        """A + I: the published trees have a self-loop at every node, which sums then count, [B n, B n]."""
        return self.looped

    @cached_property
    def p(self) -> SparseOperator:
        """P_ij = ((d_i + 1) (d_j + 1))^(-1/2) for i <- j and i = j, d the in-degree, [B n, B n].

        This is what ``GCNConv`` computes on a directed edge list.
        """
        row, col = self.looped.indices
        scale = (self._in_degree.to(torch.float64) + 1.0).rsqrt()
        return self.looped.with_values((scale[row.long()] * scale[col.long()]).to(self.dtype))


def layer_operators(
    tree: MatchTree,
    layers: int,
    copies: int,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
    complete_last: bool = False,
) -> list[tuple[Operators, int]]:
    """Return the operators of every layer, and how many nodes of each copy it must keep.

    Only the roots are read at the end, so layer l of L needs no node deeper than L - l; leaving the others out changes
    nothing.  With `complete_last` the last layer connects the roots to all nodes, and no node can be left out before.

    Raises:
        ValueError: If there are too few layers for the roots to hear the leaves.
    """
    if layers < tree.distance and not complete_last:
        raise ValueError(f"leaves at distance {tree.distance} need at least as many layers; got {layers}")
    found: list[tuple[Operators, int]] = []
    for number in range(1, layers + 1):
        if complete_last:
            given, kept = tree.num_nodes(), tree.num_nodes() if number < layers else tree.num_keys
        else:
            given, kept = tree.num_nodes(layers - number + 1), tree.num_nodes(layers - number)
        edges = tree.all_to_roots if complete_last and number == layers else tree.edges
        in_degree = np.bincount(edges[0], minlength=tree.num_nodes())[:given]
        inside = edges[:, edges[1] < given]
        found.append((DirectedOperators(inside, given, in_degree, copies, dtype, device), kept))
    return found


def permutations(radius: int, most: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Return `most` different random permutations of 2^r values, or all of them if there are no more, [P, 2^r]."""
    keys = 2**radius
    if math.factorial(keys) <= most:
        import itertools

        return np.array(list(itertools.permutations(range(keys))))
    found: dict[bytes, NDArray[np.int64]] = {}
    while len(found) < most:
        drawn = generator.permutation(keys)
        found[drawn.tobytes()] = drawn
    return np.stack(list(found.values()))


def information_bits(radius: int) -> float:
    """Return log2((2^r)!): the bits that name a permutation.

    All of them must pass the two edges into the tree's root if any key is to be answered, since what runs upwards does
    not know the key.
    """
    return math.lgamma(2**radius + 1) / math.log(2.0)


def lookup(values: Sequence[int], key: int) -> int:
    """Return the right answer: the value of the leaf with the root's key."""
    return int(values[key])


def labels(values: Tensor) -> Tensor:
    """Return the right answers of all roots, [P 2^r], for permutations [P, 2^r]: root k of pi gets pi(k)."""
    return values.flatten()
