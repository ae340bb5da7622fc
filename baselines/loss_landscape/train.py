"""Plain training, with the full batch or with mini-batches."""

from collections.abc import Iterator

import numpy as np
import torch
from torch.optim import Optimizer

from baselines.loss_landscape.descent import take_step
from baselines.loss_landscape.objective import Objective


def train(
    objective: Objective,
    optimizer: Optimizer,
    steps: int,
    *,
    batch: int = 0,
    generator: torch.Generator | None = None,
) -> Iterator[float]:
    """Train and yield the loss before each step: that of the full batch, or of the step's own mini-batch.

    Nothing happens unless the iterator is consumed.

    Args:
        objective: What to minimise; its parameters are changed in place.
        optimizer: Over the objective's parameters.
        steps: Number of steps.
        batch: Examples in a mini-batch; 0 means all. Batches are drawn without replacement, epoch by epoch; the last
            examples of an epoch that do not fill a batch are left out.
        generator: CPU generator of the order of the examples; needed with `batch`.

    Raises:
        ValueError: If a batch is asked for without a generator, or is larger than the data.
        FloatingPointError: As soon as the loss is not finite.
    """
    batches = minibatches(len(objective.inputs), batch, generator) if batch else None
    for step in range(steps):
        rows = None if batches is None else next(batches).to(objective.inputs.device)
        loss = objective.loss() if rows is None else objective.loss_on(rows)
        value = loss.item()
        if not np.isfinite(value):
            raise FloatingPointError(f"the loss is {value} at step {step}")
        yield value
        take_step(objective, optimizer, list(torch.autograd.grad(loss, objective.parameters)), rows)


def minibatches(examples: int, batch: int, generator: torch.Generator | None) -> Iterator[torch.Tensor]:
    """Numbers of the examples of each mini-batch, for ever: every epoch is a new random order.

    Raises:
        ValueError: If there is no generator, or a batch is larger than the data.
    """
    if generator is None:
        raise ValueError("mini-batches need a generator")
    if not 0 < batch <= examples:
        raise ValueError(f"a mini-batch must have 1 to {examples} examples; got {batch}")
    while True:
        order = torch.randperm(examples, generator=generator)
        yield from order[: examples - examples % batch].split(batch)
