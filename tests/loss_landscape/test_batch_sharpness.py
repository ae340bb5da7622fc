"""Batch sharpness against dense Hessians of the mini-batches."""

import pytest
import torch

from baselines.loss_landscape.batch_sharpness import batch_sharpness
from baselines.loss_landscape.hessian import Hessian, top_eigenvalues
from baselines.loss_landscape.layers import mlp
from baselines.loss_landscape.objective import Objective, cross_entropy


def problem(criterion=None, batch_norm=False):
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(24, 4, generator=generator, dtype=torch.float64)
    labels = torch.nn.functional.one_hot(torch.arange(24) % 3, 3).double()
    model = mlp([4, 6, 3], "tanh", generator, torch.float64, batch_norm=batch_norm)
    return Objective(model, inputs, labels, **({"criterion": criterion} if criterion else {}))


@pytest.mark.parametrize("keys", [{}, {"criterion": cross_entropy}, {"batch_norm": True}])
@pytest.mark.parametrize("size", [3, 8])
def test_against_dense_hessians(keys, size):
    objective = problem(**keys)
    batches = torch.randperm(24, generator=torch.Generator().manual_seed(1)).split(size)
    above = below = 0.0
    for rows in batches:
        small = Objective(objective.model, objective.inputs[rows], objective.targets[rows], objective.criterion)
        g = small.gradient()
        above += (g @ Hessian(small.loss(), small.parameters).dense() @ g).item()
        below += (g @ g).item()
    assert batch_sharpness(objective, batches) == pytest.approx(above / below, rel=1e-12)


def test_it_changes_nothing():
    objective = problem()
    before = objective.vector()
    batch_sharpness(objective, [torch.arange(5)])
    assert torch.equal(objective.vector(), before)
    assert all(parameter.grad is None for parameter in objective.parameters)


def test_full_batch_is_the_curvature_along_the_gradient():
    objective = problem()
    value = batch_sharpness(objective, [torch.arange(24)])
    assert value <= top_eigenvalues(Hessian(objective.loss(), objective.parameters)).values[0]


def test_one_example_of_a_linear_model_is_its_squared_norm():
    """L = (w'x - y)^2 / 2: the gradient is parallel to x, and x'(xx')x / x'x = |x|^2."""
    model = torch.nn.Linear(4, 1, bias=False, dtype=torch.float64)
    inputs = torch.arange(8, dtype=torch.float64).reshape(2, 4)
    objective = Objective(model, inputs, torch.ones(2, 1, dtype=torch.float64))
    assert batch_sharpness(objective, [torch.tensor([1])]) == pytest.approx(inputs[1].square().sum().item(), rel=1e-12)


def test_nothing_to_average():
    with pytest.raises(ValueError, match="at least one mini-batch"):
        batch_sharpness(problem(), [])
