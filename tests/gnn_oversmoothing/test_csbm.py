"""The contextual stochastic block model against its definition."""

import math

import numpy as np
import pytest

from baselines.gnn_oversmoothing.csbm import _pairs_within, edge_rates, feature_accuracy, sample_csbm, signal_strengths
from baselines.gnn_oversmoothing.datasets.csbm import Dataset


@pytest.mark.parametrize("phi", [-1.0, -0.3, 0.0, 0.5, 1.0])
def test_signal_is_the_same_for_every_phi(phi: float) -> None:
    graph, features = signal_strengths(phi, epsilon=3.25, gamma=2.5)
    assert graph**2 + features**2 / 2.5 == pytest.approx(4.25)
    assert np.sign(round(graph, 12)) == np.sign(phi)


def test_edge_rates_average_to_the_degree() -> None:
    c_in, c_out = edge_rates(5.0, 1.4)
    assert (c_in + c_out) / 2 == pytest.approx(5.0)
    assert c_in - c_out == pytest.approx(2 * math.sqrt(5) * 1.4)
    with pytest.raises(ValueError, match="mean degree of at least 9"):
        edge_rates(5.0, 3.0)


def test_pairs_are_all_pairs_at_rate_one() -> None:
    nodes = np.array([3, 5, 8, 9, 11])
    pairs = _pairs_within(nodes, 1.0, np.random.default_rng(0))
    assert len({frozenset(pair) for pair in pairs.T.tolist()}) == 10 == pairs.shape[1]


def test_edge_counts_and_features_follow_the_definition() -> None:
    n, p, degree, epsilon, phi = 3000, 300, 6.0, 3.25, 0.5
    sample = sample_csbm(n, p, degree, epsilon, phi, np.random.default_rng(0))
    graph_signal, mu = signal_strengths(phi, epsilon, n / p)
    c_in, c_out = edge_rates(degree, graph_signal)
    i, j = sample.edges
    assert np.all(i < j) and len(set(map(tuple, sample.edges.T.tolist()))) == i.size
    same = sample.labels[i] == sample.labels[j]
    within, between = c_in / n * 2 * math.comb(n // 2, 2), c_out / n * (n // 2) ** 2
    assert abs(same.sum() - within) < 4 * math.sqrt(within)
    assert abs((~same).sum() - between) < 4 * math.sqrt(between)
    assert sample.labels.sum() == n // 2
    sign = 2.0 * sample.labels - 1.0
    centre = (sign[:, None] * sample.features).mean(axis=0)  # sqrt(mu / n) u + noise of size 1 / sqrt(n p) per entry
    assert np.sum(centre**2) == pytest.approx(mu / n + 1 / n, rel=0.35)  # |u| tends to 1
    assert (sample.features - sign[:, None] * centre).var() == pytest.approx(1 / p, rel=0.01)


def test_features_alone_are_as_good_as_the_formula_says() -> None:
    n, p = 40_000, 400  # many nodes for each feature, so that the direction u is known
    sample = sample_csbm(n, p, degree=5.0, epsilon=3.25, phi=0.0, generator=np.random.default_rng(0))
    sign = 2.0 * sample.labels - 1.0
    centre = (sign[:, None] * sample.features).mean(axis=0)
    accuracy = float(np.mean(np.sign(sample.features @ centre) == sign))
    predicted = feature_accuracy(0.0, 3.25, n / p)
    assert predicted == pytest.approx(0.675, abs=0.001)
    assert accuracy == pytest.approx(predicted, abs=0.03)  # |u| is within 5 % of 1, the direction within 10 degrees
    assert feature_accuracy(1.0, 3.25, n / p) == pytest.approx(0.5)


def test_options_refuse_impossible_models() -> None:
    for wrong in ({"phi": 2.0}, {"degree": 1.0, "phi": 1.0}, {"train": 0.9, "validation": 0.1}, {"nodes": 2}):
        with pytest.raises(ValueError, match=r"dataset\."):
            Dataset(**wrong)
