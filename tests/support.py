"""Helpers that several test modules import."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

Command = Callable[..., "subprocess.CompletedProcess[str]"]


def toy_environment(toy: Path) -> dict[str, str]:
    """Environment in which the checkout with the toy topic is the one that is imported."""
    return os.environ | {"PYTHONPATH": str(toy), "PYTHONWARNINGS": "ignore"}
