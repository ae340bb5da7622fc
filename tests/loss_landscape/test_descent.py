"""The training loop on linear regression, where everything is known in closed form."""

import numpy as np
import pytest
import torch

from baselines.loss_landscape.descent import descend
from baselines.loss_landscape.hessian import Hessian
from baselines.loss_landscape.layers import mlp
from baselines.loss_landscape.objective import Objective
from baselines.loss_landscape.sam import SAM


def regression(seed=0):
    """Linear regression with one output and no bias: the Hessian is X'X / N, and the minimum is 0."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(30, 20, generator=generator, dtype=torch.float64)
    model = torch.nn.Linear(20, 1, bias=False, dtype=torch.float64)
    with torch.no_grad():
        model.weight.copy_(torch.randn(1, 20, generator=generator, dtype=torch.float64))
    covariance = (inputs.T @ inputs / 30).numpy()
    return Objective(model, inputs, torch.zeros(30, 1, dtype=torch.float64)), covariance


def run(objective, lr, steps, **keys):
    optimizer = torch.optim.SGD(objective.parameters, lr=lr)
    return list(descend(objective, optimizer, steps, **({"every": 10} | keys)))


def test_iterates_equal_the_closed_form():
    objective, covariance = regression()
    start = objective.parameters[0].detach().numpy().copy()
    states = run(objective, 0.1, 50)
    factor = np.linalg.matrix_power(np.eye(20) - 0.1 * covariance, 50)
    final = start @ factor  # w_t = w_0 (I - eta C)^t
    assert [state.step for state in states] == list(range(51))
    assert states[-1].loss == pytest.approx(0.5 * np.sum((final @ covariance) * final), rel=1e-12)


def test_sharpness_of_a_quadratic_is_constant_and_exact():
    objective, covariance = regression()
    exact = np.linalg.eigvalsh(covariance)[::-1]
    measured = [state.top for state in run(objective, 0.1, 40, tol=1e-6, k=3) if state.top]
    assert len(measured) == 5
    for top in measured:
        np.testing.assert_allclose(top.values, exact[:3], rtol=1e-8)


@pytest.mark.parametrize(("share", "grows"), [(0.98, False), (1.02, True)])
def test_stable_if_and_only_if_the_sharpness_is_below_two_over_eta(share, grows):
    objective, covariance = regression()
    lr = share * 2 / np.linalg.eigvalsh(covariance)[-1]
    losses = [state.loss for state in run(objective, lr, 300, every=1000)]
    assert (losses[-1] > losses[0]) == grows
    if not grows:
        assert np.all(np.diff(losses) < 0)


def test_divergence_raises_with_the_step():
    objective, covariance = regression()
    with pytest.raises(FloatingPointError, match="the loss is inf at step"):
        run(objective, 20 / np.linalg.eigvalsh(covariance)[-1], 1000, every=10000)


def test_sharpness_along_training_equals_the_dense_hessian():
    """Warm starts, crossings of eigenvalues and the edge of stability itself: still the top eigenvalue."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(40, 6, generator=generator, dtype=torch.float64)
    targets = torch.sin(3 * inputs[:, :2])
    objective = Objective(mlp([6, 12, 2], "tanh", generator, torch.float64), inputs, targets)
    optimizer = torch.optim.SGD(objective.parameters, lr=0.8)
    sharpest = 0.0
    for state in descend(objective, optimizer, 300, every=15):
        if state.top is not None:
            dense = Hessian(objective.loss(), objective.parameters).dense().numpy()
            assert state.top.values[0] == pytest.approx(np.linalg.eigvalsh(dense)[-1], rel=1e-4)
            sharpest = max(sharpest, state.top.values[0])
    assert sharpest > 2.0


def test_measuring_does_not_change_the_training():
    often, never = (run(regression()[0], 0.1, 30, every=every)[-1].loss for every in (1, 1000))
    assert often == never


def test_mini_batches_make_the_steps_and_all_examples_the_curvature():
    """Iterates by hand; the curvature and the loss of a measurement are those of all examples."""
    objective, covariance = regression()
    exact = np.linalg.eigvalsh(covariance)[-1]
    rows = [torch.arange(i, i + 5) for i in range(0, 25, 5)]
    w = objective.vector()
    optimizer = torch.optim.SGD(objective.parameters, lr=0.05)
    for state in descend(objective, optimizer, 4, every=2, tol=1e-6, batches=iter(rows)):
        torch.testing.assert_close(objective.vector(), w, rtol=1e-12, atol=0)
        assert (state.top is None) == (state.step % 2 == 1) == (state.gradient_norm is None)
        if state.top is not None:
            assert state.top.values[0] == pytest.approx(exact, rel=1e-8)
            assert state.loss == pytest.approx(0.5 * w.numpy() @ covariance @ w.numpy(), rel=1e-12)
            assert state.gradient_norm == pytest.approx(np.linalg.norm(covariance @ w.numpy()), rel=1e-12)
        x = objective.inputs[rows[state.step]]
        w = w - 0.05 * x.T @ (x @ w) / 5
    assert state.step == 4


def test_the_last_iterate_is_left_where_it_is():
    objective, covariance = regression()
    run(objective, 0.1, 1)
    start = regression()[0].vector().numpy()
    np.testing.assert_allclose(objective.vector().numpy(), start - 0.1 * covariance @ start, rtol=1e-12)


def test_an_optimizer_with_a_closure():
    """SAM on a quadratic: w' = w - lr C (w + rho C w / |C w|)."""
    objective, covariance = regression()
    w = objective.vector().numpy()
    list(descend(objective, SAM(objective.parameters, lr=0.1, rho=0.3), 2, every=1))
    for _ in range(2):
        g = covariance @ w
        w = w - 0.1 * covariance @ (w + 0.3 * g / np.linalg.norm(g))
    np.testing.assert_allclose(objective.vector().numpy(), w, rtol=1e-12)


def test_times_are_of_the_parts():
    states = run(regression()[0], 0.1, 20, every=10)
    assert all(state.gradient_s >= 0 for state in states)
    assert all((state.curvature_s > 0) == (state.top is not None) for state in states)
