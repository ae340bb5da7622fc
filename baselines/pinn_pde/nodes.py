"""Collocation points on a grid: Gauss nodes inside, Chebyshev nodes with both ends on edges, cell by cell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from baselines.pinn_pde.domain import Box, Disk

GRID_DIMENSIONS = 3  # more coordinates than these get random points


def gauss(low: float, high: float, cells: int, count: int) -> np.ndarray:
    """Gauss-Legendre nodes in each of equal cells, [cells * count]."""
    return _cells(low, high, cells, np.polynomial.legendre.leggauss(count)[0])


def chebyshev(low: float, high: float, cells: int, count: int) -> np.ndarray:
    """Chebyshev extreme points in each of equal cells, the common ends once, [cells * (count - 1) + 1]."""
    return np.unique(np.round(_cells(low, high, cells, -np.cos(np.pi * np.arange(count) / (count - 1))), 14))


def _cells(low: float, high: float, cells: int, nodes: np.ndarray) -> np.ndarray:
    half = 0.5 * (high - low) / cells
    centers = low + half * (2.0 * np.arange(cells) + 1.0)
    return np.asarray((centers[:, None] + half * nodes).ravel())


def per_coordinate(count: float, dimension: int) -> int:
    """Nodes along each coordinate so that their tensor grid has at least `count`."""
    return max(2, math.ceil(count ** (1.0 / dimension) - 1e-9))


def interior(domain: Box, cells: Sequence[int], count: float, generator: np.random.Generator) -> np.ndarray:
    """Points inside, at least `count` in each cell of a box without holes, [N, d].

    Args:
        domain: where.
        cells: along each coordinate.
        count: points for each cell.
        generator: of random points, in more than three dimensions.
    """
    dimension = len(domain.names)
    if dimension > GRID_DIMENSIONS:
        return domain.sample(math.ceil(count * math.prod(cells)), generator)
    q = per_coordinate(count, dimension)
    axes = [gauss(a, b, n, q) for a, b, n in zip(domain.low, domain.high, cells, strict=True)]
    disks = [_times(_around(hole, count), axes[2:]) for hole in domain.without if isinstance(hole, Disk)]
    points = np.concatenate([_grid(axes), *disks])
    return points[domain.inside(points)]


def _around(hole: Disk, count: float) -> np.ndarray:
    """Polar grid out to three radii, where a solution changes faster than elsewhere, [n, 2] with n near `count`."""
    rings = max(3, round(math.sqrt(count / 4.0)))
    angle = np.linspace(0.0, 2.0 * np.pi, 4 * rings, endpoint=False)
    radius = hole.radius * np.exp(gauss(0.0, math.log(3.0), 1, rings))
    return np.stack(
        [(hole.center[i] + radius[:, None] * f(angle)).ravel() for i, f in ((0, np.cos), (1, np.sin))], axis=1
    )


def boundary(domain: Box, cells: Sequence[int], count: float, generator: np.random.Generator) -> np.ndarray:
    """Points on the spatial boundary, holes included, [N, d]; twice as dense along it as `interior`."""
    if domain.space == 0:
        return np.empty((0, len(domain.names)))
    if len(domain.names) > GRID_DIMENSIONS:
        return domain.sample_boundary(math.ceil(count * math.prod(cells)), generator)
    q = 2 * per_coordinate(count, len(domain.names))
    axes = [chebyshev(a, b, n, q) for a, b, n in zip(domain.low, domain.high, cells, strict=True)]
    faces = []
    for j in range(domain.space):
        for end in (domain.low[j], domain.high[j]):
            faces.append(_grid([np.array([end]) if i == j else axis for i, axis in enumerate(axes)]))
    for hole in domain.without:
        faces.append(_times(_ring(hole, domain, axes), axes[domain.space :]))
    points = np.concatenate(faces)
    return points[domain.inside(points)]


def initial(domain: Box, cells: Sequence[int], count: float, generator: np.random.Generator) -> np.ndarray:
    """Points at the earliest time, [N, d]; twice as dense as `interior` on a line; none without time."""
    if not domain.time:
        return np.empty((0, len(domain.names)))
    if len(domain.names) > GRID_DIMENSIONS:
        return domain.sample_initial(math.ceil(count * math.prod(cells[:-1])), generator)
    q = per_coordinate(count, len(domain.names)) * (2 if domain.space == 1 else 1) + 1
    axes = [chebyshev(a, b, n, q) for a, b, n in zip(domain.low, domain.high, cells, strict=True)][:-1]
    points = _grid([*axes, np.array([domain.low[-1]])])
    return points[domain.inside(points)]


def _grid(axes: list[np.ndarray]) -> np.ndarray:
    return np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)


def _ring(hole: Disk | object, domain: Box, axes: list[np.ndarray]) -> np.ndarray:
    """Points along the edge of what is cut out of a plane, [n, 2]."""
    spacing = min(domain.high[j] - domain.low[j] for j in (0, 1)) / max(len(axes[0]), len(axes[1]))
    if isinstance(hole, Disk):
        angle = np.linspace(0.0, 2.0 * np.pi, max(64, 2 * math.ceil(hole.length() / spacing)), endpoint=False)
        return np.array(hole.center) + hole.radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    edge = replace(domain, names=("x", "y"), low=hole.low, high=hole.high, time=False, without=())  # type: ignore[attr-defined]
    count = max(16, math.ceil(max(np.subtract(edge.high, edge.low)) / spacing))
    sides = [np.linspace(a, b, count) for a, b in zip(edge.low, edge.high, strict=True)]
    faces = [_grid([np.array([end]), sides[1]]) for end in (edge.low[0], edge.high[0])]
    return np.concatenate(faces + [_grid([sides[0], np.array([end])]) for end in (edge.low[1], edge.high[1])])


def _times(plane: np.ndarray, times: list[np.ndarray]) -> np.ndarray:
    if not times:
        return plane
    return np.column_stack([np.repeat(plane, len(times[0]), axis=0), np.tile(times[0], len(plane))])
