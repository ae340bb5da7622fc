"""Keys of the topic.

A probe investigates, `run(cfg, record)`; a task is what is trained, `build(cfg)`; an optimizer trains, and knows at
which curvature it loses stability: `levels()`, `learning_rate(level)`, `build(parameters, lr)`.
"""

from dataclasses import dataclass
from typing import Any

from omegaconf import MISSING

from baselines.common.config import RunConfig

GROUPS = {"probe": "probes", "task": "tasks", "optimizer": "optimizers"}


@dataclass
class Config(RunConfig):
    """Loss landscapes: the curvature of the training loss along training, against its predicted values."""

    probe: Any = MISSING
    task: Any = MISSING
    optimizer: Any = MISSING
    dtype: str = "float64"  # float64 or float32; eigenvalues are cheap enough in float64
