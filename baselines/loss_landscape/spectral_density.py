r"""The density of all eigenvalues of a matrix from a few Lanczos runs: stochastic Lanczos quadrature.

For a random `v` of length one in a uniform direction, the measure `sum_i (u_i . v)^2 delta(t - lambda_i)` has the
empirical spectral measure `1/P sum_i delta(t - lambda_i)` as its mean. The Ritz values of m Lanczos steps from `v` and
their weights are the Gauss quadrature of that measure: they reproduce its moments `v' A^j v` exactly up to order
2m - 1. Averaging over several `v`, and putting a Gaussian of width `sigma` in the place of each point, gives a smooth
density of mass 1.

References: L. Lin, Y. Saad, C. Yang, Approximating Spectral Densities of Large Matrices, SIAM Review 58, 2016
(arXiv:1308.5467); B. Ghorbani, S. Krishnan, Y. Xiao, ICML 2019 (arXiv:1901.10159).
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import ndtr
from torch import Tensor

from baselines.loss_landscape.lanczos import Product, lanczos


@dataclass(frozen=True)
class Measure:
    """Point masses on the real line."""

    points: np.ndarray
    """Shape [K]."""
    weights: np.ndarray
    """Shape [K], not negative, with sum 1."""

    @classmethod
    def of(cls, eigenvalues: np.ndarray) -> "Measure":
        """The empirical spectral measure: 1/P at each of P eigenvalues."""
        return cls(eigenvalues, np.full(len(eigenvalues), 1 / len(eigenvalues)))

    @property
    def mass(self) -> float:
        """Total weight."""
        return float(self.weights.sum())

    def moment(self, order: int) -> float:
        """The mean of t^order; times P this estimates the trace of A^order."""
        return float(self.weights @ self.points**order)

    def density(self, grid: np.ndarray, sigma: float) -> np.ndarray:
        """The measure convolved with a Gaussian of standard deviation sigma, at the points of a grid."""
        return self._sum(grid, lambda z: np.exp(-0.5 * z**2) / (sigma * math.sqrt(2 * math.pi)), sigma)

    def cumulative(self, grid: np.ndarray, sigma: float) -> np.ndarray:
        """The distribution function of that density."""
        return self._sum(grid, ndtr, sigma)

    def _sum(self, grid: np.ndarray, kernel: object, sigma: float, chunk: int = 256) -> np.ndarray:
        parts = [
            kernel((part[:, None] - self.points[None, :]) / sigma) @ self.weights  # type: ignore[operator]
            for part in np.array_split(grid, max(1, len(grid) // chunk))
        ]
        return np.concatenate(parts)


def quadrature(
    product: Product, like: Tensor, *, probes: int, steps: int, generator: torch.Generator | None = None
) -> Measure:
    """Stochastic Lanczos quadrature of the spectral measure.

    Args:
        product: Products with a symmetric matrix.
        like: A vector of shape [P] with the precision and the device to work in.
        probes: Number of random start vectors; the statistical error falls as 1/sqrt(probes * P).
        steps: Lanczos steps for each, with full reorthogonalisation; details finer than about the spectrum's
            width / steps are not resolved.
        generator: CPU generator of the normal start vectors.

    Returns:
        At most probes * steps points.
    """
    points, weights = [], []
    for _ in range(probes):
        start = torch.randn(len(like), generator=generator, dtype=torch.float64).to(like)
        ritz = lanczos(product, start, min(steps, len(like))).ritz()
        points.append(ritz.values)
        weights.append(ritz.weights / ritz.weights.sum() / probes)
    return Measure(np.concatenate(points), np.concatenate(weights))


def kernel_width(low: float, high: float, steps: int, kappa: float = 3.0) -> float:
    """The Gaussian's sigma that fits what `steps` Lanczos steps resolve on [low, high].

    sigma = (high - low) / ((m - 1) sqrt(8 log kappa)): two neighbours of m equidistant points then overlap so far that
    the sum of their Gaussians is nearly flat. Convention and kappa = 3: Papyan, JMLR 21, 2020, section D.2, as in
    curvlinops. PyHessian and google/spectral-density take sigma^2 = 1e-5 max(1, high - low) instead, whatever m is.
    """
    return (high - low) / ((steps - 1) * math.sqrt(8 * math.log(kappa)))


def kolmogorov_distance(first: Measure, second: Measure, sigma: float = 0.0) -> float:
    """Largest difference of two distribution functions, between 0 and 1.

    Args:
        first: One measure.
        second: The other.
        sigma: Both are convolved with the same Gaussian of this width. With 0 they are compared as step functions: a
            cluster of eigenvalues, of which Lanczos makes one point, then counts as an error however narrow it is.
    """
    ends = np.concatenate([first.points, second.points])
    if sigma == 0:
        jumps = np.unique(ends)
        difference = _steps(first, jumps) - _steps(second, jumps)
        return float(np.abs(difference).max())
    # the difference is smooth on the scale of sigma: ten points in each see its maximum
    count = int(np.ceil((np.ptp(ends) + 8 * sigma) / (sigma / 10))) + 1
    grid = np.linspace(ends.min() - 4 * sigma, ends.max() + 4 * sigma, count)
    return float(np.abs(first.cumulative(grid, sigma) - second.cumulative(grid, sigma)).max())


def _steps(measure: Measure, at: np.ndarray) -> np.ndarray:
    """The distribution function without smoothing, just to the right of the given points."""
    order = np.argsort(measure.points)
    total = np.concatenate([[0.0], np.cumsum(measure.weights[order])])
    found: np.ndarray = total[np.searchsorted(measure.points[order], at, side="right")]
    return found


def wasserstein_distance(first: Measure, second: Measure) -> float:
    """Area between the two distribution functions: the mean way that mass has to move, in units of eigenvalues."""
    jumps = np.unique(np.concatenate([first.points, second.points]))
    difference = np.abs(_steps(first, jumps) - _steps(second, jumps))
    return float(difference[:-1] @ np.diff(jumps))
