"""Helpers that several test modules import."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from unittest import mock

from baselines.common import app, compose
from baselines.common.record import RunView
from baselines.common.terminal import Terminal

Command = Callable[..., "subprocess.CompletedProcess[str]"]


def toy_environment(toy: Path) -> dict[str, str]:
    """Environment in which the checkout with the toy topic is the one that is imported."""
    return os.environ | {"PYTHONPATH": str(toy), "PYTHONWARNINGS": "ignore"}


def smoke(topic: str, results: Path, *overrides: str) -> RunView:
    """Do a run in this process, without figures, which take longer.

    Raises:
        UserError: If it cannot be run here, for example because it needs data that is missing.
    """
    run = compose.resolve(topic, ["budget=smoke", f"results={results}", *overrides])
    with mock.patch.object(app, "pictures", return_value=[]):
        view = app.execute(run, Terminal(compact=True))
    assert view is not None
    return view
