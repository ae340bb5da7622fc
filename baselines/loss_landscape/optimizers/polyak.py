"""Gradient descent with heavy-ball momentum."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from baselines.loss_landscape.optimizer import BaseOptimizer, check_share

if TYPE_CHECKING:
    import torch

    from baselines.loss_landscape.thresholds import StepMatrix


@dataclass
class Optimizer(BaseOptimizer):
    """Heavy-ball momentum, stable while the sharpness is below 2 (1 + beta) / eta.

    v' = beta v + g, w' = w - eta v' (Polyak 1964), with the full batch; 3.8 / eta for beta = 0.9.
    """

    NAME: ClassVar[str] = "heavy-ball momentum"
    EDGE: ClassVar[str] = "2 (1 + beta) / eta"
    KEY: ClassVar[str] = "stable_up_to"
    SYMBOL: ClassVar[str] = "edge"

    stable_up_to: Any = field(default_factory=lambda: [5.0])  # the edge, which sets the step size: a value or a list
    beta: float = 0.9  # momentum

    def __post_init__(self) -> None:
        """Check the keys."""
        super().__post_init__()
        check_share("optimizer.beta", self.beta)

    def learning_rate(self, value: float) -> float:
        """The step size whose edge is at a curvature."""
        return 2 * (1 + self.beta) / value

    def edge(self, lr: float, gradient_norm: float) -> float:
        """2 (1 + beta) / eta."""
        from baselines.loss_landscape import thresholds

        return thresholds.polyak(lr, self.beta)

    def step_matrix(self, lr: float, gradient_norm: float) -> "StepMatrix":
        """The map of (x, v)."""
        from baselines.loss_landscape.thresholds import momentum_step

        return momentum_step(lr, self.beta)

    def build(self, parameters: "Sequence[torch.Tensor]", lr: float) -> "torch.optim.Optimizer":
        """The optimizer itself."""
        import torch

        return torch.optim.SGD(parameters, lr=lr, momentum=self.beta)
