r"""Exponents of the scaling laws in parameters, data, time and gradient norm, and the law that matches the three.

The spectrum is $\lambda_k = k^{-b}$, the target puts $\lambda_k w_k^2 = k^{-a}$ on mode k. Each resource resolves the
modes down to some $k^*$: p features about p of them, n data about n, time t those with $\lambda_k t > 1$, so
$k^* = t^{1/b}$, and a gradient norm of $\delta^2 = \sum_{k > k^*} \lambda_k^2 w_k^2 = k^{*-(a + b - 1)}$ tells how far
training has come. What is not resolved is lost: $\sum_{k > k^*} \lambda_k w_k^2 = k^{*-(a-1)}$. Resources match when
their $k^*$ are equal. The derivations are in docs/scaling_law.md.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Task:
    """A power-law task and the exponents that follow from balancing; all are positive unless said otherwise.

    Raises:
        ValueError: If a decay is not above 1, which a finite variance needs.
    """

    decay: float
    """b: the variance of mode k is k^-b."""
    signal_decay: float
    """a: the target's variance in mode k is k^-a."""

    def __post_init__(self) -> None:
        if not (self.decay > 1 and self.signal_decay > 1):
            raise ValueError(f"decay and signal_decay must be above 1; got {self.decay}, {self.signal_decay}")

    @property
    def is_hard(self) -> bool:
        """Whether a - 1 < b: the unresolved tail of the target is what is lost, whatever limits the resolution."""
        return self.signal_decay - 1 < self.decay

    @property
    def data(self) -> float:
        """Error ~ n^-data without noise, p and t infinite: min(a - 1, 2 b)."""
        return min(self.signal_decay - 1, 2 * self.decay)

    @property
    def parameters(self) -> float:
        """Error ~ p^-parameters, n and t infinite: min(a - 1, b)."""
        return min(self.signal_decay - 1, self.decay)

    @property
    def time(self) -> float:
        """Error ~ t^-time, n and p infinite: (a - 1) / b."""
        return (self.signal_decay - 1) / self.decay

    @property
    def gradient(self) -> float:
        """Error ~ delta^gradient along gradient flow, n and p infinite: 2 (a - 1) / (a + b - 1)."""
        return 2 * (self.signal_decay - 1) / (self.signal_decay + self.decay - 1)

    @property
    def online_parameters(self) -> float:
        """Optimal p ~ C^online_parameters at compute C = p t: 1 / (1 + b) for hard tasks, else (a - b) / a."""
        return 1 / (1 + self.decay) if self.is_hard else (self.signal_decay - self.decay) / self.signal_decay

    @property
    def online_loss(self) -> float:
        """Error ~ C^-online_loss there: (a - 1) / (1 + b) for hard tasks, else (a - 1) / a."""
        return (self.signal_decay - 1) / (1 + self.decay if self.is_hard else self.signal_decay)

    @property
    def full_batch_loss(self) -> float:
        """Error ~ C^-full_batch_loss at compute C = p n t, hard tasks: (a - 1) / (2 + b)."""
        return (self.signal_decay - 1) / (2 + self.decay)

    @property
    def full_batch_size(self) -> float:
        """Optimal p and n ~ C^full_batch_size there: 1 / (2 + b)."""
        return 1 / (2 + self.decay)

    @property
    def matching(self) -> float:
        """Matched p and n ~ delta^-matching, hard tasks: 2 / (a + b - 1)."""
        return 2 / (self.signal_decay + self.decay - 1)

    @property
    def stopping_time(self) -> float:
        """Optimal t ~ n^stopping_time with label noise: b / a."""
        return self.decay / self.signal_decay

    @property
    def excess(self) -> float:
        """Smallest error ~ n^-excess with label noise, above the noise: (a - 1) / a."""
        return (self.signal_decay - 1) / self.signal_decay

    @property
    def learning_quality(self) -> float:
        """Optimal delta ~ n^-learning_quality with label noise: (a + b - 1) / (2 a)."""
        return (self.signal_decay + self.decay - 1) / (2 * self.signal_decay)


class ThreeTermLaw(NamedTuple):
    r"""$L = c_p p^{-(a-1)} + c_n n^{-(a-1)} + c_\delta \delta^{2(a-1)/(a+b-1)}$ for a hard task without noise."""

    task: Task
    parameters: float
    """c_p."""
    data: float
    """c_n."""
    gradient: float
    r"""$c_\delta$."""

    def loss(self, p: ArrayLike, n: ArrayLike, delta: ArrayLike) -> Array:
        """The sum of the three terms; arguments of one shape."""
        return np.asarray(_terms(self.task, p, n, delta).T @ np.array(self[1:])).T


def fit(task: Task, p: ArrayLike, n: ArrayLike, delta: ArrayLike, loss: ArrayLike) -> ThreeTermLaw:
    """The three constants by least squares on the logarithm of the error; the exponents are those of the theory.

    Args:
        task: A hard task.
        p: Numbers of features.  Shape [K].
        n: Numbers of data.  Shape [K].
        delta: Gradient norms.  Shape [K].
        loss: Test errors.  Shape [K].

    Raises:
        ValueError: If the task is not hard: then the terms are not powers of one k*.
    """
    if not task.is_hard:
        raise ValueError(f"the three terms are those of a hard task, a - 1 < b; got {task}")
    terms, log_loss = _terms(task, p, n, delta), np.log(np.asarray(loss, dtype=np.float64))
    start = np.log(np.exp(log_loss) / terms / 3).mean(1)  # each term a third of the error
    found = least_squares(lambda log_c: np.log(np.exp(log_c) @ terms) - log_loss, start, xtol=1e-12, ftol=1e-12)
    return ThreeTermLaw(task, *(float(c) for c in np.exp(found.x)))


def _terms(task: Task, p: ArrayLike, n: ArrayLike, delta: ArrayLike) -> Array:
    """The powers without their constants.  Shape [3, ...]."""
    power = task.signal_decay - 1
    sizes = [np.asarray(one, dtype=np.float64) for one in (p, n, delta)]
    return np.stack([sizes[0] ** -power, sizes[1] ** -power, sizes[2] ** task.gradient])
