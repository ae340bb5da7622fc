"""The preconditioner read from an optimizer's state: it makes the step, and its curvature is that of P^-1 H."""

import numpy as np
import pytest
import torch

from baselines.loss_landscape.descent import descend, take_step
from baselines.loss_landscape.hessian import Hessian
from baselines.loss_landscape.layers import mlp
from baselines.loss_landscape.objective import Objective
from baselines.loss_landscape.preconditioner import preconditioner

LR = 1e-2


def problem():
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(30, 5, generator=generator, dtype=torch.float64)
    return Objective(mlp([5, 8, 2], "tanh", generator, torch.float64), inputs, torch.sin(2 * inputs[:, :2]))


def adam(parameters, **keys):
    return torch.optim.Adam(parameters, **({"lr": LR, "betas": (0.8, 0.95), "eps": 1e-3} | keys))


def rmsprop(parameters, **keys):
    return torch.optim.RMSprop(parameters, lr=LR, alpha=0.9, eps=1e-3, **keys)


@pytest.mark.parametrize("build", [adam, rmsprop])
def test_it_makes_the_step(build):
    """w' - w = -lr P^-1 m, with the averaged gradient m that the test follows itself."""
    objective = problem()
    optimizer = build(objective.parameters)
    assert preconditioner(optimizer) is None
    m, beta1 = torch.zeros(objective.size, dtype=torch.float64), 0.8 if build is adam else 0.0
    for _ in range(5):
        before, g = objective.vector(), objective.gradient()
        m = beta1 * m + (1 - beta1) * g
        take_step(objective, optimizer, list(torch.autograd.grad(objective.loss(), objective.parameters)))
        torch.testing.assert_close(objective.vector() - before, -LR * m / preconditioner(optimizer), rtol=1e-10, atol=0)


def test_adam_against_its_recursion():
    objective = problem()
    optimizer = adam(objective.parameters)
    v = torch.zeros(objective.size, dtype=torch.float64)
    for t in range(1, 5):
        v = 0.95 * v + 0.05 * objective.gradient() ** 2
        take_step(objective, optimizer, list(torch.autograd.grad(objective.loss(), objective.parameters)))
        expected = (1 - 0.8**t) * ((v / (1 - 0.95**t)).sqrt() + 1e-3)
        torch.testing.assert_close(preconditioner(optimizer), expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("build", [adam, rmsprop])
def test_curvature_along_training_equals_the_dense_preconditioned_hessian(build):
    """The largest eigenvalues of P^-1 H, a matrix that is not symmetric, by numpy's general solver."""
    objective = problem()
    optimizer = build(objective.parameters)
    seen = 0
    for state in descend(objective, optimizer, 40, every=8, k=2, tol=1e-6, preconditioner=preconditioner):
        assert (state.top is None) == (state.step % 8 != 0 or state.step == 0)
        if state.top is not None:
            dense = Hessian(objective.loss(), objective.parameters).dense().numpy()
            exact = np.linalg.eigvals(dense / preconditioner(optimizer).numpy()[:, None])
            np.testing.assert_allclose(state.top.values, np.sort(exact.real)[::-1][:2], rtol=1e-6)
            seen += 1
    assert seen == 5


@pytest.mark.parametrize(
    "build",
    [
        lambda p: torch.optim.SGD(p, lr=LR),
        lambda p: adam(p, amsgrad=True),
        lambda p: rmsprop(p, momentum=0.5),
        lambda p: rmsprop(p, centered=True),
    ],
)
def test_others_are_refused(build):
    with pytest.raises(TypeError, match="no preconditioner known"):
        preconditioner(build(problem().parameters))
