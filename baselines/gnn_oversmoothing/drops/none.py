"""``drop=none``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from baselines.gnn_oversmoothing.operators import Operators


@dataclass
class Drop:
    """The whole graph in every training step."""

    def sample(self, operators: Operators) -> Operators:
        """Return the operators of one training step: those of the whole graph."""
        return operators
