"""Learning curves from a pool's kernel matrix: known limits, and regressions on drawn data."""

import math

import pytest
import torch

from baselines.scaling_law import kernel_spectrum as ks
from baselines.scaling_law import ridge
from baselines.scaling_law.spectrum import power_law

POOL, N = 300, 100


def pool(odd: float = 0.0) -> tuple[torch.Tensor, torch.Tensor]:
    """A kernel matrix of Gaussian data with power-law modes, and a target.

    Every fifth datum may be odd: a part `odd` of its kernel and a part of its target are its own.
    """
    generator = torch.Generator().manual_seed(0)
    spectrum = power_law(1500, 1.3, 1.5)
    modes = torch.randn(POOL, 1500, generator=generator, dtype=torch.float64)
    x = modes * torch.from_numpy(spectrum.eigenvalues).sqrt()
    y = modes @ torch.from_numpy(spectrum.signal).sqrt()
    own = (torch.arange(POOL) % 5 == 0).double() * odd
    y = y + own.sqrt() * torch.randn(POOL, generator=generator, dtype=torch.float64)
    return x @ x.T + own.diag(), torch.stack([y, y.flip(0)], dim=1)


def simulated(gram, y, n, ridge_value, draws=300, p=None) -> float:
    """Mean error of regressions on random parts of the pool; with p, on Gaussian features of covariance `gram`."""
    generator = torch.Generator().manual_seed(1)
    values, vectors = torch.linalg.eigh(gram)
    root = vectors * values.clamp(min=0).sqrt()
    errors = []
    for _ in range(draws):
        a, b = ks.split(POOL, n, generator)
        kernel = gram
        if p:
            z = root @ torch.randn(POOL, p, generator=generator, dtype=torch.float64) / p**0.5
            kernel = z @ z.T
        errors.append(ks.regression_errors(kernel[a][:, a], kernel[b][:, a], y[a], y[b], [ridge_value]))
    return float(torch.stack(errors).mean())


@pytest.mark.parametrize(("n", "p"), [(50, math.inf), (200, 80), (80, 200), (100, 100)])
def test_an_infinite_pool_is_the_theory_of_simon_et_al(n, p):
    spectrum = power_law(2000, 1.4, 1.8)
    expected = ridge.predict(spectrum, n, p, 0.02).bias
    assert ks.predict(spectrum, math.inf, n, 0.02, p) == pytest.approx(expected, rel=1e-9)
    assert ks.predict(spectrum, 1e9, n, 0.02, p) == pytest.approx(expected, rel=1e-4)


def test_leaving_almost_nothing_out_is_generalised_cross_validation():
    gram, y = pool()
    left = torch.linalg.inv(gram + 0.5 * torch.eye(POOL)) * 0.5  # 1 - hat matrix
    gcv = float((left @ y).square().sum(1).mean() / (left.trace() / POOL) ** 2)
    found = ks.predict(ks.pool_spectrum(gram, y), POOL, POOL - 1e-7, 0.5)
    assert found == pytest.approx(gcv, rel=1e-6)


def test_leaving_one_out_is_exact_datum_by_datum():
    gram, y = pool(odd=3.0)
    inverse = torch.linalg.inv(gram + 0.5 * torch.eye(POOL))
    exact = float(((inverse @ y) / inverse.diagonal()[:, None]).square().sum(1).mean())
    assert ks.predict_resolved(gram, y, POOL - 1, 0.5) == pytest.approx(exact, rel=1e-3)
    spectral = ks.predict(ks.pool_spectrum(gram, y), POOL, POOL - 1, 0.5)
    assert abs(spectral / exact - 1) > 0.02


def test_equal_data_are_predicted_by_the_spectrum_too():
    gram, y = pool()
    measured = simulated(gram, y, N, 0.1)
    assert ks.predict(ks.pool_spectrum(gram, y), POOL, N, 0.1) == pytest.approx(measured, rel=0.03)
    assert ks.predict_resolved(gram, y, N, 0.1) == pytest.approx(measured, rel=0.03)


def test_unequal_data_need_the_prediction_datum_by_datum():
    gram, y = pool(odd=3.0)
    measured = simulated(gram, y, 200, 0.02)
    assert ks.predict_resolved(gram, y, 200, 0.02) == pytest.approx(measured, rel=0.03)
    assert abs(ks.predict(ks.pool_spectrum(gram, y), POOL, 200, 0.02) / measured - 1) > 0.06


@pytest.mark.parametrize("p", [40, 120])
def test_random_features(p):
    gram, y = pool(odd=3.0)
    measured = simulated(gram, y, N, 0.2, p=p)
    assert ks.predict_resolved(gram, y, N, 0.2, p) == pytest.approx(measured, rel=0.04)
    assert ks.predict_resolved(gram, y, N, 0.2, 1e10) == pytest.approx(ks.predict_resolved(gram, y, N, 0.2), rel=1e-6)


def test_the_spectrum_holds_all_of_the_target():
    gram, y = pool()
    spectrum = ks.pool_spectrum(gram, y)
    assert spectrum.signal_variance == pytest.approx(float(y.square().sum(1).mean()))
    assert spectrum.trace == pytest.approx(float(gram.trace()) / POOL)
    assert (spectrum.eigenvalues[:-1] >= spectrum.eigenvalues[1:]).all()


def test_training_data_and_test_data_are_disjoint_and_complete():
    a, b = ks.split(20, 7, torch.Generator().manual_seed(0))
    assert len(a) == 7
    assert sorted([*a.tolist(), *b.tolist()]) == list(range(20))


@pytest.mark.parametrize(("n", "value"), [(0, 0.1), (POOL, 0.1), (50, 0.0)])
def test_sizes_are_checked(n, value):
    gram, y = pool()
    with pytest.raises(ValueError, match="ridge > 0"):
        ks.predict(ks.pool_spectrum(gram, y), POOL, n, value)
    with pytest.raises(ValueError, match="ridge > 0"):
        ks.predict_resolved(gram, y, n, value)
