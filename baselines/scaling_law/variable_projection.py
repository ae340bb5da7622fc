r"""Variable projection: fit $L = E + A N^{-\alpha} + B D^{-\beta}$ as a problem in two unknowns instead of five.

For given exponents the loss is linear in $(E, A, B)$, so that non-negative least squares gives them exactly. What is
left is a function of $(\alpha, \beta)$: a grid finds its basin, a Levenberg-Marquardt search on the projected residual
polishes. On a noise-free surface the residual at the solution is zero and the search converges quadratically, to
rounding.

`fit` minimises squared residuals of the loss. `fit_huber` minimises the Huber loss of the log residuals, the objective
of `parametric_fit`, by reweighting: with $\psi$ the derivative of the Huber loss, $r_i = \log(\hat L_i / L_i)$ and
the weights $w_i = \psi(r_i) / (\hat L_i (\hat L_i - L_i))$, the weighted least-squares gradient
$\sum_i w_i (\hat L_i - L_i) \partial \hat L_i = \sum_i \psi(r_i) \partial \log \hat L_i$ is the gradient of that
objective, so that a fixed point is a stationary point of it. The two fits share no code path but the table.

References:
    Golub, Pereyra (1973), "The differentiation of pseudo-inverses and nonlinear least squares problems whose variables
    separate", SIAM J. Numer. Anal. 10.
    Kaufman (1975), "A variable projection method for solving separable nonlinear least squares problems", BIT 15.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.optimize import least_squares, nnls

from baselines.scaling_law.parametric_fit import Array, FitStatus, LogRuns, ScalingLaw

GRID = np.geomspace(0.03, 3.0, 25)
"""Exponents tried; published ones lie between 0.05 and 1.2."""

EDGE = (1e-3, 20.0)
"""Exponents beyond are a constant or a step: the table does not fix them."""


@dataclass(frozen=True)
class Projection:
    """A law fitted by variable projection."""

    law: ScalingLaw
    """A coefficient may be zero."""
    deviation: float
    """Root of the mean squared residual of the loss (weighted, where there are weights)."""
    gradient: float
    """Largest cosine between the residual and a direction of change of the exponents; zero at a minimum."""
    status: FitStatus
    iterations: int
    """Reweightings; 1 without."""


def fit(runs: LogRuns, start: tuple[float, float] | None = None, weights: Array | None = None) -> Projection:
    """Minimise the sum of (weighted) squared residuals of the loss.

    Args:
        runs: Logarithms of the table.
        start: Exponents (alpha, beta) to polish from; None searches the grid first.
        weights: One for each run; None is ones.  Shape [n].
    """
    problem = _Problem.of(runs, weights)
    alpha, beta = start or problem.best_of_grid()
    solution = problem.polish(alpha, beta)
    return problem.result(solution, iterations=1)


def fit_huber(
    runs: LogRuns, delta: float, start: tuple[float, float] | None = None, most: int = 400, tolerance: float = 1e-9
) -> Projection:
    """Minimise the Huber loss of the log residuals by iteratively reweighted variable projection.

    Args:
        runs: Logarithms of the table.
        delta: Log residual at which the Huber loss turns from quadratic to linear.
        start: Exponents to start from; None searches the grid of the unweighted problem.
        most: Reweightings at most; more leave the status `STOPPED`.
        tolerance: Change of both exponents at which to stop.
    """
    problem = _Problem.of(runs, None)
    exponents = np.array(start or problem.best_of_grid())
    solution = problem.polish(*exponents)
    for iteration in range(1, most + 1):
        weighted = _Problem.of(runs, _huber_weights(problem.predicted(solution), problem.loss, delta))
        solution = weighted.polish(*solution.exponents)
        step = np.abs(np.array(solution.exponents) - exponents).max()
        exponents = np.array(solution.exponents)
        if step < tolerance:
            return weighted.result(solution, iteration)
    found = weighted.result(solution, most)
    return Projection(found.law, found.deviation, found.gradient, FitStatus.STOPPED, most)


def recovery_error(runs: LogRuns, laws: Sequence[ScalingLaw]) -> float:
    """How exactly known laws are found again from noise-free losses at the N and D of a table.

    Args:
        runs: Their N and D are used, their losses are not.
        laws: The laws.

    Returns:
        The largest relative error of the five parameters of all laws.
    """
    errors = []
    for law in laws:
        loss = law.loss(np.exp(runs.parameters), np.exp(runs.tokens))
        found = fit(LogRuns(runs.parameters, runs.tokens, np.log(loss))).law
        errors += [abs(getattr(found, name) / getattr(law, name) - 1) for name in ("A", "B", "E", "alpha", "beta")]
    return float(max(errors))


def _huber_weights(predicted: Array, loss: Array, delta: float) -> Array:
    """Weights whose least-squares gradient is that of the Huber loss of the log residuals.  Shape [n]."""
    residual = np.log(predicted / loss)
    # psi(r) / r is 1 inside and delta/|r| outside; r / (predicted - loss) tends to 1 / loss at r = 0
    bounded = delta / np.maximum(np.abs(residual), delta)
    difference = predicted - loss
    small = np.abs(difference) < 1e-9 * loss
    ratio = np.where(small, 1 / loss, residual / np.where(small, 1.0, difference))
    return np.asarray(bounded * ratio / predicted)


class _Solution(NamedTuple):
    """Exponents, and the coefficients (E, A, B) that go with them in the problem's centred units."""

    exponents: tuple[float, float]
    coefficients: Array


