"""Steady plane flow with known velocities on the edge of a rectangle: stream function and Galerkin's method."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.polynomial import legendre

from baselines.pinn_pde.solvers.lobatto import lobatto


def clamped_polynomials(degree: int, nodes: np.ndarray, low: float, high: float) -> list[np.ndarray]:
    r"""Polynomials that vanish with their first derivative at both ends, and their first two derivatives.

    $\phi_k = P_k - \frac{2 (2 k + 5)}{2 k + 7} P_{k+2} + \frac{2 k + 3}{2 k + 7} P_{k+4}$ for $k = 0, \dots, n - 4$.

    Returns:
        Three tables [number of nodes, n - 3].

    Source: J. Shen, SIAM J. Sci. Comput. 15 (1994) 1489-1505.
    """
    series = np.zeros((degree + 1, degree - 3))
    for k in range(degree - 3):
        series[[k, k + 2, k + 4], k] = 1.0, -2.0 * (2 * k + 5) / (2 * k + 7), (2 * k + 3) / (2 * k + 7)
    xi, factor = (2.0 * nodes - low - high) / (high - low), 2.0 / (high - low)
    return [factor**m * legendre.legval(xi, legendre.legder(series, m)).T for m in range(3)]


class SteadyFlow:
    r"""Velocities $u = \psi_y$, $v = -\psi_x$ with $\psi = \psi_0 + \sum_k c_k \phi_k$, all $\phi_k$ clamped.

    The lift $\psi_0$ has the known values and slopes on the edge. The vorticity equation in weak form, tested with each
    $\phi$, needs second derivatives only:

    $$\int \Delta \psi \, (u \phi_x + v \phi_y + \nu \Delta \phi) = 0 .$$

    It is solved by Newton's method; derivatives with respect to $\nu$ follow from the same matrix.

    Args:
        low: lower corner of the rectangle.
        high: upper corner.
        degrees: of the polynomials in x and y.
        lift: points [N, 2] to $\psi_0$, [N]; smooth.
    """

    def __init__(
        self,
        low: tuple[float, float],
        high: tuple[float, float],
        degrees: tuple[int, int],
        lift: Callable[[np.ndarray], np.ndarray],
    ) -> None:
        sizes = [max(24, degree + 8) for degree in degrees]
        self.rules = [lobatto(n, a, b) for n, a, b in zip(sizes, low, high, strict=True)]
        x, y = self.rules
        nodes = np.stack([m.ravel() for m in np.meshgrid(x.nodes, y.nodes, indexing="ij")], axis=1)
        self.shape = (len(x.nodes), len(y.nodes))
        self.weights = np.outer(x.weights, y.weights).ravel()
        (f, f1, f2), (g, g1, g2) = (
            clamped_polynomials(degree, rule.nodes, a, b)
            for degree, rule, a, b in zip(degrees, self.rules, low, high, strict=True)
        )
        self.phi_x, self.phi_y = np.kron(f1, g), np.kron(f, g1)  # [Q, K]
        self.phi_laplace = np.kron(f2, g) + np.kron(f, g2)
        psi = lift(nodes)
        lift_x, lift_y = self.slopes(psi)
        self.lift = lift_x, lift_y, self.slopes(lift_x)[0] + self.slopes(lift_y)[1]
        self.count = self.phi_x.shape[1]

    def slopes(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Both derivatives of values on the grid, [Q] each."""
        table = values.reshape(self.shape)
        return (self.rules[0].derivative @ table).ravel(), (table @ self.rules[1].derivative.T).ravel()

    def velocity(self, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Both components on the grid, [Q] each."""
        return self.lift[1] + self.phi_y @ c, -self.lift[0] - self.phi_x @ c

    def solve(self, nu: float, start: np.ndarray | None = None, iterations: int = 30) -> tuple[np.ndarray, np.ndarray]:
        """Coefficients for a viscosity and their derivatives with respect to it, [K] each.

        Raises:
            ArithmeticError: Newton's method does not converge, because the viscosity is too small for it.
        """
        c = np.zeros(self.count) if start is None else start
        for _ in range(iterations):
            u, v = self.velocity(c)
            laplace = self.lift[2] + self.phi_laplace @ c
            test = (
                u[:, None] * self.phi_x + v[:, None] * self.phi_y + nu * self.phi_laplace
            ).T * self.weights  # [K, Q]
            carried = (self.phi_x.T * (self.weights * laplace)) @ self.phi_y
            matrix = test @ self.phi_laplace + carried - carried.T
            step = np.linalg.solve(matrix, test @ laplace)
            c = c - step
            if np.abs(step).max() < 1e-12 * (1.0 + np.abs(c).max()):
                slope = (self.phi_laplace.T * self.weights) @ laplace
                return c, -np.linalg.solve(matrix, slope)
        raise ArithmeticError(f"no steady flow found for nu = {nu:g}")

    def interpolation(self, points: np.ndarray) -> np.ndarray:
        """Grid values to values at points, [M, Q]."""
        first, second = (rule.interpolation(points[:, j]) for j, rule in enumerate(self.rules))
        return np.asarray((first[:, :, None] * second[:, None, :]).reshape(len(points), -1))

    def pressure(self, c: np.ndarray, nu: float, corner: float) -> np.ndarray:
        """Pressure on the grid, [Q], from both momentum equations by least squares, given at the lower corner."""
        (dx, dy), (u, v) = (rule.derivative for rule in self.rules), self.velocity(c)
        forces = []
        for w in (u, v):
            w_x, w_y = self.slopes(w)
            forces.append(nu * (self.slopes(w_x)[0] + self.slopes(w_y)[1]) - u * w_x - v * w_y)
        force_x, force_y = (force.reshape(self.shape) for force in forces)
        # normal equations A P + P B = C of the tensor grid, diagonalised in both directions
        size_a, left = np.linalg.eigh(dx.T @ dx)
        size_b, right = np.linalg.eigh(dy.T @ dy)
        target = left.T @ (dx.T @ force_x + force_y @ dy) @ right
        total = size_a[:, None] + size_b
        total[0, 0] = np.inf  # the constant, free
        p = (left @ (target / total) @ right.T).ravel()
        return np.asarray(p - p[0] + corner)
