"""The training loss and the network."""

import math

import pytest
import torch

from baselines.loss_landscape.config import Config
from baselines.loss_landscape.objective import ACTIVATIONS, half_squared_error, mlp
from baselines.loss_landscape.optimizers.gd import Optimizer
from baselines.loss_landscape.tasks import digits


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_half_squared_error():
    outputs = torch.tensor([[1.0, 2.0], [0.0, 0.0]])
    targets = torch.tensor([[0.0, 0.0], [0.0, 3.0]])
    assert half_squared_error(outputs, targets).item() == 0.5 * (1 + 4 + 9) / 2


def test_scale_against_torch():
    outputs, targets = torch.randn(7, 10, generator=generator()), torch.randn(7, 10, generator=generator(1))
    mean_over_classes = torch.nn.functional.mse_loss(outputs, targets)
    torch.testing.assert_close(half_squared_error(outputs, targets), 10 / 2 * mean_over_classes)


def test_initial_weights():
    model = mlp([64, 32, 32, 10], "tanh", generator(), torch.float64)
    for linear in (layer for layer in model if isinstance(layer, torch.nn.Linear)):
        bound = 1 / math.sqrt(linear.in_features)
        assert 0.9 * bound < linear.weight.abs().max() <= bound
        assert linear.bias.abs().max() <= bound
        # variance of the uniform distribution, bound^2 / 3
        assert linear.weight.var().item() == pytest.approx(bound**2 / 3, rel=0.15)


def test_same_seed_same_weights_in_either_precision():
    double = mlp([4, 3, 2], "relu", generator(5), torch.float64)
    single = mlp([4, 3, 2], "relu", generator(5), torch.float32)
    for d, s in zip(double.parameters(), single.parameters(), strict=True):
        assert torch.equal(d.float(), s)


def test_activation_everywhere_but_after_the_last_layer():
    model = mlp([4, 3, 3, 2], "gelu", generator(), torch.float32)
    assert [type(layer).__name__ for layer in model] == ["Linear", "GELU", "Linear", "GELU", "Linear"]


def config(**task):
    return Config(task=digits.Task(**task), optimizer=Optimizer())


def test_digits():
    objective = digits.Task().build(config())
    assert objective.size == 3466
    assert objective.inputs.shape == (500, 64) and objective.targets.shape == (500, 10)
    assert objective.inputs.dtype == objective.targets.dtype == torch.float64
    assert objective.targets.sum(1).eq(1).all()
    assert objective.targets.argmax(1)[:10].tolist() == list(range(10))  # the file begins 0, 1, ..., 9
    torch.testing.assert_close(objective.inputs.mean(0), torch.zeros(64, dtype=torch.float64), atol=1e-12, rtol=0)
    spread = objective.inputs.std(0, correction=0)
    assert ((spread > 0.95) & (spread < 1)).logical_or(spread == 0).all()


def test_a_seed_changes_the_weights_and_not_the_data():
    task = digits.Task(examples=20, width=4)
    one, other = (task.build(Config(task=task, seed=seed)) for seed in (0, 1))
    assert torch.equal(one.inputs, other.inputs)
    assert not torch.equal(one.parameters[0], other.parameters[0])


def test_options_name_what_exists():
    assert set(digits.ACTIVATIONS) == set(ACTIVATIONS)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"activation": "sine"}, "task.activation must be one of tanh, gelu"),
        ({"examples": 5}, "task.examples must be from 10 to 1797; got 5"),
        ({"examples": 2000}, "task.examples must be from 10 to 1797; got 2000"),
        ({"width": 0}, "task.width must be at least 1"),
        ({"depth": -1}, "task.depth must be at least 0"),
    ],
)
def test_wrong_keys(wrong, message):
    with pytest.raises(ValueError, match=message):
        digits.Task(**wrong)


@pytest.mark.parametrize("given", [20, 20.0, [20], [20.0]])
def test_one_step_size_or_a_list(given):
    optimizer = Optimizer(two_over_eta=given)
    assert optimizer.levels() == [20.0]
    assert optimizer.threshold(optimizer.learning_rate(20.0)) == pytest.approx(20.0)


@pytest.mark.parametrize("wrong", [[], 0, -3, [3, -1], "fast", ["3"], [3, 3.0], float("nan"), True, None])
def test_wrong_step_sizes(wrong):
    with pytest.raises(ValueError, match=r"as 20 or \[3,4,6\]; got"):
        Optimizer(two_over_eta=wrong)
