"""Forward maps from a variable diffusion coefficient to observed values, with their derivatives, on a square."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from baselines.pinn_pde.solvers.lobatto import lobatto

Plane = Callable[[np.ndarray], np.ndarray]  # points [N, 2] to values [N]


def tensor(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Rows of two matrices [M, a] and [M, b] multiplied, [M, a b]."""
    return np.asarray((first[:, :, None] * second[:, None, :]).reshape(len(first), -1))


class Coefficient:
    r"""$a = a_0 + \sum_k c_k b_k$: polynomials $b_k$ that are one at an inner Lobatto point and zero on the edge.

    Args:
        low: lower end of both sides.
        high: upper end.
        degree: of the polynomials.
        known: $a_0$, which has the known values on the edge.
    """

    def __init__(self, low: float, high: float, degree: int, known: Plane) -> None:
        self.rule, self.known = lobatto(degree, low, high), known
        self.count = (degree - 1) ** 2

    def basis(self, points: np.ndarray) -> np.ndarray:
        """All $b_k$ at points, [N, count]."""
        return tensor(*(self.rule.interpolation(points[:, j])[:, 1:-1] for j in (0, 1)))

    def values(self, c: np.ndarray, points: np.ndarray) -> np.ndarray:
        """The coefficient at points, [N]."""
        return np.asarray(self.known(points) + self.basis(points) @ c)

    def roughness(self) -> np.ndarray:
        r"""L with $\|L c\|^2 \approx \int (\Delta \sum c_k b_k)^2$, square and regular, [count, count]."""
        n = len(self.rule.nodes)
        second = self.rule.derivative @ self.rule.derivative
        inner = np.ix_(range(1, n - 1), range(1, n - 1))
        laplace = np.kron(second[inner], np.eye(n - 2)) + np.kron(np.eye(n - 2), second[inner])
        weights = np.outer(self.rule.weights[1:-1], self.rule.weights[1:-1]).ravel()
        return np.asarray(np.sqrt(weights)[:, None] * laplace)


class Diffusion:
    r"""Weak form of $-\nabla \cdot (a \nabla u)$ with $u = 0$ on the edge, Lobatto points and quadrature.

    The matrix is $K(a) = \sum_d G_d^T \mathrm{diag}(w a) G_d$ with derivative matrices $G_d$ of the grid: symmetric,
    and for smooth solutions of spectral accuracy. It is linear in a, so that $K(b) u$ gives every sensitivity.

    Args:
        coefficient: the space of coefficients.
        degree: of the polynomials for u.
    """

    def __init__(self, coefficient: Coefficient, degree: int) -> None:
        low, high = coefficient.rule.nodes[[0, -1]]
        self.rule, n = lobatto(degree, low, high), degree + 1
        self.nodes = np.stack([m.ravel() for m in np.meshgrid(self.rule.nodes, self.rule.nodes, indexing="ij")], axis=1)
        self.inner = np.flatnonzero(np.all((self.nodes > low) & (self.nodes < high), axis=1))
        self.weights = np.outer(self.rule.weights, self.rule.weights).ravel()
        identity, d = np.eye(n), self.rule.derivative
        self.slopes = [np.kron(d, identity)[:, self.inner], np.kron(identity, d)[:, self.inner]]  # [Q, I] each
        self.known, self.basis = coefficient.known(self.nodes), coefficient.basis(self.nodes)
        self.mass = self.weights[self.inner]

    def matrix(self, c: np.ndarray) -> np.ndarray:
        """K for the coefficient c, [I, I]."""
        a = self.weights * (self.known + self.basis @ c)
        return np.asarray(sum(g.T @ (a[:, None] * g) for g in self.slopes))

    def change(self, u: np.ndarray) -> np.ndarray:
        """K(b_k) u for every k, [I, count]."""
        return np.asarray(sum((g.T * (self.weights * (g @ u))) @ self.basis for g in self.slopes))

    def interpolation(self, points: np.ndarray) -> np.ndarray:
        """Inner values of u to values at points, [N, I]."""
        return tensor(*(self.rule.interpolation(points[:, j])[:, 1:-1] for j in (0, 1)))


