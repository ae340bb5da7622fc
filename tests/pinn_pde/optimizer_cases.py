"""What the tests of the optimizers share: parameters, random tensors, Rosenbrock, a loop of steps."""

from collections.abc import Callable

import numpy as np
import torch

from baselines.pinn_pde.optimizers import SSBroyden

Loss = Callable[[torch.Tensor], torch.Tensor]


def parameter(values: object) -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.tensor(np.asarray(values), dtype=torch.float64))


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def rosenbrock(x: torch.Tensor) -> torch.Tensor:
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def minimise(loss: Loss, x: torch.nn.Parameter, steps: int, **options: object) -> SSBroyden:
    optimizer = SSBroyden([x], **options)  # type: ignore[arg-type]

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        value = loss(x)
        value.backward()
        return value

    for _ in range(steps):
        optimizer.step(closure)
    return optimizer
