r"""How far can a fitted scaling law be trusted: fit the small budgets, predict the large ones.

A law is fitted to the runs below a compute budget and predicts the runs above it (an *ordered* split). Beside the error
stand flags that say how far the test runs lie from the training runs, the coverage of bootstrap intervals, and the
error of *random* splits that leave out whole model sizes: these interpolate, and so look better than what a user of the
law will meet.

Reference:
    Hoffmann et al. (2022), arXiv:2203.15556, section 3.3: the law and the Huber objective (`parametric_fit`).
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from baselines.scaling_law import parametric_fit as pf
from baselines.scaling_law.bootstrap import resamples
from baselines.scaling_law.parametric_fit import Array, Fit, LogRuns, ScalingLaw

Mask = NDArray[np.bool_]

DECADES_A_GROUP = 0.05  # model sizes closer than this, in powers of ten, are one size


class Errors(NamedTuple):
    """Relative errors `predicted / measured - 1` of a law on some runs."""

    mean_absolute: float
    largest: float
    bias: float
    """Mean of the signed errors."""


class Flags(NamedTuple):
    """How far test runs lie from the training runs."""

    outside_parameters: float
    """Share of the test runs with N outside the range of the training runs."""
    outside_tokens: float
    """The same for D."""
    outside_compute: float
    """The same for C = 6 N D."""
    median_mahalanobis: float
    r"""Median of the distance in (log N, log D) in units of the training runs' covariance."""
    beyond_95: float
    """Share of the test runs beyond the distance 2.448, inside which lie 95 % of a Gaussian cloud."""


class Intervals(NamedTuple):
    """95 % intervals of every test run, as losses.  Shapes [test runs]."""

    law_low: Array
    law_high: Array
    """Of the law alone: bootstrap over the training runs."""
    run_low: Array
    run_high: Array
    """Of a new run: the same with the scatter of the training runs around their law."""


def relative_errors(law: ScalingLaw, runs: LogRuns) -> Array:
    """`predicted / measured - 1`.  Shape [n]."""
    return np.asarray(law.loss(np.exp(runs.parameters), np.exp(runs.tokens)) / np.exp(runs.loss) - 1)


def errors(law: ScalingLaw, runs: LogRuns) -> Errors:
    """Summary of the relative errors of a law."""
    each = relative_errors(law, runs)
    return Errors(float(np.abs(each).mean()), float(np.abs(each).max()), float(each.mean()))


def best_fit(runs: LogRuns, delta: float, starts: int, generator: np.random.Generator) -> Fit:
    """The best of several fits from random points of Hoffmann et al.'s grid; the test runs have no say in it.

    Args:
        runs: Training runs.
        delta: Of the Huber loss.
        starts: Number of starts.
        generator: Chooses them.
    """
    return pf.fit_from_starts(runs, pf.grid_starts(starts, generator), delta)[0]


def flags(train: LogRuns, test: LogRuns) -> Flags:
    """Distance of the test runs from the training runs.

    Raises:
        ValueError: If the training runs lie on a line in (log N, log D).
    """
    fitted, asked = (np.stack([runs.parameters, runs.tokens], axis=1) for runs in (train, test))
    covariance = np.cov(fitted.T)
    if np.linalg.matrix_rank(covariance) < 2:
        raise ValueError("the training runs lie on a line in (log N, log D): they cannot separate N from D")
    offset = asked - fitted.mean(0)
    distance = np.sqrt(np.einsum("ni,ij,nj->n", offset, np.linalg.inv(covariance), offset))
    shares = [_outside(fitted[:, i], asked[:, i]) for i in range(2)]
    compute = _outside(fitted.sum(1), asked.sum(1))
    limit = np.sqrt(-2 * np.log(0.05))  # chi-square with two degrees of freedom
    return Flags(shares[0], shares[1], compute, float(np.median(distance)), float((distance > limit).mean()))


def intervals(
    train: LogRuns, test: LogRuns, best: Fit, delta: float, count: int, generator: np.random.Generator,
    *, by_size: bool = False,
) -> Intervals:  # fmt: skip
    """Bootstrap intervals of the predictions: resampled training runs are refitted from their own optimum.

    Args:
        train: Training runs.
        test: Runs to predict; only their N and D are used.
        best: Fit of the training runs.
        delta: Of the Huber loss.
        count: Number of resamples.
        generator: Draws them, and the scatter.
        by_size: Resample whole model sizes instead of runs, as runs of one size may err together.
    """
    scatter = train.loss - np.log(best.law.loss(np.exp(train.parameters), np.exp(train.tokens)))
    sizes, tokens = np.exp(test.parameters), np.exp(test.tokens)
    laws, runs = [], []
    groups = size_groups(train)
    drawn_rows = _size_resamples(groups, count, generator) if by_size else resamples(len(train), count, generator)
    for rows in drawn_rows:
        law = pf.fit(train.take(rows), best.law.logs, delta).law
        laws.append(law.loss(sizes, tokens))
        drawn = generator.choice(scatter, (20, len(test)))  # several new runs a law: the ends are those of a mixture
        runs.append(laws[-1] * np.exp(drawn))
    law_ends = np.percentile(np.array(laws), [2.5, 97.5], axis=0)
    run_ends = np.percentile(np.concatenate(runs), [2.5, 97.5], axis=0)
    return Intervals(*law_ends, *run_ends)


def coverage(low: Array, high: Array, runs: LogRuns) -> float:
    """Share of the runs whose loss lies between the two ends."""
    loss = np.exp(runs.loss)
    return float(((low <= loss) & (loss <= high)).mean())


def size_groups(runs: LogRuns) -> NDArray[np.int64]:
    """A number for each model size; runs whose sizes differ by less than 0.05 decades share it.  Shape [n]."""
    order = np.argsort(runs.parameters, kind="stable")
    steps = np.diff(runs.parameters[order]) > DECADES_A_GROUP * np.log(10)
    groups = np.empty(len(runs), dtype=np.int64)
    groups[order] = np.concatenate([[0], np.cumsum(steps)])
    return groups


def _size_resamples(
    groups: NDArray[np.int64], count: int, generator: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """Row numbers of tables in which whole groups are drawn with replacement."""
    members = [np.flatnonzero(groups == group) for group in range(int(groups.max()) + 1)]
    for _ in range(count):
        yield np.concatenate([members[group] for group in generator.integers(0, len(members), len(members))])


def random_splits(runs: LogRuns, folds: int, generator: np.random.Generator) -> Iterator[Mask]:
    """Leave-group-out cross-validation: every run is in the test part once, with all runs of its model size.

    Args:
        runs: All runs.
        folds: Number of splits.
        generator: Deals the model sizes out.

    Yields:
        Whether each run is in the test part.  Shape [n].

    Raises:
        ValueError: If there are fewer model sizes than folds.
    """
    groups = size_groups(runs)
    count = int(groups.max()) + 1
    if count < folds:
        raise ValueError(f"{folds} folds need at least as many model sizes; the table has {count}")
    fold = np.empty(count, dtype=np.int64)
    fold[generator.permutation(count)] = np.arange(count) % folds
    for number in range(folds):
        yield fold[groups] == number


def _outside(fitted: Array, asked: Array) -> float:
    margin = 1e-9  # the same size computed in two ways
    return float(((asked < fitted.min() - margin) | (asked > fitted.max() + margin)).mean())
