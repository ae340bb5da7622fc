"""Gradient flow on a quadratic, where it is w(t) = exp(-H t) w(0)."""

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from baselines.loss_landscape.gradient_flow import gradient_flow, rk4
from baselines.loss_landscape.layers import mlp
from baselines.loss_landscape.objective import Objective


def regression():
    """Linear regression with one output and no bias: H = X'X / N, and the minimum is 0."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(30, 6, generator=generator, dtype=torch.float64)
    model = torch.nn.Linear(6, 1, bias=False, dtype=torch.float64)
    with torch.no_grad():
        model.weight.copy_(torch.randn(1, 6, generator=generator, dtype=torch.float64))
    return Objective(model, inputs, torch.zeros(30, 1, dtype=torch.float64)), (inputs.T @ inputs / 30).numpy()


def error(h: float) -> float:
    """Of the method at time 2."""
    objective, covariance = regression()
    w = start = objective.vector()
    matrix = torch.from_numpy(covariance)
    for _ in range(round(2 / h)):
        w = rk4(lambda v: -(matrix @ v), w, h)
    return float(np.abs(w.numpy() - expm(-2 * covariance) @ start.numpy()).max())


def test_order_four():
    errors = [error(h) for h in (0.2, 0.1, 0.05, 0.025)]
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all(np.abs(orders - 4) < 0.3), orders


@pytest.mark.parametrize("alpha", [0.05, 0.4])
def test_flow_of_a_quadratic_is_the_matrix_exponential(alpha):
    objective, covariance = regression()
    start, times = objective.vector().numpy(), [0.0, 0.3, 1.0, 4.0]
    states = list(gradient_flow(objective, times, alpha=alpha))
    assert [state.time for state in states] == times
    sharpness = np.linalg.eigvalsh(covariance)[-1]
    for state in states:
        exact = expm(-state.time * covariance) @ start
        np.testing.assert_allclose(state.vector.numpy(), exact, atol=2e-3 * alpha**4)
        assert state.loss == pytest.approx(0.5 * exact @ covariance @ exact, rel=0.02, abs=1e-12)
        assert state.sharpness == pytest.approx(sharpness, rel=1e-8)
    steps = np.ceil(np.diff(times) * sharpness / alpha)
    assert states[-1].gradients == 4 * steps.sum()


def test_largest_step_is_kept():
    objective, _ = regression()
    (state,) = gradient_flow(objective, [1.0], alpha=2.0, largest=0.01)
    assert state.gradients == 400


def test_a_network_against_an_independent_solver():
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(20, 3, generator=generator, dtype=torch.float64)
    objective = Objective(mlp([3, 5, 1], "tanh", generator, torch.float64), inputs, torch.sin(3 * inputs[:, :1]))
    start = objective.vector().numpy()

    def field(_, w):
        objective.assign(torch.from_numpy(w))
        return -objective.gradient().numpy()

    exact = solve_ivp(field, (0, 20), start, t_eval=[5.0, 20.0], rtol=1e-10, atol=1e-12).y.T
    objective.assign(torch.from_numpy(start))
    for state, point in zip(gradient_flow(objective, [5.0, 20.0], alpha=0.5), exact, strict=True):
        np.testing.assert_allclose(state.vector.numpy(), point, atol=1e-5)
    assert np.abs(exact[-1] - start).max() > 0.1


def test_bad_times_and_divergence():
    objective, _ = regression()
    with pytest.raises(ValueError, match="times must increase"):
        list(gradient_flow(objective, [1.0, 0.5]))
    broken = Objective(objective.model, objective.inputs * torch.inf, objective.targets)
    with pytest.raises(FloatingPointError, match="gradient flow is nan"):
        list(gradient_flow(broken, [0.0, 1.0]))
