"""The picture of one run, drawn from its stored curves: solution, error, training, recovered parameters."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from baselines.common.plotting import panels
from baselines.common.record import RunView
from baselines.pinn_pde.figures import solution, training, unknowns, words
from baselines.pinn_pde.figures.words import Text

ZH: dict[str, str] = words.ZH | solution.ZH | training.ZH | unknowns.ZH


def draw(view: RunView, text: Text) -> dict[str, Figure]:
    """Reference, solution and error above; cuts or parameters, loss and error during training below.

    A method that does not train leaves one row of history: then the error is shown where training would be. A run
    that diverged has nothing but its history.

    Args:
        view: the record.
        text: translates a label.

    Returns:
        The picture under "figure".
    """
    trained = training.rows(view) > 1
    if "prediction" not in view.curves:
        figure, axes = panels(2, width=9.0, height=3.8)
        training.losses(axes[0], view, text)
        training.errors(axes[1], view, text)
        return {"figure": figure}
    figure, axes = _rows()
    plane = len(view.curves["coordinates"]) == 2
    top = (solution.reference, solution.prediction, solution.error) if plane else solution.LINE
    for axis, panel in zip(axes[0], top, strict=True):
        panel(axis, view, text)
    found = unknowns.of(view)
    first = solution.cuts if plane else solution.difference
    if found:
        unknowns.draw(axes[1, 0], view, found, text)
    else:
        first(axes[1, 0], view, text)
    last = (training.losses, training.errors) if trained else (solution.error_along, solution.distribution)
    for axis, panel in zip(axes[1, 1:], last, strict=True):
        panel(axis, view, text)
    return {"figure": figure}


def _rows() -> tuple[Figure, np.ndarray]:
    """Two rows of three panels with their own widths: those below have no colour bars."""
    figure, _ = panels(1, width=13.2, height=7.4)
    figure.clear()
    parts = figure.subfigures(2, 1, squeeze=False, hspace=0.03)[:, 0]
    return figure, np.array([part.subplots(1, 3) for part in parts])
