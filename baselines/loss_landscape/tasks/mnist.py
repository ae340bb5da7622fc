"""MNIST, the first so many images."""

from dataclasses import dataclass
from typing import Any, ClassVar

from baselines.loss_landscape.task import BaseTask, Examples, Shape

AVAILABLE, TEST = 60000, 2000
SOFTENING = 0.1  # added to the deviation: many pixels are almost always zero


@dataclass
class Task(BaseTask):
    """28 x 28 handwritten digits of MNIST, standardised per pixel; the first 2,000 test images for testing.

    LeCun, Bottou, Bengio, Haffner (1998). From the data folder, or downloaded into it (11 MB).
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {"smoke": {"examples": 100}, "paper": {"examples": 10000}}

    examples: int = 1000  # the first so many of 60000; the seed does not change them

    def __post_init__(self) -> None:
        """Check the keys."""
        super().__post_init__()
        if not 10 <= self.examples <= AVAILABLE:
            raise ValueError(f"task.examples must be from 10 to {AVAILABLE}; got {self.examples}")

    @property
    def shape(self) -> Shape:
        """What a network for this task takes and gives."""
        return Shape(784, 10, (1, 28, 28))

    def words(self) -> str:
        """The examples in a few words."""
        return f"{self.examples} images of MNIST"

    def train(self, cfg: Any) -> Examples:
        """The first training images."""
        from baselines.loss_landscape.images import mnist, training_examples

        return training_examples(mnist(cfg.data_dir), self.examples, SOFTENING)

    def test(self, cfg: Any) -> Examples | None:
        """The first test images, standardised as the training images are."""
        from baselines.loss_landscape.images import mnist, test_examples

        return test_examples(mnist(cfg.data_dir), self.examples, SOFTENING, TEST)
