"""What all models share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from baselines.gnn_oversmoothing.layers.base import GraphLayer, Readout


@dataclass
class BaseModel:
    """A model: its graph layers, and what the network does around each of them.

    Attributes:
        name: how tables and figures call it.
        relu: whether ReLU follows every layer.
        residual: whether a layer's input is added to its output: X_l = X_(l-1) + ReLU(layer(X_(l-1))).
        any_width: whether a layer can change the width, as ``ends=graph`` asks of the first and the last.
        uses_graph: whether a layer looks at neighbours at all.
        prediction: what theory or the model's paper says of 64 layers: "collapse" to chance, "depth" does no harm, or
            "" where they say nothing.
    """

    name: ClassVar[str]
    relu: ClassVar[bool] = True
    residual: ClassVar[bool] = False
    any_width: ClassVar[bool] = False
    uses_graph: ClassVar[bool] = True
    prediction: ClassVar[str] = ""

    def layers(self, widths: list[int]) -> list[GraphLayer]:
        """Return L layers; layer l leads from widths[l - 1] to widths[l]. One layer may stand in several places."""
        raise NotImplementedError

    def readout(self, depth: int, width: int) -> Readout | None:
        """Return what the decoder reads instead of X_L, or None."""
        return None
