"""Figures of the topic, drawn from stored curves alone: one module a probe."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from matplotlib.figure import Figure

from baselines.common.record import RunView

_MODULES = {
    path.stem: import_module(f"{__name__}.{path.stem}")
    for path in sorted(Path(__file__).parent.glob("*.py"))
    if not path.stem.startswith("_")
}
ZH: dict[str, str] = {label: word for module in _MODULES.values() for label, word in module.ZH.items()}


def draw(view: RunView, text: Callable[[str], str]) -> dict[str, Figure]:
    """Draw the figure of a record; the probe decides which.

    Args:
        view: the record.
        text: translates a label.

    Returns:
        The main picture under "figure".
    """
    return {"figure": _MODULES[view.choices["probe"]].draw(view, text)}
