import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize_scalar

from baselines.pinn_pde.inverse import diffusivity_cramer_rao, diffusivity_least_squares
from baselines.pinn_pde.metrics import decay_rate, energy, max_error, outward_flux, relative_l2, rms, steepest_slope


def test_errors() -> None:
    reference, prediction = np.array([[3.0], [4.0]]), np.array([[3.0], [4.5]])
    assert relative_l2(prediction, reference) == pytest.approx(0.1)
    assert max_error(prediction, reference) == pytest.approx(0.5)
    assert rms(np.array([[1.0, -1.0], [2.0, -2.0]])) == pytest.approx(np.sqrt(2.5))


@pytest.mark.parametrize("score", [relative_l2, max_error])
def test_errors_refuse_shapes_that_would_broadcast(score) -> None:
    with pytest.raises(ValueError, match="differ in shape"):
        score(np.zeros(3), np.ones((3, 1)))


def test_energy_and_its_decay() -> None:
    x, t = np.linspace(0, 1, 101), np.linspace(0, 1, 11)
    u = np.exp(-2.0 * t) * np.sin(np.pi * x)[:, None]
    exact = quad(lambda s: np.sin(np.pi * s) ** 2, 0, 1)[0]
    assert energy(u, x)[0] == pytest.approx(exact)
    assert decay_rate(energy(u, x), t) == pytest.approx(4.0)
    assert np.isnan(decay_rate(np.array([1.0, 0.0]), np.array([0.0, 1.0])))


def test_steepest_slope_of_a_moving_profile() -> None:
    steepness = lambda t: 5.0 * np.exp(-((t - 0.3) ** 2))  # noqa: E731
    slope = steepest_slope(lambda p: -np.tanh(steepness(p[:, 1:]) * p[:, :1]), 0.0, np.linspace(0, 1, 101))
    assert slope == pytest.approx(5.0, rel=1e-6)


def test_outward_flux_is_the_integral_of_the_laplacian() -> None:
    flux = outward_flux(lambda p: p[:, :1] ** 2 + p[:, :1] * p[:, 1:] + 3 * p[:, 1:] ** 2, size=2.0)
    assert flux == pytest.approx(-(2 + 6) * 4.0)  # minus the Laplacian times the area
    sine = outward_flux(lambda p: np.sin(np.pi * p[:, :1]) * np.sin(np.pi * p[:, 1:]))
    assert sine == pytest.approx(8.0, rel=1e-4)


@pytest.fixture
def data() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(2)
    points = generator.uniform(size=(50, 2))
    g = np.sin(np.pi * points[:, :1]) * np.sin(np.pi * points[:, 1:])
    return g, g / 2.0 + 0.05 * generator.standard_normal((50, 1))


def test_least_squares_is_the_brute_force_minimum(data: tuple[np.ndarray, np.ndarray]) -> None:
    g, y = data
    found = minimize_scalar(
        lambda a: np.sum((y - g / a) ** 2), bounds=(0.5, 8.0), method="bounded", options={"xatol": 1e-10}
    )
    assert diffusivity_least_squares(g, y, 0.05).value == pytest.approx(found.x, rel=1e-6)


def test_standard_error_is_the_scatter_over_many_data_sets(data: tuple[np.ndarray, np.ndarray]) -> None:
    g, generator = data[0], np.random.default_rng(3)
    fits = [diffusivity_least_squares(g, g / 2 + 0.05 * generator.standard_normal(g.shape), 0.05) for _ in range(4000)]
    scatter = np.std([fit.value for fit in fits], ddof=1)
    bound = diffusivity_cramer_rao(g, 2.0, 0.05)
    assert scatter == pytest.approx(bound, rel=0.06)  # sampling 1.1 % and the curvature of 1 / theta
    assert np.mean([fit.standard_error for fit in fits]) == pytest.approx(bound, rel=0.03)


def test_cramer_rao_is_the_inverse_fisher_information(data: tuple[np.ndarray, np.ndarray]) -> None:
    g, h = data[0], 1e-6
    du_da = (g / (2.0 + h) - g / (2.0 - h)) / (2 * h)
    assert diffusivity_cramer_rao(g, 2.0, 0.05) == pytest.approx(1 / np.sqrt(np.sum(du_da**2) / 0.05**2), rel=1e-8)


def test_least_squares_refuses_nonsense(data: tuple[np.ndarray, np.ndarray]) -> None:
    g, y = data
    with pytest.raises(ValueError, match="differ in shape"):
        diffusivity_least_squares(g, y[:, 0], 0.05)
    with pytest.raises(ValueError, match="no positive diffusivity"):
        diffusivity_least_squares(g, -y, 0.05)
