"""Paths between two trained networks: the straight line, its barrier, and a trained Bezier curve."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from baselines.loss_landscape.objective import Objective
from baselines.loss_landscape.surface import Plane, losses_on
from baselines.loss_landscape.train import minibatches


def bezier(start: Tensor, bend: Tensor, end: Tensor, t: Tensor | float) -> Tensor:
    """(1 - t)^2 start + 2 t (1 - t) bend + t^2 end.

    Garipov et al. (2018). The curve leaves the start towards the bend, which it does not reach.
    """
    return (1 - t) ** 2 * start + 2 * t * (1 - t) * bend + t**2 * end


def losses_on_line(objective: Objective, start: Tensor, end: Tensor, t: Tensor) -> np.ndarray:
    """Losses at (1 - t) start + t end, shape [K]."""
    plane = Plane(start, end - start, torch.zeros_like(start))
    return numbers(losses_on(objective, plane, torch.stack([t, torch.zeros_like(t)], dim=1)))


def losses_on_bezier(objective: Objective, start: Tensor, bend: Tensor, end: Tensor, t: Tensor) -> np.ndarray:
    """Losses along a Bezier curve, which lies on the plane of its three points, shape [K]."""
    plane = Plane(start, bend - start, end - start)
    return numbers(losses_on(objective, plane, torch.stack([2 * t * (1 - t), t**2], dim=1)))


def numbers(tensor: Tensor) -> np.ndarray:
    """A tensor as an array in double precision."""
    array: np.ndarray = tensor.detach().double().cpu().numpy()
    return array


def barrier(losses: np.ndarray, t: np.ndarray) -> float:
    """How far a path rises above the interpolation of its ends: max_t [L(t) - (1 - t) L(0) - t L(1)].

    At least zero, since t = 0 and 1 count. Frankle et al. (2020) and Entezari et al. (2022) call it error barrier.

    Args:
        losses: [K], at the values of `t`; the first and the last are the ends.
        t: [K], ascending from 0 to 1.
    """
    return float(np.max(losses - (1 - t) * losses[0] - t * losses[-1]))


def excess(losses: np.ndarray) -> float:
    """How far a path rises above the worse of its ends; at least zero.

    Args:
        losses: [K], the first and the last are the ends.
    """
    return float(losses.max() - max(losses[0], losses[-1]))


def train_bend(
    objective: Objective,
    start: Tensor,
    end: Tensor,
    *,
    steps: int,
    lr: float,
    batch: int,
    generator: torch.Generator,
) -> Iterator[tuple[float, Tensor]]:
    """Minimise the expected loss along a Bezier curve over its bend: E_t L(w(t)), t uniform in [0, 1].

    Each step takes one t and one mini-batch. The bend starts at the middle of the line. `Objective.loss_at` evaluates
    the network at any weight vector, so no layer needs a twin that knows of curves, as in the authors' code.

    Args:
        objective: What to evaluate; its own parameters are not changed.
        start: [P]
        end: [P]
        steps: Steps of Adam.
        lr: Step size.
        batch: Examples in a mini-batch.
        generator: CPU generator of t and of the order of the examples.

    Yields:
        The loss of the step and the bend (one tensor, changed in place) after it.

    Raises:
        FloatingPointError: As soon as the loss is not finite.
    """
    bend = torch.lerp(start, end, 0.5).requires_grad_(True)
    optimizer = torch.optim.Adam([bend], lr=lr)
    batches = minibatches(len(objective.inputs), batch, generator)
    for step in range(steps):
        t = torch.rand(1, generator=generator, dtype=torch.float64).to(start)
        rows = next(batches).to(objective.inputs.device)
        part = replace(objective, inputs=objective.inputs[rows], targets=objective.targets[rows])
        loss = part.loss_at(bezier(start, bend, end, t))
        if not torch.isfinite(loss):
            raise FloatingPointError(f"the loss on the curve is {loss.item()} at step {step}")
        (bend.grad,) = torch.autograd.grad(loss, [bend])
        optimizer.step()
        yield loss.item(), bend.detach()
