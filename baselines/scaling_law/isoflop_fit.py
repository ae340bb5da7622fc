r"""IsoFLOP analysis: runs in groups of one training budget, the best duration of each group, its power law in C.

Three ways to the optimum $D^*(C)$, with one interface:

* **parabola** ("approach 2" of Hoffmann et al.): the vertex of a least-squares parabola in log D through each group.
* **akima**: the minimum of Akima's interpolation through the points of each group.
* **surface**: $L = E + A N^{-\alpha} + B D^{-\beta}$ fitted to all runs by variable projection, and its closed form.

A loss surface is not a parabola in log D. With $x = \log(D / D^*)$ a group of runs at one budget has the excess loss
$s\,(e^{\alpha x}/\alpha + e^{-\beta x}/\beta)$ above a constant, whose cubic term moves the vertex of a parabola fitted
on a symmetric grid around $D^*$ by

$$\Delta = -\frac{\alpha - \beta}{6} \frac{\langle x^4 \rangle}{\langle x^2 \rangle} + O(x^4) ,$$

independent of the budget as long as all groups have the same grid around $D^*$: the exponent is right, the intercept
is wrong, and so is every extrapolated allocation.

References:
    Hoffmann et al. (2022), "Training compute-optimal large language models", arXiv:2203.15556, section 3.2.
    Akima (1970), "A new method of interpolation and smooth curve fitting based on local procedures", J. ACM 17.
    Open Athena (2026), scaling-law-analysis: the bias of approach 2.
"""

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import Akima1DInterpolator

from baselines.scaling_law import variable_projection
from baselines.scaling_law.allocation import FLOP_PER_PARAMETER_AND_TOKEN
from baselines.scaling_law.parametric_fit import Array, LogRuns, ScalingLaw

Rows = NDArray[np.int64]


class Method(Enum):
    """How the optimum of a budget is found."""

    PARABOLA = "parabola"
    AKIMA = "akima"
    SURFACE = "surface"


METHODS = tuple(method.value for method in Method)


@dataclass(frozen=True)
class IsoFlops:
    """Runs in groups of equal budget."""

    compute: Array
    """Budgets C in FLOP, ascending.  Shape [m]."""
    log_tokens: Array
    """log D of each run.  Shape [n]."""
    loss: Array
    """Shape [n]."""
    group: Rows
    """Budget number of each run.  Shape [n]."""

    def __len__(self) -> int:
        return len(self.loss)

    def take(self, rows: Rows) -> "IsoFlops":
        """These runs, repetitions included; the budgets stay."""
        return IsoFlops(self.compute, self.log_tokens[rows], self.loss[rows], self.group[rows])

    def logs(self) -> LogRuns:
        """The runs as (log N, log D, log L) with `N = C / (6 D)`."""
        size = np.log(self.compute[self.group] / FLOP_PER_PARAMETER_AND_TOKEN) - self.log_tokens
        return LogRuns(size, self.log_tokens, np.log(self.loss))


@dataclass(frozen=True)
class Optima:
    """The best duration at each budget, and the power law through them."""

    compute: Array
    """Shape [m]."""
    log_tokens: Array
    """log D*; nan where a group has no minimum inside its grid.  Shape [m]."""
    exponent: float
    """d of `D* = k C^d`; `N* ~ C^(1 - d)`."""
    intercept: float
    """log k."""
    law: ScalingLaw | None = None
    """The surface, for the method that fits one."""

    def tokens_at(self, compute: float) -> float:
        """D* at a budget by the power law."""
        return float(np.exp(self.intercept + self.exponent * np.log(compute)))


def group_by_budget(compute: Array, tolerance: float = 0.05) -> tuple[Array, Rows]:
    """Budgets and the budget number of each run; runs whose C differ by less than the tolerance share a budget.

    Args:
        compute: Training compute of each run in FLOP.  Shape [n].
        tolerance: Relative distance of neighbours, in order of C, up to which they belong together.

    Returns:
        Geometric means of the groups in ascending order, shape [m]; group of each run, shape [n].
    """
    order = np.argsort(compute, kind="stable")
    log_c = np.log(compute[order])
    number = np.concatenate([[0], np.cumsum(np.diff(log_c) > np.log1p(tolerance))]).astype(np.int64)
    budgets = np.exp(np.bincount(number, log_c) / np.bincount(number))
    group = np.empty(len(compute), dtype=np.int64)
    group[order] = number
    return budgets, group


