r"""ReLU networks that learn a smooth function: test error against the number of parameters P, like $P^{-4/d}$.

A ReLU network is piecewise linear. If its P parameters buy about P pieces of size $P^{-1/d}$, a target that bends
leaves a squared error of order $P^{-4/d}$. The argument counts pieces, it does not say that training finds them; and a
target with more structure than smoothness in d dimensions can be learned faster, so 4/d bounds the exponent from below.

All students (dimensions, targets, widths, restarts) are members of one ensemble and see the batches of their own
target. Inputs of smaller dimension are filled up with zeros, whose weights get no gradient.

References:
    Sharma, Kaplan (2020), "A neural scaling law from the dimension of the data manifold", arXiv:2004.10802.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from baselines.scaling_law.ensemble import MaskedEnsemble
from baselines.scaling_law.manifold_interpolation import Array, TanhTargets, cube

UNIT_VARIANCE = math.sqrt(12)  # a coordinate of the unit cube has the variance 1/12
EVALUATED = 2048  # test points at a time


def parameter_count(inputs: int, width: int, depth: int) -> int:
    """Weights and biases of a network with `depth` hidden layers of one width and one output."""
    return (inputs + 1) * width + (depth - 1) * (width + 1) * width + width + 1


@dataclass
class Pool:
    """Points and standardised values of all targets, in groups of one dimension."""

    points: Tensor
    """Inputs of unit variance, filled up with zeros.  Shape [dimensions, n, largest d]."""
    values: Tensor
    """Values with mean 0 and variance 1 over the training points.  Shape [dimensions, t, n]."""

    def __len__(self) -> int:
        return self.points.shape[1]


def pools(
    targets: Sequence[TanhTargets], sizes: Sequence[int], generator: np.random.Generator, **place: Any
) -> list[Pool]:
    """Independent sets of uniform points, for example for training and for testing.

    Args:
        targets: One group of t functions a dimension.
        sizes: Number of points of each set; the first one fixes mean and variance.
        generator: Draws the points.
        **place: `device` and `dtype` of the tensors.
    """
    largest = max(group.dimension for group in targets)
    drawn: list[tuple[list[Array], list[Array]]] = [([], []) for _ in sizes]
    for group in targets:
        centre: Array | None = None
        for size, (points, values) in zip(sizes, drawn, strict=True):
            x = cube(size, group.dimension, 1.0, generator)
            y = group(x)
            if centre is None:
                centre, spread = y.mean(1, keepdims=True), y.std(1, keepdims=True)
            points.append(np.pad(UNIT_VARIANCE * x, ((0, 0), (0, largest - group.dimension))))
            values.append((y - centre) / spread)
    return [
        Pool(torch.as_tensor(np.stack(points), **place), torch.as_tensor(np.stack(values), **place))
        for points, values in drawn
    ]


class Students:
    """An ensemble of dimensions x targets x widths x restarts networks.

    Args:
        dimensions: Number of inputs of each group, ascending.
        targets: Number of targets a dimension.
        widths: Units of each hidden layer.
        restarts: Students of one width and target that differ in their initial weights only.
        depth: Hidden layers.
        generator: Draws the initial weights.
        **place: `device` and `dtype` of the parameters.
    """

    def __init__(
        self, dimensions: Sequence[int], targets: int, widths: Sequence[int], restarts: int, depth: int,
        generator: torch.Generator, **place: Any,
    ) -> None:  # fmt: skip
        self.shape = (len(dimensions), targets, len(widths), restarts)
        each = [width for width in widths for _ in range(restarts)]
        members = each * (targets * len(dimensions))
        self.ensemble = MaskedEnsemble(max(dimensions), 1, members, depth, generator, **place)
        self.parameters = np.array([[parameter_count(d, width, depth) for width in widths] for d in dimensions])
        """P of each dimension and width; weights of inputs that are always zero do not count.  [dimensions, widths]."""

    def losses(self, points: Tensor, values: Tensor) -> Tensor:
        """Mean squared errors.

        Args:
            points: Shape [dimensions, b, largest d].
            values: Shape [dimensions, t, b].

        Returns:
            Shape [dimensions, t, widths, restarts].
        """
        members = self.shape[1] * self.shape[2] * self.shape[3]
        outputs = self.ensemble(points.repeat_interleave(members, 0))[..., 0]
        return ((outputs.view(*self.shape, -1) - values[:, :, None, None]) ** 2).mean(-1)

    def test(self, pool: Pool) -> Array:
        """Errors on all points of a pool.  Shape [dimensions, t, widths, restarts]."""
        total = np.zeros(self.shape)
        with torch.no_grad():
            for start in range(0, len(pool), EVALUATED):
                part = slice(start, start + EVALUATED)
                loss = self.losses(pool.points[:, part], pool.values[:, :, part])
                total += len(range(*part.indices(len(pool)))) * loss.double().cpu().numpy()
        return total / len(pool)


class Training:
    """Adam with a linear warm-up and a cosine to zero; all students take the same steps.

    Args:
        students: Trained together: the gradient of the sum of their losses is each one's own.
        pool: Training points; a batch is a run of neighbours at a random place.
        steps: Number of steps.
        batch: Points a step.
        lr: Largest step size.
        generator: Chooses the batches.
        warmup: Share of the steps in which the step size rises.
    """

    def __init__(
        self, students: Students, pool: Pool, steps: int, batch: int, lr: float, generator: torch.Generator,
        warmup: float = 0.1,
    ) -> None:  # fmt: skip
        self.students, self.pool, self.steps, self.batch, self.lr = students, pool, steps, batch, lr
        self.generator, self.warmup, self.done = generator, warmup, 0
        self.optimizer = torch.optim.Adam(students.ensemble.parameters(), lr=lr, fused=True)

    def rate(self, step: int) -> float:
        """Step size of a step."""
        progress = (step + 0.5) / self.steps
        if progress < self.warmup:
            return self.lr * progress / self.warmup
        return self.lr * 0.5 * (1 + math.cos(math.pi * (progress - self.warmup) / (1 - self.warmup)))

    def run(self) -> Iterator[tuple[int, float]]:
        """Take the steps that are left; gives each step's number and the mean loss over the students."""
        while self.done < self.steps:
            start = int(torch.randint(0, len(self.pool) - self.batch + 1, (), generator=self.generator))
            part = slice(start, start + self.batch)
            losses = self.students.losses(self.pool.points[:, part], self.pool.values[:, :, part])
            self.optimizer.param_groups[0]["lr"] = self.rate(self.done)
            self.optimizer.zero_grad(set_to_none=True)
            losses.sum().backward()
            self.optimizer.step()
            self.done += 1
            yield self.done, float(losses.detach().mean())

    def state(self) -> dict[str, Any]:
        """All that is needed to go on to the same result."""
        return {
            "done": self.done,
            "ensemble": self.students.ensemble.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.done = state["done"]
        self.students.ensemble.load_state_dict(state["ensemble"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])
