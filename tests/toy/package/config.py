"""Config of the toy topic."""

from dataclasses import dataclass
from typing import Any

from omegaconf import MISSING

from baselines.common.config import RunConfig, check_at_least

GROUPS = {"thing": "things"}


@dataclass
class Config(RunConfig):
    """Counts steps, for tests."""

    thing: Any = MISSING
    steps: int = 20  # number of steps
    pause: float = 0.0  # seconds to sleep in each step
    fault: str = ""  # how to fail: raise, nan, user or exit
    log: str = ""  # file that gets one line for each run that really works

    def __post_init__(self) -> None:
        """Check the keys."""
        super().__post_init__()
        check_at_least("steps", self.steps, 1)
