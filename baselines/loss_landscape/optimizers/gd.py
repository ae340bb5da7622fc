"""Plain gradient descent."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from baselines.loss_landscape.optimizer import BaseOptimizer

if TYPE_CHECKING:
    import torch

    from baselines.loss_landscape.thresholds import StepMatrix


@dataclass
class Optimizer(BaseOptimizer):
    """Full-batch gradient descent, stable while the sharpness is below 2/eta.

    w' = w - eta g. On a quadratic of curvature lambda a step multiplies by 1 - eta lambda.
    """

    NAME: ClassVar[str] = "gradient descent"
    EDGE: ClassVar[str] = "2/eta"
    BAND: ClassVar[tuple[float, float] | None] = (0.98, 1.05)
    FOLLOWS_FLOW: ClassVar[bool] = True

    two_over_eta: Any = field(default_factory=lambda: [3.0, 4.0, 6.0])  # 2 / step size: one value, or a list to compare

    def edge(self, lr: float, gradient_norm: float) -> float:
        """2 / eta."""
        from baselines.loss_landscape import thresholds

        return thresholds.gradient_descent(lr)

    def step_matrix(self, lr: float, gradient_norm: float) -> "StepMatrix":
        """1 - eta lambda."""
        from baselines.loss_landscape.thresholds import momentum_step

        return momentum_step(lr)

    def build(self, parameters: "Sequence[torch.Tensor]", lr: float) -> "torch.optim.Optimizer":
        """The optimizer itself."""
        import torch

        return torch.optim.SGD(parameters, lr=lr)
