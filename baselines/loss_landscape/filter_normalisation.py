"""Random directions in the scale of the weights, and the rescaling of layers that makes this scale necessary.

A ReLU network computes the same function after one layer is multiplied by 10 and the next divided by 10. A step of
fixed length then means ten times less in the first and ten times more in the second, so a picture of the loss along a
fixed random direction can be made as flat or as sharp as one likes. Li et al. (2018) scale every filter of
the direction to the norm of the network's filter. The picture then moves along with the weights and does not change.

Works on any model made of linear and convolutional layers.
"""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

NORMALISATIONS = ("filter", "layer", "none")


def random_direction(parameters: Sequence[Tensor], generator: torch.Generator, normalisation: str = "filter") -> Tensor:
    r"""A Gaussian direction, scaled to the weights: d_i <- d_i ||w_i|| / ||d_i|| for every filter i.

    A filter is what makes one unit: a row of a linear layer, an output channel of a convolution. Biases and the
    parameters of normalisation layers, all tensors of one axis, get zero, as in the authors' published setting. The
    draw depends on the shapes alone, so networks that differ in their weights only share it.

    Args:
        parameters: The weights, tensors of any shape, P entries in all.
        generator: CPU generator.
        normalisation: "filter"; "layer", which matches the norms of whole tensors; or "none", a fixed direction whose
            length is that of all weights together.

    Returns:
        Shape [P], in the order of the parameters.

    Raises:
        ValueError: If the normalisation is unknown.
    """
    if normalisation not in NORMALISATIONS:
        raise ValueError(f"normalisation must be one of {', '.join(NORMALISATIONS)}; got {normalisation!r}")
    draws, weights = [], [p.detach() for p in parameters]
    for weight in weights:
        draw = torch.randn(weight.shape, generator=generator, dtype=torch.float64).to(weight)
        draws.append(draw if weight.ndim > 1 else torch.zeros_like(weight))
    if normalisation == "none":
        whole = torch.cat([draw.reshape(-1) for draw in draws])
        length = torch.cat([weight.reshape(-1) for weight in weights if weight.ndim > 1]).norm()
        return whole * (length / whole.norm())
    return torch.cat([_matched(d, w, normalisation).reshape(-1) for d, w in zip(draws, weights, strict=True)])


def _matched(draw: Tensor, weight: Tensor, normalisation: str) -> Tensor:
    """A tensor of the direction with the norms of the weights; a filter that is zero stays zero."""
    if weight.ndim < 2:
        return draw
    rows, target = (t.flatten(1) if normalisation == "filter" else t.reshape(1, -1) for t in (draw, weight))
    scale = target.norm(dim=1, keepdim=True) / rows.norm(dim=1, keepdim=True)
    return (rows * scale).reshape(weight.shape)


def weight_layers(model: nn.Module) -> list[nn.Linear | nn.Conv2d]:
    """The linear and convolutional layers of a chain, in its order.

    Raises:
        ValueError: If the model has parameters elsewhere, for example in batch norm, or no such layer.
    """
    layers = [module for module in model.modules() if isinstance(module, (nn.Linear, nn.Conv2d))]
    if not layers or sum(p.numel() for layer in layers for p in layer.parameters()) < sum(
        p.numel() for p in model.parameters()
    ):
        raise ValueError("only models made of linear and convolutional layers can be rescaled")
    return layers


def rescaled(model: nn.Module, factors: Sequence[Tensor | float]) -> nn.Module:
    r"""The same function with other weights: unit j of hidden layer l is made c_lj times larger.

    $$ W_l \to \mathrm{diag}(c_l)\, W_l\, \mathrm{diag}(c_{l-1})^{-1}, \quad b_l \to \mathrm{diag}(c_l)\, b_l,
    \qquad c_0 = c_L = 1 . $$

    With ReLU, or any activation with phi(c z) = c phi(z) for c > 0, the output does not change. A linear layer
    that follows a convolution needs one number, not one a unit.

    Args:
        model: A chain of linear and convolutional layers.
        factors: One for each hidden layer, positive: a number for the whole layer, or shape [units].

    Returns:
        A copy; the model itself is not changed.

    Raises:
        ValueError: If the number of factors is wrong, or the model is no such chain.
    """
    twin = copy.deepcopy(model)
    layers = weight_layers(twin)
    if len(factors) != len(layers) - 1:
        raise ValueError(f"{len(layers) - 1} hidden layers need as many factors; got {len(factors)}")
    before: Tensor | float = 1.0
    with torch.no_grad():
        for layer, after in zip(layers, [*factors, 1.0], strict=True):
            rest = layer.weight.ndim - 1
            rows = after.reshape(-1, *[1] * rest) if isinstance(after, Tensor) else after
            columns = before.reshape(1, -1, *[1] * (rest - 1)) if isinstance(before, Tensor) else before
            layer.weight.mul_(rows).div_(columns)
            if layer.bias is not None:
                layer.bias.mul_(after)
            before = after
    return twin


def with_activation(model: nn.Sequential, activation: type[nn.Module], old: Sequence[type[nn.Module]]) -> nn.Sequential:
    """A copy of a chain with another activation.

    Args:
        model: The chain.
        activation: The new one.
        old: Classes to replace.
    """
    modules = [activation() if isinstance(m, tuple(old)) else copy.deepcopy(m) for m in model]
    return nn.Sequential(*modules)
