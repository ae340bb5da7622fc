"""Solvers for evolution equations against closed forms, dense matrices and scipy."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from baselines.pinn_pde.solvers.fourier import ETDRK4, Series, SplitStep, Trajectory, march
from baselines.pinn_pde.solvers.lobatto import lobatto
from baselines.pinn_pde.solvers.space_time import SpaceTime, evolve, periodic_basis, periodic_derivative


@pytest.mark.parametrize("odd", [False, True])
def test_a_series_interpolates_and_is_inverted(odd: bool) -> None:
    series, generator = Series(12, 2.5, odd), np.random.default_rng(0)
    values = generator.normal(size=len(series.nodes)) + 1j * generator.normal(size=len(series.nodes))
    coefficients = series.coefficients(values)
    np.testing.assert_allclose(series.values(coefficients), values, atol=1e-13)
    np.testing.assert_allclose(series.basis(series.nodes) @ coefficients, values, atol=1e-13)
    k = series.wavenumbers[3]
    wave = (np.sin if odd else np.cos)(k * series.nodes)
    np.testing.assert_allclose(series.coefficients(wave), series.order == series.order[3], atol=1e-14)


def logistic_error(steps: int, linear: float) -> float:
    """u' = u (1 - u) with `linear` of the factor of u taken into L."""
    step = ETDRK4(np.array([linear]), lambda u: (1.0 - linear) * u - u**2, 2.0 / steps)
    exact = 0.1 * np.exp(2.0) / (0.9 + 0.1 * np.exp(2.0))
    return abs(float(march(step, np.array([0.1]), steps)[-1, 0]) - exact)


@pytest.mark.parametrize("linear", [0.0, 1.0, -3.0])
def test_etdrk4_is_of_fourth_order(linear: float) -> None:
    assert 14 < logistic_error(20, linear) / logistic_error(40, linear) < 18


def test_etdrk4_is_exact_without_nonlinear_part_and_for_a_constant_one() -> None:
    linear = np.array([0.0, 1e-9, -1e-5, -1.0, -1e3, -1e6])
    h, source = 0.3, 2.0
    found = ETDRK4(linear, lambda u: np.full_like(u, source), h)(np.ones(6))
    phi = np.array([h if z == 0 else np.expm1(z * h) / z for z in linear])
    np.testing.assert_allclose(found, np.exp(linear * h) + source * phi, rtol=1e-13)


def two_solitons(x: np.ndarray, t: float) -> np.ndarray:
    """Solution on the line from 2 sech x."""
    top = np.cosh(3 * x) + 3 * np.exp(4j * t) * np.cosh(x)
    return 4 * np.exp(0.5j * t) * top / (np.cosh(4 * x) + 4 * np.cosh(2 * x) + 3 * np.cos(4 * t))


def soliton_error(steps: int) -> tuple[float, float]:
    series = Series(384, 25.0)
    start = series.coefficients(2 / np.cosh(series.nodes) + 0j)
    final = series.values(march(SplitStep(series, 1.0 / steps), start, steps)[-1])
    mass = np.trapezoid(np.abs(final) ** 2, series.nodes)
    return float(np.abs(final - two_solitons(series.nodes, 1.0)).max()), abs(float(mass) - 4 * np.tanh(25.0))


def test_split_steps_are_of_fourth_order_and_conserve_the_mass() -> None:
    coarse, fine = soliton_error(200), soliton_error(400)
    assert 15 < coarse[0] / fine[0] < 17
    assert max(coarse[1], fine[1]) < 1e-11


def test_split_steps_agree_with_a_general_integrator_where_the_box_matters() -> None:
    series = Series(48, 5.0)
    start = 2 / np.cosh(series.nodes) + 0j
    second = np.array([series.values(-(series.wavenumbers**2) * series.coefficients(row)) for row in np.eye(49)]).T
    solved = solve_ivp(
        lambda _, h: 1j * (0.5 * second @ h + np.abs(h) ** 2 * h), (0, 0.8), start, "DOP853", rtol=1e-10, atol=1e-11
    )
    marched = march(SplitStep(series, 0.8 / 800), series.coefficients(start), 800)[-1]
    assert np.abs(series.values(marched) - solved.y[:, -1]).max() < 1e-7


def test_marching_into_infinity_is_an_error() -> None:
    with pytest.raises(FloatingPointError, match="not finite after 60 steps of 1 modes"):
        march(lambda state: state**3, np.array([10.0]), 60)


