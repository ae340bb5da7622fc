"""Stochastic Lanczos quadrature and the distances of measures, against closed forms."""

import numpy as np
import pytest
import torch
from scipy.stats import norm
from scipy.stats import wasserstein_distance as by_scipy

from baselines.loss_landscape.spectral_density import (
    Measure,
    kernel_width,
    kolmogorov_distance,
    quadrature,
    wasserstein_distance,
)

EIGENVALUES = np.concatenate([np.full(50, 0.01), np.linspace(-0.5, 1.0, 240), [4.0, 5.0, 7.0]])


def estimate(probes=4, steps=60, eigenvalues=EIGENVALUES, seed=0):
    """A diagonal matrix suffices: the start vectors are normal, hence without a preferred basis."""
    diagonal = torch.as_tensor(eigenvalues)
    generator = torch.Generator().manual_seed(seed)
    return quadrature(lambda v: diagonal * v, diagonal, probes=probes, steps=steps, generator=generator)


def test_quadrature_has_the_moments_of_its_start_vectors():
    """Gauss quadrature of m points is exact to order 2m - 1: here 9 with 5 points."""
    measure = estimate(probes=1, steps=5)
    v = torch.randn(len(EIGENVALUES), generator=torch.Generator().manual_seed(0), dtype=torch.float64).numpy()
    v /= np.linalg.norm(v)
    for order in range(10):
        assert measure.moment(order) == pytest.approx(np.sum(v**2 * EIGENVALUES**order), rel=1e-9)
    assert measure.moment(10) != pytest.approx(np.sum(v**2 * EIGENVALUES**10), rel=1e-6)


def test_mass_is_one_before_and_after_smoothing():
    measure = estimate()
    assert measure.mass == pytest.approx(1, abs=1e-12)
    grid = np.linspace(-3, 10, 20001)
    assert np.trapezoid(measure.density(grid, 0.05), grid) == pytest.approx(1, abs=1e-10)


def test_many_probes_converge_to_the_trace():
    measure = estimate(probes=60)
    assert measure.moment(1) == pytest.approx(EIGENVALUES.mean(), rel=0.05)
    assert measure.moment(2) == pytest.approx((EIGENVALUES**2).mean(), rel=0.1)


def test_distribution_is_that_of_the_exact_spectrum():
    sigma = kernel_width(-0.5, 7.0, 60)
    assert kolmogorov_distance(estimate(probes=80), Measure.of(EIGENVALUES), sigma) < 0.02


def test_a_wrong_spectrum_is_noticed():
    sigma = kernel_width(-0.5, 7.0, 60)
    wrong = np.where(EIGENVALUES > 0.5, EIGENVALUES + 0.3, EIGENVALUES)
    assert kolmogorov_distance(estimate(probes=80, eigenvalues=wrong), Measure.of(EIGENVALUES), sigma) > 0.03


def test_steps_beyond_the_dimension():
    assert len(estimate(probes=2, steps=100, eigenvalues=np.array([1.0, 2.0, 5.0])).points) == 6


def test_density_of_one_point_is_the_gaussian():
    grid, one = np.linspace(-2, 4, 700), Measure(np.array([1.0]), np.array([1.0]))
    np.testing.assert_allclose(one.density(grid, 0.3), norm.pdf(grid, 1.0, 0.3), rtol=1e-12)
    np.testing.assert_allclose(one.cumulative(grid, 0.3), norm.cdf(grid, 1.0, 0.3), rtol=1e-12)


def test_kernel_width_is_the_published_one():
    """Papyan 2020, section D.2, on [-1, 1] with m points and kappa = 3."""
    assert kernel_width(-1, 1, 128) == pytest.approx(2 / (127 * np.sqrt(8 * np.log(3))))


def test_kolmogorov_distance():
    first, second = Measure.of(np.array([0.0, 1.0])), Measure.of(np.array([0.0, 0.0, 0.0, 1.0]))
    assert kolmogorov_distance(first, second) == pytest.approx(0.25)
    assert kolmogorov_distance(first, second, 0.05) == pytest.approx(0.25, abs=1e-9)
    shifted = Measure.of(np.array([0.5, 1.5]))
    assert kolmogorov_distance(first, shifted) == pytest.approx(0.5)
    # two equal Gaussians whose centres are d apart differ most half-way, by 2 Phi(d / 2 sigma) - 1
    near = Measure.of(np.array([0.1]))
    assert kolmogorov_distance(Measure.of(np.array([0.0])), near, 0.1) == pytest.approx(2 * norm.cdf(0.5) - 1, rel=1e-3)
    assert kolmogorov_distance(near, near, 0.1) == 0


def test_a_narrow_cluster_counts_only_without_smoothing():
    cluster = Measure.of(np.linspace(-1e-6, 1e-6, 100))
    point = Measure.of(np.array([0.0]))
    assert kolmogorov_distance(cluster, point) == pytest.approx(0.5)
    assert kolmogorov_distance(cluster, point, 1e-2) < 1e-6


def test_wasserstein_distance_equals_that_of_scipy():
    rng = np.random.default_rng(0)
    for _ in range(5):
        a, b, w = rng.normal(size=7), rng.normal(size=9), rng.random(9)
        expected = by_scipy(a, b, np.ones(7), w)
        assert wasserstein_distance(Measure.of(a), Measure(b, w / w.sum())) == pytest.approx(expected, rel=1e-10)
