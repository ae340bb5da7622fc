"""A curve in the plane, for networks with one input and one output."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from baselines.common.config import check_at_least
from baselines.loss_landscape.task import BaseTask, Examples, Shape


@dataclass
class Task(BaseTask):
    """A smooth curve: y = sin 3x + 0.5 cos 7x at even points of [-1, 1].

    One dimension, so that a few neurons do much and their critical points can be found one by one.
    """

    CLASSES: ClassVar[bool] = False

    examples: int = 40  # even points of [-1, 1]

    def __post_init__(self) -> None:
        """Check the keys."""
        super().__post_init__()
        check_at_least("task.examples", self.examples, 2)

    @property
    def shape(self) -> Shape:
        """What a network for this task takes and gives."""
        return Shape(1, 1)

    def words(self) -> str:
        """The examples in a few words."""
        return f"{self.examples} points of a curve"

    def train(self, cfg: Any) -> Examples:
        """The points."""
        return self._curve(np.linspace(-1, 1, self.examples))

    def test(self, cfg: Any) -> Examples | None:
        """The middles between the points."""
        grid = np.linspace(-1, 1, self.examples)
        return self._curve((grid[1:] + grid[:-1]) / 2)

    @staticmethod
    def _curve(x: np.ndarray) -> Examples:
        return Examples(x[:, None], (np.sin(3 * x) + 0.5 * np.cos(7 * x))[:, None])
