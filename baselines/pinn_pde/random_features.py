r"""Random features on overlapping subdomains, with their first and second derivatives (numpy only).

A box is divided into equal subdomains with centres $c_s$ and half widths $h_s$. On each of them live $F$ functions of
the local coordinate $y = (x - c_s) / h_s$ whose inner weights are drawn once and never trained; a partition of unity
joins them:

$$u(x) = \sum_s \psi(y_s(x)) \sum_{f=1}^{F} c_{sf} \, \varphi(w_{sf} \cdot y_s(x) + b_{sf}), \qquad
  \sum_s \psi(y_s(x)) = 1 .$$

Only the coefficients $c$ are unknown, and $u$ is linear in them: the collocation equations of a linear differential
equation are linear least squares.

Sources: G.-B. Huang, Q.-Y. Zhu, C.-K. Siew, Neurocomputing 70 (2006) (random features); V. Dwivedi, B. Srinivasan,
Neurocomputing 391 (2020) (for differential equations); J. Chen, X. Chi, W. E, Z. Yang, J. Mach. Learn. 1 (2022)
(partition of unity).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Protocol

import numpy as np

Key = tuple[int, ...]  # coordinates with respect to which is differentiated; () is the value
Triple = tuple[np.ndarray, np.ndarray, np.ndarray]  # a function of one variable with two derivatives


def _tanh(z: np.ndarray) -> Triple:
    a = np.tanh(z)
    slope = 1.0 - a * a
    return a, slope, -2.0 * a * slope


def _sin(z: np.ndarray) -> Triple:
    a = np.sin(z)
    return a, np.cos(z), -a


ACTIVATIONS: dict[str, Callable[[np.ndarray], Triple]] = {"tanh": _tanh, "sin": _sin}


def bump(y: np.ndarray, overlap: float = 0.25) -> Triple:
    r"""A hat $\psi$ with $\sum_k \psi(y - 2 k) = 1$, twice continuously differentiable, and its derivatives.

    It is 1 for $|y| \le 1 - \delta$, 0 for $|y| \ge 1 + \delta$, and between them $1 - s^3 (10 - 15 s + 6 s^2)$ with
    $s = (|y| - 1 + \delta) / (2 \delta)$. Chen et al. join by a sine, whose second derivative jumps; an equation of
    second order sees that jump.

    Args:
        y: local coordinate, any shape.
        overlap: $\delta$ in (0, 1].

    Returns:
        psi, psi', psi'' in y.
    """
    s = np.clip((np.abs(y) - 1.0 + overlap) / (2.0 * overlap), 0.0, 1.0)
    inner = np.sign(y) / (2.0 * overlap)
    value = 1.0 - s**3 * (10.0 - 15.0 * s + 6.0 * s**2)
    slope = -30.0 * (s * (1.0 - s)) ** 2 * inner
    curvature = -60.0 * s * (1.0 - s) * (1.0 - 2.0 * s) * inner**2
    return value, slope, curvature


@dataclass(frozen=True)
class Piece:
    """Features of one subdomain at the points that it covers; everywhere else they are zero."""

    columns: slice
    """Their coefficients."""
    points: np.ndarray
    """Positions of the covered points, [n]."""
    jet: np.ndarray
    """[K, n, F] for K derivatives."""


class RandomFeatures:
    """Random features on a box.

    Args:
        low: lower end of each coordinate.
        high: upper end of each.
        subdomains: number along each coordinate.
        features: number F in each subdomain.
        scale: for each coordinate; inner weights are uniform in [-scale, scale], the local coordinate in [-1, 1].
        activation: `tanh` or `sin`.
        generator: of the inner weights.
        periodic: which coordinates are periodic: every feature then is, too.
        overlap: of neighbouring subdomains, in half widths.

    Raises:
        ValueError: The activation is unknown or the overlap is not in (0, 1].
    """

    def __init__(
        self,
        low: Sequence[float],
        high: Sequence[float],
        subdomains: Sequence[int],
        features: int,
        scale: Sequence[float],
        activation: str,
        generator: np.random.Generator,
        periodic: Sequence[bool] | None = None,
        overlap: float = 0.25,
    ) -> None:
        if activation not in ACTIVATIONS or not 0.0 < overlap <= 1.0:
            raise ValueError(
                f"activation must be one of {', '.join(ACTIVATIONS)} and overlap in (0, 1]; "
                f"got {activation!r}, {overlap}"
            )
        self.low, self.high, self.subdomains = np.array(low), np.array(high), tuple(subdomains)
        self.features, self.activation, self.overlap = features, activation, overlap
        self.periodic = tuple(periodic) if periodic is not None else (False,) * len(self.low)
        self.half = 0.5 * (self.high - self.low) / np.array(self.subdomains)
        self._circle = [p and n == 1 for p, n in zip(self.periodic, self.subdomains, strict=True)]
        count = int(np.prod(self.subdomains))
        reach = np.repeat(np.array(scale, dtype=np.float64), [1 + circle for circle in self._circle])
        self.weights = reach[:, None] * generator.uniform(-1.0, 1.0, (count, len(reach), features))
        phase = math.pi if activation == "sin" else float(reach.max())
        self.biases = generator.uniform(-phase, phase, (count, features))

    @property
    def size(self) -> int:
        """Number of coefficients of one output."""
        return self.biases.size

    def jets(self, points: np.ndarray, keys: Sequence[Key]) -> list[Piece]:
        """Derivatives of all features, subdomain by subdomain; those that cover none of the points are left out.

        Args:
            points: [N, d].
            keys: derivatives wanted, of order 0, 1 or 2.
        """
        found = []
        for number, position in enumerate(np.ndindex(self.subdomains)):
            local = self._local(points, position)
            covered = np.flatnonzero(np.all(np.abs(local) < 1.0 + self.overlap, axis=1))
            if len(covered):
                start = number * self.features
                jet = self._subdomain(number, position, points[covered], local[covered], keys)
                found.append(Piece(slice(start, start + self.features), covered, jet))
        return found

    def _local(self, points: np.ndarray, position: tuple[int, ...]) -> np.ndarray:
        """Coordinates in which the subdomain is [-1, 1]^d, [N, d]; clipped where no neighbour follows."""
        y = (points - self.low) / self.half - 1.0 - 2.0 * np.array(position)
        for j, count in enumerate(self.subdomains):
            if self.periodic[j]:
                y[:, j] = (y[:, j] + count) % (2.0 * count) - count
        return np.asarray(y)

    def _subdomain(
        self, number: int, position: tuple[int, ...], points: np.ndarray, y: np.ndarray, keys: Sequence[Key]
    ) -> np.ndarray:
        """Jets of psi(y) phi(w y + b), [K, n, F]."""
        inner = _along(self._inputs(y), self.weights[number])
        z = self.biases[number] + sum(triple[0] for triple in inner)
        a, slope, curvature = ACTIVATIONS[self.activation](z)
        psi = [self._cut(y[:, j : j + 1], j, position[j]) for j in range(len(self.half))]
        jet = np.empty((len(keys), *z.shape))
        first = {j: slope * inner[j][1] for j in {j for key in keys for j in key}}
        for k, key in enumerate(keys):
            jet[k] = _psi(psi, key) * a
            if len(key) == 1:
                jet[k] += _psi(psi, ()) * first[key[0]]
            elif len(key) == 2:
                i, j = key
                second = curvature * inner[i][1] * inner[j][1]
                if i == j:
                    second = second + slope * inner[i][2]
                jet[k] += _psi(psi, (i,)) * first[j] + _psi(psi, (j,)) * first[i] + _psi(psi, ()) * second
            jet[k] /= np.prod([self.half[j] for j in key])
        return jet

    def _inputs(self, y: np.ndarray) -> list[list[Triple]]:
        """For each coordinate what the activation sees of it: itself, or a circle."""
        found: list[list[Triple]] = []
        for j, circle in enumerate(self._circle):
            column = y[:, j : j + 1]
            if circle:
                c, s = np.cos(math.pi * column), np.sin(math.pi * column)
                found.append([(c, -math.pi * s, -(math.pi**2) * c), (s, math.pi * c, -(math.pi**2) * s)])
            else:
                found.append([(column, np.ones_like(column), np.zeros_like(column))])
        return found

    def _cut(self, y: np.ndarray, j: int, position: int) -> Triple:
        """Partition of unity in one coordinate; constant beyond an end that has no neighbour."""
        value, slope, curvature = bump(y, self.overlap)
        if self.periodic[j] and self.subdomains[j] > 1:
            return value, slope, curvature
        free = ((y < 0) & (position == 0)) | ((y > 0) & (position == self.subdomains[j] - 1))
        return np.where(free, 1.0, value), np.where(free, 0.0, slope), np.where(free, 0.0, curvature)


class HoleFeatures:
    r"""Random features of the coordinate inverted in a circle, for a plane domain with that hole.

    With $y = r (x - c) / |x - c|^2$, which maps the outside of the hole into the unit disc,

    $$\varphi(w \cdot y(x) + b)$$

    varies near the hole and is smooth far from it, as multipoles are: features of x itself would have to continue a
    solution analytically into the hole, where it has singularities. The first function is $\ln |x - c|$, the
    potential of a charge, whose flux no function of y carries.

    Args:
        center: c of the circle, in the first two coordinates; all others are not seen.
        radius: r.
        features: their number, the logarithm included.
        scale: inner weights are uniform in [-scale, scale].
        activation: `tanh` or `sin`.
        generator: of the inner weights.
    """

    def __init__(
        self,
        center: Sequence[float],
        radius: float,
        features: int,
        scale: float,
        activation: str,
        generator: np.random.Generator,
    ) -> None:
        self.center, self.radius, self.activation = np.array(center), radius, activation
        self.size = features
        self.weights = generator.uniform(-scale, scale, (2, features))
        self.biases = generator.uniform(*((-math.pi, math.pi) if activation == "sin" else (-scale, scale)), features)

    def jets(self, points: np.ndarray, keys: Sequence[Key]) -> list[Piece]:
        """Derivatives of all features: one piece that covers every point."""
        d = points[:, :2] - self.center
        q = np.maximum(np.sum(d**2, axis=1, keepdims=True), 1e-4 * self.radius**2)  # the centre is never a point
        along = d @ self.weights  # w . d, [N, F]
        z = self.biases + self.radius * along / q
        a, slope, curvature = ACTIVATIONS[self.activation](z)
        first = [self.radius * (self.weights[i] / q - 2.0 * along * d[:, i : i + 1] / q**2) for i in (0, 1)]
        jet = np.zeros((len(keys), *z.shape))
        for k, key in enumerate(keys):
            if key == ():
                jet[k] = a
                jet[k, :, 0] = 0.5 * np.log(q[:, 0])
            elif len(key) == 1 and key[0] < 2:
                jet[k] = slope * first[key[0]]
                jet[k, :, 0] = d[:, key[0]] / q[:, 0]
            elif len(key) == 2 and max(key) < 2:
                i, j = key
                di, dj = d[:, i : i + 1], d[:, j : j + 1]
                bent = self.weights[i] * dj + self.weights[j] * di + (i == j) * along
                second = self.radius * (8.0 * along * di * dj / q**3 - 2.0 * bent / q**2)
                jet[k] = curvature * first[i] * first[j] + slope * second
                jet[k, :, 0] = ((i == j) - 2.0 * d[:, i] * d[:, j] / q[:, 0]) / q[:, 0]
        return [Piece(slice(0, self.size), np.arange(len(points)), jet)]


class Basis(Protocol):
    """What a collocation system needs of its functions."""

    @property
    def size(self) -> int:
        """Number of coefficients of one output."""

    def jets(self, points: np.ndarray, keys: Sequence[Key]) -> list[Piece]:
        """Their derivatives at points [N, d]."""


class Together:
    """Several sets of functions as one."""

    def __init__(self, parts: Sequence[Basis]) -> None:
        self.parts = list(parts)
        self.size = sum(part.size for part in parts)

    def jets(self, points: np.ndarray, keys: Sequence[Key]) -> list[Piece]:
        """Those of the parts, their coefficients one after the other."""
        found, start = [], 0
        for part in self.parts:
            for piece in part.jets(points, keys):
                columns = slice(start + piece.columns.start, start + piece.columns.stop)
                found.append(Piece(columns, piece.points, piece.jet))
            start += part.size
        return found


def _along(inputs: list[list[Triple]], weights: np.ndarray) -> list[Triple]:
    """Part of z that each coordinate contributes, with its derivatives, each [n, F]."""
    found, row = [], 0
    for parts in inputs:
        total = [sum(part[order] * weights[row + i] for i, part in enumerate(parts)) for order in range(3)]
        row += len(parts)
        found.append((np.asarray(total[0]), np.asarray(total[1]), np.asarray(total[2])))
    return found


def _psi(parts: list[Triple], key: Key) -> np.ndarray:
    """A derivative of the product of functions of one variable each, [n, 1]."""
    return reduce(np.multiply, [triple[key.count(j)] for j, triple in enumerate(parts)])


def evaluate(pieces: list[Piece], coefficients: np.ndarray, count: int) -> np.ndarray:
    """Derivatives of the outputs, [K, N, outputs], from coefficients [M, outputs] at N points."""
    derivatives = pieces[0].jet.shape[0] if pieces else 1
    jet = np.zeros((derivatives, count, coefficients.shape[1]))
    for piece in pieces:
        jet[:, piece.points] += piece.jet @ coefficients[piece.columns]
    return jet
