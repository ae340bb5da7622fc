"""Optimal division of compute and optimal stopping: minimisers, simulations and exponents against independent ones."""

import itertools
import math

import numpy as np
import pytest
import torch

from baselines.scaling_law import frontier, ridge, stopping
from baselines.scaling_law.gradient_flow import predict
from baselines.scaling_law.matching_law import Task
from baselines.scaling_law.power_laws import slope
from baselines.scaling_law.spectrum import Spectrum, binned_power_law, power_law

CPU, DOUBLE = torch.device("cpu"), torch.float64
HARD = Task(decay=1.5, signal_decay=2.0)
LARGE = binned_power_law(10**9, 1.5, 2.0, exact=50, per_decade=10)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_newton_finds_the_minimum_of_a_quadratic_and_of_a_curved_valley():
    matrix = np.array([[2.0, 0.7, 0.1], [0.7, 1.0, -0.2], [0.1, -0.2, 0.5]])
    centre = np.array([3.0, -2.0, 7.0])
    found = frontier.minimise(lambda x: float((x - centre) @ matrix @ (x - centre)), np.zeros(3))
    assert found == pytest.approx(centre, abs=1e-6)
    # log(e^-x + e^2x) is least where e^-x = 2 e^2x; the start is far away in the flat part.
    found = frontier.minimise(lambda x: float(np.logaddexp(-x[0], 2 * x[0])), [9.0])
    assert found[0] == pytest.approx(-math.log(2) / 3, abs=2e-3)
    # Full Newton steps go back and forth on this one for ever.
    found = frontier.minimise(lambda x: float(np.sqrt(1 + 30 * (x[0] - 4) ** 2)), [3.0])
    assert found[0] == pytest.approx(4, abs=1e-3)
    with pytest.raises(ArithmeticError, match="no minimum"):
        frontier.minimise(lambda x: float(x[0]), [0.0])


def test_the_cubic_finds_the_minimum_of_a_skew_curve():
    x = np.geomspace(10, 500, 12)
    curve = 3 / x + x**0.6 / 40  # minimum where 3/x^2 = 0.6 x^-0.4 / 40
    best = (3 * 40 / 0.6) ** (1 / 1.6)
    at, height, other = frontier.lowest(x, np.stack([curve, 2 * curve]), np.stack([x**2, x**-1]))
    assert at == pytest.approx([best, best], rel=0.01)
    assert height == pytest.approx(np.array([1, 2]) * (3 / best + best**0.6 / 40), rel=5e-3)
    assert other == pytest.approx([at[0] ** 2, 1 / at[1]], rel=1e-6)


@pytest.mark.parametrize(
    ("curve", "message"), [(np.arange(1.0, 9.0), "first or last"), (np.arange(9.0, 1.0, -1.0), "first or last")]
)
def test_a_minimum_at_the_edge_is_refused(curve, message):
    with pytest.raises(ValueError, match=message):
        frontier.lowest(np.arange(1.0, 9.0), curve)
    with pytest.raises(ValueError, match=r"2 half \+ 1"):
        frontier.lowest(np.arange(1.0, 5.0), np.array([2.0, 1.0, 2.0, 3.0]))


def test_the_online_frontier_is_the_minimum_over_a_dense_grid():
    found = frontier.online(LARGE, HARD, [1e4, 1e5])
    for row, compute in enumerate([1e4, 1e5]):
        sizes = found.features[row] * np.geomspace(0.6, 1.6, 41)
        grid = [predict(LARGE, math.inf, p, [compute / p]).test[0] for p in sizes]
        assert found.test[row] <= min(grid) * (1 + 1e-7)
        assert abs(np.argmin(grid) - np.abs(np.log(sizes / found.features[row])).argmin()) <= 1
        assert found.features[row] * found.time[row] == pytest.approx(compute)
    assert np.isinf(found.samples).all()
    exact = predict(LARGE, math.inf, found.features[0], [found.time[0]])
    assert found.gradient[0] == pytest.approx(math.sqrt(exact.gradient[0]))


def test_the_full_batch_frontier_cannot_be_improved_by_moving_any_of_the_three():
    compute = 1e7
    found = frontier.full_batch(LARGE, HARD, [compute])
    p, n, best = found.features[0], found.samples[0], found.test[0]
    assert p * n * found.time[0] == pytest.approx(compute)
    for more_p in (0.8, 1.0, 1.25):
        for more_n in (0.8, 1.0, 1.25):
            moved = predict(LARGE, n * more_n, p * more_p, [found.time[0] / more_n / more_p]).test[0]
            assert moved >= best * (1 - 1e-9)
            if (more_p, more_n) != (1.0, 1.0):
                assert moved > best * (1 + 1e-5)


