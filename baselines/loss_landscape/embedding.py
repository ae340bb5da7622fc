"""Embedding of a narrow two-layer network in a wider one: same function, and a critical point stays critical.

Every unit of the wide network is a copy of a unit of the narrow one with a *share* of its outgoing weight, or silent:

    splitting  (a, u)  ->  (s_1 a, u), ..., (s_K a, u)    with s_1 + ... + s_K = 1,
    null       nothing ->  (0, v)                         with <e tanh(v . x)> = 0 for the residual e,

where `<.>` is the mean over the data. Any combination is the general embedding (Zhang et al. 2021, arXiv:2105.14573 and
2111.15527, prove that the numbers of negative, zero and positive Hessian eigenvalues never decrease).

**The inertia in closed form.** Take coordinates in which all K copies of a unit move together (the narrow network's
directions), in which outgoing weight is passed between copies (the loss does not change: K - 1 zeros), and in which
the copies separate, v_k with sum_k s_k v_k = 0 (the function does not change to first order). Up to congruence

    H_wide  =  diag( H_narrow,  0_(K-1),  (diag(s) on the space sum_k s_k v_k = 0)  x  B ),

with the unit's inner Hessian B = a <e tanh''(u . x) x x'>. Sylvester's law of inertia, and sum_k s_k = 1 > 0, give the
counts of the last block: B once for every positive share but one, -B for every negative share, a zero block for every
share that is zero. For two copies it is s (1 - s) B: the sign of B for 0 < s < 1, the opposite one outside (Fukumizu
and Amari, Neural Networks 13, 2000, for this case). A null unit with q = <e tanh'(v . x) x> != 0 adds one negative and
one positive eigenvalue and D - 1 zeros, because a block [[h, q'], [q, 0]] is indefinite whatever h is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq

from baselines.loss_landscape.critical_points import TwoLayer

RANK = 1e-12  # an eigenvalue of at most this times the largest is zero; rounding leaves less than 2e-14
FLAT = 1e-4  # |q| of a null unit whose eigenvalues, of the order q^2, stand out from rounding
SHARES = 1e-12  # how far from 1 the shares of a unit may add up


class Inertia(NamedTuple):
    """How many eigenvalues of a symmetric matrix are negative, zero and positive."""

    negative: int
    zero: int
    positive: int

    def plus(self, other: "Inertia") -> "Inertia":
        """The inertia of the block-diagonal sum."""
        return Inertia(*(mine + its for mine, its in zip(self, other, strict=True)))

    def times(self, count: int) -> "Inertia":
        """The inertia of so many copies of the matrix; of its negative for a negative count."""
        flipped = self if count >= 0 else Inertia(*self[::-1])
        return Inertia(*(abs(count) * each for each in flipped))


def inertia(matrix: np.ndarray, rank: float = RANK) -> Inertia:
    """The inertia of a symmetric matrix [P, P].

    Args:
        matrix: The matrix.
        rank: An eigenvalue counts as zero if its size is at most this times the largest size.
    """
    values = np.linalg.eigvalsh(matrix)
    floor = rank * np.abs(values).max(initial=0.0)
    negative, positive = int(np.sum(values < -floor)), int(np.sum(values > floor))
    return Inertia(negative, len(values) - negative - positive, positive)


def gap(matrix: np.ndarray, rank: float = RANK) -> tuple[float, float]:
    """Largest eigenvalue that counts as zero and smallest that does not, in size and relative to the largest of all."""
    sizes = np.abs(np.linalg.eigvalsh(matrix))
    sizes /= sizes.max()
    return float(sizes[sizes <= rank].max(initial=0.0)), float(sizes[sizes > rank].min())


def embed(
    problem: TwoLayer,
    theta: np.ndarray,
    shares: Sequence[Sequence[float]],
    null: Sequence[np.ndarray] = (),
) -> np.ndarray:
    """The general embedding.

    Args:
        problem: Knows the layout of the parameters.
        theta: Parameters of the narrow network, [P].
        shares: For each of its units the shares of the copies; (1.0,) keeps a unit as it is.
        null: Incoming weights [D] of silent units to add.

    Returns:
        Parameters of the wide network; the copies of a unit stand side by side, silent units last.

    Raises:
        ValueError: If there are not shares for every unit, or shares do not add up to 1.
    """
    a, u, c = problem.unpack(theta)
    if len(shares) != len(a):
        raise ValueError(f"{len(a)} units need as many lists of shares; got {len(shares)}")
    for each in shares:
        if abs(sum(each) - 1) > SHARES * max(1.0, *map(abs, each)):
            raise ValueError(f"the shares of a unit must add up to 1; got {list(each)}")
    copies = [len(each) for each in shares]
    outgoing = np.repeat(a, copies) * np.concatenate([np.asarray(each, dtype=float) for each in shares])
    outgoing = np.concatenate([outgoing, np.zeros(len(null))])
    incoming = np.concatenate([np.repeat(u, copies, axis=0), *(v[None, :] for v in null)])
    return problem.pack(outgoing, incoming, c)


def one_split(width: int, unit: int, share: float) -> list[tuple[float, ...]]:
    """Shares that split one unit of a network in two, (share, 1 - share), and keep the others."""
    return [(share, 1 - share) if k == unit else (1.0,) for k in range(width)]


def predicted(
    problem: TwoLayer, theta: np.ndarray, shares: Sequence[Sequence[float]], null: Sequence[np.ndarray] = ()
) -> Inertia:
    """The wide network's inertia from the narrow network alone. Arguments as for `embed`.

    Raises:
        ValueError: If a null unit has q = 0, where more than q decides.
    """
    total = inertia(problem.hessian(theta))
    for each, inner in zip(shares, problem.inner_hessians(theta), strict=True):
        total = total.plus(split_inertia(inertia(inner), each))
    for v in null:
        total = total.plus(null_inertia(problem, theta, v))
    return total


def repeated_split(width: int, steps: int, rng: np.random.Generator) -> list[tuple[float, ...]]:
    """Shares after so many one-step splits of random copies, (s) -> (r s, (1 - r) s).

    The ratio r is drawn from [-0.8, 1.8] with a distance of at least 0.2 from 0 and 1.
    """
    shares = [[1.0] for _ in range(width)]
    for _ in range(steps):
        unit = int(rng.integers(width))
        copy, ratio = int(rng.integers(len(shares[unit]))), float(rng.uniform(0.2, 0.8) + rng.integers(-1, 2))
        old = shares[unit][copy]
        shares[unit][copy : copy + 1] = [ratio * old, (1 - ratio) * old]
    return [tuple(each) for each in shares]


@dataclass(frozen=True)
class Check:
    """What an embedding did to a critical point."""

    loss_change: float
    """|L_wide - L_narrow|."""
    gradient: float
    """Norm of the wide network's gradient."""
    before: Inertia
    after: Inertia
    """Measured: eigenvalues of the dense Hessian of the wide network."""
    predicted: Inertia
    """From the narrow network alone."""
    zero: float
    """Largest eigenvalue that counts as zero, relative to the largest of all."""
    nonzero: float
    """Smallest that does not."""

    @property
    def decreases(self) -> int:
        """How many of the three counts have become smaller; none should."""
        return sum(after < before for before, after in zip(self.before, self.after, strict=True))


