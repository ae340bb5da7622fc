"""``model=graphcon``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from baselines.common.config import check_at_least
from baselines.gnn_oversmoothing.models._base import BaseModel

if TYPE_CHECKING:
    from baselines.gnn_oversmoothing.layers.base import GraphLayer


@dataclass
class Model(BaseModel):
    """GraphCON: an oscillator at every node, coupled by a GCN layer.

    Y' = Y + dt (ReLU(P X W) - gamma X - alpha Y),  X' = X + dt Y',  Y_0 = X_0.

    The free oscillator stays bounded for gamma dt^2 + 2 alpha dt <= 4, and a step multiplies its squared amplitude by
    1 - alpha dt: any damping makes depth lose the signal, hence alpha = 0.  With dt = alpha = gamma = 1, the defaults
    of the authors' code, Y cancels and X' = ReLU(P X W) is a plain GCN.

    Source: Rusch, Chamberlain, Rowbottom, Mishra and Bronstein, Graph-Coupled Oscillator Networks, ICML 2022.
    """

    name: ClassVar[str] = "GraphCON"
    relu: ClassVar[bool] = False
    prediction: ClassVar[str] = "depth"

    dt: float = 0.5  # length of a time step
    alpha: float = 0.0  # damping
    gamma: float = 1.0  # stiffness, the squared frequency
    shared: bool = False  # one W for all layers, as in the authors' code, instead of one each

    def __post_init__(self) -> None:
        """Check the ranges."""
        check_at_least("model.alpha", self.alpha, 0.0)
        check_at_least("model.gamma", self.gamma, 0.0)
        if not self.dt > 0.0:
            raise ValueError(f"model.dt must be above 0; got {self.dt}")

    def layers(self, widths: list[int]) -> list[GraphLayer]:
        """Return L time steps."""
        from baselines.gnn_oversmoothing.layers.graphcon import GraphCONLayer

        depth, width = len(widths) - 1, widths[0]
        if self.shared:
            return [GraphCONLayer(width, self.dt, self.alpha, self.gamma)] * depth
        return [GraphCONLayer(width, self.dt, self.alpha, self.gamma) for _ in range(depth)]
