"""SAM's step against its definition."""

import pytest
import torch

from baselines.loss_landscape.descent import take_step
from baselines.loss_landscape.layers import mlp
from baselines.loss_landscape.objective import Objective
from baselines.loss_landscape.sam import SAM


def problem():
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(20, 4, generator=generator, dtype=torch.float64)
    return Objective(mlp([4, 6, 2], "tanh", generator, torch.float64), inputs, torch.sin(2 * inputs[:, :2]))


def step(objective, optimizer, rows=None):
    loss = objective.loss() if rows is None else objective.loss_on(rows)
    take_step(objective, optimizer, list(torch.autograd.grad(loss, objective.parameters)), rows)
    return objective.vector()


@pytest.mark.parametrize("rho", [0.0, 0.05, 1.0])
def test_three_steps_equal_the_definition(rho):
    objective, other = problem(), problem()
    optimizer = SAM(objective.parameters, lr=0.3, rho=rho)
    w = other.vector()
    for _ in range(3):
        other.assign(w)
        g = other.gradient()
        other.assign(w + rho * g / g.norm())
        w = w - 0.3 * other.gradient()
        torch.testing.assert_close(step(objective, optimizer), w, rtol=1e-13, atol=1e-15)


def test_mini_batches_perturb_and_descend_on_the_same_examples():
    objective, other, rows = problem(), problem(), torch.tensor([3, 1, 7])
    found = step(objective, SAM(objective.parameters, lr=0.3, rho=0.5), rows)
    small = Objective(other.model, other.inputs[rows], other.targets[rows])
    w, g = small.vector(), small.gradient()
    small.assign(w + 0.5 * g / g.norm())
    torch.testing.assert_close(found, w - 0.3 * small.gradient(), rtol=1e-13, atol=1e-15)


def test_zero_gradient_stays():
    objective = problem()
    exact = Objective(objective.model, objective.inputs, objective.model(objective.inputs).detach())
    before = exact.vector()
    assert torch.equal(step(exact, SAM(exact.parameters, lr=0.3, rho=0.5)), before)


def test_it_has_the_step_of_torch():
    """The closure is evaluated at the perturbed point, and its loss returned."""
    w = torch.tensor([3.0, 4.0], dtype=torch.float64)
    optimizer = SAM([w], lr=0.1, rho=5.0)
    w.grad = w.clone()
    seen = []

    def closure():
        seen.append(w.clone())
        w.grad = w.clone()
        return 17.0

    assert optimizer.step(closure) == 17.0
    torch.testing.assert_close(seen, [torch.tensor([6.0, 8.0], dtype=torch.float64)])
    torch.testing.assert_close(w, torch.tensor([2.4, 3.2], dtype=torch.float64))


def test_bad_arguments():
    w = torch.ones(2)
    with pytest.raises(ValueError, match="lr > 0"):
        SAM([w], lr=0.0)
    with pytest.raises(ValueError, match="rho >= 0"):
        SAM([w], lr=0.1, rho=-1.0)
    w.grad = torch.ones(2)
    with pytest.raises(ValueError, match="closure"):
        SAM([w], lr=0.1).step()
