"""Contextual stochastic block model: two communities, with Gaussian features that point at them too.

Source: Deshpande, Sen, Montanari and Mossel, Contextual Stochastic Block Models, NeurIPS 2018; parametrised by
phi as in Chien, Peng, Li and Milenkovic, Adaptive Universal Generalized PageRank Graph Neural Network, ICLR 2021.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ContextualSBM:
    """A sample: edges [2, m] (each once, i < j), features [n, p], labels [n] in {0, 1}."""

    edges: NDArray[np.int64]
    features: NDArray[np.float64]
    labels: NDArray[np.int64]


def signal_strengths(phi: float, epsilon: float, gamma: float) -> tuple[float, float]:
    """Return (Lambda, mu): how much the graph and the features tell about the labels.

    Lambda = sqrt(1 + epsilon) sin(phi pi / 2),  mu = sqrt(gamma (1 + epsilon)) cos(phi pi / 2),  gamma = n / p.
    Hence Lambda^2 + mu^2 / gamma = 1 + epsilon: above the detection threshold 1 for every phi if epsilon > 0.
    """
    angle = phi * np.pi / 2.0
    return float(np.sqrt(1.0 + epsilon) * np.sin(angle)), float(np.sqrt(gamma * (1.0 + epsilon)) * np.cos(angle))


def feature_accuracy(phi: float, epsilon: float, gamma: float) -> float:
    """Return the accuracy of the best classifier that sees the features alone and even knows u.

    Along u the features of the classes lie at +-sqrt(mu / n) |u| with standard deviation 1 / sqrt(p), and |u| tends to
    1: the accuracy is Phi(sqrt(mu / gamma)), Phi the normal distribution function.
    """
    _, feature_signal = signal_strengths(phi, epsilon, gamma)
    return 0.5 * (1.0 + math.erf(math.sqrt(max(feature_signal, 0.0) / (2.0 * gamma))))


def edge_rates(degree: float, graph_signal: float) -> tuple[float, float]:
    """Return (c_in, c_out) = d +- sqrt(d) Lambda: n times the edge probability within and between classes.

    Raises:
        ValueError: if a rate is negative, i.e. |Lambda| > sqrt(d).
    """
    rates = degree + np.sqrt(degree) * graph_signal, degree - np.sqrt(degree) * graph_signal
    if min(rates) < 0.0:
        raise ValueError(
            f"the graph signal {graph_signal:.3g} needs a mean degree of at least {graph_signal**2:.3g}; got {degree:g}"
        )
    return float(rates[0]), float(rates[1])


def sample_csbm(
    n: int, p: int, degree: float, epsilon: float, phi: float, generator: np.random.Generator
) -> ContextualSBM:
    """Draw a contextual stochastic block model.

    Two classes of equal size, y_i = +-1.  An edge {i, j} is present with probability c_in / n if y_i = y_j, else
    c_out / n.  Features x_i = sqrt(mu / n) y_i u + z_i / sqrt(p), with u ~ N(0, I / p) and z_i ~ N(0, I) in R^p.

    Args:
        n: number of nodes.
        p: number of features.
        degree: mean degree d.
        epsilon: signal above the detection threshold.
        phi: in [-1, 1]: 0 all signal in the features, 1 in the edges (more within classes), -1 in the edges
            (more between classes).
        generator: source of randomness.

    Returns:
        The sample; labels are y = +1 -> 1, y = -1 -> 0, in random order.

    Raises:
        ValueError: if an edge probability lies outside [0, 1].
    """
    graph_signal, feature_signal = signal_strengths(phi, epsilon, n / p)
    c_in, c_out = edge_rates(degree, graph_signal)
    if max(c_in, c_out) > n:
        raise ValueError(f"an edge probability is {max(c_in, c_out) / n:.3g}; must be at most 1: use more nodes")
    y = generator.permutation(np.where(np.arange(n) < n // 2, 1.0, -1.0))
    positive, negative = np.flatnonzero(y > 0), np.flatnonzero(y < 0)
    parts = [
        _pairs_within(positive, c_in / n, generator),
        _pairs_within(negative, c_in / n, generator),
        _pairs_between(positive, negative, c_out / n, generator),
    ]
    edges = np.sort(np.concatenate(parts, axis=1), axis=0)
    u = generator.standard_normal(p) / np.sqrt(p)
    noise = generator.standard_normal((n, p))
    features = np.sqrt(feature_signal / n) * y[:, None] * u + noise / np.sqrt(p)
    return ContextualSBM(edges, features, (y > 0).astype(np.int64))


def _pairs_within(nodes: NDArray[np.int64], rate: float, generator: np.random.Generator) -> NDArray[np.int64]:
    """Draw each pair of a class with probability `rate`: a binomial number of pairs, then which ones."""
    total = nodes.size * (nodes.size - 1) // 2
    chosen = generator.choice(total, size=generator.binomial(total, rate), replace=False, shuffle=False)
    # Pair number t of (i < j) counted column by column: t = j (j - 1) / 2 + i.
    j = ((1.0 + np.sqrt(1.0 + 8.0 * chosen)) / 2.0).astype(np.int64)
    i = chosen - j * (j - 1) // 2
    return np.stack([nodes[i], nodes[j]])


def _pairs_between(
    first: NDArray[np.int64], second: NDArray[np.int64], rate: float, generator: np.random.Generator
) -> NDArray[np.int64]:
    total = first.size * second.size
    chosen = generator.choice(total, size=generator.binomial(total, rate), replace=False, shuffle=False)
    return np.stack([first[chosen // second.size], second[chosen % second.size]])
