"""Full-batch training that looks at the Hessian on the way."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch.optim import Optimizer

from baselines.loss_landscape.hessian import Eigenpairs, Hessian, top_eigenvalues
from baselines.loss_landscape.objective import Objective


@dataclass(frozen=True)
class State:
    """The iterate before its step."""

    step: int
    loss: float
    top: Eigenpairs | None
    """Largest Hessian eigenvalues of the training loss, where they were measured."""


def descend(
    objective: Objective,
    optimizer: Optimizer,
    steps: int,
    *,
    every: int,
    k: int = 1,
    tol: float = 1e-3,
    rng: np.random.Generator | None = None,
) -> Iterator[State]:
    """Train with the full batch and yield each iterate w_0 ... w_steps, the last without a step after it.

    The Hessian is that of the same loss on the same examples whose gradient makes the step, and a measurement
    shares its gradient with the step. Each measurement starts from the eigenvectors of the one before.

    Args:
        objective: What to minimise; its parameters are changed in place.
        optimizer: Over the objective's parameters.
        steps: Number of steps.
        every: Steps between two measurements of the Hessian.
        k: Number of eigenvalues.
        tol: See `top_eigenvalues`.
        rng: See `top_eigenvalues`.

    Raises:
        FloatingPointError: As soon as the loss or a Hessian-vector product is not finite.
    """
    rng = rng or np.random.default_rng(0)
    parameters = objective.parameters
    start: np.ndarray | None = None
    for step in range(steps + 1):
        loss = objective.loss()
        value = loss.item()
        if not np.isfinite(value):
            raise FloatingPointError(f"the loss is {value} at step {step}")
        top = None
        if step % every == 0:
            hessian = Hessian(loss, parameters)
            top = top_eigenvalues(hessian, k, start=start, rng=rng, tol=tol)
            start = top.vectors.sum(axis=1)
            gradient = hessian.gradient
        else:
            gradient = list(torch.autograd.grad(loss, parameters))
        yield State(step, value, top)
        for parameter, slope in zip(parameters, gradient, strict=True):
            parameter.grad = slope
        optimizer.step()
