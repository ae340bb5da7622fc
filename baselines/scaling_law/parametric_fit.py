r"""The parametric scaling law $L(N, D) = E + A N^{-\alpha} + B D^{-\beta}$ and its fit to a table of runs.

The fit minimises the Huber loss of the log residuals ("approach 3" of Hoffmann et al.),
$\sum_i \mathrm{Huber}_\delta[\mathrm{LSE}(\log A - \alpha \log N_i, \log B - \beta \log D_i, \log E) - \log L_i]$.
With $\delta = 10^{-3}$ this sum is about $10^{-3}$ at its minimum, too small for optimisers with default tolerances:
compare `fit` (scaled, converged) with `fit_stopping_early` (defaults, as published).

References:
    Hoffmann et al. (2022), "Training compute-optimal large language models", arXiv:2203.15556, section 3.3.
    Besiroglu, Erdil, Barnett, You (2024), "Chinchilla scaling: a replication attempt", arXiv:2404.10102.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import OptimizeResult, minimize

Array = NDArray[np.float64]

# Hoffmann et al.'s grid of starting points: log A, log B, log E, alpha, beta.  4500 points.
HOFFMANN_GRID = (
    (0.0, 5.0, 10.0, 15.0, 20.0, 25.0),
    (0.0, 5.0, 10.0, 15.0, 20.0, 25.0),
    (-1.0, -0.5, 0.0, 0.5, 1.0),
    (0.0, 0.5, 1.0, 1.5, 2.0),
    (0.0, 0.5, 1.0, 1.5, 2.0),
)


class FitStatus(Enum):
    """How an optimisation ended, and what that means for the user."""

    CONVERGED = "converged"
    """The gradient of the scaled objective is below 1e-5."""
    PRECISION = "precision limit"
    """No further descent in float64, with a gradient below 1e-2: as good as converged."""
    STOPPED = "stopped early"
    """The optimiser's own tolerance ended it at a point that is not a minimum: do not use the fit."""
    BOUND = "at a bound"
    """A coefficient is zero or an exponent at the edge of its range: the table does not fix that term."""


@dataclass(frozen=True)
class ScalingLaw:
    """`L(N, D) = E + A / N^alpha + B / D^beta`, loss in nats per token."""

    A: float
    B: float
    E: float
    alpha: float
    beta: float

    @classmethod
    def from_logs(cls, theta: Array | Sequence[float]) -> "ScalingLaw":
        """The law of a parameter vector (log A, log B, log E, alpha, beta)."""
        a, b, e, alpha, beta = (float(value) for value in theta)
        return cls(math.exp(a), math.exp(b), math.exp(e), alpha, beta)

    @property
    def logs(self) -> Array:
        """The parameter vector (log A, log B, log E, alpha, beta).  Shape [5]."""
        return np.array([math.log(self.A), math.log(self.B), math.log(self.E), self.alpha, self.beta])

    @property
    def compute_exponent(self) -> float:
        """`a = beta / (alpha + beta)`: the compute-optimal model size grows as `C^a`."""
        return self.beta / (self.alpha + self.beta)

    def loss(self, parameters: Array, tokens: Array) -> Array:
        """Predicted loss of models with N parameters trained on D tokens."""
        return self.E + self.A * parameters**-self.alpha + self.B * tokens**-self.beta

    def optimal_parameters(self, compute: Array | float) -> Array:
        r"""Number of parameters that minimises the loss at compute `C = 6 N D`.

        $N^* = G (C/6)^{\beta/(\alpha+\beta)}$ with $G = (\alpha A / (\beta B))^{1/(\alpha+\beta)}$; `D* = C / (6 N*)`.

        Args:
            compute: Training compute C in FLOP.
        """
        scale = (self.alpha * self.A / (self.beta * self.B)) ** (1 / (self.alpha + self.beta))
        return scale * (np.asarray(compute, dtype=np.float64) / 6) ** self.compute_exponent

    def tokens_per_parameter(self, compute: Array | float) -> Array:
        """Compute-optimal ratio `D* / N*` at training compute C in FLOP."""
        return np.asarray(compute, dtype=np.float64) / 6 / self.optimal_parameters(compute) ** 2


@dataclass(frozen=True)
class LogRuns:
    """Logarithms of the runs' parameters N, tokens D and loss.  Shapes [n]."""

    parameters: Array
    tokens: Array
    loss: Array

    def __len__(self) -> int:
        return len(self.loss)

    def take(self, rows: NDArray[np.int64]) -> "LogRuns":
        """The runs with these row numbers, repetitions included."""
        return LogRuns(self.parameters[rows], self.tokens[rows], self.loss[rows])


