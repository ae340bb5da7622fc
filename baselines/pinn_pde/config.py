"""The keys that every problem and method of the topic shares."""

from dataclasses import dataclass
from typing import Any

from omegaconf import MISSING

from baselines.common.config import RunConfig, check_at_least

GROUPS: dict[str, str] = {"problem": "problems", "method": "methods"}


@dataclass
class Config(RunConfig):
    """One physics-informed network (or another method) on one partial differential equation."""

    problem: Any = MISSING  # what is solved
    method: Any = MISSING  # how it is solved
    dtype: str = "float64"  # float32 or float64; PINNs need the digits
    heldout_points: int = 20000  # fresh uniform points on which the residual is measured after training

    def __post_init__(self) -> None:
        """Check every key.

        Raises:
            ValueError: With one line that says which key is wrong and what would be right.
        """
        super().__post_init__()
        check_at_least("heldout_points", self.heldout_points, 1)
