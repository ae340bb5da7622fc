r"""Losses that a few gross errors cannot spoil, as weights for iteratively reweighted least squares.

A loss $\rho(r)$ of standardised residuals $r$ has the influence function $\psi = \rho'$ and the weight
$w(r) = \psi(r) / r$: minimising $\sum_i \rho(r_i)$ and minimising $\tfrac12 \sum_i w(r_i) r_i^2$ with weights of the
current iterate have the same stationary points, and each step of the latter does not raise the former. Every function
takes numpy arrays and torch tensors.

Source: P. J. Huber, Ann. Math. Statist. 35 (1964) 73-101; P. W. Holland and R. E. Welsch, Commun. Statist. A6 (1977)
813-827; K. L. Lange, R. J. A. Little and J. M. G. Taylor, J. Amer. Statist. Assoc. 84 (1989) 881-896 (Student).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

Array = Any  # numpy array or torch tensor

HUBER_K = 1.345  # 95 % of the efficiency of least squares where the noise is normal (Holland and Welsch)
STUDENT_DOF = 4.0  # tails heavy enough for gross errors; Lange et al. use 4 where the degrees are not estimated
MAD_TO_SIGMA = 1.0 / 0.6744897501960817  # median of |r| of a standard normal number, inverted


class Loss(NamedTuple):
    """A robust loss: its value for each residual and its weight."""

    value: Callable[[Array], Array]
    weights: Callable[[Array], Array]


def huber_loss(residuals: Array, k: float = HUBER_K) -> Array:
    r"""$r^2 / 2$ for $|r| \le k$, else $k |r| - k^2 / 2$."""
    inner = abs(residuals).clip(max=k)
    return inner * (abs(residuals) - 0.5 * inner)


def huber_weights(residuals: Array, k: float = HUBER_K) -> Array:
    r"""$\min(1, k / |r|)$."""
    return k / abs(residuals).clip(min=k)


def student_loss(residuals: Array, dof: float = STUDENT_DOF) -> Array:
    r"""Minus the log density of Student's t up to a constant, $\tfrac{\nu + 1}{2} \log(1 + r^2 / \nu)$."""
    scaled = 1.0 + residuals**2 / dof
    log = scaled.log() if hasattr(scaled, "log") else _log(scaled)
    return 0.5 * (dof + 1.0) * log


def student_weights(residuals: Array, dof: float = STUDENT_DOF) -> Array:
    r"""$(\nu + 1) / (\nu + r^2)$: tends to zero, so that a value far off counts for nothing."""
    return (dof + 1.0) / (dof + residuals**2)


def _log(values: Array) -> Array:
    import numpy as np

    return np.log(values)


def median_scale(residuals: Array) -> float:
    r"""Standard deviation of the regular residuals, $1.4826\, \mathrm{median} |r|$: for noise of unknown size.

    Half of the residuals may be arbitrarily wrong before it breaks down.
    """
    import numpy as np

    return float(MAD_TO_SIGMA * np.median(abs(np.asarray(residuals))))


HUBER = Loss(huber_loss, huber_weights)
STUDENT = Loss(student_loss, student_weights)
SQUARES = Loss(lambda residuals: 0.5 * residuals**2, lambda residuals: 1.0 + 0.0 * residuals)
LOSSES = {"none": SQUARES, "huber": HUBER, "student": STUDENT}
