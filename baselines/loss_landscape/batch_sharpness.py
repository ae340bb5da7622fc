"""The curvature that a mini-batch sees along its own gradient."""

from collections.abc import Iterable

import torch
from torch import Tensor

from baselines.loss_landscape.hessian import Hessian
from baselines.loss_landscape.objective import Objective


def batch_sharpness(objective: Objective, batches: Iterable[Tensor]) -> float:
    """E[g_B' H_B g_B] / E[|g_B|^2], the means over mini-batches B being replaced by sums over the given ones.

    g_B and H_B are gradient and Hessian of the loss of the mini-batch at the present parameters. The paper on the edge
    of stochastic stability (arXiv:2412.20553) finds that it is this quantity, not the sharpness, that stochastic
    gradient descent drives to 2/eta. With one batch of all examples it is the curvature along the gradient, which is at
    most the sharpness.

    Args:
        objective: Gives the loss on a mini-batch; its parameters are not changed.
        batches: Numbers of the examples of each mini-batch, shape [b] each.

    Raises:
        ValueError: If there is no batch, or every gradient is zero.
    """
    curvature = squares = 0.0
    for rows in batches:
        hessian = Hessian(objective.loss_on(rows), objective.parameters)
        gradient = torch.cat([part.reshape(-1) for part in hessian.gradient])
        curvature += torch.dot(gradient, hessian.product(gradient)).item()
        squares += torch.dot(gradient, gradient).item()
    if not squares > 0:
        raise ValueError("batch sharpness needs at least one mini-batch with a gradient that is not zero")
    return curvature / squares
