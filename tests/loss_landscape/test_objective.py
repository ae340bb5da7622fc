"""The objective: its losses, and its parameters as one vector."""

import pytest
import torch

from baselines.loss_landscape.layers import mlp
from baselines.loss_landscape.objective import Objective, cross_entropy, half_squared_error, one_hot


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def small(criterion=half_squared_error, batch_norm=False):
    inputs = torch.randn(12, 4, generator=generator(), dtype=torch.float64)
    targets = one_hot(torch.arange(12) % 3, 3, torch.float64)
    model = mlp([4, 5, 3], "tanh", generator(1), torch.float64, batch_norm=batch_norm)
    return Objective(model, inputs, targets, criterion)


def test_half_squared_error():
    outputs = torch.tensor([[1.0, 2.0], [0.0, 0.0]])
    targets = torch.tensor([[0.0, 0.0], [0.0, 3.0]])
    assert half_squared_error(outputs, targets).item() == 0.5 * (1 + 4 + 9) / 2


def test_scale_against_torch():
    outputs, targets = torch.randn(7, 10, generator=generator()), torch.randn(7, 10, generator=generator(1))
    mean_over_classes = torch.nn.functional.mse_loss(outputs, targets)
    torch.testing.assert_close(half_squared_error(outputs, targets), 10 / 2 * mean_over_classes)


def test_cross_entropy_by_hand():
    outputs = torch.tensor([[0.0, 0.0], [1.0, 0.0]], dtype=torch.float64)
    targets = torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    expected = (torch.log(torch.tensor(2.0)) + torch.log(1 + torch.exp(torch.tensor(1.0, dtype=torch.float64)))) / 2
    assert cross_entropy(outputs, targets).item() == pytest.approx(expected.item(), rel=1e-7)


def test_a_batch_of_all_examples_is_the_full_loss():
    objective = small()
    assert objective.loss_on(torch.arange(12)).item() == pytest.approx(objective.loss().item(), rel=1e-14)
    halves = [objective.loss_on(rows).item() for rows in torch.arange(12).split(6)]
    assert sum(halves) / 2 == pytest.approx(objective.loss().item(), rel=1e-14)


def test_gradient_against_differences():
    objective = small(cross_entropy)
    gradient, start = objective.gradient(), objective.vector()
    direction = torch.randn(objective.size, generator=generator(3), dtype=torch.float64)
    step = 1e-5
    ends = objective.losses_at(torch.stack([start + step * direction, start - step * direction]))
    assert ((ends[0] - ends[1]) / (2 * step)).item() == pytest.approx((gradient @ direction).item(), rel=1e-8)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_losses_at_many_vectors_equal_those_of_the_model(batch_norm):
    objective = small(batch_norm=batch_norm)
    start = objective.vector()
    vectors = start + 0.3 * torch.randn(7, objective.size, generator=generator(2), dtype=torch.float64)
    batched = objective.losses_at(vectors, chunk=3)
    for vector, found in zip(vectors, batched, strict=True):
        objective.assign(vector)
        assert torch.equal(objective.vector(), vector)
        assert found.item() == pytest.approx(objective.loss().item(), rel=1e-13)


def test_vectors_are_copies():
    objective = small()
    vector = objective.vector()
    vector += 1
    assert not torch.equal(vector, objective.vector())
    objective.assign(vector)
    with torch.no_grad():
        objective.parameters[0].add_(1.0)
    assert not torch.equal(vector, objective.vector())


def test_accuracy():
    objective = small()
    perfect = Objective(torch.nn.Identity(), objective.targets, objective.targets)
    assert perfect.accuracy() == 1.0
    shifted = Objective(torch.nn.Identity(), objective.targets.roll(1, dims=1), objective.targets)
    assert shifted.accuracy() == 0.0
    with pytest.raises(ValueError, match="single output"):
        Objective(torch.nn.Identity(), torch.ones(2, 1), torch.ones(2, 1)).accuracy()
