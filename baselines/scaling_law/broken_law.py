r"""Broken power laws: segments of different exponents in the log-log plane, joined smoothly.

$$ y(x) = a + b \, x^{-c_0} \prod_{i=1}^{n} \big(1 + (x/d_i)^{1/f_i}\big)^{-c_i f_i} $$

$c_0$ is the exponent before the first break; at $x = d_i$ the exponent grows by $c_i$, within a factor of about
$e^{f_i}$ of x. n = 0 is the power law with a constant.

The fit minimises the mean squared residual of $\log(y + s)$ with s = 0, or s = 1 as in the authors' program, over
$(\log a, \log b, c_0, c_i, \log d_i, \log f_i)$ with an analytic Jacobian from many random starts. `reference` is the
authors' procedure written again: a grid of starts, then one local search.

Reference:
    Caballero, Gupta, Rish, Krueger (2023), "Broken neural scaling laws", ICLR, arXiv:2210.14891.
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import curve_fit, least_squares
from scipy.special import expit

from baselines.scaling_law.parametric_fit import FitStatus

Array = NDArray[np.float64]

NO_CONSTANT = -745.0  # log a of a law without a constant: exp of it is the smallest positive number
EVALUATIONS = 400  # of one local search
FLAT = 1e-6  # a cosine of residual and Jacobian below this counts as zero
NEGLIGIBLE = 1e-9  # a constant below this share of the smallest loss counts as zero


@dataclass(frozen=True)
class BrokenLaw:
    """A law by its coordinates (log a, log b, c_0, then c_i, log d_i, log f_i for each break)."""

    theta: Array

    @property
    def breaks(self) -> int:
        """Number of breaks."""
        return (len(self.theta) - 3) // 3

    @property
    def named(self) -> dict[str, float]:
        """The symbols of the formula and their values."""
        a, b, c0 = self.theta[:3]
        values = {"a": 0.0 if a <= NO_CONSTANT else math.exp(a), "b": math.exp(min(b, 700.0)), "c0": float(c0)}
        for i in range(self.breaks):
            c, d, f = self.theta[3 + 3 * i : 6 + 3 * i]
            values |= {f"c{i + 1}": float(c), f"d{i + 1}": math.exp(d), f"f{i + 1}": math.exp(f)}
        return values

    def log(self, x: Array) -> Array:
        """Logarithm of the law at x."""
        return log_law(self.theta, np.log(x))[0]

    def __call__(self, x: Array) -> Array:
        """The law at x."""
        return np.exp(self.log(x))


@dataclass(frozen=True)
class BrokenFit:
    """A fitted law and how it was reached."""

    law: BrokenLaw
    rmsle: float
    """Root of the mean squared residual that was minimised."""
    gradient: float
    """Largest cosine between the residual and a column of its Jacobian: 0 at a minimum."""
    status: FitStatus
    evaluations: int


def log_law(theta: Array, log_x: Array) -> tuple[Array, Array]:
    """Logarithm of the law and its derivatives.

    Args:
        theta: (log a, log b, c_0, c_i, log d_i, log f_i ...).  Shape [3 + 3 breaks].
        log_x: Shape [m].

    Returns:
        Shapes [m] and [m, 3 + 3 breaks].
    """
    log_term = theta[1] - theta[2] * log_x
    columns = [np.zeros_like(log_x), np.ones_like(log_x), -log_x]
    for i in range(3, len(theta), 3):
        c, log_d, log_f = theta[i : i + 3]
        f = np.exp(log_f)
        u = (log_x - log_d) / f
        soft, share = np.logaddexp(0, u), expit(u)
        log_term = log_term - c * f * soft
        columns += [-f * soft, c * share, c * f * (u * share - soft)]
    value = np.logaddexp(theta[0], log_term)
    of_term = np.exp(log_term - value)
    jacobian = of_term[:, None] * np.stack(columns, axis=1)
    jacobian[:, 0] = np.exp(theta[0] - value)
    return value, jacobian


def residuals(theta: Array, log_x: Array, y: Array, shift: float) -> tuple[Array, Array]:
    """`log(law + shift) - log(y + shift)` and its derivatives.  Shapes [m] and [m, parameters]."""
    value, jacobian = log_law(theta, log_x)
    if shift == 0:
        return value - np.log(y), jacobian
    total = np.logaddexp(value, math.log(shift))
    return total - np.log(y + shift), np.exp(value - total)[:, None] * jacobian


def fit(x: Array, y: Array, start: Array, *, shift: float = 0.0, constant: bool = True) -> BrokenFit:
    """One local search by the trust-region method of Levenberg and Marquardt (MINPACK).

    Args:
        x: Positive sizes.  Shape [m].
        y: Positive losses.  Shape [m].
        start: Coordinates of the first law.
        shift: s of the objective.
        constant: Whether the law has the term a.

    Raises:
        ValueError: If there are fewer points than parameters.
    """
    first = 0 if constant else 1
    if len(x) < len(start) - first:
        raise ValueError(f"{len(start) - first} parameters need at least as many points; got {len(x)}")
    log_x = np.log(x)

    def whole(free: Array) -> Array:
        return free if constant else np.concatenate([[NO_CONSTANT], free])

    with np.errstate(all="ignore"):  # a trial step may overflow; it is then rejected
        found = least_squares(
            lambda free: _finite(residuals(whole(free), log_x, y, shift)[0]),
            start[first:],
            jac=lambda free: _finite(residuals(whole(free), log_x, y, shift)[1][:, first:]),
            method="lm", xtol=1e-15, ftol=1e-15, gtol=1e-15, max_nfev=EVALUATIONS,
        )  # fmt: skip
        theta = whole(found.x)
        residual, jacobian = residuals(theta, log_x, y, shift)
    vanished = constant and theta[0] < math.log(NEGLIGIBLE * y.min())
    gradient = _largest_cosine(residual, jacobian[:, 1:] if vanished else jacobian[:, first:])
    status = FitStatus.CONVERGED if gradient <= FLAT else FitStatus.PRECISION if gradient <= 1e-5 else FitStatus.STOPPED
    if vanished and status is not FitStatus.STOPPED:
        status = FitStatus.BOUND
    return BrokenFit(BrokenLaw(theta), float(np.sqrt(np.mean(residual**2))), gradient, status, int(found.nfev))


def fit_from_starts(
    x: Array, y: Array, breaks: int, starts: int, generator: np.random.Generator, *,
    shift: float = 0.0, constant: bool = True,
) -> list[BrokenFit]:  # fmt: skip
    """Fits from random starts, best first; starts that end in numbers that are not finite are left out.

    Args:
        x: Positive sizes.  Shape [m].
        y: Positive losses.  Shape [m].
        breaks: Number of breaks.
        starts: Number of starts.
        generator: Draws them.
        shift: s of the objective.
        constant: Whether the law has the term a.

    Raises:
        ValueError: As `fit`, or if no start ends in finite numbers.
    """
    found = [fit(x, y, random_start(x, y, breaks, generator), shift=shift, constant=constant) for _ in range(starts)]
    finite = [one for one in found if math.isfinite(one.rmsle)]
    if not finite:
        raise ValueError(f"none of {starts} starts ends in a finite law")
    return sorted(finite, key=lambda one: one.rmsle)


def random_start(x: Array, y: Array, breaks: int, generator: np.random.Generator) -> Array:
    """A law through about the first point, with its breaks inside the range of x."""
    log_x = np.log(x)
    slope = generator.uniform(0, 1)
    log_a = math.log(y.min()) + math.log(generator.uniform(0.01, 1))
    log_b = math.log(y[np.argmin(x)]) + slope * log_x.min() + 0.3 * generator.standard_normal()
    theta = [log_a, log_b, slope]
    for log_d in np.sort(generator.uniform(log_x.min(), log_x.max(), breaks)):
        theta += [generator.uniform(-0.5, 5), float(log_d), math.log(generator.uniform(0.02, 0.5))]
    return np.array(theta)


def rmsle(law: BrokenLaw, x: Array, y: Array) -> float:
    """Root mean squared error of log y."""
    return float(np.sqrt(np.mean((law.log(x) - np.log(y)) ** 2)))


def reference(x: Array, y: Array) -> BrokenLaw:
    """One break, fitted as the authors do: the best point of a grid, then scipy's `curve_fit` on log(1 + y).

    The grid: a = 0 .. 0.9; b and d = 1.25^k - 0.9 for k = 0, 2.5 .. 37.5; c_0, c_1 and f in 0, 0.25, 0.5, 0.75.

    Args:
        x: Sizes.  Shape [m].
        y: Losses.  Shape [m].

    Raises:
        RuntimeError: If the local search does not converge (scipy).
    """
    quarters, powers = np.arange(4) * 0.25, 1.25 ** (2.5 * np.arange(16)) - 0.9
    grid = np.array(list(itertools.product(np.arange(10) * 0.1, powers, quarters, quarters, powers, quarters)))
    target = np.log(1 + y)
    with np.errstate(all="ignore"):
        errors = np.array([_grid_error(part, x, target) for part in np.array_split(grid, 64)], dtype=object)
        best = grid[np.nanargmin(np.concatenate(list(errors)))]
        a, b, c0, c1, d1, f1 = curve_fit(
            lambda size, *p: np.log(1 + _formula(size, *p)), x, target, p0=best, maxfev=1_000_000
        )[0]
    return BrokenLaw(np.array([math.log(a) if a > 0 else NO_CONSTANT, math.log(b), c0, c1, math.log(d1), math.log(f1)]))


def _grid_error(grid: Array, x: Array, target: Array) -> Array:
    """Mean squared error of every point of a part of the grid.  Shape [g]."""
    a, b, c0, c1, d1, f1 = (column[:, None] for column in grid.T)
    return np.asarray(np.mean((np.log(1 + _formula(x, a, b, c0, c1, d1, f1)) - target) ** 2, axis=1))


def _formula(x: Array, a: Array, b: Array, c0: Array, c1: Array, d1: Array, f1: Array) -> Array:
    return np.asarray(a + b * x**-c0 * (1 + (x / d1) ** (1 / f1)) ** (-c1 * f1))


def _finite(values: Array) -> Array:
    return np.nan_to_num(values, nan=1e6, posinf=1e6, neginf=-1e6)


def _largest_cosine(residual: Array, jacobian: Array) -> float:
    """How far the residual is from being orthogonal to the tangent space."""
    length = np.linalg.norm(residual)
    if length < 1e-12 * math.sqrt(len(residual)):
        return 0.0
    columns = np.linalg.norm(jacobian, axis=0)
    used = columns > 0
    return float(np.max(np.abs(residual @ jacobian[:, used]) / (columns[used] * length), initial=0.0))