def check(
    problem: TwoLayer, theta: np.ndarray, shares: Sequence[Sequence[float]], null: Sequence[np.ndarray] = ()
) -> Check:
    """Embed a critical point, and compare what is found there with what is predicted. Arguments as for `embed`."""
    wide = embed(problem, theta, shares, null)
    H = problem.hessian(wide)
    return Check(
        abs(float(problem.loss(wide) - problem.loss(theta))),
        float(np.linalg.norm(problem.gradient(wide))),
        inertia(problem.hessian(theta)),
        inertia(H),
        predicted(problem, theta, shares, null),
        *gap(H),
    )


def split_inertia(inner: Inertia, shares: Sequence[float]) -> Inertia:
    """What the copies of one unit add to the inertia.

    Args:
        inner: Inertia of the unit's inner Hessian B.
        shares: Shares of the copies, which add up to 1.
    """
    positive, negative = sum(s > 0 for s in shares), sum(s < 0 for s in shares)
    silent = len(shares) - positive - negative
    passed = Inertia(0, len(shares) - 1 + silent * sum(inner), 0)
    return passed.plus(inner.times(positive - 1)).plus(inner.times(-negative))


def null_inertia(problem: TwoLayer, theta: np.ndarray, v: np.ndarray) -> Inertia:
    """What a silent unit with incoming weights v [D] adds to the inertia at a critical point theta [P]."""
    if _slope(problem, theta, v) <= RANK * np.abs(problem.inputs).max():
        raise ValueError("the null unit has q = <e tanh'(v . x) x> = 0: its inertia needs second-order terms")
    return Inertia(1, len(v) - 1, 1)