@dataclass(frozen=True)
class Fit:
    """One fitted law and how it was reached."""

    law: ScalingLaw
    objective: float
    """Sum of the Huber losses over the runs."""
    gradient: float
    """Largest component of the gradient of the objective divided by `n delta^2`."""
    status: FitStatus
    path: Array
    """Objective at the start and after each iteration."""


def huber_objective(theta: Array, runs: LogRuns, delta: float) -> tuple[float, Array]:
    """Sum of the Huber losses of the log residuals, and its gradient.

    Args:
        theta: (log A, log B, log E, alpha, beta).  Shape [5].
        runs: Logarithms of the table.
        delta: Residual at which the Huber loss turns from quadratic to linear.

    Returns:
        The objective and its gradient, shape [5].
    """
    a, b, e, alpha, beta = theta
    terms = np.stack([a - alpha * runs.parameters, b - beta * runs.tokens, np.full(len(runs), e)])  # [3, n]
    largest = terms.max(0)
    weights = np.exp(terms - largest)
    total = weights.sum(0)
    residual = largest + np.log(total) - runs.loss
    weights /= total
    size = np.abs(residual)
    value = np.where(size <= delta, 0.5 * residual**2, delta * (size - 0.5 * delta)).sum()
    slope = weights * np.clip(residual, -delta, delta)  # [3, n]
    gradient = [*slope.sum(1), -slope[0] @ runs.parameters, -slope[1] @ runs.tokens]
    return float(value), np.array(gradient)


def fit(runs: LogRuns, start: Array, delta: float) -> Fit:
    """Minimise from one start with BFGS on the objective divided by `n delta^2`, which is of order one."""
    scale = 1 / (len(runs) * delta**2)
    return _minimise(runs, start, delta, scale, method="BFGS", options={"gtol": 1e-5, "maxiter": 1000})


def fit_stopping_early(runs: LogRuns, start: Array, delta: float, reduction: str = "mean") -> Fit:
    """Minimise with scipy's L-BFGS-B at its default tolerances on the unscaled objective, as published.

    It stops when an iteration reduces `f` by less than `2.2e-9 max(|f|, 1)`. As `f` is below 1e-2 here, that is an
    absolute tolerance, and it ends the search near the start.

    Args:
        runs: Logarithms of the table.
        start: (log A, log B, log E, alpha, beta).  Shape [5].
        delta: Of the Huber loss.
        reduction: `mean` or `sum` over the runs.

    Raises:
        ValueError: If the reduction is neither.
    """
    if reduction not in ("mean", "sum"):
        raise ValueError(f"reduction must be mean or sum; got {reduction!r}")
    scale = 1 / len(runs) if reduction == "mean" else 1.0
    return _minimise(runs, start, delta, scale, method="L-BFGS-B")


def fit_from_starts(runs: LogRuns, starts: Array, delta: float) -> list[Fit]:
    """Fits from several starts, best first.

    Args:
        runs: Logarithms of the table.
        starts: Parameter vectors.  Shape [s, 5].
        delta: Of the Huber loss.
    """
    return sorted((fit(runs, start, delta) for start in starts), key=lambda found: found.objective)


def grid_starts(count: int, generator: np.random.Generator) -> Array:
    """Different points of Hoffmann et al.'s grid of starts, chosen at random.

    Args:
        count: At most 4500, the whole grid.
        generator: Chooses them.

    Returns:
        Shape [count, 5].
    """
    grid = np.array(list(itertools.product(*HOFFMANN_GRID)))
    return grid[generator.choice(len(grid), count, replace=False)]


def _minimise(runs: LogRuns, start: Array, delta: float, scale: float, **solver: Any) -> Fit:
    """Minimise `scale` times the objective with one of scipy's solvers; report in units of the objective."""

    def scaled(theta: Array) -> tuple[float, Array]:
        value, gradient = huber_objective(theta, runs, delta)
        return scale * value, scale * gradient

    path = [huber_objective(start, runs, delta)[0]]

    def follow(intermediate_result: OptimizeResult) -> None:
        path.append(float(intermediate_result.fun) / scale)

    # A trial step of a line search may overflow; the step is then rejected.
    with np.errstate(all="ignore"):
        found = minimize(scaled, start, jac=True, callback=follow, **solver)
    objective, gradient = huber_objective(found.x, runs, delta)
    largest = float(np.abs(gradient).max()) / (len(runs) * delta**2)
    status = FitStatus.STOPPED
    if largest <= 1e-2:
        status = FitStatus.CONVERGED if largest <= 1e-5 else FitStatus.PRECISION
    return Fit(ScalingLaw.from_logs(found.x), objective, largest, status, np.array(path))