def test_frontier_exponents_of_a_hard_and_an_easy_task():
    found = frontier.online(LARGE, HARD, [1e6, 1e8])
    assert slope(found.compute, found.features) == pytest.approx(HARD.online_parameters, abs=0.02)
    assert -slope(found.compute, found.test) == pytest.approx(HARD.online_loss, abs=0.02)
    easy = Task(decay=1.5, signal_decay=4.0)
    found = frontier.online(binned_power_law(10**12, 1.5, 4.0, exact=50, per_decade=10), easy, [1e5, 1e7])
    assert slope(found.compute, found.features) == pytest.approx((4 - 1.5) / 4, abs=0.02)
    assert -slope(found.compute, found.test) == pytest.approx(3 / 4, abs=0.02)


def test_stopping_is_the_minimum_over_time_and_follows_its_exponents():
    found = stopping.optimal(LARGE, HARD, [1e4, 1e6], 1.0)
    times = found.time[0] * np.geomspace(0.7, 1.4, 15)
    curve = predict(LARGE, 1e4, math.inf, times, 1.0).test
    assert found.excess[0] <= curve.min() * (1 + 1e-7) and curve.argmin() == 7
    assert slope(found.samples, found.time) == pytest.approx(0.75, abs=0.02)
    assert -slope(found.samples, found.excess) == pytest.approx(0.5, abs=0.02)
    assert -slope(found.samples, found.gradient) == pytest.approx(0.625, abs=0.02)
    with pytest.raises(ValueError, match="positive"):
        stopping.optimal(LARGE, HARD, [100.0], 0.0)


def stepped(hessian: np.ndarray, linear: np.ndarray, time: float, steps: int = 4000) -> np.ndarray:
    """Gradient flow on quadratics, one a column of `linear`, by midpoint steps."""
    weights, h = np.zeros_like(linear), time / steps
    for _ in range(steps):
        middle = weights + h / 2 * (linear - hessian @ weights)
        weights = weights + h * (linear - hessian @ middle)
    return weights


def all_targets(spectrum: Spectrum) -> np.ndarray:
    """The target with every sign pattern.  Shape [M, 2^M]."""
    magnitude = np.sqrt(spectrum.signal / spectrum.eigenvalues)
    return magnitude[:, None] * np.array(list(itertools.product([-1, 1], repeat=len(magnitude)))).T


@pytest.mark.parametrize("time", [0.5, 20.0])
def test_online_flow_equals_stepping_on_the_population_loss(time):
    p, spectrum = 3, power_law(4, 1.5, 2.0)
    lam, targets = spectrum.eigenvalues[:, None], all_targets(spectrum)
    a = torch.randn(p, 4, generator=generator(3), dtype=DOUBLE).numpy() / math.sqrt(p)
    hessian, linear = a @ (lam * a.T), a @ (lam * targets)
    weights = stepped(hessian, linear, time)
    error = (lam * (targets - a.T @ weights) ** 2).sum(0).mean()
    gradient = ((linear - hessian @ weights) ** 2).sum(0).mean()
    drawn = frontier.draw_features([spectrum], p, generator(3), CPU, DOUBLE)
    found = frontier.online_flow(drawn, p, [time])
    assert found[0][0, 0] == pytest.approx(error, rel=1e-5)
    assert found[1][0, 0] == pytest.approx(gradient, rel=1e-5)


@pytest.mark.parametrize("time", [0.5, 20.0])
def test_kernel_flow_equals_stepping_on_the_train_loss(time):
    """In the space of the modes: all sign patterns of the target, and unit noise on each label."""
    n, spectrum = 3, power_law(4, 1.5, 2.0)
    lam, targets = spectrum.eigenvalues[:, None], all_targets(spectrum)
    psi = torch.randn(n, 4, generator=generator(4), dtype=DOUBLE).numpy() * np.sqrt(lam.T)
    hessian, linear, noise = psi.T @ psi / n, psi.T @ psi @ targets / n, psi.T / n
    weights, noisy = stepped(hessian, linear, time), stepped(hessian, noise, time)
    found = stopping.kernel_flow(stopping.draw_data([spectrum], n, generator(4), CPU, DOUBLE), [time])
    assert found.test[0, 0] == pytest.approx((lam * (targets - weights) ** 2).sum(0).mean(), rel=1e-5)
    assert found.gradient[0, 0] == pytest.approx(((linear - hessian @ weights) ** 2).sum(0).mean(), rel=1e-5)
    assert found.test_noise[0] == pytest.approx((lam * noisy**2).sum(), rel=1e-5)
    assert found.gradient_noise[0] == pytest.approx(((noise - hessian @ noisy) ** 2).sum(), rel=1e-5)


