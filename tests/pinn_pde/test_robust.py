import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar

from baselines.pinn_pde.robust import HUBER, SQUARES, STUDENT, Loss, huber_loss, huber_weights, median_scale

LOSSES = {"huber": HUBER, "student": STUDENT, "squares": SQUARES}


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_weights_are_the_slope_of_the_loss_over_the_residual(loss: Loss) -> None:
    r = np.concatenate([np.linspace(-6.0, 6.0, 61) + 0.013])
    slope = (loss.value(r + 1e-6) - loss.value(r - 1e-6)) / 2e-6
    np.testing.assert_allclose(loss.weights(r) * r, slope, atol=1e-8)


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_numpy_and_torch_agree(loss: Loss) -> None:
    r = np.linspace(-6.0, 6.0, 31)
    for function in (loss.value, loss.weights):
        np.testing.assert_allclose(function(torch.as_tensor(r)).numpy(), function(r), rtol=1e-14)


def test_huber_is_quadratic_then_linear() -> None:
    np.testing.assert_allclose(huber_loss(np.array([0.0, 0.5, -2.0, 10.0]), k=1.0), [0.0, 0.125, 1.5, 9.5])
    np.testing.assert_allclose(huber_weights(np.array([0.0, 0.5, -2.0, 10.0]), k=1.0), [1.0, 1.0, 0.5, 0.1])


def test_huber_keeps_95_percent_of_the_efficiency_under_normal_noise() -> None:
    # variance of a location estimate is E psi^2 / (E psi')^2; that of the mean is 1
    x = np.linspace(-12.0, 12.0, 48001)
    density = np.exp(-0.5 * x**2) / np.sqrt(2.0 * np.pi)
    psi = HUBER.weights(x) * x
    spread = np.trapezoid(psi**2 * density, x) / np.trapezoid((np.abs(x) < 1.345) * density, x) ** 2
    assert 1.0 / spread == pytest.approx(0.95, abs=1e-3)


@pytest.mark.parametrize("loss", [HUBER, STUDENT], ids=["huber", "student"])
def test_reweighting_finds_the_minimum_and_gross_errors_do_not_move_it(loss: Loss) -> None:
    generator = np.random.default_rng(0)
    y = 3.0 + generator.standard_normal(200)
    y[:20] = 100.0
    location, losses = float(np.median(y)), []
    for _ in range(100):
        w = loss.weights(location - y)
        losses.append(float(np.sum(loss.value(location - y))))
        location = float(np.sum(w * y) / np.sum(w))
    assert np.all(np.diff(losses) <= 1e-10), "each step lowers the loss"
    best = minimize_scalar(lambda m: float(np.sum(loss.value(m - y))), bounds=(2.0, 4.0), method="bounded").x
    assert location == pytest.approx(best, abs=1e-4)
    assert abs(location - 3.0) < 0.3 < abs(y.mean() - 3.0)


def test_median_scale() -> None:
    r = 0.3 * np.random.default_rng(1).standard_normal(100_000)
    assert median_scale(r) == pytest.approx(0.3, rel=0.02)
    r[:20_000] = 1e6
    assert median_scale(r) < 0.5
