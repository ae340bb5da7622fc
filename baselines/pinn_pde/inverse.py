"""The classical estimate of a constant diffusivity, and how well any unbiased estimate can do."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Estimate(NamedTuple):
    """An estimated parameter with its standard error."""

    value: float
    standard_error: float


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