def optima(runs: IsoFlops, method: Method, start: tuple[float, float] | None = None) -> Optima:
    """The best duration at each budget.

    Args:
        runs: The runs.
        method: Parabola, Akima or surface.
        start: Exponents to start the surface from; None searches.
    """
    if method is Method.SURFACE:
        return _of_surface(runs, start)
    if method is Method.PARABOLA:
        found = vertices(runs, np.ones((1, len(runs))))[0]
    else:
        found = np.array([_akima_minimum(runs, budget) for budget in range(len(runs.compute))])
    exponent, intercept = _line(np.log(runs.compute), found[None])
    return Optima(runs.compute, found, float(exponent[0]), float(intercept[0]))


def bootstrap_parabola(runs: IsoFlops, counts: Array) -> tuple[Array, Array, Array]:
    """Exponents and intercepts of the parabola on resampled runs, all at once.

    Args:
        runs: The runs.
        counts: How often each run is drawn in each resample.  Shape [k, n].

    Returns:
        Exponents and intercepts, shapes [k]; log D* of each budget, shape [k, m].
    """
    found = vertices(runs, counts)
    return *_line(np.log(runs.compute), found), found


def vertices(runs: IsoFlops, counts: Array) -> Array:
    """Vertex log D* of the parabola of each budget; nan if it opens downwards or has no vertex in its grid.

    Args:
        runs: The runs.
        counts: Weight of each run in each resample.  Shape [k, n].

    Returns:
        Shape [k, m].
    """
    found = np.full((len(counts), len(runs.compute)), np.nan)
    for budget in range(len(runs.compute)):
        rows = np.flatnonzero(runs.group == budget)
        x, centre, spread = _standard(runs.log_tokens[rows])
        powers = x[:, None] ** np.arange(5)  # [g, 5]
        moments = counts[:, rows] @ powers  # [k, 5]
        right = counts[:, rows] @ (powers[:, :3] * (runs.loss[rows] - runs.loss[rows].mean())[:, None])  # [k, 3]
        gram = moments[:, np.arange(3)[:, None] + np.arange(3)]  # [k, 3, 3]
        solvable = (counts[:, rows] > 0).sum(1) >= 3
        gram[~solvable] = np.eye(3)
        _, slope, curvature = np.linalg.solve(gram, right[..., None])[..., 0].T
        with np.errstate(divide="ignore", invalid="ignore"):
            vertex = -slope / (2 * curvature)
        inside = solvable & (curvature > 0) & (vertex >= x.min()) & (vertex <= x.max())
        found[inside, budget] = centre + spread * vertex[inside]
    return found


def within_budgets(runs: IsoFlops, count: int, generator: np.random.Generator) -> Array:
    """How often each run is drawn when every budget's runs are resampled among themselves.

    Args:
        runs: The runs.
        count: Number of resamples.
        generator: Draws them.

    Returns:
        Shape [count, n].
    """
    counts = np.zeros((count, len(runs)))
    for budget in range(len(runs.compute)):
        rows = np.flatnonzero(runs.group == budget)
        counts[:, rows] = generator.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), count)
    return counts


def rows_of(counts: Array) -> Rows:
    """Row numbers of one resample given by its counts."""
    return np.repeat(np.arange(len(counts)), counts.astype(np.int64))


def simulated(law: ScalingLaw, compute: Array, offsets: Array, noise: Array | float = 0.0) -> IsoFlops:
    """Runs of a known surface at the same distances from the optimum of every budget.

    Args:
        law: The surface.
        compute: Budgets in FLOP, ascending.  Shape [m].
        offsets: log(D / D*) of the runs of a budget.  Shape [g].
        noise: Added to the log losses; 0 or shape [m, g].
    """
    best = np.log(compute / FLOP_PER_PARAMETER_AND_TOKEN / law.optimal_parameters(compute))
    log_d = best[:, None] + offsets
    log_n = np.log(compute / FLOP_PER_PARAMETER_AND_TOKEN)[:, None] - log_d
    loss = law.loss(np.exp(log_n), np.exp(log_d)) * np.exp(noise)
    group = np.repeat(np.arange(len(compute)), len(offsets))
    return IsoFlops(compute, log_d.ravel(), loss.ravel(), group)


def predicted_bias(law: ScalingLaw, offsets: Array) -> float:
    """Leading-order shift of log D* by the parabola on a grid around the optimum, `Delta` of the module's equation.

    Args:
        law: The surface.
        offsets: log(D / D*) of the runs of a budget, symmetric around zero.  Shape [g].
    """
    return -(law.alpha - law.beta) / 6 * float(np.mean(offsets**4) / np.mean(offsets**2))


