"""Walk on spheres: the Laplace equation by random walks, in any dimension."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

BLOCK = 20_000  # walks at a time
SHELL = 1e-3  # distance from a face at which a walk ends


def walk_on_spheres(
    points: np.ndarray,
    boundary: Callable[[np.ndarray], np.ndarray],
    walks: int,
    generator: np.random.Generator,
) -> np.ndarray:
    r"""Harmonic function in the unit cube with given values on its faces.

    By the mean value property $u(x) = E[u(X)]$ for X uniform on the largest sphere around x in the cube. Repeated, the
    walk ends within `SHELL` of a face; its mean boundary value estimates u(x) with a standard error that falls like
    the inverse root of the number of walks, whatever the dimension, and a bias below `SHELL` times the slope of u.

    Args:
        points: [N, d].
        boundary: values on the faces, [M, d] to [M, 1].
        walks: from each point.
        generator: of the directions.

    Returns:
        Estimates, [N, 1].

    Source: M. E. Muller, Ann. Math. Stat. 27 (1956).
    """
    starts = np.repeat(points, walks, axis=0)
    ends = [_walk(starts[i : i + BLOCK].copy(), generator) for i in range(0, len(starts), BLOCK)]
    values = boundary(np.concatenate(ends)) if ends else np.empty((0, 1))
    return np.asarray(values.reshape(len(points), walks).mean(axis=1, keepdims=True))


def _walk(x: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Carry every walk to a face, [N, d]."""
    moving = np.arange(len(x))
    while len(moving):
        at = x[moving]
        room = np.minimum(at, 1.0 - at)
        radius = room.min(axis=1)
        arrived = radius < SHELL
        if arrived.any():
            rows, face = moving[arrived], room[arrived].argmin(axis=1)
            x[rows, face] = np.round(x[rows, face])
            moving, at, radius = moving[~arrived], at[~arrived], radius[~arrived]
        step = generator.standard_normal(at.shape)
        step *= (radius / np.sqrt((step**2).sum(axis=1)))[:, None]
        x[moving] = at + step
    return x
