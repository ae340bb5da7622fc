r"""The loss of a fully connected network at many points of a plane, faster than one forward pass a point.

On a plane all weights are affine in two numbers, W(a, b) = W + a D + b E. Two things follow.

* The products of the inputs with the first layer's three matrices are computed once for all points:
  $W(a,b) X = W X + a\, D X + b\, E X$. A point then costs 3 multiplications for each unit of the
  first hidden layer instead of one for each input. With images as inputs this is nearly all of the work.
* The other layers of many points are one batched matrix product, instead of many small calls from Python.

Points are taken in chunks whose activations fit into the processor's cache; larger ones are slower, not faster.
"""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn

from baselines.loss_landscape.layers import ACTIVATIONS
from baselines.loss_landscape.objective import Criterion, Objective, cross_entropy, half_squared_error

CACHE_BYTES = 2**20  # of the widest activations of a chunk; half of a usual second-level cache
VECTOR_BYTES = 2**26  # of the weight vectors of a chunk, for models that have to store them
MOST_POINTS = 512  # in a chunk, however small the network


def supports(model: nn.Module) -> bool:
    """Whether a model is a chain of linear layers and element-wise activations that starts with a linear layer."""
    if not isinstance(model, nn.Sequential) or not len(model) or not isinstance(model[0], nn.Linear):
        return False
    return all(isinstance(module, (nn.Linear, nn.Identity, *ACTIVATIONS.values())) for module in model)


class PlaneForward:
    """The losses at the weights origin + a first + b second, for points (a, b) given later.

    Activations are stored as [points, units, examples]: with the examples last, a softmax over ten classes is
    vectorised over the examples, which is eight times as fast as over the classes.

    Args:
        objective: A fully connected network (see `supports`) with its examples.
        origin: Shape [P].
        first: Shape [P].
        second: Shape [P].

    Raises:
        ValueError: If the model is not supported.
    """

    def __init__(self, objective: Objective, origin: Tensor, first: Tensor, second: Tensor) -> None:
        model = objective.model
        if not supports(model):
            raise ValueError("only chains of linear layers and activations are supported; take Objective.losses_at")
        assert isinstance(model, nn.Sequential)
        self._layers = list(model)[1:]
        self._parts = objective.split(torch.stack([origin, first, second]))  # each [3, *shape]
        self._criterion = _batched(objective.criterion, objective.targets)
        with torch.no_grad():
            self._start = self._parts["0.weight"] @ objective.inputs.T  # [3, H, N]
            if "0.bias" in self._parts:
                self._start = self._start + self._parts["0.bias"].unsqueeze(2)
        widest = max(layer.out_features for layer in model if isinstance(layer, nn.Linear))
        one = widest * len(objective.inputs) * self._start.element_size()
        self.chunk = min(MOST_POINTS, max(1, CACHE_BYTES // one))
        """Points at once: as many as keep the widest activations in the cache."""

    def losses(self, points: Tensor) -> Tensor:
        """Losses at points, [K, 2] -> [K], without a graph."""
        weights = torch.cat([torch.ones_like(points[:, :1]), points], dim=1).to(self._start)  # [K, 3]
        with torch.no_grad():
            return torch.cat([self._chunk(chunk) for chunk in weights.split(self.chunk)])

    def _chunk(self, weights: Tensor) -> Tensor:
        """Losses of k points: [k, 3] -> [k]."""
        x = (weights @ self._start.flatten(1)).reshape(len(weights), *self._start.shape[1:])  # [k, H, N]
        for number, layer in enumerate(self._layers, start=1):
            x = self._linear(weights, f"{number}.", x) if isinstance(layer, nn.Linear) else layer(x)
        return self._criterion(x)

    def _linear(self, weights: Tensor, name: str, x: Tensor) -> Tensor:
        """A linear layer with other weights at each point: [k, in, N] -> [k, out, N]."""
        matrix = torch.tensordot(weights, self._parts[f"{name}weight"], dims=1)  # [k, out, in]
        if f"{name}bias" not in self._parts:
            return torch.bmm(matrix, x)
        bias = torch.tensordot(weights, self._parts[f"{name}bias"], dims=1)
        return torch.baddbmm(bias.unsqueeze(2), matrix, x)


def _batched(criterion: Criterion, targets: Tensor) -> Callable[[Tensor], Tensor]:
    """A criterion as a function [k, C, N] -> [k]; written out where it is known."""
    columns = targets.T.contiguous()  # [C, N]
    if criterion is half_squared_error:
        return lambda outputs: 0.5 * (outputs - columns).square_().sum(dim=(1, 2)) / len(targets)
    if criterion is cross_entropy:
        return lambda outputs: -(outputs.log_softmax(dim=1).flatten(1) @ columns.reshape(-1)) / len(targets)
    return torch.vmap(lambda outputs: criterion(outputs.T, targets))


def multiplications(widths: list[int]) -> tuple[int, int]:
    """Multiplications for one example at one point: of a forward pass, and of `PlaneForward`.

    Args:
        widths: Sizes of all layers, inputs and outputs included.
    """
    inner = sum(a * b for a, b in pairwise(widths[1:]))
    return widths[0] * widths[1] + inner, 3 * widths[1] + inner