class SteadyDiffusion:
    r"""$-\nabla \cdot (a \nabla u) = f$, zero on the edge.

    Args:
        coefficient: the space of coefficients.
        degree: of the polynomials for u.
        source: f.
    """

    def __init__(self, coefficient: Coefficient, degree: int, source: Plane) -> None:
        self.weak = Diffusion(coefficient, degree)
        self.load = self.weak.mass * source(self.weak.nodes[self.weak.inner])

    def solve(self, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """U at the inner points [I] and its derivatives [I, count].

        Raises:
            ArithmeticError: the coefficient is not positive.
        """
        matrix = self.weak.matrix(c)
        try:
            np.linalg.cholesky(matrix)
        except np.linalg.LinAlgError:
            raise ArithmeticError("the coefficient is not positive") from None
        u = np.linalg.solve(matrix, self.load)
        return u, -np.linalg.solve(matrix, self.weak.change(u))

    def observed(self, points: np.ndarray) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
        """The map from c to values at points [M] and their derivatives [M, count]."""
        matrix = self.weak.interpolation(points)

        def values(c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            u, slopes = self.solve(c)
            return matrix @ u, matrix @ slopes

        return values


class UnsteadyDiffusion:
    r"""$u_t - \nabla \cdot (a \nabla u) = f(x, t)$ on [0, T], zero on the edge, given at the start.

    In the eigenvectors of the mass-scaled K(a), $K v = \lambda M v$, every component obeys $y' = -\lambda y + g(t)$,
    solved by collocation at Lobatto points in time; so do the sensitivities, with $-K(b_k) u$ as source.

    Args:
        coefficient: the space of coefficients.
        degree: of the polynomials for u in space.
        times: degree of those in time.
        end: T.
        source: f, of points [N, 3].
        start: u at time 0.
    """

    def __init__(
        self, coefficient: Coefficient, degree: int, times: int, end: float, source: Plane, start: Plane
    ) -> None:
        self.weak, self.time = Diffusion(coefficient, degree), lobatto(times, 0.0, end)
        inner = self.weak.nodes[self.weak.inner]
        both = [np.column_stack([inner, np.full(len(inner), t)]) for t in self.time.nodes]
        self.root = np.sqrt(self.weak.mass)
        self.load = self.root[:, None] * np.stack([source(points) for points in both], axis=1)  # [I, T]
        self.start = start(inner)

    def solve(self, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """U at inner points and times [I, T] and its derivatives [I, T, count].

        Raises:
            ArithmeticError: the coefficient is not positive.
        """
        rates, modes = np.linalg.eigh(self.weak.matrix(c) / np.outer(self.root, self.root))
        if rates[0] <= 0:
            raise ArithmeticError("the coefficient is not positive")
        d = self.time.derivative
        step = np.linalg.inv(d[1:, 1:] + rates[:, None, None] * np.eye(len(d) - 1))  # [I, T - 1, T - 1]
        first = modes.T @ (self.root * self.start)
        right = (modes.T @ self.load)[:, 1:] - first[:, None] * d[1:, 0]
        y = np.concatenate([first[:, None], np.einsum("ist,it->is", step, right)], axis=1)
        u = (modes @ y) / self.root[:, None]
        sources = np.stack([self.weak.change(u[:, t]) for t in range(1, len(d))], axis=1)  # [I, T - 1, count]
        moved = np.tensordot(modes.T, sources / self.root[:, None, None], axes=1)
        found = -np.tensordot(modes, step @ moved, axes=1) / self.root[:, None, None]
        return u, np.concatenate([np.zeros_like(found[:, :1]), found], axis=1)

    def observed(self, points: np.ndarray) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
        """The map from c to values at points [M, 3] and their derivatives [M, count]."""
        space, time = self.weak.interpolation(points[:, :2]), self.time.interpolation(points[:, 2])

        def values(c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            u, slopes = self.solve(c)
            found = np.zeros((len(points), slopes.shape[2]))
            for t in range(1, u.shape[1]):
                found += time[:, t : t + 1] * (space @ slopes[:, t])
            return np.sum((space @ u) * time, axis=1), found

        return values
