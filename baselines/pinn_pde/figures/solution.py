"""Panels of the solution: over a plane or along a line, its error, and the error's distribution."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.patches import Circle, Patch, Rectangle

from baselines.common.plotting import COLORS
from baselines.common.record import RunView
from baselines.pinn_pde.figures.words import Text, coordinate, output, problem

DECADES = 1e-5  # of the error that colours resolve
SHOWN_POINTS = 1500
OUTSIDE = "0.88"  # grey of what is no part of the domain
AT_FLOOR = "at its floor"
FEW = 300  # observed points up to this number are drawn as circles
ZH = {
    "Reference": "参考解",
    "Computed solution": "计算解",
    "Solution and observations": "计算解与观测点",
    "Relative L2 error": "相对 L2 误差",
    AT_FLOOR: "已达参考解下限",
    "absolute error": "绝对误差",
    "absolute error; dots: collocation points": "绝对误差（点：配点）",
    "Cuts": "截面",
    "reference": "参考解",
    "computed": "计算值",
    "observed": "观测值",
    "Error along the cuts": "截面上的误差",
    "Absolute error": "绝对误差",
    "Computed minus reference": "计算值减参考值",
    "difference": "差",
    "Distribution of the error": "误差的分布",
    "share of points with a larger error": "误差更大的点所占比例",
}


def reference(axis: Axes, view: RunView, text: Text) -> None:
    """The reference as an image."""
    _image(axis, view, view.curves["reference"], text)
    axis.set_title(text("Reference"))


def prediction(axis: Axes, view: RunView, text: Text) -> None:
    """The solution in the colours of the reference, observed points on it."""
    _image(axis, view, view.curves["prediction"], text)
    points = view.curves.get("observation_points")
    axis.set_title(text("Computed solution"))
    if points is not None:
        right, up = _order(view)
        few = len(points) <= FEW
        style: dict[str, Any] = {"ms": 3, "mfc": "none"} if few else {"ms": 0.8, "alpha": 0.5}
        axis.plot(points[:SHOWN_POINTS, right], points[:SHOWN_POINTS, up], "o", mec="white", mew=0.8, **style)
        axis.set_title(text("Solution and observations"))


def error(axis: Axes, view: RunView, text: Text) -> None:
    """Absolute error in logarithmic colours, some of the collocation points on it."""
    size = _size(view)
    top = max(float(np.nanmax(size)), 1e-16)
    norm = LogNorm(top * DECADES, top)
    points = view.curves.get("collocation_points", np.empty((0, 2)))
    label = text("absolute error; dots: collocation points" if len(points) else "absolute error")
    _mesh(axis, view, np.clip(size, top * DECADES, None), label, cmap="magma", norm=norm)
    if len(points):
        right, up = _order(view)
        some = points[:: -(-len(points) // SHOWN_POINTS)]
        axis.plot(some[:, right], some[:, up], ".", ms=1.6, mew=0, color=COLORS[5], alpha=0.6)
    axis.set_title(_score(view, text))
    _label(axis, view, text)


def cuts(axis: Axes, view: RunView, text: Text) -> None:
    """Reference as lines, solution as points."""
    x = view.curves["axis_0"]
    every = max(1, len(x) // 50)
    for color, label, exact, found in _cuts(view):
        axis.plot(x, exact, color=color)
        axis.plot(x[::every], found[::every], "o", color=color, ms=3.2, mew=0)
        axis.plot([], [], "o-", color=color, ms=3.2, label=label)
    axis.plot([], [], "-", color="0.3", label=text("reference"))
    axis.plot([], [], "o", color="0.3", ms=3.2, label=text("computed"))
    axis.set_title(text("Cuts"))
    axis.set_xlabel(coordinate(str(view.curves["coordinates"][0]), text))
    axis.set_ylabel(output(view))
    _room(axis)


def error_along(axis: Axes, view: RunView, text: Text) -> None:
    """Absolute error along the cuts, or along the line."""
    x, size = view.curves["axis_0"], _size(view)
    least = max(DECADES * float(np.nanmax(size)), 1e-17)
    if view.curves["prediction"].ndim == 1:
        axis.semilogy(x, np.clip(size, least, None), color=COLORS[0])
    else:
        for color, label, exact, found in _cuts(view):
            axis.semilogy(x, np.clip(np.abs(found - exact), least, None), color=color, label=label)
        axis.legend(ncols=2, loc="lower center")
    axis.set_title(text("Error along the cuts" if view.curves["prediction"].ndim == 2 else "Absolute error"))
    axis.set_xlabel(coordinate(str(view.curves["coordinates"][0]), text))
    axis.set_ylabel(text("absolute error"))


def distribution(axis: Axes, view: RunView, text: Text) -> None:
    """Share of the points at which the error is larger than a value."""
    size = np.sort(_size(view)[np.isfinite(view.curves["prediction"])])
    axis.semilogx(
        np.clip(size, max(1e-3 * DECADES * size[-1], 1e-17), None),
        1.0 - np.arange(len(size)) / len(size),
        color=COLORS[1],
    )
    axis.set_title(text("Distribution of the error"))
    axis.set_xlabel(text("absolute error"))
    axis.set_ylabel(text("share of points with a larger error"))


def _line(axis: Axes, view: RunView, text: Text) -> None:
    """Reference as a line, solution and observations as points."""
    t = view.curves["axis_0"]
    every = max(1, len(t) // 60)
    axis.plot(t, view.curves["reference"], color="0.3", label=text("reference"))
    axis.plot(t[::every], view.curves["prediction"][::every], "o", color=COLORS[0], ms=3.2, label=text("computed"))
    if "observation_points" in view.curves:
        points, values = view.curves["observation_points"], view.curves["observation_values"]
        axis.plot(points[:, 0], values[:, 0], "x", color=COLORS[1], ms=5, label=text("observed"))
    axis.set_title(text("Computed solution"))
    axis.set_xlabel(coordinate(str(view.curves["coordinates"][0]), text))
    axis.set_ylabel(output(view))
    _room(axis)


def difference(axis: Axes, view: RunView, text: Text) -> None:
    """Solution minus reference along a line, with its sign."""
    axis.plot(view.curves["axis_0"], view.curves["prediction"] - view.curves["reference"], color=COLORS[1])
    axis.set_title(text("Computed minus reference"))
    axis.set_xlabel(coordinate(str(view.curves["coordinates"][0]), text))
    axis.set_ylabel(text("difference"))


def _line_error(axis: Axes, view: RunView, text: Text) -> None:
    error_along(axis, view, text)
    axis.set_title(_score(view, text))


LINE = (_line, difference, _line_error)


def _order(view: RunView) -> tuple[int, int]:
    """Which coordinate goes to the right and which up: time to the right, else the first."""
    return (1, 0) if view.curves["coordinates"][1] == "t" else (0, 1)


def _size(view: RunView) -> np.ndarray:
    return np.abs(view.curves["prediction"] - view.curves["reference"])


def _score(view: RunView, text: Text) -> str:
    note = f"{text('Relative L2 error')} {view.metrics['relative_l2']:.1e}"
    return f"{note}, {text(AT_FLOOR)}" if view.metrics["at_floor"] else note


def _image(axis: Axes, view: RunView, values: np.ndarray, text: Text) -> None:
    exact = view.curves["reference"]
    low, high = float(np.nanmin(exact)), float(np.nanmax(exact))
    if low < -0.05 * high:
        high = max(-low, high)
        style: dict[str, Any] = {"cmap": "RdBu_r", "vmin": -high, "vmax": high}
    else:
        style = {"cmap": "viridis", "vmin": low, "vmax": high if high > low else low + 1.0}
    _mesh(axis, view, values, output(view), **style)
    _label(axis, view, text)


def _mesh(axis: Axes, view: RunView, values: np.ndarray, label: str, **style: Any) -> None:
    """Values over the plane, rows up and columns to the right; what is cut out of the domain is grey."""
    right, up = _order(view)
    turned = _filled(values) if right == 1 else _filled(values).T
    h, v = view.curves[f"axis_{right}"], view.curves[f"axis_{up}"]
    mesh = axis.pcolormesh(h, v, turned, shading="gouraud", rasterized=True, **style)
    axis.figure.colorbar(mesh, ax=axis, label=label, pad=0.02)
    for hole in problem(view).domain().without:
        axis.add_patch(_patch(hole))
    axis.set_xlim(h[0], h[-1])
    axis.set_ylim(v[0], v[-1])
    if "t" not in view.curves["coordinates"] and 0.5 < np.ptp(h) / np.ptp(v) < 2.0:
        axis.set_aspect("equal")


def _patch(hole: Any) -> Patch:
    """A hole that covers the image."""
    if hasattr(hole, "radius"):
        return Circle(hole.center, hole.radius, color=OUTSIDE, lw=0)
    (left, lower), (right, upper) = hole.low, hole.high
    return Rectangle((left, lower), right - left, upper - lower, color=OUTSIDE, lw=0)


def _filled(values: np.ndarray) -> np.ndarray:
    """Values outside the domain (NaN) become means of their neighbours, so that colours reach the edge of a hole."""
    filled = np.array(values)
    while np.isnan(filled).any() and np.isfinite(filled).any():
        wide = np.pad(filled, 1, constant_values=np.nan)
        around = np.stack([wide[:-2, 1:-1], wide[2:, 1:-1], wide[1:-1, :-2], wide[1:-1, 2:]])
        known = np.isfinite(around)
        mean = np.where(known, around, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        filled = np.where(np.isnan(filled) & known.any(axis=0), mean, filled)
    return filled


def _label(axis: Axes, view: RunView, text: Text) -> None:
    right, up = _order(view)
    names = [str(name) for name in view.curves["coordinates"]]
    axis.set_xlabel(coordinate(names[right], text))
    axis.set_ylabel(coordinate(names[up], text))
    axis.grid(False)


def _cuts(view: RunView) -> Iterator[tuple[str, str, np.ndarray, np.ndarray]]:
    """Colour, label, reference and solution along the first coordinate, at some values of the second."""
    other, name = view.curves["axis_1"], view.curves["coordinates"][1]
    places = (0.0, 0.25, 0.5, 1.0) if name == "t" else (0.1, 0.3, 0.5, 0.8)
    for color, place in zip(COLORS, places, strict=False):
        j = int(np.abs(other - (other[0] + place * (other[-1] - other[0]))).argmin())
        label = f"{name} = {other[j]:.2g}"
        yield color, label, view.curves["reference"][:, j], view.curves["prediction"][:, j]


def _room(axis: Axes) -> None:
    """Space for a legend above the curves."""
    low, high = axis.get_ylim()
    axis.set_ylim(low, high + 0.35 * (high - low))
    axis.legend(ncols=3, loc="upper center", columnspacing=1.2, handletextpad=0.5)
