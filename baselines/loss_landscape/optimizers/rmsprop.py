"""RMSprop with the full batch."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from baselines.loss_landscape.optimizer import BaseOptimizer, check_positive, check_share

if TYPE_CHECKING:
    import torch

    from baselines.loss_landscape.thresholds import StepMatrix


@dataclass
class Optimizer(BaseOptimizer):
    """RMSprop, stable while the largest eigenvalue of P^-1 H is below 2/eta, P = sqrt(v) + eps.

    v' = beta2 v + (1 - beta2) g^2, w' = w - eta g / (sqrt(v') + eps) (Tieleman and Hinton 2012). While v changes
    slowly this is gradient descent in the metric of P.
    """

    NAME: ClassVar[str] = "RMSprop"
    EDGE: ClassVar[str] = "2/eta"
    KEY: ClassVar[str] = "lr"
    SYMBOL: ClassVar[str] = "eta"
    BAND: ClassVar[tuple[float, float] | None] = (0.95, 1.12)
    ADAPTIVE: ClassVar[bool] = True

    lr: Any = field(default_factory=lambda: [2e-4, 5e-4])  # step size eta: one value, or a list to compare
    beta2: float = 0.99  # memory of the squared gradients
    eps: float = 1e-8  # added to the root, torch's default

    def __post_init__(self) -> None:
        """Check the keys."""
        super().__post_init__()
        check_share("optimizer.beta2", self.beta2)
        check_positive("optimizer.eps", self.eps)

    def learning_rate(self, value: float) -> float:
        """The value itself."""
        return value

    def edge(self, lr: float, gradient_norm: float) -> float:
        """2 / eta."""
        from baselines.loss_landscape import thresholds

        return thresholds.gradient_descent(lr)

    def step_matrix(self, lr: float, gradient_norm: float) -> "StepMatrix":
        """1 - eta lambda, lambda being an eigenvalue of P^-1 H."""
        from baselines.loss_landscape.thresholds import momentum_step

        return momentum_step(lr)

    def build(self, parameters: "Sequence[torch.Tensor]", lr: float) -> "torch.optim.Optimizer":
        """The optimizer itself."""
        import torch

        return torch.optim.RMSprop(parameters, lr=lr, alpha=self.beta2, eps=self.eps)

    def resting(self) -> float:
        """`eps`."""
        return self.eps
