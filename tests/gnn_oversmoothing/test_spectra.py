"""Spectral gap and linear decay against closed forms, dense eigenvalues, and the measured table of slopes."""

import math

import networkx as nx
import numpy as np
import pytest
import torch
from scipy import sparse

from baselines.gnn_oversmoothing import metrics, spectra
from baselines.gnn_oversmoothing.graphs import Graph


def adjacency(network: nx.Graph) -> sparse.csr_array:
    return nx.to_scipy_sparse_array(network, nodelist=sorted(network), weight=None, dtype=float, format="csr")


@pytest.mark.parametrize("n", [3, 4, 5, 20])
def test_cycle(n: int) -> None:
    moduli = sorted((abs(1 + 2 * math.cos(2 * math.pi * k / n)) / 3 for k in range(1, n)), reverse=True)
    np.testing.assert_allclose(spectra.decay_eigenvalues(adjacency(nx.cycle_graph(n)), n - 1), moduli, atol=1e-14)


def test_complete_graph_mixes_in_one_layer() -> None:
    a = adjacency(nx.complete_graph(6))
    assert spectra.decay_eigenvalues(a)[0] == pytest.approx(0.0, abs=1e-14)
    with pytest.raises(ValueError, match="no Dirichlet energy is left after 1 layers"):
        spectra.linear_decay(a, np.eye(6), 3)


def test_repeated_eigenvalue_one_is_left_out() -> None:
    one = spectra.decay_eigenvalues(adjacency(nx.cycle_graph(9)), 8)
    union = nx.disjoint_union_all([nx.cycle_graph(9), nx.cycle_graph(9), nx.empty_graph(3)])
    np.testing.assert_allclose(spectra.decay_eigenvalues(adjacency(union), 16), np.repeat(one, 2), atol=1e-13)


def test_lanczos_agrees_with_dense(monkeypatch: pytest.MonkeyPatch) -> None:
    a = adjacency(nx.gnp_random_graph(300, 0.02, seed=1))
    dense = spectra.decay_eigenvalues(a, 3)
    monkeypatch.setattr(spectra, "DENSE_NODES", 0)
    np.testing.assert_allclose(spectra.decay_eigenvalues(a, 3), dense, rtol=1e-9)


def test_invariant_subspace_is_fixed_by_p() -> None:
    a = adjacency(nx.disjoint_union(nx.karate_club_graph(), nx.path_graph(5)))
    basis = spectra.invariant_subspace(a)
    np.testing.assert_allclose((spectra.propagation_matrix(a) @ basis).toarray(), basis.toarray(), atol=1e-14)
    np.testing.assert_allclose((basis.T @ basis).toarray(), np.eye(2), atol=1e-14)


# Slopes measured over layers 64..128 and 2 log(lambda), to the digits of the table in docs/gnn_oversmoothing.md.
TABLE = [
    ("cycle 20", nx.cycle_graph(20), 0.96737, -0.06635, 0.01),
    ("karate", nx.karate_club_graph(), 0.89614, -0.21931, 0.01),
    ("grid 10x10", nx.convert_node_labels_to_integers(nx.grid_2d_graph(10, 10)), 0.97785, -0.04479, 0.05),
]


@pytest.mark.parametrize("name,network,decay,rate,tolerance", TABLE, ids=[row[0] for row in TABLE])
def test_slope_tends_to_the_gap(name: str, network: nx.Graph, decay: float, rate: float, tolerance: float) -> None:
    a = adjacency(network)
    assert spectra.decay_eigenvalues(a)[0] == pytest.approx(decay, abs=5e-6)
    assert 2 * math.log(decay) == pytest.approx(rate, abs=2e-5)
    x = np.random.default_rng(0).standard_normal((len(network), 8))
    log_energy = spectra.linear_decay(a, x, 512)
    assert spectra.slope(log_energy, 64, 128) == pytest.approx(rate, rel=tolerance)
    assert spectra.slope(log_energy, 256, 512) == pytest.approx(2 * math.log(spectra.decay_eigenvalues(a)[0]), rel=1e-3)


