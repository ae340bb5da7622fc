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
