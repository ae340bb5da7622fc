"""Where an equation holds: a box, perhaps with holes or a corner cut out, perhaps with time as its last coordinate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

ON_EDGE = 1e-9  # points this near to an edge lie on it


@dataclass(frozen=True)
class Disk:
    """A round hole in a plane domain."""

    center: tuple[float, float]
    radius: float

    def contains(self, points: np.ndarray) -> np.ndarray:
        """Whether points [N, 2] lie strictly inside the hole, [N]."""
        distance = np.linalg.norm(points - np.array(self.center), axis=1)
        return np.asarray(distance < self.radius - ON_EDGE)

    def length(self) -> float:
        """Length of the edge."""
        return 2.0 * np.pi * self.radius

    def edge(self, count: int, generator: np.random.Generator) -> np.ndarray:
        """Independent uniform points on the edge, [count, 2]."""
        angle = generator.uniform(0.0, 2.0 * np.pi, count)
        return np.array(self.center) + self.radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


@dataclass(frozen=True)
class Rectangle:
    """A rectangle cut out of a plane domain, for an L-shape say."""

    low: tuple[float, float]
    high: tuple[float, float]

    def contains(self, points: np.ndarray) -> np.ndarray:
        """Whether points [N, 2] lie strictly inside, [N]."""
        low, high = np.array(self.low) + ON_EDGE, np.array(self.high) - ON_EDGE
        return np.asarray(np.all((points > low) & (points < high), axis=1))

    def length(self) -> float:
        """Length of the edge."""
        return 2.0 * float(np.sum(np.subtract(self.high, self.low)))

    def edge(self, count: int, generator: np.random.Generator) -> np.ndarray:
        """Independent uniform points on the edge, [count, 2]."""
        return _faces(np.array(self.low), np.array(self.high), count, generator)


@dataclass(frozen=True)
class Box:
    """An axis-parallel domain; with `time=True` the last coordinate is time.

    Then the face at the earliest time carries the initial condition and the one at the latest carries none. Shapes in
    `without` are cut out of a plane, at all times; they must not touch each other.

    Raises:
        ValueError: An interval is empty, the tuples differ in length, or something is cut out of what is no plane.
    """

    names: tuple[str, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    time: bool = False
    without: tuple[Disk | Rectangle, ...] = ()

    def __post_init__(self) -> None:
        if not len(self.names) == len(self.low) == len(self.high):
            raise ValueError(f"give one name, low and high for each coordinate; got {self.names}")
        if any(a >= b for a, b in zip(self.low, self.high, strict=True)):
            raise ValueError(f"low must lie below high; got {self.low} and {self.high}")
        if self.without and self.space != 2:
            raise ValueError(f"shapes are cut out of a plane; this domain has {self.space} coordinates besides time")

    @property
    def space(self) -> int:
        """Number of coordinates that are not time."""
        return len(self.names) - int(self.time)

    def volume(self) -> float:
        """Volume; exact if discs lie inside the box."""
        sides = np.subtract(self.high, self.low)
        lost = 0.0
        for hole in self.without:
            if isinstance(hole, Disk):
                lost += np.pi * hole.radius**2
            else:
                lost += float(np.prod(np.minimum(hole.high, self.high[:2]) - np.maximum(hole.low, self.low[:2])))
        return float(np.prod(sides) - lost * np.prod(sides[2:]))

    def inside(self, points: np.ndarray) -> np.ndarray:
        """Whether points [N, d] lie in the domain or on its edge, [N]."""
        kept = np.all((points >= np.array(self.low) - ON_EDGE) & (points <= np.array(self.high) + ON_EDGE), axis=1)
        for hole in self.without:
            kept &= ~self._opened(hole).contains(points[:, :2])
        return np.asarray(kept)

    def _opened(self, hole: Disk | Rectangle) -> Disk | Rectangle:
        """A rectangle that ends at the box's edge, continued beyond it: the common edge is no longer the domain's."""
        if isinstance(hole, Disk):
            return hole
        low = tuple(-np.inf if a <= b else a for a, b in zip(hole.low, self.low[:2], strict=True))
        high = tuple(np.inf if a >= b else a for a, b in zip(hole.high, self.high[:2], strict=True))
        return Rectangle((low[0], low[1]), (high[0], high[1]))

    def sample(self, count: int, generator: np.random.Generator) -> np.ndarray:
        """Independent uniform points, [count, d]."""
        points = generator.uniform(self.low, self.high, size=(count, len(self.names)))
        while self.without and not (kept := self.inside(points)).all():
            missing = int((~kept).sum())
            points[~kept] = generator.uniform(self.low, self.high, size=(missing, len(self.names)))
        return points

    def sample_boundary(self, count: int, generator: np.random.Generator) -> np.ndarray:
        """Independent uniform points on the spatial boundary (at random times), [count, d].

        Raises:
            ValueError: There is no space, hence no boundary.
        """
        if self.space == 0:
            raise ValueError("a domain without space has no boundary")
        low, high = np.array(self.low), np.array(self.high)
        s = self.space
        points = np.empty((0, s))
        while len(points) < count:
            found = [_faces(low[:s], high[:s], 4 * count, generator)]
            outer = _area(low[:s], high[:s])
            for hole in self.without:  # as densely as on the faces
                found.append(hole.edge(generator.poisson(4 * count * hole.length() / outer), generator))
            mixed = generator.permutation(np.concatenate(found))
            free = np.all((mixed >= low[:s] - ON_EDGE) & (mixed <= high[:s] + ON_EDGE), axis=1)
            for cut in self.without:
                free &= ~self._opened(cut).contains(mixed)
            points = np.concatenate([points, mixed[free]])
        points = points[:count]
        if self.time:
            points = np.column_stack([points, generator.uniform(low[-1], high[-1], count)])
        return points

    def sample_initial(self, count: int, generator: np.random.Generator) -> np.ndarray:
        """Independent uniform points at the earliest time, [count, d].

        Raises:
            ValueError: The domain has no time.
        """
        if not self.time:
            raise ValueError("a domain without time has no initial time")
        points = self.sample(count, generator)
        points[:, -1] = self.low[-1]
        return points

    def axes(self, shape: tuple[int, ...]) -> list[np.ndarray]:
        """Equidistant values along each coordinate, ends included."""
        return [np.linspace(a, b, n) for a, b, n in zip(self.low, self.high, shape, strict=True)]

    def grid(self, shape: tuple[int, ...]) -> np.ndarray:
        """The tensor grid of `axes`, [product of shape, d], last coordinate fastest; cut-out points included."""
        return np.stack([axis.ravel() for axis in np.meshgrid(*self.axes(shape), indexing="ij")], axis=1)


def _area(low: np.ndarray, high: np.ndarray) -> float:
    """Surface of a box."""
    return 2.0 * float(np.sum(_face_areas(high - low)))


def _face_areas(sides: np.ndarray) -> np.ndarray:
    return np.array([np.prod(np.delete(sides, j)) for j in range(len(sides))])


def _faces(low: np.ndarray, high: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """Independent uniform points on the surface of a box, [count, d]."""
    areas = _face_areas(high - low)
    points = generator.uniform(low, high, size=(count, len(low)))
    face = generator.choice(len(low), size=count, p=areas / areas.sum())
    upper = generator.random(count) < 0.5
    points[np.arange(count), face] = np.where(upper, high[face], low[face])
    return points


def blended(boundary: Callable[[Any, Any], Any], box: Box, x: Any, y: Any) -> Any:
    r"""Coons patch: a smooth function in a rectangle with given values on its four sides.

    With $s = (x - x_0) / (x_1 - x_0)$ and $t$ alike, it is the sum of the linear interpolations between opposite sides
    less the bilinear one between the corners. Plain arithmetic: numpy and torch alike.

    Args:
        boundary: the values (x, y) -> u; called with x or y constant only.
        box: its first two coordinates give the rectangle.
        x: [N, 1].
        y: [N, 1].

    Returns:
        Values, [N, 1].

    Source: S. A. Coons, MIT Project MAC TR-41 (1967).
    """
    ends_x, ends_y = ((box.low[j] + 0.0 * x, box.high[j] + 0.0 * x) for j in (0, 1))
    weight_x, weight_y = (
        ((e[1] - z) / (e[1] - e[0]), (z - e[0]) / (e[1] - e[0])) for e, z in ((ends_x, x), (ends_y, y))
    )
    sides = sum(w * boundary(e, y) for w, e in zip(weight_x, ends_x, strict=True))
    sides += sum(w * boundary(x, e) for w, e in zip(weight_y, ends_y, strict=True))
    for w, e in zip(weight_x, ends_x, strict=True):
        for q, f in zip(weight_y, ends_y, strict=True):
            sides -= w * q * boundary(e, f)
    return sides
