import math

import numpy as np
import pytest
from scipy.optimize import least_squares
from scipy.stats import binom

from baselines.pinn_pde.inverse import (
    GROSS,
    bend_penalty,
    check_observation_keys,
    coverage,
    ensemble_estimate,
    gauss_newton_covariance,
    interval_factor,
    observe,
)
from baselines.pinn_pde.robust import HUBER, SQUARES, Loss
from baselines.pinn_pde.solvers.gauss_newton import (
    difference_jacobian,
    levenberg_marquardt,
    only_after,
    smooth_gauss_newton,
)
from tests.pinn_pde.conftest import make

GENERATOR = np.random.default_rng(0)


def test_covariance_of_a_linear_model_is_the_inverse_of_the_normal_matrix() -> None:
    jacobian = GENERATOR.standard_normal((30, 5)) * [1.0, 10.0, 1e-3, 1.0, 1.0]
    dense = np.linalg.inv(jacobian.T @ jacobian)
    np.testing.assert_allclose(gauss_newton_covariance(jacobian), dense, rtol=1e-10)
    np.testing.assert_allclose(
        gauss_newton_covariance(jacobian, columns=[2, 0]), dense[np.ix_([2, 0], [2, 0])], rtol=1e-10
    )


def test_ridge_is_the_precision_of_a_prior() -> None:
    jacobian, ridge = GENERATOR.standard_normal((3, 5)), np.array([1.0, 2.0, 0.5, 3.0, 1.0])  # fewer rows than columns
    dense = np.linalg.inv(jacobian.T @ jacobian + np.diag(ridge))
    np.testing.assert_allclose(gauss_newton_covariance(jacobian, ridge), dense, rtol=1e-10)
    np.testing.assert_allclose(gauss_newton_covariance(jacobian, ridge, [4]), dense[4:, 4:], rtol=1e-10)


def test_dependent_columns_of_the_others_do_not_matter_but_own_ones_do() -> None:
    free = GENERATOR.standard_normal((30, 4))
    jacobian = np.column_stack([free, free[:, 1] + 2.0 * free[:, 2]])  # the last three are dependent
    dense = np.linalg.inv(free.T @ free)
    np.testing.assert_allclose(gauss_newton_covariance(jacobian, columns=[0]), dense[:1, :1], rtol=1e-10)
    with pytest.raises(ValueError, match="ridge"):
        gauss_newton_covariance(jacobian, columns=[4])
    with pytest.raises(ValueError, match="zero"):
        gauss_newton_covariance(np.zeros((4, 2)))


def test_coverage_counts_and_its_band_is_binomial() -> None:
    assert interval_factor(0.9) == pytest.approx(1.6448536269514722)
    found = coverage([0.0, 1.0, 2.0, -1.0], [1.0, 1.0, 1.0, 0.5], 0.0)
    assert found.share == 0.5  # 2 and -1 +- 0.82 miss
    for n in (20, 100, 300):
        band = coverage([0.0] * n, [1.0] * n, 0.0)
        assert band.share == 1.0
        assert (band.low, band.high) == (binom.ppf(0.025, n, 0.9) / n, binom.ppf(0.975, n, 0.9) / n)


def test_intervals_of_a_linear_model_cover_as_often_as_they_say() -> None:
    generator = np.random.default_rng(3)
    design, sigma, truth = generator.standard_normal((40, 4)), 0.3, np.array([1.0, -2.0, 0.5, 3.0])
    error = float(np.sqrt(gauss_newton_covariance(design / sigma, columns=[1])[0, 0]))
    data = design @ truth + sigma * generator.standard_normal((1000, 40))
    estimates = np.linalg.lstsq(design, data.T, rcond=None)[0][1]
    found = coverage(estimates, [error] * 1000, -2.0)
    assert found.low <= found.share <= found.high
    too_small = coverage(estimates, [0.7 * error] * 1000, -2.0)
    assert too_small.share < too_small.low


def test_ensemble() -> None:
    assert ensemble_estimate([1.0, 2.0, 3.0]) == (2.0, 1.0)
    with pytest.raises(ValueError, match="two"):
        ensemble_estimate([1.0])


