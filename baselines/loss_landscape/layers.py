"""Building blocks of the networks: activations, initial values, fully connected and convolutional stacks."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "elu": nn.ELU,
    "softplus": nn.Softplus,
    "relu": nn.ReLU,
}


def uniform_(layer: nn.Linear | nn.Conv2d, generator: torch.Generator) -> None:
    """Torch's usual initial values: weights and biases uniform in [-1/sqrt(fan_in), 1/sqrt(fan_in)].

    Drawn in double precision whatever the layer's is, so that both precisions start from the same weights.
    """
    bound = 1 / math.sqrt(layer.weight[0].numel())
    with torch.no_grad():
        for parameter in layer.parameters():
            draw = torch.rand(parameter.shape, generator=generator, dtype=torch.float64)
            parameter.copy_(bound * (2 * draw - 1))


def xavier_(layer: nn.Linear | nn.Conv2d, generator: torch.Generator, gain: float) -> None:
    """Glorot and Bengio (2010): normal weights of variance 2 gain^2 / (fan_in + fan_out), biases zero."""
    fan_in, fan_out = layer.weight[0].numel(), layer.weight.numel() // layer.weight.shape[1]
    with torch.no_grad():
        draw = torch.randn(layer.weight.shape, generator=generator, dtype=torch.float64)
        layer.weight.copy_(gain * math.sqrt(2 / (fan_in + fan_out)) * draw)
        if layer.bias is not None:
            layer.bias.zero_()


class BatchNorm(nn.Module):
    """Normalisation of every channel over the present batch, with trained scale and shift.

    It keeps no running averages: the loss stays a function of parameters and examples alone, which is what a
    Hessian needs. Ioffe and Szegedy (2015), equation of Algorithm 1.
    """

    def __init__(self, channels: int, dtype: torch.dtype, eps: float = 1e-5) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels, dtype=dtype))
        self.bias = nn.Parameter(torch.zeros(channels, dtype=dtype))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Normalise [N, C] or [N, C, H, W] over all axes but the second."""
        axes = [0, *range(2, x.ndim)]
        mean, variance = x.mean(axes, keepdim=True), x.var(axes, unbiased=False, keepdim=True)
        shape = [1, -1, *[1] * (x.ndim - 2)]
        return (x - mean) * (variance + self.eps).rsqrt() * self.weight.reshape(shape) + self.bias.reshape(shape)


def mlp(
    widths: Sequence[int],
    activation: str,
    generator: torch.Generator,
    dtype: torch.dtype,
    *,
    batch_norm: bool = False,
    gain: float = 0.0,
    output_bias: bool = True,
) -> nn.Sequential:
    """A fully connected network with initial values from a generator of its own.

    Args:
        widths: Sizes of all layers, inputs and outputs included.
        activation: A key of `ACTIVATIONS`, applied after every layer but the last.
        generator: CPU generator of the initial values.
        dtype: Of the parameters.
        batch_norm: Normalise before every activation.
        gain: 0 for torch's uniform initial values; otherwise `xavier_` with this gain, and 1 in the last layer.
        output_bias: Whether the last layer has a bias.
    """
    layers: list[nn.Module] = []
    last = len(widths) - 2
    for i, (fan_in, fan_out) in enumerate(pairwise(widths)):
        linear = nn.Linear(fan_in, fan_out, bias=output_bias or i < last, dtype=dtype)
        if gain:
            xavier_(linear, generator, 1.0 if i == last else gain)
        else:
            uniform_(linear, generator)
        layers.append(linear)
        if i < last:
            layers += [BatchNorm(fan_out, dtype)] if batch_norm else []
            layers.append(ACTIVATIONS[activation]())
    return nn.Sequential(*layers)


def deep_linear(widths: Sequence[int], generator: torch.Generator, dtype: torch.dtype) -> nn.Sequential:
    """A product of matrices without biases, `xavier_` with gain 1.

    Args:
        widths: Sizes of all layers, inputs and outputs included.
        generator: CPU generator of the initial values.
        dtype: Of the parameters.
    """
    layers = [nn.Linear(fan_in, fan_out, bias=False, dtype=dtype) for fan_in, fan_out in pairwise(widths)]
    for layer in layers:
        xavier_(layer, generator, 1.0)
    return nn.Sequential(*layers)


def cnn(
    image: tuple[int, int, int],
    channels: int,
    outputs: int,
    activation: str,
    generator: torch.Generator,
    dtype: torch.dtype,
    *,
    batch_norm: bool = False,
) -> nn.Sequential:
    """Two convolutions of 3 x 3, each followed by an average over 2 x 2, and a linear layer.

    Average pooling keeps the loss smooth where the activation is; maxima would add kinks.

    Args:
        image: Channels, height and width of the inputs, which come flat, [N, channels * height * width].
        channels: Of both convolutions.
        outputs: C.
        activation: A key of `ACTIVATIONS`.
        generator: CPU generator of the initial values.
        dtype: Of the parameters.
        batch_norm: Normalise before every activation.
    """
    layers: list[nn.Module] = [nn.Unflatten(1, image)]
    for fan_in in (image[0], channels):
        convolution = nn.Conv2d(fan_in, channels, 3, padding=1, dtype=dtype)
        uniform_(convolution, generator)
        layers.append(convolution)
        layers += [BatchNorm(channels, dtype)] if batch_norm else []
        layers += [ACTIVATIONS[activation](), nn.AvgPool2d(2)]
    linear = nn.Linear(channels * (image[1] // 4) * (image[2] // 4), outputs, dtype=dtype)
    uniform_(linear, generator)
    return nn.Sequential(*layers, nn.Flatten(), linear)