def test_karate_collapses_in_one_energy_and_not_in_the_other() -> None:
    network = nx.karate_club_graph()
    graph = Graph.from_edges(torch.tensor(list(network.edges())).T, 34)
    x = torch.from_numpy(np.random.default_rng(0).standard_normal((34, 8)))
    p, y = graph.propagation(torch.float64), x
    for _ in range(64):
        y = p @ y
    normalised = metrics.normalised_energy(y, graph) / metrics.normalised_energy(x, graph)
    survey = metrics.dirichlet_energy(y, graph) / metrics.dirichlet_energy(x, graph)
    assert 1e-10 < normalised < 1e-7
    assert 1e-3 < survey < 1e-1, "the limit is sqrt(d + 1), not a constant"
    log_energy = spectra.linear_decay(adjacency(network), x.numpy(), 64)
    assert log_energy[64] == pytest.approx(math.log(normalised), rel=1e-9)


def test_layers_to_rate() -> None:
    decay = np.array([0.9, 0.8])
    layers = spectra.layers_to_rate(decay, 1e-3)
    assert (0.8 / 0.9) ** (2 * layers) == pytest.approx(1e-3)
    assert spectra.layers_to_rate(np.array([0.9, 0.9]), 1e-3) == math.inf
    assert spectra.layers_to_rate(np.array([0.9, 0.0]), 1e-3) == 0.0


# Repeated moduli, components, all eigenvalues


def test_a_repeated_modulus_is_one_rate() -> None:
    """Every mode of a cycle but the constant comes twice; the next rate decides how soon the first is seen."""
    decay = spectra.decay_eigenvalues(adjacency(nx.cycle_graph(20)), 8)
    first, second = ((1 + 2 * math.cos(2 * math.pi * k / 20)) / 3 for k in (1, 2))
    assert spectra.layers_to_rate(decay, 1e-3) == pytest.approx(math.log(1e-3) / (2 * math.log(second / first)))
    assert spectra.layers_to_rate(decay[:2], 1e-3) == math.inf, "both given moduli are the same one"
    assert spectra.layers_to_rate(np.array([0.5]), 1e-3) == 0.0
    assert spectra.layers_to_rate(np.array([0.5, 0.5, 0.0]), 1e-3) == 0.0


def test_largest_component() -> None:
    network = nx.disjoint_union_all([nx.path_graph(3), nx.cycle_graph(5), nx.empty_graph(2), nx.path_graph(5)])
    assert spectra.largest_component(adjacency(network)).tolist() == [3, 4, 5, 6, 7]


GRAPHS = {
    "cycle": nx.cycle_graph(12),
    "karate": nx.karate_club_graph(),
    "grid": nx.convert_node_labels_to_integers(nx.grid_2d_graph(4, 6)),
    "tree": nx.balanced_tree(2, 4),
    "complete bipartite": nx.complete_bipartite_graph(3, 5),
    "two components": nx.disjoint_union(nx.cycle_graph(4), nx.star_graph(5)),
}


@pytest.fixture(params=GRAPHS)
def graph(request: pytest.FixtureRequest) -> sparse.csr_array:
    return adjacency(GRAPHS[request.param])


def dense_modes(a: sparse.csr_array) -> tuple[np.ndarray, np.ndarray]:
    values, vectors = np.linalg.eigh(spectra.propagation_matrix(a).toarray())
    return values, vectors


def test_eigenvalues_are_those_of_p_without_one(graph: sparse.csr_array) -> None:
    values = dense_modes(graph)[0]
    found = spectra.eigenvalues(graph)
    np.testing.assert_allclose(found, values[values < 1 - 1e-9], atol=1e-13)
    rates = spectra.diffusion_rates(graph, 3)
    np.testing.assert_allclose(rates, 1 - found[::-1][:3], atol=1e-13)


def test_diffusion_rates_by_lanczos_agree_with_dense(monkeypatch: pytest.MonkeyPatch) -> None:
    a = adjacency(nx.gnp_random_graph(300, 0.02, seed=1))
    dense = spectra.diffusion_rates(a, 3)
    monkeypatch.setattr(spectra, "DENSE_NODES", 0)
    np.testing.assert_allclose(spectra.diffusion_rates(a, 3), dense, rtol=1e-8)