def null_direction(
    problem: TwoLayer, theta: np.ndarray, rng: np.random.Generator, tries: int = 50
) -> np.ndarray | None:
    """Incoming weights v != 0 of a null unit at theta [P]: a root of <e tanh(v . x)> on a random ray.

    Args:
        problem: The loss.
        theta: A critical point.
        rng: Draws the rays.
        tries: Number of rays to try.

    Returns:
        Shape [D], or None if no ray has a root between the lengths 0.2 and 20.
    """
    _, e = problem.forward(theta)
    lengths = np.geomspace(0.2, 20, 40)
    for _ in range(tries):
        ray = rng.standard_normal((problem.inputs.shape[1],))
        ray /= np.linalg.norm(ray)
        along = problem.inputs @ ray

        def value(r: float, along: np.ndarray = along) -> float:
            return float(np.tanh(r * along) @ e)

        values = np.array([value(r) for r in lengths])
        for k in np.flatnonzero(values[:-1] * values[1:] < 0):
            root = brentq(value, lengths[k], lengths[k + 1], xtol=1e-15, rtol=1e-15)
            if _slope(problem, theta, root * ray) > FLAT:  # not a unit that the network has already
                return np.asarray(root * ray)
    return None


def _slope(problem: TwoLayer, theta: np.ndarray, v: np.ndarray) -> float:
    """|q|, q = <e tanh'(v . x) x>."""
    _, e = problem.forward(theta)
    t = np.tanh(problem.inputs @ v)
    return float(np.linalg.norm((e * (1 - t * t)) @ problem.inputs) / len(e))


def splitting_direction(problem: TwoLayer, theta: np.ndarray, unit: int, share: float, v: np.ndarray) -> np.ndarray:
    """The direction in which two copies of a unit separate: v (1 - share) for the first, -v share for the second.

    Along it, normalised, the curvature at the split point is s (1 - s) v'Bv / ((1 - s)^2 + s^2) for a unit vector v.

    Args:
        problem: The loss.
        theta: Parameters of the narrow network, [P].
        unit: Which unit is split.
        share: Share of the first copy.
        v: Direction in the space of incoming weights, [D].

    Returns:
        A unit vector in the parameter space of `embed(problem, theta, one_split(width, unit, share))`.
    """
    a, u, c = problem.unpack(theta)
    du = np.zeros((len(a) + 1, u.shape[1]))
    du[unit], du[unit + 1] = (1 - share) * v, -share * v
    direction = problem.pack(np.zeros(len(a) + 1), du, np.zeros_like(c))
    return direction / np.linalg.norm(direction)


def splitting_curvature(inner: np.ndarray, share: float | np.ndarray, v: np.ndarray) -> float | np.ndarray:
    """The predicted curvature along `splitting_direction`, from the inner Hessian [D, D] and a unit vector v [D]."""
    return share * (1 - share) * (v @ inner @ v) / ((1 - share) ** 2 + share**2)
