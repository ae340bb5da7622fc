"""Inverse problems: synthetic observations, how well the data determine a parameter, intervals and their coverage."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, Protocol, cast

import numpy as np

from baselines.pinn_pde.problem import Condition, Observations, PDEProblem

GROSS = 10.0  # standard deviation of a gross error, in root mean squares of the clean signal


class Estimate(NamedTuple):
    """An estimated parameter with its standard error."""

    value: float
    standard_error: float


class Coverage(NamedTuple):
    """How often intervals contained the truth, and between which shares chance alone would leave correct ones."""

    share: float
    low: float
    high: float


class Noisy(Protocol):
    """Keys of every inverse problem."""

    noise: float
    num_observations: int
    outliers: float


def check_observation_keys(noise: float, num_observations: int, outliers: float) -> None:
    """Refuse impossible noise.

    Raises:
        ValueError: With one line that says which key is wrong and what would be right.
    """
    if not (noise >= 0 and math.isfinite(noise)) or num_observations < 1:
        raise ValueError(
            f"problem.noise must be at least 0 and problem.num_observations at least 1; got {noise}, {num_observations}"
        )
    if not 0 <= outliers < 0.5:
        raise ValueError(f"problem.outliers must lie in [0, 0.5), no estimate stands a majority; got {outliers}")


def observe(
    problem: PDEProblem,
    seed: int,
    outputs: Sequence[str],
    points: np.ndarray | None = None,
    weight: float = 1.0,
) -> list[Observations]:
    r"""Noisy values of the reference solution, one set for each observed output, all at the same points.

    $$y_i = u(x_i) + \sigma \varepsilon_i, \qquad \sigma = \text{noise} \cdot \sqrt{\tfrac1M \sum_i u(x_i)^2}$$

    with standard normal $\varepsilon_i$. Of the M values of each output, round(outliers M), chosen at random, are then
    replaced by gross errors: normal numbers of mean 0 whose standard deviation is 10 times the same root mean square.

    Args:
        problem: has the keys `noise`, `num_observations` and `outliers`.
        seed: the run's seed; the draws depend on it and on the problem's name only.
        outputs: names of the observed outputs.
        points: where, [M, d]; `num_observations` uniform points unless given.
        weight: of each set in a loss.
    """
    from baselines.common.compute import numpy_generator

    keys = cast(Noisy, problem)
    generator = numpy_generator(seed, problem.name, "observations")
    if points is None:
        points = problem.domain().sample(keys.num_observations, generator)
    clean = problem.reference().values(points)  # [M, outputs]
    found = []
    for output in outputs:
        values = clean[:, [problem.outputs.index(output)]]
        signal = float(np.sqrt(np.mean(values**2)))
        values = values + keys.noise * signal * generator.standard_normal(values.shape)
        spoilt = generator.permutation(len(values))[: round(keys.outliers * len(values))]
        values[spoilt] = GROSS * signal * generator.standard_normal((len(spoilt), 1))
        name = "observations" if len(outputs) == 1 else f"observations_{output}"
        found.append(Observations(points, values, keys.noise * signal, output, weight, name))
    return found


def gauss_newton_covariance(
    jacobian: np.ndarray, ridge: float | np.ndarray = 0.0, columns: Sequence[int] | None = None
) -> np.ndarray:
    r"""Covariance of chosen parameters in a nonlinear least-squares fit, all others fitted along with them.

    The block of $(J^T J + \mathrm{diag}(\rho))^{-1}$ that belongs to the chosen columns C. It is found without that
    inverse: with N the orthogonal projection that removes the other columns, it equals $(J_C^T N J_C)^{-1}$. This also
    works where the other columns depend on each other, as those of a network's weights do.

    Args:
        jacobian: derivatives of the standardised residuals (divided by the noise's standard deviation), [M, P].
        ridge: precision $\rho \ge 0$ of a normal prior, one number or [P]. With it the result is Laplace's posterior.
        columns: chosen parameters; all of them unless given.

    Returns:
        [C, C].

    Raises:
        ValueError: the data (and prior) do not determine the chosen parameters.
    """
    count = jacobian.shape[1]
    chosen = np.arange(count) if columns is None else np.asarray(columns)
    prior = np.broadcast_to(np.sqrt(np.asarray(ridge, dtype=np.float64)), (count,))
    rows = np.concatenate([jacobian, np.diag(prior)[prior > 0]])
    own, other = rows[:, chosen], np.delete(rows, chosen, axis=1)
    left = own
    if other.shape[1]:
        basis, size, _ = np.linalg.svd(other / np.linalg.norm(other, axis=0).clip(min=1e-300), full_matrices=False)
        basis = basis[:, size > size.max() * max(other.shape) * np.finfo(np.float64).eps]
        left = own - basis @ (basis.T @ own)
        left -= basis @ (basis.T @ left)  # once more: the first projection leaves rounding of the size of `own`
    scale = np.linalg.norm(own, axis=0)
    if len(left) < len(chosen) or not np.all(scale > 0):
        raise ValueError("the data do not determine these parameters: a column of the Jacobian is zero or rows are few")
    _, size, right = np.linalg.svd(left / scale, full_matrices=False)
    if size[-1] <= 1e-13 * max(1.0, size[0]):
        raise ValueError("the data do not determine these parameters: their columns depend on the others; use a ridge")
    root = right.T / size  # [C, C]
    return np.asarray(root @ root.T / np.outer(scale, scale))


def interval_factor(level: float) -> float:
    """Half width of the central normal interval of that probability, in standard errors (1.645 for 0.9)."""
    from statistics import NormalDist

    return NormalDist().inv_cdf(0.5 + 0.5 * level)


def coverage(
    estimates: Sequence[float], errors: Sequence[float], truth: float, level: float = 0.9, sure: float = 0.95
) -> Coverage:
    r"""Share of the intervals $\hat a \pm z\, \mathrm{se}$ that contain the truth.

    Args:
        estimates: one for each noise draw.
        errors: their standard errors.
        truth: true value.
        level: nominal probability of the intervals.
        sure: probability with which correct intervals stay in the band, from the binomial distribution.

    Returns:
        The share, and the band in which it lies with probability at least `sure` if the intervals are correct.
    """
    inside = np.abs(np.asarray(estimates) - truth) <= interval_factor(level) * np.asarray(errors)
    n = len(inside)
    masses = [math.comb(n, k) * level**k * (1.0 - level) ** (n - k) for k in range(n + 1)]
    distribution = np.cumsum(masses)
    low = int(np.searchsorted(distribution, 0.5 * (1.0 - sure), side="right"))
    high = int(np.searchsorted(distribution, 0.5 * (1.0 + sure)))
    return Coverage(float(inside.mean()), low / n, min(high, n) / n)


def bend_penalty(
    low: float, high: float, smoothness: float, data: Observations, dimensions: int = 2, per_axis: int = 12
) -> list[Condition]:
    r"""Second derivatives of a coefficient a in the plane, asked to be zero with the weight of a prior.

    With noise of standard deviation $\sigma$ and M data, minus the log posterior is, up to constants and the factor
    $M / (2 \sigma^2)$, the mean square misfit plus $(\lambda \sigma^2 / M) \int a_{xx}^2 + 2 a_{xy}^2 + a_{yy}^2$.
    Exact data leave no penalty.

    Args:
        low: lower end of both sides of the square.
        high: upper end.
        smoothness: prior precision $\lambda$.
        data: observations; their noise, number and weight enter.
        dimensions: of the domain; later coordinates (time) are zero in the points.
        per_axis: penalty points in each direction.
    """
    weight = data.weight * smoothness * data.noise**2 / len(data.points) * (high - low) ** 2
    if weight == 0:
        return []
    centres = low + (high - low) * (np.arange(per_axis) + 0.5) / per_axis
    points = np.zeros((per_axis**2, dimensions))
    points[:, :2] = np.stack([mesh.ravel() for mesh in np.meshgrid(centres, centres)], axis=1)
    return [
        Condition(
            f"bend_{x}{y}", "points", lambda p: np.zeros((len(p), 1)), "a", factor * weight, (x, y), points=points
        )
        for x, y, factor in (("x", "x", 1.0), ("x", "y", 2.0), ("y", "y", 1.0))
    ]


def ensemble_estimate(values: Sequence[float]) -> Estimate:
    """Mean and standard deviation (not of the mean) of the members of an ensemble.

    Raises:
        ValueError: There are fewer than two.
    """
    if len(values) < 2:
        raise ValueError("an ensemble needs two members")
    return Estimate(float(np.mean(values)), float(np.std(values, ddof=1)))


def diffusivity_least_squares(unit_solution: np.ndarray, values: np.ndarray, noise: float) -> Estimate:
    r"""Least-squares diffusivity for $-a \Delta u = f$ from noisy values of $u$.

    The solution is $u = \theta g$ with $\theta = 1 / a$ and $g$ the solution for $a = 1$: the data are linear in
    $\theta$, so $\hat \theta = \sum g_i y_i / \sum g_i^2$ with standard error $\sigma / \sqrt{\sum g_i^2}$; then
    $\hat a = 1 / \hat \theta$ with standard error $\hat a^2 \sigma / \sqrt{\sum g_i^2}$ to first order.

    Args:
        unit_solution: $g$ at the observed points, [M, 1] or [M].
        values: observations $y$, same shape.
        noise: standard deviation $\sigma$ of the noise.

    Returns:
        The diffusivity and its standard error.

    Raises:
        ValueError: shapes differ, or the data say that the diffusivity is not positive.
    """
    if unit_solution.shape != values.shape:
        raise ValueError(f"unit solution {unit_solution.shape} and values {values.shape} differ in shape")
    information = float(np.sum(unit_solution**2))
    theta = float(np.sum(unit_solution * values)) / information
    if theta <= 0:
        raise ValueError("the observations fit no positive diffusivity: noise is larger than the signal")
    return Estimate(1.0 / theta, noise / (theta**2 * np.sqrt(information)))


def diffusivity_cramer_rao(unit_solution: np.ndarray, diffusivity: float, noise: float) -> float:
    r"""Smallest standard error of an unbiased estimate of the diffusivity (Cramér-Rao).

    With $\partial u / \partial a = -g / a^2$ the Fisher information is $\sum g_i^2 / (a^4 \sigma^2)$, hence
    $\mathrm{se}(a) = a^2 \sigma / \sqrt{\sum g_i^2}$.

    Args:
        unit_solution: $g$ at the observed points.
        diffusivity: true $a$.
        noise: standard deviation $\sigma$ of the noise.
    """
    return float(diffusivity**2 * noise / np.sqrt(np.sum(unit_solution**2)))
