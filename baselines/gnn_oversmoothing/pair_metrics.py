"""Metrics of representations that compare all pairs of nodes: MADGap, group distance ratio, information gain.

They cost O(n^2) for n nodes.  `Pairs` holds what does not depend on the representations (hops, labels, kernel of the
input features), so that it is computed once a task; on large graphs it keeps a fixed sample of the nodes.
`measure_pairs` computes all three.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from baselines.gnn_oversmoothing.graphs import Graph
from baselines.gnn_oversmoothing.metrics import mean_of_row_means, unit_rows
from baselines.gnn_oversmoothing.sparse import SparseOperator

NEAR_HOPS = 3  # neighbours of MADGap: 1 to 3 hops
REMOTE_HOPS = 8  # remote nodes of MADGap: 8 hops and more
VARIANCE = 0.1  # of the Gaussian kernel of the information gain, for rows of length 1
ROUNDING = 1e-14  # rows that differ by less, relative to the largest entry, are equal
MOST_NODES = 500  # larger graphs are sampled: exact pairs on 1000 nodes take six times as long


@dataclass(frozen=True)
class Pairs:
    """What the pairs of n nodes have in common, whatever the representation.

    Attributes:
        nodes: the n nodes, [n] (all N, or a sample).
        near: ordered pairs (i, j) whose shortest path has 1 to 3 edges, [2, *], indices into `nodes`.
        remote: ordered pairs with 8 edges or more (pairs without a path are not remote), [2, *].
        labels: class of each of the nodes, [n].
        input_kernel: Gaussian kernel between the unit rows of the input features, [n, n].
    """

    nodes: Tensor
    near: Tensor
    remote: Tensor
    labels: Tensor
    input_kernel: Tensor

    @classmethod
    def of(cls, graph: Graph, labels: Tensor, features: Tensor | SparseOperator, most_nodes: int = MOST_NODES) -> Pairs:
        """Compute hops and input kernel.

        Args:
            graph: N nodes; paths run through all of them.
            labels: [N].
            features: input features [N, F], dense or sparse.
            most_nodes: with more nodes than this, a uniform sample of this size, the same in every call.
        """
        nodes = torch.from_numpy(_sample(graph.num_nodes, most_nodes)).to(labels.device)
        hops = hop_counts(graph, nodes, REMOTE_HOPS - 1).to(labels.device)
        dense = features.dense() if isinstance(features, SparseOperator) else features
        return cls(
            nodes,
            ((hops >= 1) & (hops <= NEAR_HOPS)).nonzero().T,
            (hops >= REMOTE_HOPS).nonzero().T,
            labels[nodes],
            gaussian_kernel(unit_rows(dense[nodes])),
        )


def measure_pairs(x: Tensor, pairs: Pairs) -> dict[str, float]:
    """Return the metrics of representations X [N, F] that are defined for these pairs.

    `mad_gap` is left out where no pair is 8 hops apart, `group_distance_ratio` with fewer than two classes and where
    it is infinite.
    """
    x = x[pairs.nodes]
    unit = unit_rows(x)
    products = unit @ unit.T  # [n, n]
    found = {"instance_information_gain": _information(_kernel_of(products, VARIANCE), pairs.input_kernel)}
    if pairs.remote.numel() and pairs.near.numel():
        found["mad_gap"] = _masked_mad(products, pairs.remote) - _masked_mad(products, pairs.near)
    if pairs.labels.unique().numel() > 1:
        ratio = group_distance_ratio(x, pairs.labels)
        if math.isfinite(ratio):
            found["group_distance_ratio"] = ratio
    return found


def masked_mad(x: Tensor, pairs: Tensor) -> float:
    """Mean average distance of Chen et al. over chosen pairs.

    With D_ij = 1 - cos(x_i, x_j): the mean of the entries D_ij > 0 over the pairs (i, j) of a row i, then the mean over
    the rows that have such an entry; 0 if there is none.  Entries up to `metrics.SAME_DIRECTION` count as zero.

    Args:
        x: representations [n, F]; a zero row has cosine 0 with every other.
        pairs: ordered pairs (i, j), [2, *].

    Source: Chen et al., AAAI 2020, arXiv 1909.03211.
    """
    unit = unit_rows(x)
    return _masked_mad(unit @ unit.T, pairs)


def mad_gap(x: Tensor, near: Tensor, remote: Tensor) -> float:
    """MADGap = MAD(remote pairs) - MAD(near pairs), in [-2, 2]; 0 when all rows are parallel.

    Positive where near nodes are more alike than remote ones.  In the paper near pairs are 1 to 3 hops apart and
    remote ones 8 or more.

    Args:
        x: representations [n, F].
        near: ordered pairs, [2, *].
        remote: ordered pairs, [2, *].

    Source: Chen et al., AAAI 2020, arXiv 1909.03211.
    """
    return masked_mad(x, remote) - masked_mad(x, near)


def group_distance_ratio(x: Tensor, labels: Tensor) -> float:
    """Distance between classes over distance within classes.

    R = [1/(C-1)^2 sum_{i != j} D_ij] / [1/C sum_i D_ii], D_ij the mean of ||x - x'|| over x of class i and x' of class
    j, over all pairs (also x = x').  C counts the classes that occur.  If the classes are drawn from one distribution,
    R is C / (C - 1), not 1; that value is returned for equal rows.  Infinite if only the classes' own rows are equal.
    PyG's ``DiffGroupNorm.group_distance_ratio`` sums each class against all others once and so agrees for C = 2 only.

    Args:
        x: representations [n, F].
        labels: [n].

    Raises:
        ValueError: with fewer than two classes.

    Source: Zhou et al., Towards Deeper Graph Neural Networks with Differentiable Group Normalization, NeurIPS 2020.
    """
    classes, member = labels.unique(return_inverse=True)
    count = classes.numel()
    if count < 2:
        raise ValueError(f"the group distance ratio needs at least two classes; got {count}")
    x = x.double()
    size = float(x.abs().max())
    x = x - x.mean(dim=0)  # distances from inner products lose digits where rows share a large part
    spread = float(x.abs().max())
    if spread <= ROUNDING * size:
        return count / (count - 1.0)
    x = x / spread
    one_hot = torch.nn.functional.one_hot(member, count).double()  # [n, C]
    share = one_hot / one_hot.sum(dim=0)
    between = share.T @ torch.cdist(x, x) @ share  # [C, C]
    outside = float(between.sum() - between.diagonal().sum()) / (count - 1.0) ** 2
    inside = sum(_mean_distance(x[member == c]) for c in range(count)) / count
    return outside / inside if inside > 0.0 else math.inf


def instance_information_gain(x: Tensor, features: Tensor, variance: float = VARIANCE) -> float:
    """Mutual information in bits between input features and representations, estimated with Gaussian kernels.

    G = 1/n sum_i log2( p(f_i, x_i) / (p(f_i) p(x_i)) ) with the density estimates p(x_i) = 1/n sum_j k(x_i, x_j) and
    p(f_i, x_i) = 1/n sum_j k(f_i, f_j) k(x_i, x_j), k(a, b) = exp(-||a - b||^2 / (2 variance)), and all rows scaled to
    length 1.  0 for equal rows; log2 M for M equally large groups far apart in both; at most log2 n.  It needs neither
    labels nor bins.  The published code instead bins x by its largest entry and subtracts Bhattacharyya bounds of
    conditional entropies; the variance 0.1 and the unit rows are its own.

    Args:
        x: representations [n, F'].
        features: input features [n, F].
        variance: of the kernel.

    Source: Zhou et al., NeurIPS 2020 (definition); kernel estimate: Moon, Rajagopalan and Lall, Physical Review E 52,
    1995.
    """
    return _information(gaussian_kernel(unit_rows(x), variance), gaussian_kernel(unit_rows(features), variance))


def gaussian_kernel(x: Tensor, variance: float = VARIANCE) -> Tensor:
    """Return exp(-||x_i - x_j||^2 / (2 variance)) for rows of length 1 or 0, [n, n]; exactly 1 for i = j."""
    return _kernel_of(x @ x.T, variance)


def hop_counts(graph: Graph, nodes: Tensor, limit: int) -> Tensor:
    """Return the number of edges on the shortest path between chosen nodes, [n, n] int64, on the CPU.

    Args:
        graph: paths may use all its nodes.
        nodes: [n].
        limit: longer paths are not told apart.

    Returns:
        0 on the diagonal, 1..limit, limit + 1 for a longer path, -1 for none.
    """
    adjacency, chosen = graph.adjacency().astype(np.float32), nodes.cpu().numpy()
    _, component = connected_components(adjacency, directed=False)
    joined = component[chosen, None] == component[chosen]
    hops = np.where(joined, limit + 1, -1)
    start = sparse.csr_array(
        (np.ones(chosen.size), (np.arange(chosen.size), chosen)), shape=(chosen.size, len(component))
    )
    frontier = np.asarray(start.toarray().T, dtype=np.float32)  # [N, n]
    reached = frontier > 0.0
    for hop in range(limit + 1):
        hops[(frontier[chosen] > 0.0).T] = hop
        if hop < limit:
            found = (adjacency @ frontier > 0.0) & ~reached
            reached |= found
            frontier = found.astype(np.float32)
    return torch.from_numpy(hops)


def _sample(count: int, most: int) -> np.ndarray:
    """Return all nodes, or `most` of them drawn with a fixed seed, in rising order."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, most, replace=False))


def _information(kernel: Tensor, other: Tensor) -> float:
    """Return the mean of log2(p(f, x) / (p(f) p(x))) from two kernel matrices [n, n]."""
    joint = (kernel * other).mean(dim=1)
    return float((joint / (kernel.mean(dim=1) * other.mean(dim=1))).log2().mean())


def _kernel_of(products: Tensor, variance: float) -> Tensor:
    """Return the Gaussian kernel of rows of length 1 or 0 from their inner products [n, n]."""
    half = products.diagonal() / (2.0 * variance)
    exponent = (products / variance).sub_(half[:, None]).sub_(half)
    return exponent.clamp_(max=0.0).fill_diagonal_(0.0).exp_()


def _masked_mad(products: Tensor, pairs: Tensor) -> float:
    """Return the masked MAD from the inner products of unit rows [n, n]."""
    row, col = pairs
    count = products.shape[0]
    return mean_of_row_means(1.0 - products.view(-1)[row * count + col], row, count)


def _mean_distance(x: Tensor) -> float:
    """Return the mean of ||x_i - x_j|| over all pairs of the rows of one class."""
    x = x - x.mean(dim=0)
    return float(torch.cdist(x, x).fill_diagonal_(0.0).mean())
