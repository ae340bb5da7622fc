"""``model=sgc``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from baselines.gnn_oversmoothing.layers import GraphLayer


@dataclass
class Model:
    """SGC: X' = P X, linear propagation without weights or activation.

    Source: Wu et al., Simplifying Graph Convolutional Networks, ICML 2019.
    """

    name: ClassVar[str] = "SGC"
    relu: ClassVar[bool] = False

    def skip(self, cfg: Any) -> str | None:
        """Refuse a network without encoder: the layers cannot change the width."""
        if cfg.ends == "graph":
            return "model=sgc keeps the width in every layer; use ends=linear"
        return None

    def layer(self, number: int, width_in: int, width_out: int) -> GraphLayer:
        """Return graph layer `number` = 1, 2, ..."""
        from baselines.gnn_oversmoothing.layers import SGCLayer

        return SGCLayer()
