"""``model=acmp``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from baselines.common.config import check_at_least, check_choice
from baselines.gnn_oversmoothing.models._base import BaseModel

if TYPE_CHECKING:
    from baselines.gnn_oversmoothing.layers.base import GraphLayer


@dataclass
class Model(BaseModel):
    """ACMP: nodes are particles that attract, repel and sit in a double well (Allen-Cahn message passing).

    x_i' = alpha sum_{j in N_i} (a_ij - beta) (x_j - x_i) + delta x_i (1 - x_i^2), one time step a layer.

    Edges with a_ij < beta repel.  beta = delta = 0 and alpha = 1 is GRAND.  Around x = 0 a mode with eigenvalue mu of
    the coupling grows at the rate delta - alpha mu: delta is small so that noise decays.  The split step bounds every
    entry by 1 / sqrt(1 - exp(-2 delta step)), whatever the coupling; the coupling alone, with attention and beta = 0,
    is stable for alpha step <= 1, and training keeps alpha below twice its start: step = 1 / (2 alpha) = 0.5.

    Source: Wang, Yi, Liu, Wang and Jin, ACMP: Allen-Cahn Message Passing with Attractive and Repulsive Forces for
    Graph Neural Networks, ICLR 2023.
    """

    name: ClassVar[str] = "ACMP"
    relu: ClassVar[bool] = False
    prediction: ClassVar[str] = "depth"

    weights: str = "attention"  # a_ij: attention (that of GRAND) or gcn (the entries of P)
    alpha: float = 1.0  # coupling at the start of training
    beta: float = 0.05  # repulsion; not trained
    delta: float = 0.1  # strength of the double well at the start of training
    trained: bool = True  # train alpha and delta, one pair for each channel
    step: float = 0.5  # length tau of a time step
    integrator: str = "split"  # split (exact flow of the double well), euler or rk4
    heads: int = 1  # attention heads, whose mean is taken

    def __post_init__(self) -> None:
        """Check the values."""
        check_choice("model.weights", self.weights, ("attention", "gcn"))
        check_choice("model.integrator", self.integrator, ("split", "euler", "rk4"))
        check_at_least("model.heads", self.heads, 1)
        for key in ("alpha", "beta", "delta"):
            check_at_least(f"model.{key}", getattr(self, key), 0.0)
        if not self.step > 0.0:
            raise ValueError(f"model.step must be above 0; got {self.step}")

    def layers(self, widths: list[int]) -> list[GraphLayer]:
        """Return the same step L times."""
        from baselines.gnn_oversmoothing.layers.acmp import ACMPLayer
        from baselines.gnn_oversmoothing.layers.grand import Attention

        width, depth = widths[0], len(widths) - 1
        attention = Attention(width, self.heads) if self.weights == "attention" else None
        coefficients = self.alpha, self.beta, self.delta, self.trained
        return [ACMPLayer(width, attention, *coefficients, self.step, self.integrator)] * depth
