r"""Quanta: tasks of frequencies $p_k \propto k^{-(1+\alpha)}$, each learned as a whole or not at all.

A task that is not learned costs a fixed amount, a learned one nothing. If the tasks $1 \dots K$ are learned, the loss
is the tail $\sum_{k > K} p_k \sim K^{-\alpha}$. What limits $K$ decides the scaling law:

* $N$ parameters of which a task needs a fixed number: $K \propto N$, so $L \sim N^{-\alpha}$.
* $n$ data, of which a task must see at least one: $p_K n \approx 1$, $K \propto n^{1/(1+\alpha)}$ and
  $L \sim n^{-\alpha/(1+\alpha)}$.
* time $t$, with a signal proportional to the frequency: $p_K t \approx$ const., so $L \sim t^{-\alpha/(1+\alpha)}$.
* compute $C = N t$: balancing $N^{-\alpha}$ with $t^{-\alpha/(1+\alpha)}$ gives $N \propto t^{1/(1+\alpha)}$, so
  $C \propto t^{(2+\alpha)/(1+\alpha)}$ and $L \sim C^{-\alpha/(2+\alpha)}$.

References:
    Hutter (2021), "Learning curve theory", arXiv:2102.04074 (data).
    Michaud, Liu, Girit, Tegmark (2023), "The quantization model of neural scaling", arXiv:2303.13506.
    Nam et al. (2024), "An exactly solvable model for emergence and scaling laws", arXiv:2404.17563 (all four).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import zeta

Array = NDArray[np.float64]


class Exponents(NamedTuple):
    """Exponents `s` of `L ~ x^-s`."""

    time: float
    data: float
    parameters: float
    compute: float


def exponents(alpha: float) -> Exponents:
    r"""The four exponents of frequencies $p_k \propto k^{-(1+\alpha)}$.

    Args:
        alpha: Decay of the tail, positive.
    """
    return Exponents(alpha / (1 + alpha), alpha / (1 + alpha), alpha, alpha / (2 + alpha))


def frequencies(tasks: int, alpha: float) -> Array:
    r"""Frequencies $p_k \propto k^{-(1+\alpha)}$ of the tasks $k = 1 \dots$ `tasks`, with the sum one.

    Args:
        tasks: How many.
        alpha: Decay of the tail, positive.

    Raises:
        ValueError: If a value is not positive.
    """
    if tasks < 1 or not alpha > 0:
        raise ValueError(f"tasks >= 1 and alpha > 0; got {tasks}, {alpha}")
    weights = np.arange(1, tasks + 1, dtype=np.float64) ** -(1 + alpha)
    return np.asarray(weights / weights.sum())


def tail(frequency: Array, learned: ArrayLike) -> Array:
    """Total frequency of what is not among the first tasks: `sum_{k > K} p_k`, linear between whole K.

    Args:
        frequency: `p_k`, descending.  Shape [tasks].
        learned: K, from 0 to the number of tasks; any shape.

    Returns:
        The shape of `learned`.
    """
    sums = np.concatenate([frequency[::-1].cumsum()[::-1], [0.0]])  # entry K: the sum over k > K
    return np.interp(np.asarray(learned, dtype=np.float64), np.arange(len(sums)), sums)


def beyond(tasks: int, alpha: float) -> float:
    """Frequency of the tasks after the last one, in units in which the tasks up to it have the sum one.

    A model with `tasks` tasks has this much less loss than one with infinitely many: the correction of a slope for the
    end of the list.

    Args:
        tasks: Length of the list.
        alpha: Decay of the tail, positive.
    """
    return float(zeta(1 + alpha, tasks + 1) / (zeta(1 + alpha, 1) - zeta(1 + alpha, tasks + 1)))
