r"""An exactly solvable model of emergence: many skills, learned one after the other along sigmoids.

Task $k$ comes with the frequency $p_k$; its label is $S g_k(x)$ with a known skill function $g_k = \pm 1$ on its own
inputs and 0 on all others. The model is multilinear, $f(x) = \sum_k a_k b_k g_k(x)$, and its strength in skill $k$
is $R_k = a_k b_k$. As the skill functions do not overlap, the mean of the half squared error is
$$L = \frac12 \sum_k p_k (S - R_k)^2 .$$
Gradient flow gives $\dot a_k = p_k (S - R_k) b_k$ and $\dot b_k = p_k (S - R_k) a_k$. It conserves $a_k^2 - b_k^2$;
from a balanced start $a_k = b_k = \sqrt{R_0}$ it is the logistic equation $\dot R_k = 2 p_k R_k (S - R_k)$:
$$R_k(t) = \frac{S}{1 + (S/R_0 - 1)\, e^{-2 p_k S t}} .$$
Time is the number of steps times the step size.

References:
    Nam, Fonseca, Lee, Mingard, Louis (2024), "An exactly solvable model for emergence and scaling laws",
    arXiv:2404.17563.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Steps = Callable[[int], None]


@dataclass(frozen=True)
class Skills:
    """The model and its exact losses.

    Args:
        frequency: `p_k` of the skills, or of representatives of equal ones, in descending order.  Shape [R].
        counts: Number of equal skills a row stands for.  Shape [R].
        target: S, the strength of a learned skill.
        start: `R_0`, the strength at time zero, between 0 and S.

    Raises:
        ValueError: If the start is out of range.
    """

    frequency: Array
    counts: Array
    target: float
    start: float

    def __post_init__(self) -> None:
        if not 0 < self.start < self.target:
            raise ValueError(f"the start must be between 0 and the target {self.target}; got {self.start}")

    def strength(self, time: ArrayLike) -> Array:
        """`R_k(t)`.

        Args:
            time: Any shape [...].

        Returns:
            Shape [..., R].
        """
        exponent = -2 * self.target * np.asarray(time, dtype=np.float64)[..., None] * self.frequency
        return np.asarray(self.target / (1 + (self.target / self.start - 1) * np.exp(exponent)))

    def time_learned(self, rank: ArrayLike, alpha: float) -> Array:
        r"""Time at which skill `rank` of frequencies $p_1 k^{-(1+\alpha)}$ is half learned, `R_k = S / 2`."""
        frequency = self.frequency[0] * np.asarray(rank, dtype=np.float64) ** -(1 + alpha)
        return np.asarray(np.log(self.target / self.start - 1) / (2 * self.target * frequency))

    def loss(self, parameters: ArrayLike, time: ArrayLike) -> Array:
        """Loss of a model that has the first N skill functions only, after the time t.

        A skill function that the model does not have costs `p_k S^2 / 2` for ever.

        Args:
            parameters: N, not necessarily whole; infinity is all of them.  Any shape.
            time: t, infinity is the end of training.  The same shape, or one that broadcasts.
        """
        first = np.cumsum(self.counts) - self.counts  # skills before each row
        kept = np.clip((np.asarray(parameters, dtype=np.float64)[..., None] - first) / self.counts, 0, 1)
        gap = (self.target - self.strength(time)) ** 2
        weight = 0.5 * self.counts * self.frequency
        return np.asarray((weight * (kept * gap + (1 - kept) * self.target**2)).sum(-1))

    def loss_from_data(self, samples: ArrayLike) -> Array:
        """Mean loss over data sets of n samples, trained to the end: a skill is learned if n holds one sample of it.

        `sum_k p_k (1 - p_k)^n (S - R_0)^2 / 2`, the learning curve of Hutter (2021).

        Args:
            samples: n, any shape.
        """
        unseen = np.exp(np.asarray(samples, dtype=np.float64)[..., None] * np.log1p(-self.frequency))
        weight = 0.5 * self.counts * self.frequency * (self.target - self.start) ** 2
        return np.asarray((weight * unseen).sum(-1))

    def frontier(self, compute: ArrayLike, sizes: Array) -> tuple[Array, Array]:
        """Least loss at compute `C = N t`, and the size N that reaches it.

        Args:
            compute: C.  Shape [c].
            sizes: Sizes N to choose from.  Shape [s].
        """
        budget = np.asarray(compute, dtype=np.float64)[:, None]
        losses = self.loss(np.broadcast_to(sizes, (len(budget), len(sizes))), budget / sizes)  # [c, s]
        best = losses.argmin(1)
        return losses[np.arange(len(best)), best], sizes[best]


def descend(
    frequency: Array, target: float, start: float, rate: float, steps: Sequence[int], draws: int,
    generator: np.random.Generator, batch: int = 0, block: int = 500, tick: Steps = lambda advance: None,
) -> Array:  # fmt: skip
    r"""Gradient descent on the multilinear model, on fresh batches or on the whole population.

    A batch changes $a_k$ by `rate` times $(c_k / B) (S - R_k) b_k$ with $c_k$ the number of its samples of task $k$:
    the sign of $g_k$ drops out of the gradient, so counts are all that one needs to draw. $a_k$ and $b_k$ start equal
    and get equal gradients, so one array holds both.

    Args:
        frequency: `p_k`; what is missing to the sum one belongs to tasks that are not followed.  Shape [K].
        target: S.
        start: `R_0`.
        rate: Step size.
        steps: Numbers of steps after which to look, ascending.  Length m.
        draws: Independent trainings.
        generator: Draws the batches.
        batch: Samples in a batch, B; 0 takes the gradient of the population.
        block: Steps whose batches are drawn at once, which bounds the memory.
        tick: Called with the number of steps done since its last call.

    Returns:
        Strengths `R_k`.  Shape [draws, m, K].
    """
    shares = np.concatenate([frequency, [max(0.0, 1 - frequency.sum())]])
    roots = np.full((draws, len(frequency)), np.sqrt(start))  # a_k = b_k
    found = np.empty((draws, len(steps), len(frequency)))
    done = 0
    for mark, end in enumerate(steps):
        while done < end:
            size = min(block, end - done)
            if batch:
                drawn = generator.multinomial(batch, shares / shares.sum(), (size, draws))[..., :-1] * (rate / batch)
                for rates in drawn:
                    roots += rates * (target - roots * roots) * roots
            else:
                for _ in range(size):
                    roots += rate * frequency * (target - roots * roots) * roots
            done += size
            tick(size)
        found[:, mark] = roots * roots
    return found


def surface(strength: Array, frequency: Array, target: float, rest: float) -> Array:
    """Losses of models with the first N = 1 … K skills, from the strengths of one training.

    Skills do not influence each other, so a model with fewer of them is the same training with the others left out.

    Args:
        strength: `R_k`.  Shape [..., K].
        frequency: `p_k`.  Shape [K].
        target: S.
        rest: Total frequency of the tasks after the K-th.

    Returns:
        Shape [..., K], entry N - 1 for N skills.
    """
    learning = np.cumsum(frequency * (target - strength) ** 2, -1)
    missing = target**2 * (rest + frequency.sum() - np.cumsum(frequency))
    return np.asarray(0.5 * (learning + missing))


def unseen(frequency: Array, samples: Sequence[int], generator: np.random.Generator) -> Array:
    """Total frequency of the tasks that are not among the first n samples of one drawn sequence.

    Args:
        frequency: `p_k` with the sum one.  Shape [K].
        samples: n, ascending.  Length m.
        generator: Draws the sequence.

    Returns:
        Shape [m].
    """
    uniform = generator.random(samples[-1])
    tasks = np.minimum(np.searchsorted(np.cumsum(frequency), uniform), len(frequency) - 1)
    kinds, first = np.unique(tasks, return_index=True)
    return np.array([1 - frequency[kinds[first < n]].sum() for n in samples])
