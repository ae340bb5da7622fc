"""The deterministic equivalent against published forms, closed forms and limits."""

import math

import numpy as np
import pytest

from baselines.scaling_law.ridge import predict, solve
from baselines.scaling_law.spectrum import Spectrum, effective_dimensions, power_law

CASES = [(200, 100, 1e-3), (100, 200, 1e-3), (150, 150, 1e-3), (60, 300, 1.0), (300, 60, 10.0), (40, 41, 1e-6)]
SPECTRUM = power_law(3000, 1.5, 2.0)


@pytest.mark.parametrize(("n", "p", "ridge"), CASES)
def test_the_fixed_point_satisfies_both_equations(n, p, ridge):
    point = solve(SPECTRUM, n, p, ridge)
    assert point.df1 + ridge / point.kappa == pytest.approx(n, rel=1e-9)
    assert point.df1 + p * point.kappa / point.gamma == pytest.approx(p, rel=1e-9)
    assert (point.df1, point.df2) == effective_dimensions(SPECTRUM.eigenvalues, point.gamma)


def simon(spectrum: Spectrum, n: int, p: int, ridge: float, noise: float) -> float:
    """Test error as printed by Simon et al. (2311.14646), on noisy labels."""
    lam, signal = spectrum.eigenvalues, spectrum.signal
    point = solve(spectrum, n, p, ridge)
    kappa, gamma, z, q = point.kappa, point.gamma, point.df1, point.df2
    prefactor = 1 / (1 - (q * (p - 2 * z) + z**2) / (n * (p - q)))
    bracket = gamma / (lam + gamma) - kappa * lam * p / ((lam + gamma) ** 2 * (p - q))
    return float(prefactor * ((bracket * signal).sum() + noise))


def defilippis(spectrum: Spectrum, n: int, p: int, ridge: float, noise: float) -> float:
    """Excess test error as printed by Defilippis et al. (2405.15699)."""
    lam, signal = spectrum.eigenvalues, spectrum.signal
    point = solve(spectrum, n, p, ridge)
    nu1, nu2, q = point.kappa, point.gamma, point.df2
    upsilon = p / n * ((1 - nu1 / nu2) ** 2 + (nu1 / nu2) ** 2 * q / (p - q))
    chi = (lam / (lam + nu2) ** 2).sum() / (p - q)
    sums = (signal / (lam + nu2) ** 2).sum() + chi * (signal * lam / (lam + nu2) ** 2).sum()
    return float(nu2**2 / (1 - upsilon) * sums + noise * upsilon / (1 - upsilon))


@pytest.mark.parametrize(("n", "p", "ridge"), CASES)
@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_both_published_forms_agree(n, p, ridge, noise):
    ours = predict(SPECTRUM, n, p, ridge).test(noise)
    assert ours + noise == pytest.approx(simon(SPECTRUM, n, p, ridge, noise), rel=1e-8)
    assert ours == pytest.approx(defilippis(SPECTRUM, n, p, ridge, noise), rel=1e-8)


@pytest.mark.parametrize(("n", "p", "ridge"), CASES)
def test_train_error_is_generalised_cross_validation(n, p, ridge):
    found = predict(SPECTRUM, n, p, ridge)
    kappa = solve(SPECTRUM, n, p, ridge).kappa
    expected = (ridge / (n * kappa)) ** 2 * (found.test(0.3) + 0.3)
    assert found.train(0.3) == pytest.approx(expected, rel=1e-7)


def test_many_features_become_kernel_ridge_regression():
    n, ridge, noise = 120, 0.02, 0.1
    lam, signal = SPECTRUM.eigenvalues, SPECTRUM.signal
    limit = predict(SPECTRUM, n, math.inf, ridge)
    kappa = solve(SPECTRUM, n, math.inf, ridge).kappa
    assert (lam / (lam + kappa)).sum() + ridge / kappa == pytest.approx(n, rel=1e-9)
    q = ((lam / (lam + kappa)) ** 2).sum()
    expected = (((kappa / (lam + kappa)) ** 2 * signal).sum() + noise) / (1 - q / n) - noise
    assert limit.test(noise) == pytest.approx(expected, rel=1e-9)
    assert predict(SPECTRUM, n, 1e10, ridge).test(noise) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("modes", [40, 100, 250])
