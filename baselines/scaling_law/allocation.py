r"""Compute-optimal allocation: how to split a training budget C between parameters N and tokens D.

Under $L = E + A N^{-\alpha} + B D^{-\beta}$ and $C = 6 N D$ the loss is least where the two terms fall equally fast,
$\alpha A N^{-\alpha} = \beta B D^{-\beta}$, which gives

$$N^* = G \Big(\frac{C}{6}\Big)^{\frac{\beta}{\alpha + \beta}}, \qquad D^* = \frac{C}{6 N^*}, \qquad
G = \Big(\frac{\alpha A}{\beta B}\Big)^{\frac{1}{\alpha + \beta}} .$$

An IsoFLOP analysis fits the power law $D^* = k\,C^d$ directly. Either way a bootstrap gives many laws, and the
allocation of each at one budget gives the band.
"""

from dataclasses import dataclass

import numpy as np

from baselines.scaling_law.bootstrap import interval
from baselines.scaling_law.parametric_fit import Array

FLOP_PER_PARAMETER_AND_TOKEN = 6


@dataclass(frozen=True)
class Allocation:
    """Best sizes and durations; shapes [m], or [k, m] for k laws at m budgets."""

    compute: Array
    """Training compute C in FLOP.  Shape [m]."""
    parameters: Array
    tokens: Array

    @property
    def ratio(self) -> Array:
        """Tokens per parameter."""
        return self.tokens / self.parameters

    def band(self, quantity: str, level: float) -> tuple[Array, Array]:
        """Central percentile band over the laws of `parameters`, `tokens` or `ratio`.  Shapes [m]."""
        values = np.asarray(getattr(self, quantity))
        ends = [interval(column, level) for column in values.T]
        return np.array([low for low, _ in ends]), np.array([high for _, high in ends])


def of_laws(laws: Array, compute: Array) -> Allocation:
    """Compute-optimal allocation of parametric laws.

    Args:
        laws: (log A, log B, log E, alpha, beta).  Shape [5] or [k, 5].
        compute: Budgets in FLOP.  Shape [m].
    """
    log_a, log_b, _, alpha, beta = np.moveaxis(np.asarray(laws, dtype=np.float64), -1, 0)[..., None]
    budget = np.log(np.asarray(compute, dtype=np.float64) / FLOP_PER_PARAMETER_AND_TOKEN)
    scale = (np.log(alpha) + log_a - np.log(beta) - log_b) / (alpha + beta)
    log_n = scale + beta / (alpha + beta) * budget
    return Allocation(np.asarray(compute), np.exp(log_n), np.exp(budget - log_n))


def of_power_law(exponent: Array | float, intercept: Array | float, compute: Array) -> Allocation:
    """Allocation of the law `log D* = intercept + exponent log C`.

    Args:
        exponent: Number, or shape [k].
        intercept: Number, or shape [k].
        compute: Budgets in FLOP.  Shape [m].
    """
    log_c = np.log(np.asarray(compute, dtype=np.float64))
    log_d = np.asarray(intercept)[..., None] + np.asarray(exponent)[..., None] * log_c
    tokens = np.exp(log_d)
    return Allocation(np.asarray(compute), np.exp(log_c) / FLOP_PER_PARAMETER_AND_TOKEN / tokens, tokens)