def test_a_trajectory_is_exact_at_steps_and_of_degree_seven_between() -> None:
    series, times = Series(3, 1.0), np.linspace(0.0, 2.0, 21)
    states = np.stack([np.ones(21), times**7 - times, np.zeros(21), np.zeros(21)], axis=1)
    solution = Trajectory(series.basis, states, 2.0)
    points = np.random.default_rng(0).uniform([0, 0], [1, 2], (200, 2))
    exact = 1 + (points[:, 1] ** 7 - points[:, 1]) * np.cos(np.pi * points[:, 0])
    np.testing.assert_allclose(solution(points), exact, atol=1e-10)
    on_steps = np.array([[x, t] for x in (0.2, 0.7) for t in times])
    np.testing.assert_allclose(solution(on_steps), solution(np.vstack([on_steps, points]))[:42], atol=1e-12)
    np.testing.assert_array_equal(solution.at(times), states)
    with pytest.raises(ValueError, match="at least 7 steps"):
        Trajectory(series.basis, states[:7], 2.0)


def test_fast_phases_are_interpolated_without_loss() -> None:
    linear, times = np.array([-40j, -900j]), np.linspace(0.0, 1.0, 51)
    states = np.exp(np.outer(times, linear)) * (1 + times[:, None] ** 2)
    between = np.array([0.013, 0.5077, 0.999])
    exact = np.exp(np.outer(between, linear)) * (1 + between[:, None] ** 2)
    solution = Trajectory(lambda x: np.ones((len(x), 2)), states, 1.0, linear)
    np.testing.assert_allclose(solution.at(between), exact, atol=1e-9)


def test_collocation_in_space_and_time_agrees_with_the_matrix_exponential() -> None:
    generator = np.random.default_rng(0)
    matrix, start = generator.normal(size=(6, 6)), generator.normal(size=6)
    time, values = evolve(matrix, start, 24, 1.5)
    for t, value in zip(time.nodes, values, strict=True):
        np.testing.assert_allclose(value, expm(matrix * t) @ start, atol=1e-10)
    solution = SpaceTime(lambda x: np.stack([x**j for j in range(6)], axis=1), time, values)
    points = np.array([[0.3, 0.77], [0.9, 1.31]])
    exact = [(expm(matrix * t) @ start) @ x ** np.arange(6) for x, t in points]
    np.testing.assert_allclose(solution(points), exact, atol=1e-10)


def test_periodic_interpolation_and_derivative() -> None:
    x = np.arange(7) * 3.0 / 7
    k = 2 * np.pi / 3.0
    values, slopes = np.sin(k * x) + np.cos(3 * k * x), k * np.cos(k * x) - 3 * k * np.sin(3 * k * x)
    np.testing.assert_allclose(periodic_derivative(7, 3.0) @ values, slopes, atol=1e-12)
    anywhere = np.array([0.0, 0.1, 1.7, 2.999, 3.0])
    exact = np.sin(k * anywhere) + np.cos(3 * k * anywhere)
    np.testing.assert_allclose(periodic_basis(x, 3.0)(anywhere) @ values, exact, atol=1e-12)
    with pytest.raises(ValueError, match="odd number"):
        periodic_derivative(6, 3.0)


def test_etdrk4_agrees_with_an_implicit_integrator_on_allen_cahn() -> None:
    """Cosines against polynomials with zero slope at both ends, diffusion 0.05, after the kink is gone."""
    diffusivity, cosines, rule = 0.05, Series(256, 1.0), lobatto(40, 0.0, 1.0)
    linear = 5.0 - diffusivity * cosines.wavenumbers**2
    start = cosines.coefficients(cosines.nodes**2 * np.cos(np.pi * cosines.nodes))
    step = ETDRK4(linear, lambda c: -5.0 * cosines.coefficients(cosines.values(c) ** 3), 1 / 200)
    ours = cosines.basis(rule.nodes) @ march(step, start, 200)[-1]

    d = rule.derivative
    ends = -np.linalg.solve(d[np.ix_([0, -1], [0, -1])], d[[0, -1], 1:-1])  # ends from inner values: zero slope

    def rhs(_: float, inner: np.ndarray) -> np.ndarray:
        left, right = ends @ inner
        u = np.concatenate([[left], inner, [right]])
        return (diffusivity * d @ (d @ u) + 5.0 * (u - u**3))[1:-1]

    x = rule.nodes[1:-1]
    solved = solve_ivp(rhs, (0, 1), x**2 * np.cos(np.pi * x), "Radau", t_eval=[1.0], rtol=1e-8, atol=1e-10)
    assert np.abs(ours[1:-1] - solved.y[:, -1]).max() < 2e-5  # the polynomials do not see the kink of the start exactly
