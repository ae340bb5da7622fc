"""What all tasks share: examples become an objective, with the network of the run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from baselines.common.config import check_choice

if TYPE_CHECKING:
    from torch import nn

    from baselines.loss_landscape.objective import Objective

LOSSES = ("squares", "cross_entropy")


class Shape(NamedTuple):
    """What a network takes and gives."""

    inputs: int
    outputs: int
    image: tuple[int, int, int] | None = None
    """Channels, height and width, where the inputs are pixels."""


class Examples(NamedTuple):
    """Inputs with their targets."""

    inputs: np.ndarray
    """[N, D]"""
    targets: np.ndarray
    """[N, C] real values, or [N] class numbers."""


@dataclass
class BaseTask:
    """Examples and a loss.

    A task is one file with a dataclass `Task(BaseTask)`: `shape`, `train(cfg)`, perhaps `test(cfg)`, and `words()`.
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {}
    CLASSES: ClassVar[bool] = True
    """Whether the targets are classes; real values otherwise."""

    loss: str = "squares"  # squares (half the squared error, summed over outputs) or cross_entropy

    def __post_init__(self) -> None:
        """Check the loss."""
        check_choice("task.loss", self.loss, LOSSES if self.CLASSES else LOSSES[:1])

    @property
    def shape(self) -> Shape:
        """What a network for this task takes and gives."""
        raise NotImplementedError

    def train(self, cfg: Any) -> Examples:
        """The examples that are trained on."""
        raise NotImplementedError

    def test(self, cfg: Any) -> Examples | None:
        """Other examples of the same kind, or None."""
        return None

    def words(self) -> str:
        """The examples in a few words."""
        raise NotImplementedError

    def describe(self, cfg: Any) -> str:
        """The setting in a few words, for the statements of claims."""
        loss = "" if self.loss == "squares" else ", cross-entropy"
        return f"{self.words()}, {cfg.network.describe(self.shape)}{loss}"

    def build(self, cfg: Any, *stream: str | int) -> Objective:
        """The training objective at the initial weights.

        Args:
            cfg: The run.
            *stream: Names a further random stream of initial weights, for a second network of the same seed.
        """
        from baselines.common import compute

        generator = compute.torch_generator(cfg.seed, "init", *stream)
        model = cfg.network.build(self.shape, generator, compute.torch_dtype(cfg))
        return self._objective(cfg, model.to(compute.torch_device(cfg)), self.train(cfg))

    def held_out(self, cfg: Any, model: nn.Module) -> Objective | None:
        """The objective of a model on examples it was not trained on, if the task has any."""
        examples = self.test(cfg)
        return None if examples is None else self._objective(cfg, model, examples)

    def _objective(self, cfg: Any, model: nn.Module, examples: Examples) -> Objective:
        import torch

        from baselines.common import compute
        from baselines.loss_landscape.objective import CRITERIA, Objective, one_hot

        device, dtype = compute.torch_device(cfg), compute.torch_dtype(cfg)
        inputs = torch.as_tensor(examples.inputs, dtype=dtype, device=device)
        if self.CLASSES:
            targets = one_hot(torch.as_tensor(examples.targets), self.shape.outputs, dtype).to(device)
        else:
            targets = torch.as_tensor(examples.targets, dtype=dtype, device=device)
        return Objective(model, inputs, targets, CRITERIA[self.loss])


def standardised(pixels: np.ndarray, like: np.ndarray, softening: float = 1e-3) -> np.ndarray:
    """Pixels minus the mean over the standard deviation, per pixel, both taken from other examples.

    A pixel that is constant there becomes zero, whatever it is here.

    Args:
        pixels: [N, D].
        like: [M, D], whose mean and deviation are used.
        softening: Added to the deviation; some pixels hardly ever change.
    """
    mean, deviation = like.mean(axis=0), like.std(axis=0)
    scale = np.where(deviation > 0, deviation + softening, np.inf)
    scaled: np.ndarray = (pixels - mean) / scale
    return scaled