@dataclass(frozen=True)
class Bias:
    """Shift of log D* by the parabola on noisy and on noise-free groups of runs, against the width of the grid."""

    half_widths: Array
    """Largest |log(D / D*)| of a grid.  Shape [w]."""
    noisy: Array
    """Mean over the budgets in each draw of the noise; nan where a parabola has no vertex.  Shape [k, w]."""
    noise_free: Array
    """Shape [w]."""
    predicted: Array
    """Leading order, `predicted_bias`.  Shape [w]."""
    exponent_error: float
    """Largest error of the exponent on the noise-free grids."""


def parabola_bias(
    law: ScalingLaw, compute: Array, half_widths: Array, points: int, noise: float, draws: int,
    generator: np.random.Generator,
) -> Bias:  # fmt: skip
    """Fit parabolas to simulated groups of runs, on grids of equal steps of log D around the optimum.

    Args:
        law: The true surface.
        compute: Budgets in FLOP, ascending.  Shape [m].
        half_widths: Largest |log(D / D*)| of each grid.  Shape [w].
        points: Runs at a budget.
        noise: Standard deviation of the log losses.
        draws: Draws of the noise.
        generator: Draws it.
    """
    normal = generator.standard_normal((draws, len(compute), points))
    noisy = np.empty((draws, len(half_widths)))
    exact, predicted, wrong = [], [], []
    true = np.log(compute / FLOP_PER_PARAMETER_AND_TOKEN / law.optimal_parameters(compute))
    for column, width in enumerate(half_widths):
        offsets = np.linspace(-width, width, points)
        clean = simulated(law, compute, offsets)
        found = optima(clean, Method.PARABOLA)
        exact.append(float(np.mean(found.log_tokens - true)))
        wrong.append(abs(found.exponent - (1 - law.compute_exponent)))
        predicted.append(predicted_bias(law, offsets))
        for row in range(draws):
            loss = clean.loss * np.exp(noise * normal[row].ravel())
            measured = vertices(IsoFlops(compute, clean.log_tokens, loss, clean.group), np.ones((1, len(clean))))[0]
            noisy[row, column] = np.mean(measured - true)
    return Bias(half_widths, noisy, np.array(exact), np.array(predicted), max(wrong))


def _of_surface(runs: IsoFlops, start: tuple[float, float] | None) -> Optima:
    """The closed form of the fitted surface, as a power law of C; nan if one of its terms is zero."""
    law = variable_projection.fit(runs.logs(), start).law
    if min(law.A, law.B) <= 0:
        return Optima(runs.compute, np.full(len(runs.compute), np.nan), float("nan"), float("nan"), law)
    exponent = 1 - law.compute_exponent
    scale = np.log(law.alpha * law.A / (law.beta * law.B)) / (law.alpha + law.beta)
    intercept = -float(scale) - exponent * np.log(FLOP_PER_PARAMETER_AND_TOKEN)
    return Optima(runs.compute, intercept + exponent * np.log(runs.compute), exponent, float(intercept), law)


def _akima_minimum(runs: IsoFlops, budget: int) -> float:
    """Minimum, as log D, of the interpolation; runs of one duration are averaged; nan at an end of the grid."""
    rows = runs.group == budget
    x, number = np.unique(runs.log_tokens[rows], return_inverse=True)
    if len(x) < 3:
        return float("nan")
    loss = np.bincount(number, runs.loss[rows]) / np.bincount(number)
    curve = Akima1DInterpolator(x, loss)
    inner = curve.derivative().roots(extrapolate=False)
    candidates = np.concatenate([x[[0, -1]], inner[np.isfinite(inner)]])
    lowest = float(candidates[np.argmin(curve(candidates))])
    return lowest if x[0] < lowest < x[-1] else float("nan")


def _line(x: Array, rows: Array) -> tuple[Array, Array]:
    """Least-squares slope and intercept of each row over its finite points; nan with fewer than two.

    Args:
        x: Shape [m].
        rows: Shape [k, m].
    """
    known = np.isfinite(rows)
    count = known.sum(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        filled = np.where(known, rows, 0)
        mean_x, mean_y = (known * x).sum(1) / count, filled.sum(1) / count
        away = np.where(known, x - mean_x[:, None], 0)
        slope = (away * np.where(known, rows - mean_y[:, None], 0)).sum(1) / (away**2).sum(1)
    slope = np.where(count >= 2, slope, np.nan)
    return slope, mean_y - slope * mean_x


def _standard(x: Array) -> tuple[Array, float, float]:
    """Centred and scaled values: the normal equations of a parabola are then well conditioned."""
    centre, spread = float(x.mean()), float(x.std()) or 1.0
    return (x - centre) / spread, centre, spread
