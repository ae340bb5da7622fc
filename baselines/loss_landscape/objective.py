"""What is minimised: a network, its data, and the loss in the scale of Cohen et al. (2021)."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn.utils import parameters_to_vector, vector_to_parameters

Criterion = Callable[[Tensor, Tensor], Tensor]


def half_squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """L = 1/(2N) sum_n ||f(x_n) - y_n||^2: summed over classes, averaged over examples.

    `torch.nn.MSELoss` averages over classes too and lacks the half: its value, and with it every curvature, is
    2/C times this one, so the same step size stands at another edge.

    Args:
        outputs: [N, C].
        targets: [N, C].
    """
    return 0.5 * (outputs - targets).square().sum(dim=1).mean()


def cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """L = -1/N sum_n sum_c y_nc log softmax(f(x_n))_c.

    Args:
        outputs: [N, C], logits.
        targets: [N, C], one-hot or probabilities.
    """
    return nn.functional.cross_entropy(outputs, targets)


CRITERIA: dict[str, Criterion] = {"squares": half_squared_error, "cross_entropy": cross_entropy}


@dataclass(frozen=True)
class Objective:
    """A training objective.

    Shapes: N examples, D inputs (or channels, height, width), C outputs, P parameters.
    """

    model: nn.Module
    inputs: Tensor
    """[N, D]"""
    targets: Tensor
    """[N, C]"""
    criterion: Criterion = half_squared_error

    @property
    def parameters(self) -> list[nn.Parameter]:
        """The trained parameters, in the model's order."""
        return list(self.model.parameters())

    @property
    def size(self) -> int:
        """Number of trained parameters P."""
        return sum(p.numel() for p in self.parameters)

    def loss(self) -> Tensor:
        """Loss on all examples at the present parameters, a scalar with a graph."""
        return self.criterion(self.model(self.inputs), self.targets)

    def loss_on(self, rows: Tensor) -> Tensor:
        """Loss on some of the examples, given by their numbers."""
        return self.criterion(self.model(self.inputs[rows]), self.targets[rows])

    def gradient(self) -> Tensor:
        """Gradient of the loss on all examples, shape [P]."""
        slopes = torch.autograd.grad(self.loss(), self.parameters)
        return torch.cat([slope.reshape(-1) for slope in slopes])

    def accuracy(self) -> float:
        """Share of the examples whose largest output is at the largest target.

        Raises:
            ValueError: If there is one output only.
        """
        if self.targets.shape[1] == 1:
            raise ValueError("accuracy needs classes; this objective has a single output")
        with torch.no_grad():
            hits = self.model(self.inputs).argmax(dim=1) == self.targets.argmax(dim=1)
        return float(hits.double().mean())

    def vector(self) -> Tensor:
        """A copy of the parameters as one vector, shape [P]."""
        with torch.no_grad():
            return parameters_to_vector(self.parameters).clone()

    def assign(self, vector: Tensor) -> None:
        """Set the parameters to the values of a vector of shape [P]; the vector itself stays as it is."""
        with torch.no_grad():
            vector_to_parameters(vector.clone(), self.parameters)  # otherwise they would be views of the vector

    def split(self, vectors: Tensor) -> dict[str, Tensor]:
        """Vectors as named parameters: each tensor of shape [*batch, *shape of the parameter].

        Args:
            vectors: Shape [*batch, P].
        """
        named = dict(self.model.named_parameters())
        parts = vectors.split([p.numel() for p in named.values()], dim=-1)
        return {
            name: part.reshape(*vectors.shape[:-1], *p.shape)
            for (name, p), part in zip(named.items(), parts, strict=True)
        }

    def loss_at(self, vector: Tensor) -> Tensor:
        """The loss as a function of a parameter vector of shape [P]; differentiable in it."""
        return self.criterion(functional_call(self.model, self.split(vector), (self.inputs,)), self.targets)

    def losses_at(self, vectors: Tensor, chunk: int = 64) -> Tensor:
        """Losses at many parameter vectors, some at a time in one batched evaluation.

        Args:
            vectors: Shape [K, P].
            chunk: Vectors evaluated together; more need more memory.

        Returns:
            Shape [K], without a graph.
        """
        with torch.no_grad():
            return torch.cat([vmap(self.loss_at)(part) for part in vectors.split(chunk)])


def one_hot(labels: Tensor, classes: int, dtype: torch.dtype) -> Tensor:
    """Labels as targets, shape [N, classes]."""
    return nn.functional.one_hot(labels.long(), classes).to(dtype)
