"""What all optimizers of the topic share: a list of settings to compare, and a predicted curvature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import torch

    from baselines.loss_landscape.thresholds import StepMatrix


class BaseOptimizer:
    """An optimizer with the curvature at which it loses stability.

    An optimizer is one file with a dataclass `Optimizer(BaseOptimizer)`: a key that holds one value or a list of
    values to compare (`KEY`), `learning_rate`, `edge`, `step_matrix` and `build`.
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {}
    NAME: ClassVar[str]
    """In the statements of claims."""
    EDGE: ClassVar[str]
    """The formula of the edge."""
    KEY: ClassVar[str] = "two_over_eta"
    """The key that holds the values to compare."""
    SYMBOL: ClassVar[str] = "2/eta"
    """What these values are."""
    BAND: ClassVar[tuple[float, float] | None] = (0.95, 1.05)
    """Where the mean of curvature / edge must lie in the second half of training; None: not claimed."""
    ADAPTIVE: ClassVar[bool] = False
    """Whether the curvature that counts is that of P^-1 H, with the preconditioner P of the optimizer's state."""
    FOLLOWS_FLOW: ClassVar[bool] = False
    """Whether it follows gradient flow at the time eta * step while it is stable."""

    def __post_init__(self) -> None:
        """Check the values to compare; one value becomes a list of one."""
        setattr(self, self.KEY, positive_numbers(f"optimizer.{self.KEY}", getattr(self, self.KEY)))

    def settings(self) -> list[float]:
        """The values to compare, one training each."""
        return list(getattr(self, self.KEY))

    def learning_rate(self, value: float) -> float:
        """The step size eta of a setting."""
        return 2 / value

    def batch_size(self, value: float) -> int:
        """Examples of a mini-batch in a setting; 0 means all."""
        return 0

    def edge(self, lr: float, gradient_norm: float) -> float:
        """The curvature at which a step size loses stability, by a formula of `thresholds`.

        Args:
            lr: Step size.
            gradient_norm: Norm of the gradient at the moment; only SAM's edge depends on it.
        """
        raise NotImplementedError

    def step_matrix(self, lr: float, gradient_norm: float) -> StepMatrix:
        """One step on a quadratic as a linear map."""
        raise NotImplementedError

    def build(self, parameters: Sequence[torch.Tensor], lr: float) -> torch.optim.Optimizer:
        """The optimizer itself."""
        raise NotImplementedError

    def resting(self) -> float:
        """The preconditioner where gradients vanish: 1, or an adaptive optimizer's `eps`."""
        return 1.0


def positive_numbers(key: str, given: Any) -> list[float]:
    """One value or a list of different ones, as a list.

    Raises:
        ValueError: If there is none, one is not positive, or two are equal.
    """
    values = given if isinstance(given, list) else [given]
    numbers = [value for value in values if type(value) in (int, float) and 0 < value < float("inf")]
    if not values or len(numbers) < len(values) or len(set(numbers)) < len(numbers):
        raise ValueError(f"{key} must be a positive number or a list of different ones, as 20 or [3,4,6]; got {given}")
    return [float(value) for value in numbers]


def check_share(key: str, value: float) -> None:
    """Raise `ValueError` unless `0 <= value < 1`."""
    if not 0 <= value < 1:
        raise ValueError(f"{key} must be at least 0 and below 1; got {value}")


def check_positive(key: str, value: float) -> None:
    """Raise `ValueError` unless `0 < value`."""
    if not value > 0:
        raise ValueError(f"{key} must be positive; got {value}")
