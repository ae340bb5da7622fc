r"""An IsoFLOP ladder: which trainings to do at each compute budget, and the laws they give.

At a budget C a model of N parameters sees $D = C / (6 N)$ tokens. Small models are limited by their size, large ones by
their data; a parabola of the loss in log N through the sizes of one budget gives the best size $N^*(C)$ ("approach 2"
of Hoffmann et al. 2022), and its slope over the budgets the exponent $a$ of $N^* \sim C^a$. The surface
$L = E + A N^{-\alpha} + B D^{-\beta}$ through all trainings gives $a = \beta / (\alpha + \beta)$ and the irreducible
loss E ("approach 3").
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from baselines.scaling_law import variable_projection
from baselines.scaling_law.bootstrap import Array, interval, resamples
from baselines.scaling_law.parametric_fit import FitStatus, LogRuns, ScalingLaw
from baselines.scaling_law.parametric_fit import fit as huber_fit
from baselines.scaling_law.power_laws import Exponent

FEWEST = 3  # sizes that fix a parabola
DELTA = 1e-3  # Hoffmann et al.'s: log residual at which the Huber loss turns from quadratic to linear


class Training(NamedTuple):
    """One model size at one budget."""

    budget: float
    """Compute C in FLOP, as planned."""
    width: int
    parameters: int
    """N, everything counted."""
    steps: int
    windows: int
    """Windows of text in a step."""
    tokens: int
    """D, scored tokens of the whole training."""

    @property
    def compute(self) -> float:
        """6 N D with the tokens really trained on, in FLOP."""
        return 6.0 * self.parameters * self.tokens


def plan(
    budgets: Sequence[float],
    sizes: Sequence[int],
    count: Callable[[int], int],
    *,
    tokens_per_parameter: float,
    decades: float,
    scored: int,
    multiple: int,
) -> list[Training]:
    r"""The trainings of a ladder.

    The sizes of a budget are spread evenly in log N around the one with the given ratio D/N. The tokens of a step are
    about $\sqrt{D}$, so that there are as many steps: longer trainings use larger batches.

    Args:
        budgets: Compute in FLOP.
        sizes: Number of sizes at each budget.
        count: Number of parameters N of a width.
        tokens_per_parameter: D/N in the middle of each budget.
        decades: Range of N at each budget, in factors of ten.
        scored: Scored tokens in a window.
        multiple: Widths are multiples of this.

    Raises:
        ValueError: If a budget is too small for different widths.
    """
    found = []
    for budget, number in zip(budgets, sizes, strict=True):
        middle = math.sqrt(budget / (6 * tokens_per_parameter))
        wanted = middle * 10 ** np.linspace(-decades / 2, decades / 2, number)
        widths = sorted({nearest_width(size, count, multiple) for size in wanted})
        if len(widths) < number:
            raise ValueError(
                f"at {budget:g} FLOP the {number} sizes give only the widths {widths}; larger budgets, fewer sizes or "
                "more decades keep them apart"
            )
        for width in widths:
            parameters = count(width)
            tokens = budget / (6 * parameters)
            windows = max(1, round(math.sqrt(tokens) / scored))
            steps = max(1, round(tokens / (windows * scored)))
            found.append(Training(budget, width, parameters, steps, windows, steps * windows * scored))
    return found


def nearest_width(parameters: float, count: Callable[[int], int], multiple: int) -> int:
    """The width, a multiple of `multiple`, whose number of parameters is nearest on a logarithmic scale."""
    width = multiple
    while count(width + multiple) <= parameters:
        width += multiple
    above = math.log(count(width + multiple) / parameters)
    return width if math.log(parameters / count(width)) < above else width + multiple


class Valleys(NamedTuple):
    """Parabolas through the losses of each budget."""

    budgets: Array
    """Shape [b]."""
    optima: Array
    """Best size N* of each budget.  Shape [b]."""
    band: Array
    """Ends of the 95 % interval of each best size.  Shape [2, b]."""
    losses: Array
    """Loss at the best size, nats.  Shape [b]."""
    parabolas: Array
    """Coefficients of loss in log N, the square first.  Shape [b, 3]."""
    inside: int
    """Budgets whose optimum lies between the smallest and the largest size."""
    deviation: float
    """Root mean square deviation of the losses from the parabolas, per degree of freedom, nats."""
    exponent: Exponent
    """a of N* ~ C^a."""


def valleys(
    compute: Array, parameters: Array, loss: Array, generator: np.random.Generator, resampled: int = 1000
) -> Valleys:
    """Best size of each budget and the exponent of its growth.

    The interval: the losses on the parabolas are disturbed by normal numbers and fitted again. Valleys get flatter as
    the loss nears its floor, and so do the deviations from them; the disturbance of a budget is therefore the curvature
    of its parabola times one number, the root mean square of all deviations over their curvatures.

    Args:
        compute: Budget of each training.  Shape [n].
        parameters: N of each training, in any convention.  Shape [n].
        loss: Shape [n].
        generator: Draws the disturbances.
        resampled: Number of them.

    Raises:
        ValueError: If a budget has fewer than three sizes, or there are not two budgets.
    """
    budgets = np.unique(compute)
    groups = [compute == budget for budget in budgets]
    if len(budgets) < 2 or min(int(group.sum()) for group in groups) < FEWEST:
        raise ValueError(f"the valleys need at least two budgets of at least {FEWEST} sizes each")
    logs = np.log(parameters)
    parabolas = _parabolas(logs, loss, groups)
    vertices = _vertices(parabolas)
    fitted, curvature = np.empty_like(loss), np.empty_like(loss)
    for group, parabola in zip(groups, parabolas, strict=True):
        fitted[group], curvature[group] = np.polyval(parabola, logs[group]), abs(parabola[0])
    freedom = max(1, len(loss) - 3 * len(budgets))
    deviation = float(np.sqrt(((loss - fitted) ** 2).sum() / freedom))
    relative = float(np.sqrt((((loss - fitted) / curvature) ** 2).sum() / freedom))
    inside = sum(logs[g].min() <= vertex <= logs[g].max() for g, vertex in zip(groups, vertices, strict=True))
    noise = relative * curvature * generator.standard_normal((resampled, len(loss)))
    disturbed = _parabolas(logs, fitted + noise, groups)
    draws = _vertices(disturbed[(disturbed[..., 0] > 0).all(1)])  # a hill has no bottom.  [k, b]
    value, low, high = float(_slope(budgets, vertices)), -math.inf, math.inf
    band = np.tile([[0.0], [math.inf]], len(budgets))
    if len(draws):
        low, high = interval(_slope(budgets, draws), 0.95)
        band = np.exp(np.percentile(draws, [2.5, 97.5], axis=0))
    depths = np.array([np.polyval(parabola, vertex) for parabola, vertex in zip(parabolas, vertices, strict=True)])
    return Valleys(
        budgets, np.exp(vertices), band, depths, parabolas, int(inside), deviation, Exponent(value, low, high)
    )


class Surface(NamedTuple):
    """The law fitted to all trainings."""

    law: ScalingLaw
    status: FitStatus
    bootstrap: Array
    """Refits of resampled tables: (log A, log B, log E, alpha, beta).  Shape [k, 5]."""
    projected: ScalingLaw
    """The same table by variable projection with squared residuals: a cross-check."""

    def interval(self, name: str) -> tuple[float, float]:
        """95 % bootstrap interval of E, alpha, beta or compute_exponent."""
        values = [getattr(ScalingLaw.from_logs(theta), name) for theta in self.bootstrap]
        return interval(np.array(values), 0.95)


def surface(
    parameters: Array, tokens: Array, loss: Array, generator: np.random.Generator, resampled: int = 300
) -> Surface:
    """Fit the parametric law (Huber loss of the log residuals), and refit tables drawn with replacement.

    Args:
        parameters: N.  Shape [n].
        tokens: D.  Shape [n].
        loss: Nats per token.  Shape [n].
        generator: Draws the tables.
        resampled: Number of them.
    """
    runs = LogRuns(np.log(parameters), np.log(tokens), np.log(loss))
    projected = variable_projection.fit(runs).law
    best = min((huber_fit(runs, start, DELTA) for start in _starts(projected, runs)), key=lambda fit: fit.objective)
    draws = []
    for rows in resamples(len(runs), resampled, generator):
        again = huber_fit(runs.take(rows), best.law.logs, DELTA)
        if again.status is not FitStatus.STOPPED:
            draws.append(again.law.logs)
    return Surface(best.law, best.status, np.array(draws).reshape(-1, 5), projected)


def _starts(law: ScalingLaw, runs: LogRuns) -> list[Array]:
    """Starts of the Huber fit: the projected law, if all its terms are there, and two plain guesses."""
    lowest = float(runs.loss.min())
    guesses = [
        np.array([exponent * runs.parameters.mean(), exponent * runs.tokens.mean(), lowest - 0.1, exponent, exponent])
        for exponent in (0.3, 0.6)
    ]
    return [law.logs, *guesses] if min(law.A, law.B, law.E) > 0 else guesses


def _parabolas(logs: Array, loss: Array, groups: list[Array]) -> Array:
    """Least-squares parabolas of the groups, the square first.

    Args:
        logs: Log N.  Shape [n].
        loss: One or many sets of losses.  Shape [..., n].
        groups: Which trainings belong to a budget.  Shape [b, n].

    Returns:
        Shape [..., b, 3].
    """
    found = []
    for group in groups:
        middle = logs[group].mean()  # centred: the powers of log N itself are almost parallel
        solve = np.linalg.pinv(np.vander(logs[group] - middle, 3))
        square, line, constant = np.moveaxis(loss[..., group] @ solve.T, -1, 0)
        found.append([square, line - 2 * square * middle, constant - line * middle + square * middle**2])
    return np.moveaxis(np.array(found), (0, 1), (-2, -1))


def _vertices(parabolas: Array) -> Array:
    """Log N at the bottom of each parabola.  Shape [..., b]."""
    return np.asarray(-parabolas[..., 1] / (2 * parabolas[..., 0]))


def _slope(budgets: Array, vertices: Array) -> Array:
    """Slope of log N* against log C.  Shape [...]."""
    centred = np.log(budgets) - np.log(budgets).mean()
    return np.asarray(vertices @ centred / (centred @ centred))