class _Problem:
    """A table in centred logarithms: columns of order one keep the linear problem well conditioned.

    Args:
        x: log N minus its mean.  Shape [n].
        y: log D minus its mean.  Shape [n].
        loss: Shape [n].
        roots: Square roots of the weights.  Shape [n].
        centre: The two means.
    """

    def __init__(self, x: Array, y: Array, loss: Array, roots: Array, centre: tuple[float, float]) -> None:
        self.x, self.y, self.loss, self.roots, self.centre = x, y, loss, roots, centre

    @classmethod
    def of(cls, runs: LogRuns, weights: Array | None) -> "_Problem":
        """The problem of a table; weights are scaled to the mean one."""
        roots = np.ones(len(runs)) if weights is None else np.sqrt(weights / weights.mean())
        centre = (float(runs.parameters.mean()), float(runs.tokens.mean()))
        return cls(runs.parameters - centre[0], runs.tokens - centre[1], np.exp(runs.loss), roots, centre)

    def design(self, alpha: float, beta: float) -> Array:
        """Weighted columns of E, A and B.  Shape [n, 3]."""
        columns = np.stack([np.ones_like(self.x), np.exp(-alpha * self.x), np.exp(-beta * self.y)], axis=1)
        return np.asarray(columns * self.roots[:, None])

    def solve(self, alpha: float, beta: float) -> tuple[Array, float]:
        """Non-negative (E, A, B) and the norm of the weighted residual."""
        coefficients, norm = nnls(self.design(alpha, beta), self.roots * self.loss)
        return np.asarray(coefficients), float(norm)

    def predicted(self, solution: _Solution) -> Array:
        """Losses of a solution.  Shape [n]."""
        alpha, beta = solution.exponents
        return np.asarray(self.design(alpha, beta) @ solution.coefficients / self.roots)

    def best_of_grid(self) -> tuple[float, float]:
        """The pair of exponents of the grid with the smallest residual."""
        pairs = [(float(alpha), float(beta)) for alpha in GRID for beta in GRID]
        return min(pairs, key=lambda pair: self.solve(*pair)[1])

    def polish(self, alpha: float, beta: float) -> _Solution:
        """Levenberg-Marquardt on the projected residual, in the logarithms of the exponents: they stay positive."""

        def residual(logs: Array) -> Array:
            design = self.design(*np.exp(np.clip(logs, -9, 3.5)))
            coefficients, _ = nnls(design, self.roots * self.loss)
            return np.asarray(design @ coefficients - self.roots * self.loss)

        def jacobian(logs: Array) -> Array:
            exponents = np.exp(np.clip(logs, -9, 3.5))
            return self._slopes(exponents) * exponents

        found = least_squares(
            residual, np.log([alpha, beta]), jacobian, method="lm", xtol=1e-15, ftol=1e-15, gtol=1e-15, max_nfev=200
        )
        alpha, beta = (float(value) for value in np.exp(np.clip(found.x, -9, 3.5)))
        return _Solution((alpha, beta), self.solve(alpha, beta)[0])

    def _slopes(self, exponents: Array) -> Array:
        """Kaufman's Jacobian of the projected residual: the part of each derivative outside the columns in use.

        The residual is orthogonal to those columns, so that the gradient it gives is exact.  Shape [n, 2].
        """
        design = self.design(*exponents)
        coefficients, _ = nnls(design, self.roots * self.loss)
        slopes = np.stack(
            [-coefficients[1] * self.x * design[:, 1], -coefficients[2] * self.y * design[:, 2]], axis=1
        )  # [n, 2]
        basis, _ = np.linalg.qr(design[:, coefficients > 0])
        return np.asarray(slopes - basis @ (basis.T @ slopes))

    def result(self, solution: _Solution, iterations: int) -> Projection:
        """The law in its own units, and how good a minimum it is."""
        (alpha, beta), (constant, size, data) = solution.exponents, solution.coefficients
        residual = self.roots * (self.predicted(solution) - self.loss)
        deviation = float(np.sqrt(np.mean(residual**2)))
        slopes = self._slopes(np.array([alpha, beta]))
        lengths = np.linalg.norm(slopes, axis=0) * np.linalg.norm(residual)
        gradient = float((np.abs(residual @ slopes) / np.where(lengths > 0, lengths, 1)).max())
        exact = deviation < 1e-11 * float(self.loss.mean())
        if min(constant, size, data) <= 0 or not all(EDGE[0] < value < EDGE[1] for value in (alpha, beta)):
            status = FitStatus.BOUND
        elif exact or gradient < 1e-5:
            status = FitStatus.CONVERGED
        else:
            status = FitStatus.PRECISION if gradient < 1e-2 else FitStatus.STOPPED
        law = ScalingLaw(
            A=float(size * np.exp(alpha * self.centre[0])),
            B=float(data * np.exp(beta * self.centre[1])),
            E=float(constant),
            alpha=alpha,
            beta=beta,
        )
        return Projection(law, deviation, 0.0 if exact else gradient, status, iterations)
