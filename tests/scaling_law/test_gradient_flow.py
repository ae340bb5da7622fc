"""The theory of gradient flow against closed forms, ridge regression, random matrices and its own identities."""

import math

import numpy as np
import pytest
from scipy.integrate import quad

from baselines.scaling_law import gradient_flow, gradient_norm, ridge
from baselines.scaling_law.gradient_flow import components, contour, predict, resolutions
from baselines.scaling_law.spectrum import Spectrum, binned_power_law, power_law

SPECTRUM = power_law(1500, 1.5, 2.0)
SIZES = [(120, 60), (60, 120), (80, 80), (math.inf, 70), (70, math.inf)]
TIMES = np.geomspace(0.01, 3000, 9)


def test_infinite_data_and_features_forget_each_mode_on_its_own():
    lam, signal = SPECTRUM.eigenvalues, SPECTRUM.signal
    found = predict(SPECTRUM, math.inf, math.inf, TIMES, noise=0.3)
    left = np.exp(-2 * lam * TIMES[:, None])
    assert found.test == pytest.approx(left @ signal, rel=1e-9)
    assert found.train == pytest.approx(left @ signal + 0.3, rel=1e-9)
    assert found.gradient == pytest.approx(left @ (lam * signal), rel=1e-9)


@pytest.mark.parametrize(("n", "p"), [size for size in SIZES if size[0] != size[1] and size[0] < math.inf])
def test_after_infinite_time_comes_the_minimum_norm_solution(n, p):
    found, limit = predict(SPECTRUM, n, p, [1e10], noise=0.2), ridge.predict(SPECTRUM, n, p, 0.0)
    assert found.test[0] == pytest.approx(limit.test(0.2), rel=1e-8)
    assert found.train[0] == pytest.approx(limit.train(0.2), rel=1e-8, abs=1e-15)
    assert found.gradient[0] == pytest.approx(0.0, abs=1e-18)


@pytest.mark.parametrize(("n", "p"), [*SIZES[:3], (70, math.inf)])
def test_on_the_real_axis_the_two_point_functions_are_ridge_regression(n, p):
    """The Laplace transform of the weights at s is the ridge solution with ridge n s, divided by s."""
    for s in (1e-3, 0.1, 10.0):
        at = np.array([s + 0j])
        kappa = resolutions(SPECTRUM, n, p, np.array([1 + 0j]), np.array([1 / s]))[0]
        (test, train, _), (test_noise, train_noise, _) = gradient_flow._two_point(SPECTRUM, n, p, at, kappa, 1)[
            ..., 0, 0
        ]
        expected = ridge.predict(SPECTRUM, n, p, n * s)
        assert s * s * test == pytest.approx(expected.bias, rel=1e-8)
        assert s * s * test_noise == pytest.approx(expected.variance, rel=1e-8)
        assert s * s * train == pytest.approx(expected.train(0.0), rel=1e-8)
        assert s * s * train_noise == pytest.approx(expected.train(1.0) - expected.train(0.0), rel=1e-8)
        assert kappa[0] == pytest.approx(ridge.solve(SPECTRUM, n, p, n * s).gamma, rel=1e-8)


@pytest.mark.parametrize(("n", "p"), SIZES)
def test_the_loss_falls_by_the_squared_gradient(n, p):
    """d/dt of the train error is -2 delta^2: two transforms that share no formula."""
    step = 1e-4
    before, after = (predict(SPECTRUM, n, p, TIMES * math.exp(sign * step), noise=0.1).train for sign in (-1, 1))
    middle = predict(SPECTRUM, n, p, TIMES, noise=0.1)
    slope = (after - before) / (2 * step * TIMES)
    assert slope == pytest.approx(-2 * middle.gradient, rel=1e-4, abs=1e-9 * middle.train[0])
    assert (np.diff(middle.gradient) < 0).all()


@pytest.mark.parametrize(("n", "p"), SIZES[:3])
def test_the_first_steps(n, p):
    """To first order in t the test error falls by 2 t sum lambda^2 w^2, the train error by 2 t delta_0^2."""
    lam, signal, noise, t = SPECTRUM.eigenvalues, SPECTRUM.signal, 0.4, 1e-6
    found = predict(SPECTRUM, n, p, [t], noise)
    start = gradient_norm.initial_gradient(SPECTRUM, n, noise) ** 2
    assert found.gradient[0] == pytest.approx(start, rel=1e-4)
    assert (signal.sum() - found.test[0]) / (2 * t) == pytest.approx(lam @ signal, rel=1e-3)
    assert (signal.sum() + noise - found.train[0]) / (2 * t) == pytest.approx(start, rel=1e-3)


@pytest.mark.parametrize("modes", [60, 300])
def test_isotropic_data_follow_marchenko_pastur_at_every_time(modes):
    """Without feature noise each eigenvalue of the sample covariance decays on its own: integrate over their law."""
    n, power, noise = 100, 2.0, 0.5
    aspect = modes / n
    low, high = (1 - math.sqrt(aspect)) ** 2, (1 + math.sqrt(aspect)) ** 2

    def mean(function) -> float:
        def weighted(angle: float) -> float:  # x = middle + radius cos(angle) takes the roots at the edges away
            x = (low + high) / 2 + (high - low) / 2 * math.cos(angle)
            return function(x) * ((high - low) / 2 * math.sin(angle)) ** 2 / (2 * math.pi * aspect * x)

        return quad(weighted, 0, math.pi, epsabs=1e-12)[0] + max(0.0, 1 - 1 / aspect) * function(0.0)

    spectrum = Spectrum(np.ones(1), np.array([power / modes]), np.array([float(modes)]))  # one row for all modes
    for t in (0.1, 1.0, 20.0):
        found = predict(spectrum, n, math.inf, [t], noise)
        bias = power * mean(lambda x, t=t: math.exp(-2 * t * x))
        variance = noise * aspect * mean(lambda x, t=t: math.expm1(-t * x) ** 2 / x if x > 0 else 0.0)
        assert found.test[0] == pytest.approx(bias + variance, rel=1e-7)


