"""``model=g2``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from baselines.common.config import check_at_least, check_choice
from baselines.gnn_oversmoothing.models._base import BaseModel

if TYPE_CHECKING:
    from baselines.gnn_oversmoothing.layers.base import GraphLayer


@dataclass
class Model(BaseModel):
    """G2: gradient gating, every node and channel moves as fast as its neighbours differ.

    X' = (1 - tau) X + tau ReLU(P X W),  tau_i = tanh(mean over j in N_i of |y_j - y_i|^p),  y = ReLU(P X W_g).

    Where the graph gradient of y vanishes, so does tau, and smoothing stops.  The mean over the neighbours is that of
    the authors' code; the paper writes a sum.  Each layer has weights of its own.

    Source: Rusch, Chamberlain, Mahoney, Bronstein and Mishra, Gradient Gating for Deep Multi-Rate Learning on Graphs,
    ICLR 2023.
    """

    name: ClassVar[str] = "G2"
    relu: ClassVar[bool] = False
    prediction: ClassVar[str] = "depth"

    p: float = 2.0  # exponent of the differences, at least 1
    reduce: str = "mean"  # over the neighbours: mean (the authors' code) or sum (the paper)

    def __post_init__(self) -> None:
        """Check the values."""
        check_at_least("model.p", self.p, 1.0)
        check_choice("model.reduce", self.reduce, ("mean", "sum"))

    def layers(self, widths: list[int]) -> list[GraphLayer]:
        """Return L layers around one gate, which has no parameters."""
        from baselines.gnn_oversmoothing.layers.g2 import G2Layer, GradientGate

        gate = GradientGate(self.p, self.reduce)
        return [G2Layer(width, gate) for width in widths[1:]]
