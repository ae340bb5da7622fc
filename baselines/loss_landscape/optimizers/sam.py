"""Sharpness-aware minimisation with the full batch."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from baselines.loss_landscape.optimizer import BaseOptimizer, check_positive

if TYPE_CHECKING:
    import torch

    from baselines.loss_landscape.thresholds import StepMatrix


@dataclass
class Optimizer(BaseOptimizer):
    """SAM, whose edge lies far below 2/eta and falls with the gradient norm.

    w' = w - eta grad L(w + rho g/|g|) (Foret et al. 2021, arXiv:2010.01412). Stable while the sharpness is below
    (|g| / 2 rho) (sqrt(1 + 8 rho / (eta |g|)) - 1) (Long and Bartlett 2023, arXiv:2309.12488).
    """

    NAME: ClassVar[str] = "SAM"
    EDGE: ClassVar[str] = "(|g| / 2 rho) (sqrt(1 + 8 rho / (eta |g|)) - 1)"
    BAND: ClassVar[tuple[float, float] | None] = (0.97, 1.08)

    two_over_eta: Any = field(default_factory=lambda: [4.0, 6.0])  # 2 / step size: one value, or a list to compare
    rho: float = 0.1  # radius of the neighbourhood

    def __post_init__(self) -> None:
        """Check the keys."""
        super().__post_init__()
        check_positive("optimizer.rho", self.rho)

    def edge(self, lr: float, gradient_norm: float) -> float:
        """The formula above, at the momentary gradient norm."""
        from baselines.loss_landscape import thresholds

        return thresholds.sam(lr, self.rho, gradient_norm)

    def step_matrix(self, lr: float, gradient_norm: float) -> "StepMatrix":
        """1 - eta lambda (1 + rho lambda / |g|)."""
        from baselines.loss_landscape.thresholds import sam_step

        return sam_step(lr, self.rho, gradient_norm)

    def build(self, parameters: "Sequence[torch.Tensor]", lr: float) -> "torch.optim.Optimizer":
        """The optimizer itself; its `step` needs a closure."""
        from baselines.loss_landscape.sam import SAM

        return SAM(parameters, lr=lr, rho=self.rho)