def test_infinite_time_is_projection_and_interpolation():
    spectrum = power_law(60, 1.5, 2.0)
    target = np.sqrt(spectrum.signal / spectrum.eigenvalues)
    root = np.sqrt(spectrum.eigenvalues)
    a = torch.randn(10, 60, generator=generator(0), dtype=DOUBLE).numpy()
    # In the space weighted by the variances the best function is an orthogonal projection; signs average to a trace.
    basis, _ = np.linalg.qr((a * root).T)
    left = np.eye(60) - basis @ basis.T
    expected = (np.diag(left) * (root * target) ** 2).sum()
    drawn = frontier.draw_features([spectrum], 10, generator(0), CPU, DOUBLE)
    error, gradient = frontier.online_flow(drawn, 10, [math.inf])
    assert error[0, 0] == pytest.approx(expected, rel=1e-9)
    assert gradient[0, 0] == 0
    psi = a * root
    learned = psi.T @ np.linalg.solve(psi @ psi.T, psi)  # [60, 60]: from the target to the interpolant
    expected = (spectrum.eigenvalues[:, None] * ((np.eye(60) - learned) * target) ** 2).sum()
    gram = stopping.draw_data([spectrum], 10, generator(0), CPU, DOUBLE)
    assert stopping.kernel_flow(gram, [math.inf]).test[0, 0] == pytest.approx(expected, rel=1e-9)


def test_targets_share_a_draw_and_blocks_are_averaged():
    spectra = [power_law(40, 1.5, a) for a in (2.0, 4.0)]
    both = frontier.draw_features(spectra, 8, generator(1), CPU, DOUBLE, chunk=7)
    alone = frontier.draw_features(spectra[1:], 8, generator(1), CPU, DOUBLE, chunk=7)
    times = [1.0, 100.0]
    assert frontier.online_flow(both, 4, times)[0][1] == pytest.approx(frontier.online_flow(alone, 4, times)[0][0])
    halves = [
        frontier.Projection(alone.covariance[s, s], alone.aligned[:, s, s], alone.signal_variance)
        for s in (slice(0, 4), slice(4, 8))
    ]
    mean = np.mean([frontier.online_flow(half, 4, times)[0] for half in halves], axis=0)
    assert frontier.online_flow(alone, 4, times)[0] == pytest.approx(mean)
    with pytest.raises(ValueError, match="from 1 to the 8"):
        frontier.online_flow(alone, 9, times)
    with pytest.raises(ValueError, match="same eigenvalues"):
        frontier.draw_features([power_law(40, 1.5, 2.0), power_law(40, 1.6, 2.0)], 4, generator(0), CPU, DOUBLE)
    with pytest.raises(ValueError, match="one row a mode"):
        stopping.draw_data([LARGE], 4, generator(0), CPU, DOUBLE)


@pytest.mark.parametrize(("decay", "signal_decay"), [(1.5, 2.0), (1.2, 4.0)])
def test_online_simulation_follows_the_theory(decay, signal_decay):
    p, times = 40, np.array([3.0, 100.0, 1e4])
    spectrum = power_law(800, decay, signal_decay)
    found = np.mean(
        [
            frontier.online_flow(frontier.draw_features([spectrum], 4 * p, generator(seed), CPU, DOUBLE), p, times)
            for seed in range(12)
        ],
        axis=0,
    )
    exact = predict(spectrum, math.inf, p, times)
    assert found[0][0] == pytest.approx(exact.test, rel=0.08)
    assert found[1][0][:2] == pytest.approx(exact.gradient[:2], rel=0.08)


@pytest.mark.parametrize(("decay", "signal_decay"), [(1.5, 2.0), (1.2, 4.0), (2.0, 5.0)])
@pytest.mark.parametrize("p", [20.0, 160.0])
def test_three_ways_to_the_error_of_limited_features(decay, signal_decay, p):
    """Flow on the population loss after a long time, ridge regression with n >> p, the form Defilippis et al. print."""
    spectrum = binned_power_law(10**6, decay, signal_decay, exact=100, per_decade=20)
    found = ridge.predict(spectrum, 1e13, p, 0.0).bias
    flow = predict(spectrum, math.inf, p, [1e4 * p**decay]).test[0]
    assert flow == pytest.approx(found, rel=1e-4)
    nu = ridge.solve(spectrum, 1e13, p, 0.0).gamma
    lam, signal, counts = spectrum.eigenvalues, spectrum.signal, spectrum.counts
    q = (counts * (lam / (lam + nu)) ** 2).sum()
    chi = (counts * lam / (lam + nu) ** 2).sum() / (p - q)
    printed = nu**2 * (
        (counts * signal / (lam + nu) ** 2).sum() + chi * (counts * signal * lam / (lam + nu) ** 2).sum()
    )
    assert printed == pytest.approx(found, rel=1e-6)
    # df1(gamma) = p turns it into a sum that is linear in gamma, hence the exponent min(a - 1, b)
    assert found == pytest.approx((counts * signal * nu / (lam + nu)).sum(), rel=1e-6)


def test_a_flat_spectrum_spends_nothing_on_more_features_than_modes():
    """Sanity of the theory used: with p = M features and much time everything is learned."""
    spectrum = Spectrum(np.ones(20), np.full(20, 0.05))
    drawn = frontier.draw_features([spectrum], 20, generator(0), CPU, DOUBLE)
    error, _ = frontier.online_flow(drawn, 20, [math.inf])
    assert error[0, 0] == pytest.approx(0, abs=1e-9)
