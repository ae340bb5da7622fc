"""Gradient descent with Nesterov's momentum."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from baselines.loss_landscape.optimizer import BaseOptimizer, check_positive, check_share

if TYPE_CHECKING:
    import torch

    from baselines.loss_landscape.thresholds import StepMatrix


@dataclass
class Optimizer(BaseOptimizer):
    """Nesterov momentum, stable while the sharpness is below 2 (1 + beta) / (eta (1 + 2 beta)).

    v' = beta v + g, w' = w - eta (g + beta v') (torch's form of Nesterov 1983), with the full batch; 1.357 / eta for
    beta = 0.9.
    """

    NAME: ClassVar[str] = "Nesterov momentum"
    EDGE: ClassVar[str] = "2 (1 + beta) / (eta (1 + 2 beta))"
    KEY: ClassVar[str] = "stable_up_to"
    SYMBOL: ClassVar[str] = "edge"

    stable_up_to: Any = field(default_factory=lambda: [5.0])  # the edge, which sets the step size: a value or a list
    beta: float = 0.9  # momentum, above 0

    def __post_init__(self) -> None:
        """Check the keys."""
        super().__post_init__()
        check_share("optimizer.beta", self.beta)
        check_positive("optimizer.beta", self.beta)

    def learning_rate(self, value: float) -> float:
        """The step size whose edge is at a curvature."""
        return 2 * (1 + self.beta) / (value * (1 + 2 * self.beta))

    def edge(self, lr: float, gradient_norm: float) -> float:
        """2 (1 + beta) / (eta (1 + 2 beta))."""
        from baselines.loss_landscape import thresholds

        return thresholds.nesterov(lr, self.beta)

    def step_matrix(self, lr: float, gradient_norm: float) -> "StepMatrix":
        """The map of (x, v)."""
        from baselines.loss_landscape.thresholds import momentum_step

        return momentum_step(lr, self.beta, nesterov=True)

    def build(self, parameters: "Sequence[torch.Tensor]", lr: float) -> "torch.optim.Optimizer":
        """The optimizer itself."""
        import torch

        return torch.optim.SGD(parameters, lr=lr, momentum=self.beta, nesterov=True)