@pytest.mark.parametrize("ridge", [0.5, 20.0])
def test_isotropic_data_follow_marchenko_pastur(modes, ridge):
    """Ridge regression on isotropic data: the limiting risk of Hastie et al. (1903.08560)."""
    n, noise, power = 100, 0.4, 3.0
    spectrum = Spectrum(np.ones(modes), np.full(modes, power / modes))
    aspect, lam = modes / n, ridge / n

    def stieltjes(z: float) -> float:
        return (-(1 - aspect + z) + math.sqrt((1 - aspect + z) ** 2 + 4 * aspect * z)) / (2 * aspect * z)

    step = 1e-5 * lam
    m, derivative = stieltjes(lam), -(stieltjes(lam + step) - stieltjes(lam - step)) / (2 * step)
    expected = power * lam**2 * derivative + noise * aspect * (m - lam * derivative)
    assert predict(spectrum, n, math.inf, ridge).test(noise) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("modes", [50, 80, 130, 400])
def test_isotropic_minimum_norm_regression(modes):
    n, noise, power = 100, 0.4, 3.0
    spectrum = Spectrum(np.ones(modes), np.full(modes, power / modes))
    aspect = modes / n
    expected = noise * aspect / (1 - aspect) if aspect < 1 else power * (1 - 1 / aspect) + noise / (aspect - 1)
    # Below n = M the solution without a ridge has gamma = 0, which the root search reaches as a limit.
    ridge = 0.0 if aspect > 1 else 1e-9
    assert predict(spectrum, n, math.inf, ridge).test(noise) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("n", "p"), [(100, 40), (40, 100)])
def test_the_minimum_norm_limit_is_reached(n, p):
    zero, small = predict(SPECTRUM, n, p, 0.0), predict(SPECTRUM, n, p, 1e-10)
    assert small.test(0.2) == pytest.approx(zero.test(0.2), rel=1e-6)
    assert zero.train(0.2) == pytest.approx(small.train(0.2), rel=1e-6, abs=1e-12)
    assert zero.train_factor == pytest.approx((1 - p / n) ** 2 if p < n else 0.0, abs=1e-12)


def test_a_huge_ridge_predicts_zero():
    assert predict(SPECTRUM, 100, 80, 1e12).test(0.5) == pytest.approx(SPECTRUM.signal_variance, rel=1e-6)


@pytest.mark.parametrize(("decay", "signal_decay", "exponent"), [(1.5, 2.0, 1.0), (2.0, 7.0, 4.0), (2.0, 1.5, 0.5)])
def test_error_falls_with_data_at_the_known_rate(decay, signal_decay, exponent):
    """Noise-free kernel regression: n^-min(a - 1, 2 b)."""
    spectrum = power_law(100_000, decay, signal_decay)
    sizes = [500, 1000, 2000]
    errors = np.log([predict(spectrum, n, math.inf, 1e-9).bias for n in sizes])
    assert np.diff(errors) / math.log(2) == pytest.approx([-exponent] * 2, abs=0.08)


@pytest.mark.parametrize(("decay", "signal_decay", "exponent"), [(1.5, 2.0, 1.0), (2.0, 5.0, 2.0)])
def test_error_falls_with_features_at_the_known_rate(decay, signal_decay, exponent):
    """Unlimited data: p^-min(a - 1, b)."""
    spectrum = power_law(100_000, decay, signal_decay)
    errors = np.log([predict(spectrum, 1e9, p, 1e-9).bias for p in (200, 400, 800)])
    assert np.diff(errors) / math.log(2) == pytest.approx([-exponent] * 2, abs=0.08)


@pytest.mark.parametrize(("n", "p", "ridge"), [(0, 10, 1), (10, -1, 1), (10, 20, -1), (10, 10, 0), (50, 60, 0)])
def test_impossible_settings_are_refused(n, p, ridge):
    with pytest.raises(ValueError, match="ridge"):
        solve(Spectrum(np.ones(50), np.ones(50)), n, p, ridge)


def test_spectra_are_checked():
    with pytest.raises(ValueError, match="decay"):
        power_law(10, 0.5, 2.0)
    with pytest.raises(ValueError, match="length"):
        Spectrum(np.ones(3), np.ones(4))
    with pytest.raises(ValueError, match="positive"):
        Spectrum(np.zeros(3), np.ones(3))
    assert power_law(1000, 1.5, 2.0).signal_variance == pytest.approx(math.pi**2 / 6, abs=1.1e-3)
