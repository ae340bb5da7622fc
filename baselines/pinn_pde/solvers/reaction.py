"""Two species that diffuse and react on an interval: a spectral solver, and the combination that does not react."""

from __future__ import annotations

import numpy as np

from baselines.pinn_pde.solvers.initial_value import Trajectories
from baselines.pinn_pde.solvers.lobatto import lobatto

DECAY = 20.0  # of the initial values exp(-20 x)


class ReactionDiffusion:
    r"""$c_1' = D c_1'' - k c_1 c_2^2$ and $c_2' = D c_2'' - 2 k c_1 c_2^2$ on [0, 1], both $e^{-20 x}$ at the start.

    Walls are held at 1 (left) and 0 (right). Space by collocation at Legendre-Gauss-Lobatto points, time by DOP853: at
    these diffusivities the largest eigenvalue, about $D n^4 / 20$, is no burden to an explicit method. The initial
    values do not obey the equation at the walls, which makes the start there rough; the points crowd there.

    Args:
        parameters: batch of (D, k), [B, 2].
        degree: of the polynomials in x.
        end: last time.
        rtol: tolerance of DOP853; the absolute one is a hundredth of it.
    """

    def __init__(self, parameters: np.ndarray, degree: int, end: float, rtol: float = 1e-10) -> None:
        self.rule = lobatto(degree, 0.0, 1.0)
        second = (self.rule.derivative @ self.rule.derivative)[1:-1]  # [n - 1, n + 1]
        inner, walls = second[:, 1:-1].T.copy(), second[:, 0].copy()
        self.batch, self.inner = len(parameters), degree - 1

        def slope(states: np.ndarray, p: np.ndarray) -> np.ndarray:
            c = states.reshape(len(p), 2, degree - 1)
            change = p[:, :1, None] * (c @ inner + walls)
            reaction = p[:, 1:] * c[:, 0] * c[:, 1] ** 2
            change[:, 0] -= reaction
            change[:, 1] -= 2.0 * reaction
            return np.asarray(change.reshape(len(p), -1))

        start = np.tile(np.exp(-DECAY * self.rule.nodes[1:-1]), 2)
        self.paths = Trajectories(slope, start, parameters, 0.0, end, rtol, 1e-2 * rtol)

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Both concentrations for every member of the batch at points [N, 2], [B, 2, N]."""
        times, which = np.unique(points[:, 1], return_inverse=True)
        states = self.paths(times).reshape(self.batch, 2, self.inner, len(times))
        matrix = self.rule.interpolation(points[:, 0])  # [N, n + 1]
        found = np.empty((self.batch, 2, len(points)))
        for block in np.array_split(np.arange(len(points)), 1 + len(points) * self.inner * self.batch // 2_000_000):
            values = states[..., which[block]]
            found[..., block] = np.einsum("mi,bsim->bsm", matrix[block, 1:-1], values) + matrix[block, 0]
        return found


def conserved(points: np.ndarray, diffusivity: float, terms: int = 1000) -> np.ndarray:
    r"""$q = 2 c_1 - c_2$, in which the reaction cancels: $q_t = D q_{xx}$ with the same initial and wall values.

    $$q = 1 - x + \sum_k b_k \sin(k \pi x) e^{-D k^2 \pi^2 t}, \qquad
      b_k = 2 k \pi \frac{1 - (-1)^k e^{-20}}{400 + k^2 \pi^2} - \frac{2}{k \pi}$$

    Args:
        points: [N, 2], columns x and t > 0 (at t = 0 the series converges slowly).
        diffusivity: D.
        terms: of the series.

    Returns:
        q, [N].
    """
    w = np.pi * np.arange(1, terms + 1)
    sign = (-1.0) ** np.arange(1, terms + 1)
    b = 2.0 * w * (1.0 - sign * np.exp(-DECAY)) / (DECAY**2 + w**2) - 2.0 / w
    waves = np.sin(points[:, :1] * w) * np.exp(-diffusivity * w**2 * points[:, 1:2])
    return np.asarray(1.0 - points[:, 0] + waves @ b)
