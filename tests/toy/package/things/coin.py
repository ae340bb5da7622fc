"""A fair or unfair coin."""

from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass
class Thing:
    """A coin that shows heads with a given probability."""

    heads: float = 0.5  # probability of heads
    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {"smoke": {"heads": 0.25}}

    def __post_init__(self) -> None:
        """Check the probability."""
        if not 0 <= self.heads <= 1:
            raise ValueError(f"thing.heads must lie in [0, 1]; got {self.heads}")
