"""``model=grand``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from baselines.common.config import check_at_least, check_choice
from baselines.gnn_oversmoothing.models._base import BaseModel

if TYPE_CHECKING:
    from baselines.gnn_oversmoothing.layers.base import GraphLayer


@dataclass
class Model(BaseModel):
    """GRAND: heat equation with attention, one time step a layer (the linear variant, GRAND-l).

    x' = (A(X_0) - I) x,  A row-stochastic scaled-dot-product attention over neighbours and the node itself.

    A network of L layers integrates to the time T = L step.  A is computed once, from X_0, and all layers share its
    weights.  Euler keeps every entry between the smallest and the largest of its channel for step <= 1; RK4 needs
    step <= 2.785 / lambda_max(I - A), and lambda_max <= 2.

    Source: Chamberlain et al., GRAND: Graph Neural Diffusion, ICML 2021.
    """

    name: ClassVar[str] = "GRAND"
    relu: ClassVar[bool] = False

    step: float = 0.5  # length tau of a time step
    integrator: str = "euler"  # euler (order 1) or rk4 (order 4, four products a step)
    heads: int = 1  # attention heads, whose mean is taken

    def __post_init__(self) -> None:
        """Check the values."""
        check_choice("model.integrator", self.integrator, ("euler", "rk4"))
        check_at_least("model.heads", self.heads, 1)
        if not self.step > 0.0:
            raise ValueError(f"model.step must be above 0; got {self.step}")

    def layers(self, widths: list[int]) -> list[GraphLayer]:
        """Return the same step L times."""
        from baselines.gnn_oversmoothing.layers.grand import GRANDLayer

        return [GRANDLayer(widths[0], self.heads, self.step, self.integrator)] * (len(widths) - 1)
