"""The networks: initial values, normalisation, shapes."""

import math

import pytest
import torch

from baselines.loss_landscape.layers import ACTIVATIONS, BatchNorm, cnn, deep_linear, mlp
from baselines.loss_landscape.networks import cnn as cnn_option
from baselines.loss_landscape.networks import mlp as mlp_option


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def linears(model):
    return [layer for layer in model if isinstance(layer, torch.nn.Linear)]


def test_initial_weights_of_torch():
    for linear in linears(mlp([64, 32, 32, 10], "tanh", generator(), torch.float64)):
        bound = 1 / math.sqrt(linear.in_features)
        assert 0.9 * bound < linear.weight.abs().max() <= bound
        assert linear.bias.abs().max() <= bound
        # variance of the uniform distribution, bound^2 / 3
        assert linear.weight.var().item() == pytest.approx(bound**2 / 3, rel=0.15)


def test_initial_weights_of_xavier():
    first, last = linears(mlp([60, 80, 20], "tanh", generator(), torch.float64, gain=1.9, output_bias=False))
    assert first.weight.std().item() == pytest.approx(1.9 * math.sqrt(2 / 140), rel=0.03)
    assert last.weight.std().item() == pytest.approx(math.sqrt(2 / 100), rel=0.05)
    assert not first.bias.any() and last.bias is None


def test_same_seed_same_weights_in_either_precision():
    double = mlp([4, 3, 2], "relu", generator(5), torch.float64)
    single = mlp([4, 3, 2], "relu", generator(5), torch.float32)
    for d, s in zip(double.parameters(), single.parameters(), strict=True):
        assert torch.equal(d.float(), s)


def test_activation_everywhere_but_after_the_last_layer():
    model = mlp([4, 3, 3, 2], "gelu", generator(), torch.float32, batch_norm=True)
    names = [type(layer).__name__ for layer in model]
    assert names == ["Linear", "BatchNorm", "GELU", "Linear", "BatchNorm", "GELU", "Linear"]


def test_a_deep_linear_network_is_the_product_of_its_matrices():
    model = deep_linear([6, 5, 5, 3], generator(), torch.float64)
    x = torch.randn(4, 6, generator=generator(1), dtype=torch.float64)
    product = torch.linalg.multi_dot([layer.weight for layer in reversed(linears(model))])
    torch.testing.assert_close(model(x), x @ product.T)
    assert len(list(model.parameters())) == 3


@pytest.mark.parametrize("shape", [(9, 4), (6, 4, 3, 2)])
def test_batch_norm_against_torch(shape):
    x = 3 + 2 * torch.randn(shape, generator=generator(), dtype=torch.float64)
    ours = BatchNorm(4, torch.float64)
    ours.weight.data, ours.bias.data = torch.rand(4, dtype=torch.float64), torch.rand(4, dtype=torch.float64)
    theirs = torch.nn.functional.batch_norm(x, None, None, ours.weight, ours.bias, training=True)
    torch.testing.assert_close(ours(x), theirs)


def test_convolutions():
    model = cnn((3, 8, 8), 5, 10, "tanh", generator(), torch.float64)
    assert model(torch.zeros(2, 192, dtype=torch.float64)).shape == (2, 10)
    sizes = [p.numel() for p in model.parameters()]
    assert sizes == [3 * 5 * 9, 5, 5 * 5 * 9, 5, 5 * 4 * 10, 10]
    # an image shifted by a pixel inside an empty frame gives the same sums of the first convolution
    image = torch.zeros(1, 3, 8, 8, dtype=torch.float64)
    image[:, :, 3:5, 3:5] = 1.0
    first = model[1](image).roll(1, dims=3)
    torch.testing.assert_close(first[..., 2:7], model[1](image.roll(1, dims=3))[..., 2:7])


def test_options_name_the_activations_that_exist():
    assert set(mlp_option.ACTIVATIONS) == set(cnn_option.ACTIVATIONS) == set(ACTIVATIONS)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"activation": "sine"}, "network.activation must be one of tanh, gelu"),
        ({"width": 0}, "network.width must be at least 1"),
        ({"depth": -1}, "network.depth must be at least 0"),
        ({"gain": -1.0}, "network.gain must be at least 0"),
    ],
)
def test_wrong_keys(wrong, message):
    with pytest.raises(ValueError, match=message):
        mlp_option.Network(**wrong)
