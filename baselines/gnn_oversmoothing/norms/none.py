"""``norm=none``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


@dataclass
class Norm:
    """No normalisation."""

    def layer(self, width: int) -> nn.Module | None:
        """Return None: nothing stands after the graph layer."""
        return None
