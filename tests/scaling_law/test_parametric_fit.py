"""Objective, fits and the compute-optimal closed form."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime, minimize_scalar

from baselines.scaling_law import parametric_fit as pf
from baselines.scaling_law.published_laws import EPOCH, HOFFMANN

TRUTH = pf.ScalingLaw(A=480.0, B=2100.0, E=1.82, alpha=0.35, beta=0.37)


def synthetic(noise: float = 0.0, seed: int = 0) -> pf.LogRuns:
    n, d = np.meshgrid(np.geomspace(5e7, 1.6e10, 12), np.geomspace(1e9, 5e11, 12), indexing="ij")
    n, d = n.ravel(), d.ravel()
    loss = TRUTH.loss(n, d) * np.exp(noise * np.random.default_rng(seed).standard_normal(n.size))
    return pf.LogRuns(np.log(n), np.log(d), np.log(loss))


@pytest.mark.parametrize("noise", [0.0, 1e-4, 0.05])  # residuals inside, around and outside the Huber threshold
def test_gradient_matches_finite_differences(noise):
    runs, theta = synthetic(noise), TRUTH.logs + np.array([0.01, -0.01, 0.001, 0.0005, -0.0003])
    _, gradient = pf.huber_objective(theta, runs, 1e-3)
    numeric = approx_fprime(theta, lambda t: pf.huber_objective(t, runs, 1e-3)[0], 1e-8)
    assert gradient == pytest.approx(numeric, rel=2e-3, abs=1e-7)


def test_objective_is_the_sum_of_huber_losses():
    runs, law = synthetic(0.01), TRUTH
    residual = np.log(law.loss(np.exp(runs.parameters), np.exp(runs.tokens))) - runs.loss
    size = np.abs(residual)
    expected = np.where(size <= 1e-3, size**2 / 2, 1e-3 * (size - 5e-4)).sum()
    assert pf.huber_objective(law.logs, runs, 1e-3)[0] == pytest.approx(expected, rel=1e-9)


def test_a_noise_free_surface_is_recovered():
    best = pf.fit_from_starts(synthetic(), pf.grid_starts(20, np.random.default_rng(0)), 1e-3)[0]
    assert best.status is not pf.FitStatus.STOPPED
    assert best.law.logs == pytest.approx(TRUTH.logs, abs=2e-4)
    assert best.objective < 1e-9


def test_a_noisy_surface_is_recovered_within_its_noise():
    found = np.array([pf.fit(synthetic(0.005, seed), HOFFMANN.logs, 1e-3).law.logs for seed in range(12)])
    z = (found.mean(0) - TRUTH.logs) / (found.std(0, ddof=1) / np.sqrt(len(found)))
    assert np.abs(z).max() < 4
    assert found[:, 3:].std(0).max() < 0.02


def test_default_tolerances_stop_early_and_are_reported():
    runs = synthetic(0.005)
    converged = pf.fit(runs, HOFFMANN.logs, 1e-3)
    stopped = pf.fit_stopping_early(runs, HOFFMANN.logs, 1e-3)
    assert stopped.status is pf.FitStatus.STOPPED
    assert stopped.objective > 1.01 * converged.objective
    assert len(stopped.path) < len(converged.path)
    assert stopped.path[-1] == pytest.approx(stopped.objective, rel=1e-9)
    with pytest.raises(ValueError, match="mean or sum"):
        pf.fit_stopping_early(runs, HOFFMANN.logs, 1e-3, "median")


@pytest.mark.parametrize("law", [TRUTH, HOFFMANN, EPOCH], ids=["synthetic", "hoffmann", "epoch"])
@pytest.mark.parametrize("compute", [1e19, 1e22, 5.76e23])
def test_compute_optimal_size_minimises_the_loss(law, compute):
    def loss(log_n: float) -> float:
        n = np.exp(log_n)
        return float(law.loss(n, compute / 6 / n)) - law.E

    found = minimize_scalar(loss, bracket=(10, 22, 35), tol=1e-12)
    n = float(law.optimal_parameters(compute))
    assert np.log(n) == pytest.approx(found.x, abs=1e-5)
    assert law.tokens_per_parameter(compute) == pytest.approx(compute / 6 / n / n)
    assert law.optimal_parameters(10 * compute) / n == pytest.approx(10**law.compute_exponent)


def test_logs_and_back():
    again = pf.ScalingLaw.from_logs(TRUTH.logs)
    assert again.logs == pytest.approx(TRUTH.logs, rel=1e-14)
    assert TRUTH.compute_exponent == pytest.approx(0.37 / 0.72)


def test_rounded_hoffmann_values():
    assert (HOFFMANN.A, HOFFMANN.B, HOFFMANN.E) == pytest.approx((406.4, 410.7, 1.69), abs=0.05)
    assert HOFFMANN.compute_exponent == pytest.approx(0.4565, abs=1e-4)


def test_starts_are_different_points_of_the_grid():
    starts = pf.grid_starts(4500, np.random.default_rng(0))
    assert len({tuple(start) for start in starts}) == 4500
    assert np.array_equal(pf.grid_starts(5, np.random.default_rng(1)), pf.grid_starts(5, np.random.default_rng(1)))
