"""Clouds of points: the simplest data with classes."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from baselines.common.config import check_at_least
from baselines.loss_landscape.task import BaseTask, Examples, Shape


@dataclass
class Task(BaseTask):
    """Gaussian clouds: x = 2 m_c + g / sqrt(D), with unit centres m_c and standard normal g.

    Centres in independent uniform directions at distance `radius`; as many points of each class as can be. The seed
    draws centres, points and initial weights. The Hessian of a network trained on it has one outlier a class.
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {"smoke": {"examples": 100, "dimensions": 16}}

    loss: str = "cross_entropy"  # squares (half the squared error, summed over outputs) or cross_entropy
    classes: int = 5  # number of clouds
    dimensions: int = 64  # D
    examples: int = 1000  # points to train on; as many again are for testing
    radius: float = 2.0  # distance of the centres from zero
    orthogonal: bool = False  # centres at right angles; otherwise in independent random directions

    def __post_init__(self) -> None:
        """Check the keys."""
        super().__post_init__()
        check_at_least("task.classes", self.classes, 2)
        check_at_least("task.dimensions", self.dimensions, 1)
        check_at_least("task.examples", self.examples, self.classes)
        check_at_least("task.radius", self.radius, 0.0)
        if self.orthogonal and self.classes > self.dimensions:
            raise ValueError(f"task.orthogonal needs task.dimensions of at least {self.classes}, one for each class")

    @property
    def shape(self) -> Shape:
        """What a network for this task takes and gives."""
        return Shape(self.dimensions, self.classes)

    def words(self) -> str:
        """The examples in a few words."""
        return f"{self.examples} points of {self.classes} Gaussian clouds in {self.dimensions} dimensions"

    def train(self, cfg: Any) -> Examples:
        """The first half of the points."""
        return self._points(cfg.seed, "train")

    def test(self, cfg: Any) -> Examples | None:
        """As many again from the same clouds."""
        return self._points(cfg.seed, "test")

    def _points(self, seed: int, part: str) -> Examples:
        from baselines.common.compute import numpy_generator

        centres = numpy_generator(seed, "centres").standard_normal((self.classes, self.dimensions))
        if self.orthogonal:
            centres = np.linalg.qr(centres.T)[0].T
        centres *= self.radius / np.linalg.norm(centres, axis=1, keepdims=True)
        labels = np.arange(self.examples) % self.classes
        noise = numpy_generator(seed, "points", part).standard_normal((self.examples, self.dimensions))
        return Examples(centres[labels] + noise / np.sqrt(self.dimensions), labels)
