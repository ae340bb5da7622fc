"""CIFAR-10, the first so many images."""

from dataclasses import dataclass
from typing import Any, ClassVar

from baselines.loss_landscape.task import BaseTask, Examples, Shape

AVAILABLE, TEST = 4000, 1000
SOFTENING = 1e-3  # added to the deviation


@dataclass
class Task(BaseTask):
    """32 x 32 colour images of CIFAR-10, standardised per pixel; the first 1,000 test images for testing.

    Krizhevsky (2009); Cohen et al. (2021) train on the first 5,000. From the data folder, or downloaded (170 MB).
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {"smoke": {"examples": 100}, "paper": {"examples": 4000}}

    examples: int = 1000  # the first so many of 4000; the seed does not change them

    def __post_init__(self) -> None:
        """Check the keys."""
        super().__post_init__()
        if not 10 <= self.examples <= AVAILABLE:
            raise ValueError(f"task.examples must be from 10 to {AVAILABLE}; got {self.examples}")

    @property
    def shape(self) -> Shape:
        """What a network for this task takes and gives."""
        return Shape(3072, 10, (3, 32, 32))

    def words(self) -> str:
        """The examples in a few words."""
        return f"{self.examples} images of CIFAR-10"

    def train(self, cfg: Any) -> Examples:
        """The first training images."""
        from baselines.loss_landscape.images import cifar10, training_examples

        return training_examples(cifar10(cfg.data_dir), self.examples, SOFTENING)

    def test(self, cfg: Any) -> Examples | None:
        """The first test images, standardised as the training images are."""
        from baselines.loss_landscape.images import cifar10, test_examples

        return test_examples(cifar10(cfg.data_dir), self.examples, SOFTENING, TEST)
