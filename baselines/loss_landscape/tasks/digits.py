"""Handwritten digits, small enough for thousands of full-batch steps in seconds."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from baselines.loss_landscape.task import BaseTask, Examples, Shape, standardised

AVAILABLE, HELD_OUT = 1797, 297


@dataclass
class Task(BaseTask):
    """8 x 8 digits of scikit-learn, standardised per pixel; the last 297 are for testing.

    The examples are always the first of the file: a seed draws the initial weights and nothing else. Alpaydin and
    Kaynak, UCI Machine Learning Repository. With `task.examples=1797` all digits are trained on and none is held out.
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {"smoke": {"examples": 100}, "paper": {"examples": 1500}}

    examples: int = 500  # the first so many of 1797; the seed does not change them

    def __post_init__(self) -> None:
        """Check the keys."""
        super().__post_init__()
        if not 10 <= self.examples <= AVAILABLE:
            raise ValueError(f"task.examples must be from 10 to {AVAILABLE}; got {self.examples}")

    @property
    def shape(self) -> Shape:
        """What a network for this task takes and gives."""
        return Shape(64, 10, (1, 8, 8))

    def words(self) -> str:
        """The examples in a few words."""
        return f"{self.examples} digits"

    def train(self, cfg: Any) -> Examples:
        """The first examples."""
        pixels, labels = _digits()
        first = pixels[: self.examples]
        return Examples(standardised(first, first), labels[: self.examples])

    def test(self, cfg: Any) -> Examples | None:
        """The last 297, unless they are trained on."""
        if self.examples > AVAILABLE - HELD_OUT:
            return None
        pixels, labels = _digits()
        return Examples(standardised(pixels[-HELD_OUT:], pixels[: self.examples]), labels[-HELD_OUT:])


def _digits() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    return pixels, labels