def exponential(theta: np.ndarray, data: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    shape = np.exp(-theta[1] * t)
    return (theta[0] * shape - data) / 0.05, np.stack([shape, -theta[0] * t * shape], axis=1) / 0.05


@pytest.mark.parametrize(("loss", "name"), [(SQUARES, "linear"), (HUBER, "huber")], ids=["squares", "huber"])
def test_levenberg_marquardt_agrees_with_scipy(loss: Loss, name: str) -> None:
    t = np.linspace(0.0, 4.0, 50)
    data = 2.0 * np.exp(-0.7 * t) + 0.05 * np.random.default_rng(4).standard_normal(50)
    data[[3, 30]] += 2.0
    start = np.array([0.5, 3.0])
    fit = levenberg_marquardt(lambda theta: exponential(theta, data, t), start, np.ones(2), loss)
    other = least_squares(
        lambda theta: exponential(theta, data, t)[0],
        start,
        loss=name,
        f_scale=1.345,
        xtol=1e-14,
        ftol=1e-14,
        gtol=1e-14,
    )
    assert fit.converged
    np.testing.assert_allclose(fit.values, other.x, rtol=1e-6)


def test_a_model_that_fails_there_makes_a_step_shorter() -> None:
    def model(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if theta[0] <= 0:
            raise ArithmeticError
        return np.array([np.log(theta[0])]), np.array([[1.0 / theta[0]]])

    fit = levenberg_marquardt(model, np.array([20.0]), np.ones(1))
    assert fit.converged and fit.values[0] == pytest.approx(1.0, abs=1e-6)


def test_constraints_keep_their_squares() -> None:
    r = np.array([10.0, -10.0, 10.0])
    loss = only_after(2, HUBER)
    np.testing.assert_allclose(loss.weights(r), [1.0, 1.0, 0.1345])
    np.testing.assert_allclose(loss.value(r)[:2], [50.0, 50.0])


def test_differences_of_a_batch() -> None:
    theta = np.array([2.0, 0.7])
    values, slopes = difference_jacobian(lambda b: b[:, :1] * np.exp(-b[:, 1:] * np.arange(4.0)), theta, theta)
    exact = exponential(theta, np.zeros(4), np.arange(4.0))
    np.testing.assert_allclose(values, exact[0] * 0.05, rtol=1e-14)
    np.testing.assert_allclose(slopes, exact[1] * 0.05, atol=1e-7)


def smoothing(noise: float, seed: int, count: int = 400) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A linear problem whose prior is right: c = L^-1 normal; data, design, roughness."""
    generator = np.random.default_rng(seed)
    roughness = np.diag(np.arange(1.0, 31.0) ** 2)
    c = np.linalg.solve(roughness, generator.standard_normal(30))
    design = generator.standard_normal((count, 30))
    data = (design @ c + noise * generator.standard_normal(count)) / noise
    return c, data, design / noise, roughness


def test_smooth_fit_is_the_penalised_solution_and_its_penalty_maximises_the_evidence() -> None:
    _, data, design, roughness = smoothing(0.5, 1)
    fit = smooth_gauss_newton(lambda c: (design @ c - data, design), roughness)
    normal = design.T @ design + fit.penalty * roughness.T @ roughness
    np.testing.assert_allclose(fit.values, np.linalg.solve(normal, design.T @ data), rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(fit.covariance, np.linalg.inv(normal), rtol=1e-8, atol=1e-12)
    assert fit.effective == pytest.approx(np.trace(np.linalg.solve(normal, design.T @ design)))

    def minus(penalty: float) -> float:
        spread = np.eye(len(data)) + design @ np.linalg.inv(penalty * roughness.T @ roughness) @ design.T
        return float(data @ np.linalg.solve(spread, data) + np.linalg.slogdet(spread)[1])

    assert minus(fit.penalty) < min(minus(1.05 * fit.penalty), minus(0.95 * fit.penalty))


def test_smooth_fit_beats_least_squares_and_its_intervals_cover() -> None:
    better, inside = 0, []
    for seed in range(20):
        c, data, design, roughness = smoothing(0.2, seed, 60)
        fit = smooth_gauss_newton(lambda c, a=design, b=data: (a @ c - b, a), roughness)
        plain = np.linalg.lstsq(design, data, rcond=None)[0]
        better += np.linalg.norm(fit.values - c) < np.linalg.norm(plain - c)
        inside.append(np.abs(fit.values[:3] - c[:3]) <= interval_factor(0.9) * np.sqrt(np.diag(fit.covariance)[:3]))
    assert better == 20
    assert 0.8 <= np.mean(inside) <= 0.99  # about 90 %, of 60 intervals


def test_observations_follow_their_definition() -> None:
    problem = make("poisson_inverse", noise=0.2, num_observations=20_000)
    (data,) = observe(problem, 0, ("u",))
    clean = problem.reference().values(data.points)
    signal = float(np.sqrt(np.mean(clean**2)))
    assert data.noise == pytest.approx(0.2 * signal) and data.noise == pytest.approx(0.05, rel=0.02)
    assert (data.values - clean).std() == pytest.approx(data.noise, rel=0.02)
    (again,), (other,) = observe(problem, 0, ("u",)), observe(problem, 1, ("u",))
    np.testing.assert_array_equal(data.values, again.values)
    assert not np.array_equal(data.values, other.values)


def test_gross_errors_replace_the_fraction_asked_for() -> None:
    problem = make("poisson_inverse", noise=0.01, num_observations=4000, outliers=0.1)
    (data,) = observe(problem, 0, ("u",))
    clean = problem.reference().values(data.points)
    signal = float(np.sqrt(np.mean(clean**2)))
    wrong = np.abs(data.values - clean) > 6.0 * data.noise
    assert 0.97 * 400 < wrong.sum() <= 400  # a few gross errors are small by chance
    assert data.values[wrong].std() == pytest.approx(GROSS * signal, rel=0.15)


def test_exact_data_are_exact() -> None:
    problem = make("poisson_inverse", noise=0.0)
    (data,) = observe(problem, 0, ("u",))
    assert data.noise == 0.0
    np.testing.assert_array_equal(data.values, problem.reference().values(data.points))


@pytest.mark.parametrize(
    ("keys", "message"),
    [((-0.1, 10, 0.0), "noise"), ((math.inf, 10, 0.0), "noise"), ((0.1, 0, 0.0), "num_"), ((0.1, 10, 0.5), "outliers")],
)
def test_impossible_keys_are_refused(keys: tuple[float, int, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_observation_keys(*keys)


def test_bend_penalty_has_the_weight_of_the_prior_and_vanishes_for_exact_data() -> None:
    problem = make("poisson_field")
    (data,) = problem.observations(0)
    penalty = bend_penalty(0.0, 1.0, 7.0, data)
    assert [c.derivative for c in penalty] == [("x", "x"), ("x", "y"), ("y", "y")]
    assert [c.weight for c in penalty] == pytest.approx([w * 0.1 * 7.0 * 0.01 / 2500 for w in (1.0, 2.0, 1.0)])
    (exact,) = make("poisson_field", noise=0.0).observations(0)
    assert bend_penalty(0.0, 1.0, 7.0, exact) == []
