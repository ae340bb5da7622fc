"""Plain gradient descent."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import torch


@dataclass
class Optimizer:
    """Full-batch gradient descent, stable while the sharpness is below 2/eta."""

    NAME: ClassVar[str] = "gradient descent"
    EDGE: ClassVar[str] = "2/eta"

    two_over_eta: Any = field(default_factory=lambda: [3.0, 4.0, 6.0])  # 2 / step size: one value, or a list to compare

    def __post_init__(self) -> None:
        """Check the keys; one value becomes a list of one."""
        given = self.two_over_eta if isinstance(self.two_over_eta, list) else [self.two_over_eta]
        numbers = [value for value in given if type(value) in (int, float) and 0 < value < float("inf")]
        if not given or len(numbers) < len(given) or len(set(numbers)) < len(numbers):
            raise ValueError(
                "optimizer.two_over_eta must be a positive number or a list of different ones, as 20 or [3,4,6];"
                f" got {self.two_over_eta}"
            )
        self.two_over_eta = [float(value) for value in numbers]

    def levels(self) -> list[float]:
        """The curvatures at which stability is lost, one for each step size."""
        return list(self.two_over_eta)

    def learning_rate(self, level: float) -> float:
        """The step size that loses stability at a curvature."""
        return 2 / level

    def threshold(self, lr: float) -> float:
        """The curvature at which a step size loses stability, by the formula of `thresholds`."""
        from baselines.loss_landscape import thresholds

        return thresholds.gradient_descent(lr)

    def build(self, parameters: "Sequence[torch.Tensor]", lr: float) -> "torch.optim.Optimizer":
        """The optimizer itself."""
        import torch

        return torch.optim.SGD(parameters, lr=lr)