def test_expected_decay_is_that_of_the_identity(graph: sparse.csr_array) -> None:
    """For X = I the squares of all coefficients are 1, as they are in the mean for Gaussian X."""
    layers = np.array([0.0, 1.0, 2.0, 7.0, 20.0])
    exact = spectra.linear_decay(graph, np.eye(graph.shape[0]), 20)
    np.testing.assert_allclose(
        spectra.expected_decay(spectra.eigenvalues(graph), layers), exact[[0, 1, 2, 7, 20]], atol=1e-9
    )


def test_expected_decay_and_its_error_describe_gaussian_draws() -> None:
    """Mean and spread of measured slopes over 300 draws."""
    a, columns, first, last = adjacency(GRAPHS["grid"]), 16, 4, 10
    values = spectra.eigenvalues(a)
    generator = np.random.default_rng(0)
    slopes = [
        spectra.slope(spectra.linear_decay(a, generator.standard_normal((24, columns)), last), first, last)
        for _ in range(300)
    ]
    logs = spectra.expected_decay(values, np.array([first, last], dtype=float))
    error = spectra.slope_error(values, first, last, columns)
    assert np.mean(slopes) == pytest.approx((logs[1] - logs[0]) / (last - first), abs=5 * error / math.sqrt(300))
    assert np.std(slopes) == pytest.approx(error, rel=0.15)


# The heat equation


def test_continuous_decay_against_the_matrix_exponential(graph: sparse.csr_array) -> None:
    values, vectors = dense_modes(graph)
    x = np.random.default_rng(1).standard_normal((graph.shape[0], 3))
    times = np.array([0.0, 0.3, 2.0, 15.0])

    def energy(t: float) -> float:
        coefficients = np.exp(-(1 - values) * t)[:, None] * (vectors.T @ x)
        return float(np.sum((1 - values)[:, None] * coefficients**2))

    exact = [math.log(energy(t) / energy(0.0)) for t in times]
    np.testing.assert_allclose(spectra.continuous_decay(graph, x, times), exact, atol=1e-9)


def test_heat_falls_with_twice_the_rate_and_not_with_its_square() -> None:
    a = adjacency(nx.karate_club_graph())
    rate = spectra.diffusion_rates(a)[0]
    logs = spectra.continuous_decay(a, np.eye(34), np.array([60.0, 120.0]))
    assert (logs[1] - logs[0]) / 60.0 == pytest.approx(-2 * rate, rel=1e-3)
    assert 2 * rate / rate**2 > 10
    assert (logs <= -2 * rate * np.array([60.0, 120.0])).all(), "the bound exp(-2 lambda_1 t)"


# The survey's energy


def test_survey_limit_is_where_propagation_stops(graph: sparse.csr_array) -> None:
    n = graph.shape[0]
    x = np.random.default_rng(2).standard_normal((n, 4)) + 1.0
    laplacian = np.diag(graph.sum(axis=1)) - graph.toarray()
    far = np.linalg.matrix_power(spectra.propagation_matrix(graph).toarray(), 5000) @ x
    measured = np.trace(far.T @ laplacian @ far) / np.trace(x.T @ laplacian @ x)
    assert spectra.survey_limit(graph, x) == pytest.approx(measured, rel=1e-8, abs=1e-14)
    assert spectra.expected_survey_limit(graph) == pytest.approx(spectra.survey_limit(graph, np.eye(n)), rel=1e-12)


def test_survey_limit_of_a_star_in_closed_form() -> None:
    """Star with k leaves: b = (sqrt(k + 1), sqrt 2, ...) / sqrt(3k + 1), each edge differs by the same."""
    k = 7
    a = adjacency(nx.star_graph(k))
    expected = k * (math.sqrt(k + 1) - math.sqrt(2)) ** 2 / (3 * k + 1) / (2 * k)
    assert spectra.expected_survey_limit(a) == pytest.approx(expected)
    assert spectra.expected_survey_limit(adjacency(nx.cycle_graph(9))) == pytest.approx(0.0, abs=1e-30)
