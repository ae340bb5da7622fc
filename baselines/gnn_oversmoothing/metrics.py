"""How alike the rows of a representation are: Dirichlet energies, MAD, ranks.

Every metric takes representations X [N, F] (one row a node) and, where it looks at neighbours, the graph; it
returns a float, computed in float64.  `measure` computes all of them.  Metrics that look at all pairs of nodes, at
labels or at the input features are in `pair_metrics`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from baselines.gnn_oversmoothing.graphs import Graph

SAME_DIRECTION = 1e-14  # 1 - cos of two equal rows is rounding error below this

Edges = tuple[Tensor, Tensor]  # the two ends of every undirected edge, [m] each


def dirichlet_energy(x: Tensor, graph: Graph) -> float:
    """Dirichlet energy of the over-smoothing survey.

    E(X) = 1/N sum_i sum_{j in N_i} ||x_i - x_j||^2 = 2/N tr(X^T (D - A) X).  Zero iff X is constant on every
    connected component.

    Source: Rusch, Bronstein and Mishra, A Survey on Oversmoothing in Graph Neural Networks, 2023, arXiv 2303.10993.
    """
    return _energy(x.double(), graph, edges_once(graph))


def normalised_energy(x: Tensor, graph: Graph) -> float:
    """Dirichlet energy under the symmetric normalisation with self-loops.

    E_sym(X) = tr(X^T (I - P) X) = 1/2 sum_ij a_ij ||x_i / sqrt(1 + d_i) - x_j / sqrt(1 + d_j)||^2.  Zero iff x_i is
    proportional to sqrt(1 + d_i) on every connected component, which is the limit of P^l X: not a constant.

    Source: Cai and Wang, A Note on Over-Smoothing for Graph Neural Networks, 2020, arXiv 2006.13318.
    """
    return _normalised(x.double(), graph, edges_once(graph))


def energy_quotient(x: Tensor, graph: Graph) -> float:
    """Scale-free survey energy E(X) / ||X||_F^2, at least 0; 0 for X = 0.

    E carries the factor 1/N, so the quotient does as well; compare it within one graph.
    """
    x = _scaled(x)
    size = float(x.square().sum())
    return dirichlet_energy(x, graph) / size if size > 0.0 else 0.0


def rayleigh_quotient(x: Tensor, graph: Graph) -> float:
    """Scale-free normalised energy E_sym(X) / ||X||_F^2, in [0, 2); 0 for X = 0.

    E_sym also falls when X merely shrinks; the quotient does not.
    """
    x = _scaled(x)
    size = float(x.square().sum())
    return normalised_energy(x, graph) / size if size > 0.0 else 0.0


def mean_average_distance(x: Tensor, graph: Graph) -> float:
    """Mean average distance (MAD) of the over-smoothing survey.

    MAD(X) = 1/N sum_i sum_{j in N_i} (1 - cos(x_i, x_j)): a sum over neighbours, unlike the MAD of Chen et al.
    2020, which averages over them.  A zero row has cosine 0 with every other.

    Source: Rusch, Bronstein and Mishra, 2023, arXiv 2303.10993.
    """
    return _neighbour_sum(_cosine_distances(x, edges_once(graph)), graph)


def mean_average_distance_chen(x: Tensor, graph: Graph) -> float:
    """Mean average distance (MAD) of Chen et al. between neighbours.

    With D_ij = 1 - cos(x_i, x_j): the mean over j in N_i of the entries D_ij > 0, then the mean over the nodes i that
    have such an entry.  In [0, 2]; 0 if there is none.  As in the paper and its code, a pair of equal directions
    drops out of the mean instead of lowering it, so the value says nothing about how many pairs have collapsed.
    Entries up to `SAME_DIRECTION` count as zero; the published code leaves that to rounding.

    Source: Chen et al., Measuring and Relieving the Over-smoothing Problem for Graph Neural Networks from the
    Topological View, AAAI 2020, arXiv 1909.03211.
    """
    edges = edges_once(graph)
    return _neighbour_mean(_cosine_distances(x, edges), graph, edges)


def effective_rank(x: Tensor) -> float:
    """Effective rank exp(-sum_k p_k log p_k), p_k = sigma_k / sum sigma; between 1 and min(N, F); 0 for X = 0.

    Source: Roy and Vetterli, The Effective Rank: A Measure of Effective Dimensionality, EUSIPCO 2007.
    """
    return _ranks(x)["effective_rank"]


def stable_rank(x: Tensor) -> float:
    """Stable rank ||X||_F^2 / ||X||_2^2; between 1 and the rank; 0 for X = 0.

    The Frobenius distance of X / ||X||_F to the nearest matrix of rank one is sqrt(1 - 1 / stable rank).

    Source: Rudelson and Vershynin, Sampling from Large Matrices, Journal of the ACM 54, 2007 (there: numerical rank).
    """
    return _ranks(x)["stable_rank"]


def numerical_rank(x: Tensor) -> float:
    """Number of singular values above max(N, F) eps sigma_1, eps = 2.2e-16: what float64 can tell from zero.

    Source: Golub and Van Loan, Matrix Computations, section 5.4; the tolerance is that of ``numpy.linalg.matrix_rank``.
    """
    return _ranks(x)["numerical_rank"]


def rank_one_distance(x: Tensor) -> float:
    """Distance of X / ||X||_* to the nearest matrix of rank one, in [0, 1); 0 for rank one and for X = 0.

    min over u, v of || X / ||X||_* - u v^T ||_* = sum_{k >= 2} sigma_k / sum_k sigma_k (Eckart-Young-Mirsky), ||.||_*
    the nuclear norm.  Roth's code takes u and v from the largest row and column instead of the minimum, which is an
    upper bound.

    Source: Roth, Simplifying the Theory on Over-Smoothing, 2024, arXiv 2407.11876 (rank-one distance); Mirsky,
    Symmetric Gauge Functions and Unitarily Invariant Norms, 1960.
    """
    return _ranks(x)["rank_one_distance"]


def measure(x: Tensor, graph: Graph) -> dict[str, float]:
    """Return every metric of representations X [N, F] under its short name."""
    edges = edges_once(graph)
    x = x.double()
    size = float(x.abs().max()) or 1.0
    x = x / size
    energy, normalised = _energy(x, graph, edges), _normalised(x, graph, edges)
    square = float(x.square().sum()) or 1.0
    distance = _cosine_distances(x, edges)
    return {
        "energy": energy * size**2,
        "normalised_energy": normalised * size**2,
        "energy_quotient": energy / square,
        "rayleigh_quotient": normalised / square,
        "mean_average_distance": _neighbour_sum(distance, graph),
        "mean_average_distance_chen": _neighbour_mean(distance, graph, edges),
        **_ranks(x),
    }


def edges_once(graph: Graph) -> Edges:
    """Return the two ends of every undirected edge, the smaller first, [m] each."""
    row, col = graph.edge_index
    once = row < col
    return row[once], col[once]


def mean_of_row_means(distance: Tensor, row: Tensor, count: int) -> float:
    """Average entries above `SAME_DIRECTION` within each row, then over the rows that have one; 0 if none has.

    Args:
        distance: entries, [k].
        row: the row of each entry, [k].
        count: number of rows.
    """
    present = distance > SAME_DIRECTION
    if not present.all():
        distance, row = distance[present], row[present]
    if row.numel() == 0:
        return 0.0
    entries = torch.bincount(row, minlength=count)
    total = torch.bincount(row, distance, minlength=count)
    return float((total / entries)[entries > 0].mean())


def unit_rows(x: Tensor) -> Tensor:
    """Return every row of X [N, F] divided by its length, in float64; rows of zeros stay, however small the others."""
    x = x.double()
    largest = x.abs().amax(dim=1, keepdim=True)
    x = x / torch.where(largest > 0.0, largest, 1.0)
    return x / torch.where(largest > 0.0, x.norm(dim=1, keepdim=True), 1.0)


def _scaled(x: Tensor) -> Tensor:
    """Return X / max|X| in float64, so that squares of very small entries do not underflow."""
    x = x.double()
    largest = float(x.abs().max())
    return x / largest if largest > 0.0 else x


def _energy(x: Tensor, graph: Graph, edges: Edges) -> float:
    return float(2.0 * _squares(x, edges).sum() / graph.num_nodes)


def _normalised(x: Tensor, graph: Graph, edges: Edges) -> float:
    x = x / (1.0 + graph.degree.double()).sqrt()[:, None]
    return float(_squares(x, edges).sum())  # differences, not tr(X^T (I - P) X): no cancellation


def _neighbour_sum(distance: Tensor, graph: Graph) -> float:
    return float(2.0 * distance.sum() / graph.num_nodes)


def _neighbour_mean(distance: Tensor, graph: Graph, edges: Edges) -> float:
    return mean_of_row_means(distance.repeat(2), torch.cat(edges), graph.num_nodes)


def _squares(x: Tensor, edges: Edges) -> Tensor:
    """Return ||x_i - x_j||^2 of every edge, [m]."""
    difference = x.index_select(0, edges[0]) - x.index_select(0, edges[1])
    return torch.linalg.vecdot(difference, difference)


def _cosine_distances(x: Tensor, edges: Edges) -> Tensor:
    """Return 1 - cos(x_i, x_j) of every edge, [m]; from differences, so that small ones are exact."""
    unit = unit_rows(x)  # [N, F]
    missing = 0.5 * (~unit.any(dim=1)).double()  # a zero row has no direction: its distance is 1
    return 0.5 * _squares(unit, edges) + missing[edges[0]] + missing[edges[1]]


def _ranks(x: Tensor) -> dict[str, float]:
    """Return the four ranks from one singular value decomposition."""
    sigma = torch.linalg.svdvals(_scaled(x))  # falling
    total, largest = float(sigma.sum()), float(sigma[0])
    if largest == 0.0:
        return dict.fromkeys(("effective_rank", "stable_rank", "numerical_rank", "rank_one_distance"), 0.0)
    smallest = max(x.shape) * torch.finfo(torch.float64).eps * largest
    return {
        "effective_rank": float(torch.special.entr(sigma / total).sum().exp()),
        "stable_rank": float((sigma / largest).square().sum()),
        "numerical_rank": float((sigma > smallest).sum()),
        "rank_one_distance": float(sigma[1:].sum()) / total,
    }
