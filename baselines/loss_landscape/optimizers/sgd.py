"""Stochastic gradient descent at one step size and several batch sizes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from baselines.loss_landscape.optimizer import BaseOptimizer, check_positive

if TYPE_CHECKING:
    import torch

    from baselines.loss_landscape.thresholds import StepMatrix


@dataclass
class Optimizer(BaseOptimizer):
    """Mini-batch gradient descent: the smaller the batch, the farther the sharpness stays below 2/eta.

    w' = w - eta g_B. What approaches 2/eta is the batch sharpness E[g_B' H_B g_B] / E[|g_B|^2] (arXiv:2412.20553).
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {"smoke": {"batch": [4, 16]}}
    NAME: ClassVar[str] = "stochastic gradient descent"
    EDGE: ClassVar[str] = "2/eta"
    KEY: ClassVar[str] = "batch"
    SYMBOL: ClassVar[str] = "batch size"
    BAND: ClassVar[tuple[float, float] | None] = None

    batch: Any = field(default_factory=lambda: [4, 16, 64])  # examples of a mini-batch: one value, or a list to compare
    two_over_eta: float = 5.0  # 2 / step size, the same for all

    def __post_init__(self) -> None:
        """Check the keys."""
        super().__post_init__()
        check_positive("optimizer.two_over_eta", self.two_over_eta)
        if any(value != int(value) for value in self.batch):
            raise ValueError(f"optimizer.batch must be whole numbers; got {self.batch}")

    def learning_rate(self, value: float) -> float:
        """The common step size."""
        return 2 / self.two_over_eta

    def batch_size(self, value: float) -> int:
        """The value itself."""
        return int(value)

    def edge(self, lr: float, gradient_norm: float) -> float:
        """2 / eta, that of the full batch."""
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
