"""Training that looks at the Hessian on the way."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer

from baselines.loss_landscape.hessian import Eigenpairs, Hessian, top_eigenvalues
from baselines.loss_landscape.objective import Objective
from baselines.loss_landscape.thresholds import needs_closure


@dataclass(frozen=True)
class State:
    """The iterate before its step."""

    step: int
    loss: float
    """Of all examples where the curvature is measured; elsewhere of those that make the step."""
    gradient_norm: float | None
    """Norm of the gradient on all examples, where the curvature is measured."""
    top: Eigenpairs | None
    """Largest eigenvalues of the (preconditioned) Hessian of the training loss, where they were measured."""
    gradient_s: float
    """Processor seconds of the step's loss and gradient."""
    curvature_s: float
    """Processor seconds of the eigenvalues; 0 where they are not measured."""


def descend(
    objective: Objective,
    optimizer: Optimizer,
    steps: int,
    *,
    every: int,
    k: int = 1,
    tol: float = 1e-3,
    rng: np.random.Generator | None = None,
    preconditioner: Callable[[Optimizer], Tensor | None] | None = None,
    batches: Iterator[Tensor] | None = None,
) -> Iterator[State]:
    """Train and yield each iterate w_0 ... w_steps, the last without a step after it.

    The Hessian is that of the loss on all examples. With the full batch a measurement shares its gradient with the
    step. Each measurement starts from the eigenvectors of the one before.

    Args:
        objective: What to minimise; its parameters are changed in place.
        optimizer: Over the objective's parameters.
        steps: Number of steps.
        every: Steps between two measurements of the Hessian.
        k: Number of eigenvalues.
        tol: See `top_eigenvalues`.
        rng: See `top_eigenvalues`.
        preconditioner: Gives the diagonal P of an adaptive optimizer, shape [P]; the eigenvalues are then those of
            P^-1 H, and nothing is measured where it gives None.
        batches: Numbers of the examples of each step's mini-batch; the full batch unless given.

    Raises:
        FloatingPointError: As soon as the loss or a Hessian-vector product is not finite.
    """
    rng = rng or np.random.default_rng(0)
    parameters = objective.parameters
    start: np.ndarray | None = None
    for step in range(steps + 1):
        rows = None if batches is None else next(batches)
        due = step % every == 0
        begin = time.process_time()
        loss = objective.loss() if due or rows is None else objective.loss_on(rows)
        value = loss.item()
        if not np.isfinite(value):
            raise FloatingPointError(f"the loss is {value} at step {step}")
        top = norm = None
        middle = begin
        if due:
            hessian = Hessian(loss, parameters)
            gradient = hessian.gradient
            middle = time.process_time()
            norm = torch.stack([part.norm() for part in gradient]).norm().item()
            diagonal = None if preconditioner is None else preconditioner(optimizer)
            if preconditioner is None or diagonal is not None:
                scale = None if diagonal is None else diagonal.rsqrt()
                top = top_eigenvalues(hessian, k, start=start, rng=rng, tol=tol, scale=scale)
                start = top.vectors.sum(axis=1)
            end = time.process_time()
        else:
            gradient = list(torch.autograd.grad(loss, parameters))
            middle = end = time.process_time()
        yield State(step, value, norm, top, middle - begin, end - middle)
        if due and rows is not None:
            gradient = list(torch.autograd.grad(objective.loss_on(rows), parameters))
        if step < steps:
            take_step(objective, optimizer, gradient, rows)


def take_step(objective: Objective, optimizer: Optimizer, gradient: list[Tensor], rows: Tensor | None = None) -> None:
    """One step of any optimizer, also of one that evaluates the gradient again.

    Args:
        objective: What is minimised.
        optimizer: Over the objective's parameters.
        gradient: At the present parameters, one tensor a parameter.
        rows: Numbers of the examples of the step; all unless given.
    """
    parameters = objective.parameters

    def assign(slopes: list[Tensor]) -> None:
        for parameter, slope in zip(parameters, slopes, strict=True):
            parameter.grad = slope

    def closure() -> float:
        loss = objective.loss() if rows is None else objective.loss_on(rows)
        assign(list(torch.autograd.grad(loss, parameters)))
        return loss.item()

    assign(gradient)
    optimizer.step(*([closure] if needs_closure(optimizer) else []))
