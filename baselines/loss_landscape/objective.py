"""What is minimised: a network, its data, and the squared error in the scale of Cohen et al. (2021)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Objective:
    """A full-batch training objective.

    Shapes: N examples, D inputs, C outputs.
    """

    model: nn.Module
    inputs: Tensor
    """[N, D]"""
    targets: Tensor
    """[N, C]"""

    @property
    def parameters(self) -> list[nn.Parameter]:
        """The trained parameters, in the model's order."""
        return list(self.model.parameters())

    @property
    def size(self) -> int:
        """Number of trained parameters P."""
        return sum(p.numel() for p in self.parameters)

    def loss(self) -> Tensor:
        """Training loss at the present parameters, a scalar."""
        return half_squared_error(self.model(self.inputs), self.targets)


def half_squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """L = 1/(2N) sum_n ||f(x_n) - y_n||^2: summed over classes, averaged over examples.

    `torch.nn.MSELoss` averages over classes too and lacks the half: its value, and with it every curvature, is
    2/C times this one, so the same step size stands at another edge.

    Args:
        outputs: [N, C].
        targets: [N, C].
    """
    return 0.5 * (outputs - targets).square().sum(dim=1).mean()


def mlp(widths: Sequence[int], activation: str, generator: torch.Generator, dtype: torch.dtype) -> nn.Sequential:
    """A fully connected network with torch's usual initialisation from a generator of its own.

    Weights and biases of a layer are uniform in [-1/sqrt(fan_in), 1/sqrt(fan_in)].

    Args:
        widths: Sizes of all layers, inputs and outputs included.
        activation: A key of `ACTIVATIONS`, applied after every layer but the last.
        generator: CPU generator of the initial values, drawn in double precision whatever `dtype` is.
        dtype: Of the parameters.
    """
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(widths):
        linear = nn.Linear(fan_in, fan_out, dtype=dtype)
        bound = 1 / math.sqrt(fan_in)
        with torch.no_grad():
            for parameter in linear.parameters():
                draw = torch.rand(parameter.shape, generator=generator, dtype=torch.float64)
                parameter.copy_(bound * (2 * draw - 1))
        layers += [linear, ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])
