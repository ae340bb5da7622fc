"""Quadratic finite elements for the Poisson equation in the L-shape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Function = Callable[[np.ndarray], np.ndarray]

_VALUES = np.array([[2, 0, 0], [0, 2, 0], [0, 0, 2], [1, 1, 0], [0, 1, 1], [1, 0, 1]]) / 2.0  # nodes, barycentric


@dataclass(frozen=True)
class Mesh:
    """Triangles on a tensor grid of lines, each kept rectangle cut along one diagonal."""

    lines: np.ndarray
    """Positions of the lines, the same in x and y, [L]."""
    nodes: np.ndarray
    """Vertices and midpoints, [V, 2]."""
    triangles: np.ndarray
    """Three corners and the midpoints opposite to none: of sides 01, 12, 20; [T, 6]."""
    boundary: np.ndarray
    """Which nodes lie on the edge of the domain, [V]."""
    of_cell: np.ndarray
    """First of the two triangles of a cell, -1 if it is cut out, [L - 1, L - 1]."""


def l_shape_mesh(cells: int, grading: float = 1.0) -> Mesh:
    r"""Mesh of $[-1, 1]^2$ less $(0, 1]^2$ with lines at $\pm (k / m)^g$.

    Args:
        cells: m, cells per unit length.
        grading: g; 1 is uniform, more gathers the lines at the re-entrant corner.
    """
    half = (np.arange(cells + 1) / cells) ** grading
    lines = np.concatenate([-half[:0:-1], half])
    fine = np.empty(2 * len(lines) - 1)  # with the midpoints
    fine[::2], fine[1::2] = lines, 0.5 * (lines[1:] + lines[:-1])
    i, j = (a.ravel() for a in np.meshgrid(*(2 * np.arange(2 * cells),) * 2, indexing="ij"))
    kept = (i < 2 * cells) | (j < 2 * cells)
    i, j = i[kept], j[kept]

    def node(a: int, b: int) -> np.ndarray:
        return np.asarray((i + a) * len(fine) + j + b)

    # the diagonal runs from lower left to upper right, through the corner of the L
    lower = np.stack([node(*s) for s in ((0, 0), (2, 0), (2, 2), (1, 0), (2, 1), (1, 1))], axis=1)
    upper = np.stack([node(*s) for s in ((0, 0), (2, 2), (0, 2), (1, 1), (1, 2), (0, 1))], axis=1)
    used, triangles = np.unique(np.stack([lower, upper], axis=1).reshape(-1, 6), return_inverse=True)
    nodes = np.stack([fine[used // len(fine)], fine[used % len(fine)]], axis=1)
    outer = np.abs(nodes).max(axis=1) == 1.0
    inner = (nodes.min(axis=1) == 0.0) & (nodes.max(axis=1) >= 0.0)
    of_cell = np.full((2 * cells, 2 * cells), -1)
    of_cell[i // 2, j // 2] = 2 * np.arange(len(i))
    return Mesh(lines, nodes, triangles.reshape(-1, 6), outer | inner, of_cell)


def _gradients(mesh: Mesh) -> tuple[np.ndarray, np.ndarray]:
    """Gradients of the barycentric coordinates, [T, 3, 2], and areas, [T]."""
    p = mesh.nodes[mesh.triangles[:, :3]]
    opposite = p[:, [2, 0, 1]] - p[:, [1, 2, 0]]
    twice = opposite[:, 2, 0] * -opposite[:, 1, 1] + opposite[:, 2, 1] * opposite[:, 1, 0]
    normal = np.stack([-opposite[..., 1], opposite[..., 0]], axis=-1)
    return normal / twice[:, None, None], 0.5 * twice


def _shape_gradients(at: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """Gradients of the six shape functions at a barycentric point, [T, 6, 2]."""
    corners = [(4.0 * at[k] - 1.0) * gradients[:, k] for k in range(3)]
    sides = [4.0 * (at[a] * gradients[:, b] + at[b] * gradients[:, a]) for a, b in ((0, 1), (1, 2), (2, 0))]
    return np.stack(corners + sides, axis=1)


def shape_values(at: np.ndarray) -> np.ndarray:
    """The six quadratic shape functions at barycentric points [N, 3], [N, 6]."""
    corners = at * (2.0 * at - 1.0)
    return np.concatenate([corners, 4.0 * at * at[:, [1, 2, 0]]], axis=1)


def poisson(mesh: Mesh, source: float = 1.0) -> np.ndarray:
    r"""Solve $-\Delta u = f$ with constant f and $u = 0$ on the edge; values at the nodes, [V].

    Side midpoints integrate quadratic functions exactly, hence the stiffness matrix of quadratic elements and, for a
    constant source, its right side.

    Source: P. G. Ciarlet, The Finite Element Method for Elliptic Problems (1978), section 2.2.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.linalg import spsolve

    gradients, areas = _gradients(mesh)
    local = np.zeros((len(areas), 6, 6))
    for at in _VALUES[3:]:
        g = _shape_gradients(at, gradients)
        local += np.einsum("t,tai,tbi->tab", areas / 3.0, g, g)
    rows, columns = (np.broadcast_to(mesh.triangles[s], local.shape) for s in (np.s_[:, :, None], np.s_[:, None, :]))
    size = len(mesh.nodes)
    stiffness = coo_array((local.ravel(), (rows.ravel(), columns.ravel())), shape=(size, size)).tocsr()
    load = np.bincount(mesh.triangles[:, 3:].ravel(), np.repeat(source * areas / 3.0, 3), size)
    free = np.flatnonzero(~mesh.boundary)
    values = np.zeros(size)
    values[free] = spsolve(stiffness[free][:, free].tocsc(), load[free])
    return values


def energy(mesh: Mesh, values: np.ndarray, source: float = 1.0) -> float:
    r"""$\int \frac{1}{2} |\nabla u|^2 - f u$ of the finite-element function, exactly."""
    gradients, areas = _gradients(mesh)
    total = -source * float(np.sum(areas / 3.0 * values[mesh.triangles[:, 3:]].sum(axis=1)))
    for at in _VALUES[3:]:
        slope = np.einsum("tai,ta->ti", _shape_gradients(at, gradients), values[mesh.triangles])
        total += 0.5 * float(np.sum(areas / 3.0 * (slope**2).sum(axis=1)))
    return total


def evaluate(mesh: Mesh, values: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The finite-element function at points of the domain [N, 2], [N, 1]; zero where there is no cell."""
    cell = np.clip(np.searchsorted(mesh.lines, points, side="right") - 1, 0, len(mesh.lines) - 2)
    for j in (0, 1):  # a point on a face of the removed part belongs to the cell on the near side
        removed = (mesh.of_cell[cell[:, 0], cell[:, 1]] < 0) & (points[:, j] == mesh.lines[cell[:, j]])
        cell[removed, j] -= 1
    first = mesh.of_cell[cell[:, 0], cell[:, 1]]
    low = mesh.lines[cell]
    s = (points - low) / (mesh.lines[cell + 1] - low)
    x, y = s[:, 0], s[:, 1]
    under = (y <= x)[:, None]
    at = np.where(under, np.stack([1.0 - x, x - y, y], axis=1), np.stack([1.0 - y, x, y - x], axis=1))
    triangle = mesh.triangles[np.maximum(first, 0) + np.where(under[:, 0], 0, 1)]
    found = (shape_values(at) * values[triangle]).sum(axis=1)
    return np.where(first < 0, 0.0, found)[:, None]
