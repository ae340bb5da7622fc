"""How alike the rows of a representation are: Dirichlet energies, MAD, effective and stable rank.

Every metric takes representations X [N, F] (one row a node) and, where it looks at neighbours, the graph; it
returns a float, computed in float64.  `measure` computes all of them.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from baselines.gnn_oversmoothing.graphs import Graph


def dirichlet_energy(x: Tensor, graph: Graph) -> float:
    """Dirichlet energy of the over-smoothing survey.

    E(X) = 1/N sum_i sum_{j in N_i} ||x_i - x_j||^2 = 2/N tr(X^T (D - A) X).  Zero iff X is constant on every
    connected component.

    Source: Rusch, Bronstein and Mishra, A Survey on Oversmoothing in Graph Neural Networks, 2023, arXiv 2303.10993.
    """
    row, col = graph.edge_index
    x = x.double()
    return float((x[row] - x[col]).square().sum() / graph.num_nodes)


def normalised_energy(x: Tensor, graph: Graph) -> float:
    """Dirichlet energy under the symmetric normalisation with self-loops.

    E_sym(X) = tr(X^T (I - P) X) = 1/2 sum_ij a_ij ||x_i / sqrt(1 + d_i) - x_j / sqrt(1 + d_j)||^2.  Zero iff x_i is
    proportional to sqrt(1 + d_i) on every connected component, which is the limit of P^l X: not a constant.

    Source: Cai and Wang, A Note on Over-Smoothing for Graph Neural Networks, 2020, arXiv 2006.13318.
    """
    row, col = graph.edge_index
    x = x.double() / (1.0 + graph.degree.double()).sqrt()[:, None]
    return float(0.5 * (x[row] - x[col]).square().sum())  # differences, not tr(X^T (I - P) X): no cancellation


def rayleigh_quotient(x: Tensor, graph: Graph) -> float:
    """Scale-free normalised energy E_sym(X) / ||X||_F^2, in [0, 2); 0 for X = 0.

    E_sym also falls when X merely shrinks; the quotient does not.
    """
    size = float(x.double().square().sum())
    return normalised_energy(x, graph) / size if size > 0.0 else 0.0


def mean_average_distance(x: Tensor, graph: Graph) -> float:
    """Mean average distance (MAD) of the over-smoothing survey.

    MAD(X) = 1/N sum_i sum_{j in N_i} (1 - cos(x_i, x_j)): a sum over neighbours, unlike the MAD of Chen et al.
    2020, which averages over them.  A zero row has cosine 0 with every other.

    Source: Rusch, Bronstein and Mishra, 2023, arXiv 2303.10993.
    """
    row, col = graph.edge_index
    unit = F.normalize(_scaled(x), dim=1)  # [N, F]
    return float((1.0 - (unit[row] * unit[col]).sum(dim=1)).sum() / graph.num_nodes)


def effective_rank(x: Tensor) -> float:
    """Effective rank exp(-sum_k p_k log p_k), p_k = sigma_k / sum sigma; between 1 and min(N, F); 0 for X = 0.

    Source: Roy and Vetterli, The Effective Rank: A Measure of Effective Dimensionality, EUSIPCO 2007.
    """
    return _effective_rank(_singular_values(x))


def stable_rank(x: Tensor) -> float:
    """Stable (numerical) rank ||X||_F^2 / ||X||_2^2; between 1 and the rank; 0 for X = 0."""
    return _stable_rank(_singular_values(x))


def measure(x: Tensor, graph: Graph) -> dict[str, float]:
    """Return every metric of representations X [N, F] under its short name."""
    sigma = _singular_values(x)
    return {
        "energy": dirichlet_energy(x, graph),
        "normalised_energy": normalised_energy(x, graph),
        "rayleigh_quotient": rayleigh_quotient(_scaled(x), graph),
        "mean_average_distance": mean_average_distance(x, graph),
        "effective_rank": _effective_rank(sigma),
        "stable_rank": _stable_rank(sigma),
    }


def _scaled(x: Tensor) -> Tensor:
    """Return X / max|X| in float64, so that squares of very small entries do not underflow."""
    x = x.double()
    largest = float(x.abs().max())
    return x / largest if largest > 0.0 else x


def _singular_values(x: Tensor) -> Tensor:
    return torch.linalg.svdvals(_scaled(x))


def _effective_rank(sigma: Tensor) -> float:
    total = float(sigma.sum())
    return float(torch.special.entr(sigma / total).sum().exp()) if total > 0.0 else 0.0


def _stable_rank(sigma: Tensor) -> float:
    largest = float(sigma[0])
    return float((sigma / largest).square().sum()) if largest > 0.0 else 0.0
