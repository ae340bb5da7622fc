"""Adam with the full batch."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from baselines.loss_landscape.optimizer import BaseOptimizer, check_positive, check_share

if TYPE_CHECKING:
    import torch

    from baselines.loss_landscape.thresholds import StepMatrix


@dataclass
class Optimizer(BaseOptimizer):
    """Adam, stable while the largest eigenvalue of P^-1 H is below 38/eta (beta1 = 0.9).

    m' = beta1 m + (1 - beta1) g, v' = beta2 v + (1 - beta2) g^2, w' = w - eta P^-1 m' with the bias corrections in
    P = (1 - beta1^t) (sqrt(v' / (1 - beta2^t)) + eps) (Kingma and Ba 2015). The edge is
    2 (1 + beta1) / ((1 - beta1) eta) (Cohen et al. 2022, arXiv:2207.14484).
    """

    NAME: ClassVar[str] = "Adam"
    EDGE: ClassVar[str] = "2 (1 + beta1) / ((1 - beta1) eta)"
    KEY: ClassVar[str] = "lr"
    SYMBOL: ClassVar[str] = "eta"
    ADAPTIVE: ClassVar[bool] = True

    lr: Any = field(default_factory=lambda: [3e-3, 1e-2])  # step size eta: one value, or a list to compare
    beta1: float = 0.9  # memory of the gradients
    beta2: float = 0.999  # memory of the squared gradients
    eps: float = 1e-8  # added to the root, torch's default

    def __post_init__(self) -> None:
        """Check the keys."""
        super().__post_init__()
        check_share("optimizer.beta1", self.beta1)
        check_share("optimizer.beta2", self.beta2)
        check_positive("optimizer.eps", self.eps)

    def learning_rate(self, value: float) -> float:
        """The value itself."""
        return value

    def edge(self, lr: float, gradient_norm: float) -> float:
        """2 (1 + beta1) / ((1 - beta1) eta)."""
        from baselines.loss_landscape import thresholds

        return thresholds.averaged(lr, self.beta1)

    def step_matrix(self, lr: float, gradient_norm: float) -> "StepMatrix":
        """The map of (x, m), lambda being an eigenvalue of P^-1 H."""
        from baselines.loss_landscape.thresholds import momentum_step

        return momentum_step(lr, self.beta1, average=True)

    def build(self, parameters: "Sequence[torch.Tensor]", lr: float) -> "torch.optim.Optimizer":
        """The optimizer itself."""
        import torch

        return torch.optim.Adam(parameters, lr=lr, betas=(self.beta1, self.beta2), eps=self.eps)

    def resting(self) -> float:
        """`eps`."""
        return self.eps
