"""Networks in the tangent parametrisation, their curvature at the start, and the largest step they survive."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from baselines.loss_landscape.hessian import Hessian, top_eigenvalues
from baselines.loss_landscape.objective import Objective

EXPLODED = 1e8  # times the loss of the zero function


class TangentNetwork(nn.Module):
    """Layers h -> phi(h W^T sqrt(g / fan_in)) with W standard normal, without biases (Jacot et al. 2018).

    The factor stands in the forward pass instead of the initial values, so that all layers learn at the same pace and
    a step size means the same at every width. g is 2 in front of a ReLU, and 1 in the last layer, which has no phi.

    Args:
        widths: Sizes of all layers, inputs and outputs included.
        generator: CPU generator of the initial values.
        dtype: Of the parameters.
        phi: Activation.
        gain: g of the layers before an activation.
    """

    def __init__(
        self,
        widths: Sequence[int],
        generator: torch.Generator,
        dtype: torch.dtype = torch.float64,
        *,
        phi: Callable[[Tensor], Tensor] = torch.relu,
        gain: float = 2.0,
    ) -> None:
        super().__init__()
        drawn = [torch.randn(b, a, generator=generator, dtype=torch.float64).to(dtype) for a, b in pairwise(widths)]
        self.weights = nn.ParameterList(drawn)
        self._phi, self._gain = phi, gain

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs [N, C] of inputs [N, D]."""
        *inner, last = self.weights
        hidden = inputs
        for weight in inner:
            hidden = self._phi(hidden @ weight.T * math.sqrt(self._gain / weight.shape[1]))
        return hidden @ last.T / math.sqrt(last.shape[1])


def tangent_curvature(objective: Objective, rng: np.random.Generator | None = None) -> float:
    """Largest eigenvalue of the tangent kernel over N, which is that of the Gauss-Newton matrix of the squared error.

    It is the largest Hessian eigenvalue of the same loss with targets equal to the outputs: the residual, and with it
    the second derivative of the network, drops out.

    Raises:
        ValueError: If the loss is not the squared error, whose curvature in the outputs is the identity.
    """
    from baselines.loss_landscape.objective import half_squared_error

    if objective.criterion is not half_squared_error:
        raise ValueError("the tangent kernel is the curvature of the squared error only")
    with torch.no_grad():
        outputs = objective.model(objective.inputs)
    fitted = replace(objective, targets=outputs)
    return float(top_eigenvalues(Hessian(fitted.loss(), fitted.parameters), tol=1e-4, rng=rng).values[0])


@dataclass(frozen=True)
class Attempt:
    """Gradient descent from the initial weights with one step size."""

    lr: float
    losses: np.ndarray
    """Shape [steps + 1], or shorter if it exploded."""
    zero_loss: float
    """The loss of the zero function, which a network whose units have all died computes."""

    @property
    def diverged(self) -> bool:
        """Whether the loss exploded."""
        return not self.losses[-1] < EXPLODED * self.zero_loss

    @property
    def failed(self) -> bool:
        """Whether it exploded, or ends with more than half the loss of the zero function: it has learnt nothing."""
        return self.diverged or bool(self.losses[-1] > 0.5 * self.zero_loss)


def attempt(objective: Objective, start: Tensor, lr: float, steps: int) -> Attempt:
    """Train by full-batch gradient descent from given weights, until the end or an explosion.

    Args:
        objective: Its weights are changed in place.
        start: Initial weights, shape [P].
        lr: Step size.
        steps: Number of steps.
    """
    zero_loss = float(objective.criterion(torch.zeros_like(objective.targets), objective.targets))
    objective.assign(start.clone())  # the parameters become views of the vector, and are changed in place
    parameters, losses = objective.parameters, []
    for _ in range(steps + 1):
        loss = objective.loss()
        losses.append(loss.item())
        if not losses[-1] < EXPLODED * zero_loss:
            break
        slopes = torch.autograd.grad(loss, parameters)
        with torch.no_grad():
            for parameter, slope in zip(parameters, slopes, strict=True):
                parameter.sub_(slope, alpha=lr)
    return Attempt(lr, np.array(losses), zero_loss)
