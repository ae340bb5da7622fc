"""The lid-driven cavity: a parabolic lid, and the singularities that it leaves in its two corners."""

from __future__ import annotations

import numpy as np

from baselines.pinn_pde.solvers.navier_stokes import Flow, Lift, steady

DEGREE = 32  # of the reference
BAR = 5e-7  # relative L2 error of its velocities for Reynolds numbers up to 100; a test measures it against degree 44
NEAREST = 1e-6  # distance from a corner below which the pressure, which has a logarithm there, is not followed


def corner_flow(nu: float) -> Lift:
    r"""Stokes flow that carries the singularities of the lid $u = 4 x (1 - x)$ in the corners (0, 1) and (1, 1).

    The lid starts with the slope 4 while the wall is at rest, so that $u_x + v_y = 0$ cannot hold in the corner for any
    smooth velocity. With X along the lid, Y down the wall and $\theta$ from the lid, the homogeneous stream function

    $$\psi = 2 r^2 \theta - \pi Y^2 + 2 X Y, \qquad U = 4 X + 4 Y \theta - 2 \pi Y, \quad V = -4 X \theta, \quad
      p = 8 \nu \log r$$

    has $U = 4 X$ on the lid and is at rest on the wall. Its vorticity depends on the angle alone.

    Args:
        nu: viscosity.

    Returns:
        Both corners' flows together; the pressure is finite but arbitrary within 1e-6 of a corner.

    Source: the construction is that of H. K. Moffatt, J. Fluid Mech. 18 (1964), here for a stretching lid; splitting it
    off a spectral method is due to O. Botella, R. Peyret, Computers & Fluids 27 (1998).
    """

    def local(points: np.ndarray, right: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        x, y = (1.0 - points[:, 0] if right else points[:, 0]), 1.0 - points[:, 1]
        return x, y, np.arctan2(y, x), np.maximum(x**2 + y**2, NEAREST**2)

    def values(points: np.ndarray) -> np.ndarray:
        total = np.zeros((len(points), 3))
        for right, sign in ((False, 1.0), (True, -1.0)):
            x, y, theta, square = local(points, right)
            total[:, 0] += 4.0 * x + 4.0 * y * theta - 2.0 * np.pi * y
            total[:, 1] += sign * 4.0 * x * theta
            total[:, 2] += sign * 4.0 * nu * np.log(square)
        return total

    def gradients(points: np.ndarray) -> np.ndarray:
        total = np.zeros((len(points), 4))
        for right, sign in ((False, 1.0), (True, -1.0)):
            x, y, theta, square = local(points, right)
            total[:, 0] += sign * 4.0 * x**2 / square
            total[:, 1] -= 4.0 * theta + 4.0 * x * y / square - 2.0 * np.pi
            total[:, 2] += 4.0 * theta - 4.0 * x * y / square
            total[:, 3] -= sign * 4.0 * x**2 / square
        return total

    return Lift(values, gradients)


def lid_velocity(points: np.ndarray) -> np.ndarray:
    """Velocity on the walls: $4 x (1 - x)$ to the right on the lid, zero elsewhere; [N, 2] to [N, 2]."""
    on_lid = points[:, 1] >= 1.0 - 1e-6
    return np.stack([np.where(on_lid, 4.0 * points[:, 0] * (1.0 - points[:, 0]), 0.0), 0.0 * points[:, 0]], axis=1)


def cavity(n: int, reynolds: float, split: bool = True) -> Flow:
    """The steady flow in the unit square with p = 0 in the corner (0, 0).

    Args:
        n: degree of the velocities.
        reynolds: 1 / viscosity; up to a few hundred.
        split: whether the corners' singularities are split off.
    """
    nu = 1.0 / reynolds
    return steady(n, nu, (0.0, 0.0), (1.0, 1.0), lid_velocity, (0.0, 0.0), corner_flow(nu) if split else None)
