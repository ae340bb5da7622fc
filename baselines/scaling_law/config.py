"""The keys of `python -m baselines.scaling_law`."""

from dataclasses import dataclass
from typing import Any

from omegaconf import MISSING

from baselines.common.config import RunConfig

GROUPS = {"study": "studies"}


@dataclass
class Config(RunConfig):
    """How the error falls with data, parameters and compute: theory beside measurement."""

    study: Any = MISSING  # what is investigated
    dtype: str = "float64"  # float64 or float32; small ridges need float64
