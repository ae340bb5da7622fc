r"""Critical points of a two-layer tanh network, found to rounding error.

    f(x) = sum_k a_k tanh(u_k . x) + c . s(x),        L = 1/(2N) sum_n (f(x_n) - y_n)^2

with outgoing weights a_k, incoming weights u_k in R^D and weights c of the features s that skip the hidden layer,
usually the constant 1. A last input that is always 1 gives the units their biases. The parameters of a network of width
m are one vector (a_1 ... a_m, u_1 ... u_m, c) of P = m (D + 1) + S numbers; `TwoLayer` takes batches of such vectors.

Minima come from the Levenberg-Marquardt method on the residuals, saddles and the last digits from the same method on
the equations grad L = 0 (Nocedal and Wright, Numerical Optimization, 2006, chapters 10 and 11).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

GRADIENT = 1e-13  # largest norm of the gradient at what counts as a critical point
BOUND = 100.0  # largest parameter of such a point; networks also have critical values at infinity
DISTINCT = 1e-6  # two points closer than this, relative to their size, are one
APART = 1e-3  # weights that differ by less are equal for `irreducible`


@dataclass(frozen=True)
class TwoLayer:
    """The loss of two-layer tanh networks of any width on one data set.

    Shapes: N examples, D inputs, S skipping features; `...` is any batch of parameter vectors.
    """

    inputs: np.ndarray
    """[N, D]"""
    targets: np.ndarray
    """[N]"""
    skip: np.ndarray
    """[N, S]"""

    @classmethod
    def curve(cls, x: np.ndarray, y: np.ndarray, *, bias: bool = True, linear: bool = False) -> "TwoLayer":
        """The problem of fitting a curve.

        Args:
            x: [N] places.
            y: [N] values.
            bias: Whether the hidden units have biases, D = 2 instead of 1.
            linear: Whether x itself skips the hidden layer too: what a unit with u -> 0 and a -> infinity becomes.
        """
        ones = np.ones_like(x)
        inputs = np.stack([x, ones], axis=1) if bias else x[:, None]
        return cls(inputs, y, np.stack([ones, x], axis=1) if linear else ones[:, None])

    def width(self, theta: np.ndarray) -> int:
        """Number of hidden units m of parameters [..., P].

        Raises:
            ValueError: If P belongs to no width.
        """
        m, rest = divmod(theta.shape[-1] - self.skip.shape[1], self.inputs.shape[1] + 1)
        if rest or m < 0:
            raise ValueError(
                f"{theta.shape[-1]} parameters belong to no width: m units have {self.size(0)} more than"
                f" {self.inputs.shape[1] + 1} m"
            )
        return m

    def size(self, width: int) -> int:
        """Number of parameters P of a network of this width."""
        return width * (self.inputs.shape[1] + 1) + self.skip.shape[1]

    def unpack(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Outgoing weights [..., m], incoming weights [..., m, D] and skipping weights [..., S]."""
        m, D = self.width(theta), self.inputs.shape[1]
        incoming = theta[..., m : m + m * D]
        return theta[..., :m], incoming.reshape(*incoming.shape[:-1], m, D), theta[..., m + m * D :]

    @staticmethod
    def pack(a: np.ndarray, u: np.ndarray, c: np.ndarray) -> np.ndarray:
        """The vector [..., P] of weights as `unpack` gives them."""
        return np.concatenate([a, u.reshape(*u.shape[:-2], -1), c], axis=-1)

    def forward(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Activations tanh(u_k . x_n), [..., m, N], and residuals f(x_n) - y_n, [..., N]."""
        a, u, c = self.unpack(theta)
        t = np.tanh(u @ self.inputs.T)
        return t, (a[..., None, :] @ t)[..., 0, :] + c @ self.skip.T - self.targets

    def loss(self, theta: np.ndarray) -> np.ndarray:
        """L, shape [...]."""
        return 0.5 * np.square(self.forward(theta)[1]).mean(axis=-1)

    def gradient(self, theta: np.ndarray) -> np.ndarray:
        """Gradient of L, shape [..., P], without the Jacobian: cheap for wide networks."""
        a, _, _ = self.unpack(theta)
        t, e = self.forward(theta)
        e = e[..., None] / len(self.targets)  # [..., N, 1]
        slope = (1 - t * t) * np.swapaxes(e, -1, -2)  # [..., m, N]
        return self.pack((t @ e)[..., 0], a[..., None] * (slope @ self.inputs), (self.skip.T @ e)[..., 0])

    def jacobian(self, theta: np.ndarray) -> np.ndarray:
        """Derivatives of the residuals, shape [..., P, N]."""
        a, _, _ = self.unpack(theta)
        t, _ = self.forward(theta)
        rows = (a[..., None] * (1 - t * t))[..., None, :] * self.inputs.T  # [..., m, D, N]
        rows = rows.reshape(*t.shape[:-2], -1, t.shape[-1])
        skip = np.broadcast_to(self.skip.T, (*t.shape[:-2], *self.skip.T.shape))
        return np.concatenate([t, rows, skip], axis=-2)

    def hessian(self, theta: np.ndarray) -> np.ndarray:
        """Hessian of L, shape [..., P, P]: J J' / N plus the residuals times the curvature of the network.

        A network is curved only within a unit, so the second part has blocks
        d2L / da_k du_k = <e tanh'(u_k . x) x> and d2L / du_k du_k, which is `inner_hessians`.
        """
        m, D = self.width(theta), self.inputs.shape[1]
        t, e = self.forward(theta)
        J = self.jacobian(theta)
        H = J @ np.swapaxes(J, -1, -2) / len(self.targets)
        cross = ((1 - t * t) * e[..., None, :]) @ self.inputs / len(self.targets)  # [..., m, D]
        inner = self.inner_hessians(theta)
        for k in range(m):
            own = slice(m + k * D, m + (k + 1) * D)
            H[..., k, own] += cross[..., k, :]
            H[..., own, k] += cross[..., k, :]
            H[..., own, own] += inner[..., k, :, :]
        return H

    def inner_hessians(self, theta: np.ndarray) -> np.ndarray:
        """B_k = a_k <e tanh''(u_k . x) x x'>, mean over the data, shape [..., m, D, D]: it decides about a split."""
        a, _, _ = self.unpack(theta)
        t, e = self.forward(theta)
        weight = a[..., None] * -2 * t * (1 - t * t) * e[..., None, :] / len(self.targets)  # [..., m, N]
        return np.einsum("...mn,nd,ne->...mde", weight, self.inputs, self.inputs)


@dataclass(frozen=True)
class CriticalPoint:
    """A point where the gradient vanishes."""

    theta: np.ndarray
    """[P]"""
    loss: float
    gradient: float
    """Norm of the gradient."""


def minimise(problem: TwoLayer, starts: np.ndarray, iterations: int = 150) -> np.ndarray:
    """Levenberg-Marquardt on the residuals from many starts at once.

    Args:
        problem: The loss.
        starts: Parameters, shape [K, P].
        iterations: Trial steps; a step that does not lower the loss is not taken and raises the damping.

    Returns:
        The parameters reached, shape [K, P].
    """
    theta, damping = starts.copy(), np.full(len(starts), 0.1)
    loss = problem.loss(theta)
    for _ in range(iterations):
        J, g = problem.jacobian(theta), problem.gradient(theta)
        values, vectors = np.linalg.eigh(J @ np.swapaxes(J, -1, -2) / len(problem.targets))
        scale = 1 / (np.maximum(values, 0) + damping[:, None])
        trial = theta - _apply(vectors, scale, g)
        reached = problem.loss(trial)
        better = reached < loss
        theta[better], loss[better] = trial[better], reached[better]
        damping = np.clip(np.where(better, 0.3 * damping, 4 * damping), 1e-15, 1e8)
    return theta


def polish(problem: TwoLayer, starts: np.ndarray, iterations: int = 40) -> np.ndarray:
    """Levenberg-Marquardt on grad L = 0, which is attracted by saddles as much as by minima.

    Close to a critical point it is Newton's method; the spectral form of the step keeps it finite where the Hessian is
    singular. Arguments and result as for `minimise`.
    """
    theta, damping = starts.copy(), np.full(len(starts), 1e-2)
    g = problem.gradient(theta)
    for _ in range(iterations):
        values, vectors = np.linalg.eigh(problem.hessian(theta))
        scale = values / (np.square(values) + damping[:, None] + 1e-300)
        trial = theta - _apply(vectors, scale, g)
        reached = problem.gradient(trial)
        better = np.linalg.norm(reached, axis=1) < np.linalg.norm(g, axis=1)
        theta[better], g[better] = trial[better], reached[better]
        damping = np.clip(np.where(better, 0.2 * damping, 4 * damping), 1e-24, 1e6)
    return theta


def _apply(vectors: np.ndarray, scale: np.ndarray, g: np.ndarray) -> np.ndarray:
    """V diag(scale) V' g for a batch."""
    inside = scale * np.einsum("kpq,kp->kq", vectors, g)
    return np.einsum("kpq,kq->kp", vectors, inside)


def find(
    problem: TwoLayer, width: int, starts: int, rng: np.random.Generator, around: Sequence[np.ndarray] = ()
) -> list[CriticalPoint]:
    """Distinct irreducible critical points of one width, lowest loss first.

    Half of the starts are minimised before they are polished, a quarter only a little, the rest not at all: these two
    find the saddles. No search can prove that it has found every point.

    Args:
        problem: The loss.
        width: Number of hidden units.
        starts: Number of random starts, with weights of the sizes 1 and 3.
        rng: Where the starts come from.
        around: Parameters [P] of this width in whose neighbourhood (distance 1 in each weight) the last quarter starts,
            for example critical points of narrower networks, embedded: new saddles are often not far from them.
    """
    theta = rng.standard_normal((starts, problem.size(width)))
    theta[::2] *= 3
    quarter = starts // 4
    if around:
        near = rng.integers(len(around), size=starts - 3 * quarter)
        theta[3 * quarter :] = np.stack(around)[near] + rng.standard_normal((len(near), theta.shape[1]))
    theta[: 2 * quarter] = minimise(problem, theta[: 2 * quarter])
    theta[2 * quarter : 3 * quarter] = minimise(problem, theta[2 * quarter : 3 * quarter], 8)
    theta = np.concatenate([polish(problem, theta[: 2 * quarter]), polish(problem, theta[2 * quarter :], 120)])
    found: list[CriticalPoint] = []
    losses, norms = problem.loss(theta), np.linalg.norm(problem.gradient(theta), axis=1)
    for k in np.argsort(losses):
        small = norms[k] < GRADIENT and np.abs(theta[k]).max() < BOUND
        if small and irreducible(problem, theta[k]):
            point = CriticalPoint(canonical(problem, theta[k]), float(losses[k]), float(norms[k]))
            if not any(_same(point.theta, other.theta) for other in found):
                found.append(point)
    return found


def irreducible(problem: TwoLayer, theta: np.ndarray) -> bool:
    """Whether no narrower network computes the same function as these parameters [P].

    A unit is spare if it is silent, constant on the data, or equal to another one up to sign (Sussmann, Neural Networks
    5, 1992); such a point belongs to a narrower network. A unit without slope on any example, a sharp step, is refused
    too: its incoming weights do not matter, so that the point is not isolated.
    """
    a, u, _ = problem.unpack(theta)
    t, _ = problem.forward(theta)
    if np.any(np.abs(a) < APART) or np.any(np.ptp(t, axis=1) < APART) or np.any((1 - t * t).max(axis=1) < APART):
        return False
    same = np.abs(u[:, None] - u).max(axis=2) < APART
    opposite = np.abs(u[:, None] + u).max(axis=2) < APART
    return not np.any((same | opposite)[np.triu_indices(len(a), 1)])


def canonical(problem: TwoLayer, theta: np.ndarray) -> np.ndarray:
    """One representative of all parameters [P] that differ in the order and in the signs of the units."""
    a, u, c = problem.unpack(theta)
    sign = np.where(u[:, 0] < 0, -1.0, 1.0)  # tanh is odd: (a, u) and (-a, -u) are the same unit
    a, u = a * sign, u * sign[:, None]
    order = np.lexsort(u.T[::-1])
    return problem.pack(a[order], u[order], c)


def _same(first: np.ndarray, second: np.ndarray) -> bool:
    return bool(np.abs(first - second).max() <= DISTINCT * max(1.0, np.abs(first).max()))
