r"""Interpolation of smooth functions from n random points in d dimensions: errors like $n^{-4/d}$ and $n^{-2/d}$.

The distance to the nearest of n points is of order $n^{-1/d}$. Copying the nearest value is wrong by
$\nabla f \cdot h$, piecewise-linear interpolation by $\tfrac12 h^\top H h$; squared, that is $n^{-2/d}$ and $n^{-4/d}$.
For points of a Poisson process of density n, far from the boundary, the constants are known as well:

$$ E_\text{nearest} = \frac{\langle |\nabla f|^2 \rangle}{d} \, \Gamma(1 + 2/d) \, (n V_d)^{-2/d}, \qquad
   E_\text{linear} = (A_d \langle (\mathrm{tr} H)^2 \rangle + B_d \langle \mathrm{tr} H^2 \rangle) \, n^{-4/d}, $$

with $V_d$ the volume of the unit ball, H the Hessian, and $A_d, B_d$ numbers of the Poisson-Delaunay tessellation.

References:
    Sharma, Kaplan (2020), "A neural scaling law from the dimension of the data manifold", arXiv:2004.10802.
    Bahri et al. (2021), "Explaining neural scaling laws", arXiv:2102.06701.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Tessellation(NamedTuple):
    """Second moments of the quadratic error inside a Delaunay cell of unit density."""

    trace: float
    """A_d, the weight of the squared Laplacian."""
    square: float
    """B_d, the weight of the squared Hessian."""


DELAUNAY = {
    1: Tessellation(0.0, 1.0),
    2: Tessellation(0.02845, 0.01909),
    3: Tessellation(0.01215, 0.00677),
    4: Tessellation(0.00772, 0.00366),
}
"""Exact for d = 1, from `tessellation_moments` for the others (standard errors of 1 to 3 per cent)."""


class Moments(NamedTuple):
    """Averages over the cube, one for each target.  Shapes [t]."""

    variance: Array
    gradient_square: Array
    laplacian_square: Array
    hessian_square: Array


@dataclass(frozen=True)
class TanhTargets:
    r"""Random smooth functions $f(x) = h^{-1/2} \sum_j a_j \tanh(w_j \cdot x + b_j)$, several at once."""

    weights: Array
    """w.  Shape [t, d, h]."""
    biases: Array
    """b.  Shape [t, 1, h]."""
    readout: Array
    """a over the root of the number of units.  Shape [t, h]."""

    @classmethod
    def draw(
        cls, count: int, dimension: int, units: int, roughness: float, generator: np.random.Generator
    ) -> "TanhTargets":
        """Gaussian weights of standard deviation `roughness`, biases of half of it, a readout of one.

        Args:
            count: Number of functions t.
            dimension: d.
            units: h.
            roughness: One over the length on which the functions bend.
            generator: Draws them.
        """
        weights = roughness * generator.standard_normal((count, dimension, units))
        biases = 0.5 * roughness * generator.standard_normal((count, 1, units))
        return cls(weights, biases, generator.standard_normal((count, units)) / math.sqrt(units))

    @property
    def dimension(self) -> int:
        """Number of inputs d."""
        return self.weights.shape[1]

    def __call__(self, x: Array) -> Array:
        """Values at the points x [n, d].  Shape [t, n]."""
        return np.stack(
            [
                np.tanh(x @ weight + bias) @ readout
                for weight, bias, readout in zip(self.weights, self.biases, self.readout, strict=True)
            ]
        )

    def moments(self, x: Array) -> Moments:
        """Averages over the points x [n, d] of what the theory of interpolation needs."""
        rows = []
        for weight, bias, readout in zip(self.weights, self.biases, self.readout, strict=True):
            value = np.tanh(x @ weight + bias)  # [n, h]
            first = (1 - value**2) * readout
            gradient = first @ weight.T  # [n, d]
            hessian = np.einsum("nh,dh,eh->nde", -2 * value * first, weight, weight, optimize=True)
            laplacian = np.trace(hessian, axis1=1, axis2=2)
            rows.append(
                (
                    (value @ readout).var(),
                    (gradient**2).sum(1).mean(),
                    (laplacian**2).mean(),
                    (hessian**2).sum((1, 2)).mean(),
                )
            )
        return Moments(*np.array(rows).T)


def nearest_error(n: Array | float, dimension: int, moments: Moments) -> Array:
    """Predicted mean squared error of the nearest neighbour's value over the target's variance.

    Args:
        n: Numbers of points in the unit cube.  Shape [m].
        dimension: d.
        moments: Of the targets, each of shape [t].

    Returns:
        Shape [t, m].
    """
    ball = math.pi ** (dimension / 2) / math.gamma(dimension / 2 + 1)
    scale = moments.gradient_square / (moments.variance * dimension) * math.gamma(1 + 2 / dimension)
    return np.asarray(scale[:, None] * (np.atleast_1d(n) * ball) ** (-2 / dimension))


def linear_error(n: Array | float, dimension: int, moments: Moments) -> Array:
    """Predicted mean squared error of piecewise-linear interpolation over the target's variance.

    Args:
        n: Numbers of points in the unit cube.  Shape [m].
        dimension: d, from 1 to 4.
        moments: Of the targets, each of shape [t].

    Returns:
        Shape [t, m].

    Raises:
        ValueError: If the constants of this dimension are not known.
    """
    if dimension not in DELAUNAY:
        raise ValueError(f"the constants are known in dimensions {', '.join(map(str, DELAUNAY))}; got {dimension}")
    known = DELAUNAY[dimension]
    scale = (known.trace * moments.laplacian_square + known.square * moments.hessian_square) / moments.variance
    return np.asarray(scale[:, None] * np.atleast_1d(np.asarray(n, dtype=np.float64)) ** (-4 / dimension))


def cube(n: int, dimension: int, side: float, generator: np.random.Generator) -> Array:
    """Uniform points of a cube around the origin.  Shape [n, d]."""
    return side * (generator.random((n, dimension)) - 0.5)


def interpolation_errors(
    targets: TanhTargets, n: int, queries: Array, generator: np.random.Generator
) -> tuple[Array, Array]:
    """Mean squared errors of piecewise-linear and of nearest-neighbour interpolation from n uniform points.

    Args:
        targets: The functions, all interpolated from the same points.
        n: Points in the cube of side 1.
        queries: Where the error is measured; queries outside the hull of the points are left out of the linear one.
            Shape [q, d].
        generator: Draws the points.

    Returns:
        The two errors, each of shape [t].
    """
    from scipy.spatial import cKDTree

    points = cube(n, targets.dimension, 1.0, generator)
    known, true = targets(points), targets(queries)
    nearest = cKDTree(points).query(queries)[1]
    linear = _linear(points, known, queries)
    inside = np.isfinite(linear[0])
    squared = (linear[:, inside] - true[:, inside]) ** 2
    return squared.mean(1), ((known[:, nearest] - true) ** 2).mean(1)


def _linear(points: Array, values: Array, queries: Array) -> Array:
    """Piecewise-linear interpolants of several functions; NaN outside the hull.  Shape [t, q]."""
    if points.shape[1] == 1:
        order = np.argsort(points[:, 0])
        x = points[order, 0]
        return np.stack([np.interp(queries[:, 0], x, row[order], left=np.nan, right=np.nan) for row in values])
    from scipy.interpolate import LinearNDInterpolator
    from scipy.spatial import Delaunay

    return np.asarray(LinearNDInterpolator(Delaunay(points), values.T)(queries).T)


def tessellation_moments(
    dimension: int, n: int, queries: int, side: float, generator: np.random.Generator
) -> Tessellation:
    r"""The constants $A_d$ and $B_d$ from one Delaunay tessellation, without any target function.

    The error at x of a function with Hessian H is $\tfrac12 \mathrm{tr}(H M)$ with
    $M = \sum_i \mu_i (v_i - x)(v_i - x)^\top$, where $\mu_i$ are the barycentric coordinates of x in its simplex with
    the corners $v_i$. M is isotropic, so that $E[M_{ij} M_{kl}] = a \delta_{ij} \delta_{kl} + b (\delta_{ik}
    \delta_{jl} + \delta_{il} \delta_{jk})$, and the mean square error is
    $\tfrac14 (a (\mathrm{tr} H)^2 + 2 b \, \mathrm{tr} H^2)$.

    Args:
        dimension: d, at least 2.
        n: Points in the cube of side 1.
        queries: Number of x.
        side: Of the cube around the origin from which they are drawn.
        generator: Draws both.
    """
    from scipy.spatial import Delaunay

    points = cube(n, dimension, 1.0, generator)
    cells = Delaunay(points)
    x = cube(queries, dimension, side, generator)
    found = cells.find_simplex(x)
    transform = cells.transform[found]  # [q, d + 1, d]
    inner = np.einsum("qij,qj->qi", transform[:, :dimension], x - transform[:, dimension])
    weights = np.concatenate([inner, 1 - inner.sum(1, keepdims=True)], axis=1)  # [q, d + 1]
    corners = points[cells.simplices[found]] - x[:, None]  # [q, d + 1, d]
    matrix = np.einsum("qk,qki,qkj->qij", weights, corners, corners, optimize=True) * n ** (2 / dimension)
    pairs = [(i, j) for i in range(dimension) for j in range(i)]
    a = np.mean([(matrix[:, i, i] * matrix[:, j, j]).mean() for i, j in pairs])
    b = np.mean([(matrix[:, i, j] ** 2).mean() for i, j in pairs])
    return Tessellation(float(a / 4), float(b / 2))
