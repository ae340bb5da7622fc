"""Chebyshev polynomials: harder curves sharpen more."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from baselines.common.config import check_at_least
from baselines.loss_landscape.task import BaseTask, Examples, Shape


@dataclass
class Task(BaseTask):
    """A Chebyshev polynomial at even points of [-1, 1]: y = cos(degree * arccos x).

    The toy problem of Cohen et al. (2021, arXiv:2103.00065): degrees 3, 4, 5 at 20 points, one hidden layer of 100
    tanh units (`experiment=chebyshev` sets network and step size). The sharpness rises more for a higher degree.
    """

    CLASSES: ClassVar[bool] = False

    degree: int = 5  # of the polynomial
    examples: int = 20  # even points of [-1, 1]

    def __post_init__(self) -> None:
        """Check the keys."""
        super().__post_init__()
        check_at_least("task.degree", self.degree, 1)
        check_at_least("task.examples", self.examples, 2)

    @property
    def shape(self) -> Shape:
        """What a network for this task takes and gives."""
        return Shape(1, 1)

    def words(self) -> str:
        """The examples in a few words."""
        return f"Chebyshev polynomial of degree {self.degree} at {self.examples} points"

    def train(self, cfg: Any) -> Examples:
        """The points."""
        return self._polynomial(np.linspace(-1, 1, self.examples))

    def test(self, cfg: Any) -> Examples | None:
        """The middles between the points."""
        grid = np.linspace(-1, 1, self.examples)
        return self._polynomial((grid[1:] + grid[:-1]) / 2)

    def _polynomial(self, x: np.ndarray) -> Examples:
        return Examples(x[:, None], np.cos(self.degree * np.arccos(x))[:, None])