def test_the_effective_ridge_is_the_resolvent_of_a_drawn_matrix():
    """R1 = 1 - df1/n is tr (1 + Z Z^T / ns)^-1 / n, and R3 the same for p."""
    n, p, source = 240, 150, np.random.default_rng(0)
    lam, t = SPECTRUM.eigenvalues, 30.0
    rays, _ = contour(12)
    kappa = resolutions(SPECTRUM, n, p, rays, np.array([t]))[0]
    df1 = (lam / (lam + kappa[:, None])).sum(1)
    assert rays / t == pytest.approx(kappa * (1 - df1 / n) * (1 - df1 / p), rel=1e-12)
    found = []
    for _ in range(4):
        z = (
            source.standard_normal((n, len(lam)))
            * np.sqrt(lam)
            @ source.standard_normal((p, len(lam))).T
            / math.sqrt(p)
        )
        values = np.linalg.eigvalsh(z @ z.T / n)
        found.append([(1 / (1 + values / s)).mean() for s in rays / t])
    assert np.mean(found, axis=0) == pytest.approx(1 - df1 / n, abs=0.01)


def test_counts_are_multiplicities():
    many = Spectrum(np.repeat([1.0, 0.2, 0.01], [3, 20, 400]), np.repeat([0.5, 0.02, 1e-4], [3, 20, 400]))
    few = Spectrum(np.array([1.0, 0.2, 0.01]), np.array([0.5, 0.02, 1e-4]), np.array([3.0, 20.0, 400.0]))
    for one, other in zip(predict(many, 50, 40, TIMES, 0.1), predict(few, 50, 40, TIMES, 0.1), strict=True):
        assert one == pytest.approx(other, rel=1e-10, abs=1e-14)


def test_bins_and_nodes_do_not_matter():
    exact = predict(power_law(5000, 1.5, 2.0), 100, 70, TIMES, 0.1)
    binned = predict(binned_power_law(5000, 1.5, 2.0), 100, 70, TIMES, 0.1)
    coarse = predict(binned_power_law(5000, 1.5, 2.0), 100, 70, TIMES, 0.1, nodes=18)
    for reference, one, other in zip(exact, binned, coarse, strict=True):
        assert one == pytest.approx(reference, rel=1e-5)
        assert other == pytest.approx(one, rel=1e-6)


def test_times_keep_their_order_and_noise_adds():
    signal, noise = components(SPECTRUM, 50, 40, [30.0, 1.0, 30.0, 5.0])
    found = predict(SPECTRUM, 50, 40, [30.0, 1.0, 30.0, 5.0], noise=0.7)
    assert found.test[0] == found.test[2] != found.test[1]
    for total, clean, added in zip(found, signal, noise, strict=True):
        assert total == pytest.approx(clean + 0.7 * added, rel=1e-14)
    assert found.test[1] == pytest.approx(predict(SPECTRUM, 50, 40, [1.0], noise=0.7).test[0], rel=1e-12)


@pytest.mark.parametrize(("decay", "signal_decay"), [(1.5, 2.0), (2.0, 1.5), (1.2, 3.0)])
def test_exponents_of_time_and_gradient(decay, signal_decay):
    times = np.array([50.0, 500.0])
    found = predict(binned_power_law(10_000_000, decay, signal_decay), math.inf, math.inf, times)
    test, gradient = (math.log10(values[0] / values[1]) for values in (found.test, found.gradient))
    assert test == pytest.approx((signal_decay - 1) / decay, abs=0.01)
    assert gradient == pytest.approx((signal_decay + decay - 1) / decay, abs=0.01)


@pytest.mark.parametrize(("n", "p"), SIZES)
def test_the_gradient_norm_gives_the_time(n, p):
    times = np.array([300.0, 0.01, 7.0, 40.0])
    reached = predict(SPECTRUM, n, p, times, noise=0.2)
    found = gradient_norm.in_gradient(SPECTRUM, n, p, np.sqrt(reached.gradient), noise=0.2)
    assert found.time == pytest.approx(times, rel=1e-6)
    assert found.test == pytest.approx(reached.test, rel=1e-7)
    assert found.train == pytest.approx(reached.train, rel=1e-7)
    assert len(gradient_norm.in_gradient(SPECTRUM, n, p, []).test) == 0


def test_a_gradient_norm_out_of_reach_is_refused():
    start = gradient_norm.initial_gradient(SPECTRUM, 100, 0.1)
    with pytest.raises(ValueError, match=r"below that of the start, 1\.0"):
        gradient_norm.time_at_gradient(SPECTRUM, 100, 80, [start], 0.1)
    with pytest.raises(ValueError, match="told from zero"):
        gradient_norm.time_at_gradient(SPECTRUM, 100, 50, [1e-40], 0.1)
    with pytest.raises(ValueError, match="positive"):
        gradient_norm.time_at_gradient(SPECTRUM, 100, 50, [-1.0], 0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "n and p"),
        ({"p": -1}, "n and p"),
        ({"times": [0.0]}, "times"),
        ({"times": 3.0}, "times"),
        ({"noise": -0.1}, "noise"),
        ({"nodes": 7}, "nodes"),
    ],
)
def test_impossible_settings_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        predict(**({"spectrum": SPECTRUM, "n": 10, "p": 10, "times": [1.0]} | arguments))
