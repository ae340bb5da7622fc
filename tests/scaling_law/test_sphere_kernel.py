"""Levels of kernels on the sphere, and their test error without a test set."""

import math

import numpy as np
import pytest
import torch
from scipy.special import eval_legendre

from baselines.scaling_law import ridge
from baselines.scaling_law import sphere_kernel as sk

DOUBLE = torch.float64


def test_multiplicities():
    assert [sk.multiplicity(3, k) for k in range(5)] == [1, 3, 5, 7, 9]
    assert [sk.multiplicity(14, k) for k in range(4)] == [1, 14, 104, 546]
    # all polynomials of degree at most 4 on the sphere
    assert sum(sk.multiplicity(6, k) for k in range(5)) == math.comb(9, 4) + math.comb(8, 3)


def test_legendre_polynomials():
    t = torch.linspace(-1, 1, 9, dtype=DOUBLE)
    for k, values in enumerate(sk.legendre(t, 3, 6)):
        np.testing.assert_allclose(values.numpy(), eval_legendre(k, t.numpy()), atol=1e-13)
    assert all(float(values[-1]) == pytest.approx(1.0) for values in sk.legendre(t, 11, 8))


@pytest.mark.parametrize(("name", "d", "degree", "tolerance"), [("exponential", 8, 16, 1e-12), ("relu", 5, 40, 2e-4)])
def test_the_levels_sum_to_the_kernel(name, d, degree, tolerance):
    levels = sk.eigenvalues(name, d, degree)
    t = torch.linspace(-0.9, 0.9, 7, dtype=DOUBLE)
    polynomials = sk.legendre(t, d, degree)
    total = sum(levels[k] * sk.multiplicity(d, k) * p.numpy() for k, p in enumerate(polynomials))
    np.testing.assert_allclose(total, sk.KERNELS[name](t.numpy()), atol=tolerance)


def test_the_error_without_a_test_set_is_the_error_on_one():
    d, n, value = 4, 15, 0.05
    levels = sk.eigenvalues("exponential", d, 16)
    generator = torch.Generator().manual_seed(0)
    x, test = (sk.draw_points(count, d, generator, DOUBLE) for count in (n, 40_000))
    weights = torch.linalg.inv(torch.exp(2 * (x @ x.T - 1)) + value * torch.eye(n))
    outer = torch.exp(2 * (test @ x.T - 1))

    def error(harmonics):
        """Of regressions on functions of variance one; their mean."""
        return float((outer @ weights @ harmonics(x) - harmonics(test)).square().mean())

    def quadratic(points):
        """Orthonormal harmonics of degree 2: products of coordinates, and differences of squares."""
        pairs = [points[:, i] * points[:, j] for i in range(d) for j in range(i)]
        squares = points.square()
        steps = [(squares[:, :i].sum(1) - i * squares[:, i]) / (i * (i + 1)) ** 0.5 for i in range(1, d)]
        scale = (d * (d + 2)) ** 0.5
        return torch.stack([scale * p for p in pairs] + [scale / 2**0.5 * s for s in steps], dim=1)

    assert quadratic(test).shape[1] == sk.multiplicity(d, 2)
    found = sk.errors_by_degree(x, levels, value, 2)
    assert float(found[0]) == pytest.approx(error(lambda points: d**0.5 * points), rel=0.01)
    assert float(found[1]) == pytest.approx(error(quadratic), rel=0.01)


def test_theory_predicts_the_error_of_each_degree():
    d, value = 16, 0.05
    levels = sk.eigenvalues("exponential", d, 14)
    generator = torch.Generator().manual_seed(0)
    draws = [sk.errors_by_degree(sk.draw_points(60, d, generator, DOUBLE), levels, value, 2) for _ in range(40)]
    measured = torch.stack(draws).mean(0)
    for k, powers in enumerate(([1.0], [0.0, 1.0])):
        expected = ridge.predict(sk.level_spectrum(levels, d, powers), 60, math.inf, value).bias
        assert float(measured[k]) == pytest.approx(expected, rel=0.05)


def test_level_spectra():
    levels = sk.eigenvalues("relu", 6, 8)
    spectrum = sk.level_spectrum(levels, 6, [0.7, 0.3])
    assert spectrum.signal_variance == pytest.approx(1.0)
    assert len(spectrum.eigenvalues) < 9  # odd degrees above one have no modes
    assert (np.diff(spectrum.eigenvalues) <= 0).all()
    with pytest.raises(ValueError, match="sees the degrees"):
        sk.level_spectrum(levels, 6, [0.5, 0.2, 0.3])
