"""Time steps for differential equations on graphs, and how large a step may be.

A network whose layers are time steps inherits the rules of numerical analysis: the error falls with the order of the
step, and above a limit that the spectrum sets the iterates grow although the equation's solutions do not.  States
x [N, F] are tensors; f(x) is the right-hand side of x' = f(x).

Source: Hairer, Norsett and Wanner, Solving Ordinary Differential Equations I, 1993; Hairer, Lubich and Wanner,
Geometric Numerical Integration, 2006.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor

Field = Callable[[Tensor], Tensor]

RK4_INTERVAL = 2.7852935634  # the polynomial 1 + z + z^2/2 + z^3/6 + z^4/24 is at most 1 on [-RK4_INTERVAL, 0]


def euler_step(f: Field, x: Tensor, step: float) -> Tensor:
    """Return x + step f(x): explicit Euler, order 1."""
    return x.add(f(x), alpha=step)


def rk4_step(f: Field, x: Tensor, step: float) -> Tensor:
    """Return the classical Runge-Kutta step of order 4: x + step (k_1 + 2 k_2 + 2 k_3 + k_4) / 6."""
    k1 = f(x)
    k2 = f(x.add(k1, alpha=step / 2.0))
    k3 = f(x.add(k2, alpha=step / 2.0))
    k4 = f(x.add(k3, alpha=step))
    return x.add(k1, alpha=step / 6.0).add(k2 + k3, alpha=step / 3.0).add(k4, alpha=step / 6.0)


def splitting_step(f: Field, flow: Field, x: Tensor, step: float) -> Tensor:
    """Return flow(x + step f(x)): Lie splitting of x' = f(x) + g(x), order 1.

    Args:
        f: the part without risk, stepped by explicit Euler.
        flow: x -> the solution of x' = g(x) after the time `step`, exact or of order 1.
        x: state.
        step: length of the step.
    """
    return flow(euler_step(f, x, step))


def oscillator_step(
    force: Tensor, x: Tensor, velocity: Tensor, step: float, alpha: float, gamma: float
) -> tuple[Tensor, Tensor]:
    """Return x and its velocity after a semi-implicit Euler step of x'' = force - gamma x - alpha x', order 1.

    y_new = y + step (force - gamma x - alpha y),  x_new = x + step y_new.  Symplectic for alpha = 0.
    """
    velocity = velocity.mul(1.0 - step * alpha).add(force, alpha=step).sub(x, alpha=step * gamma)
    return x.add(velocity, alpha=step), velocity


def euler_limit(largest: float) -> float:
    """Return 2 / lambda_max: the largest bounded Euler step for x' = -L x, L with real eigenvalues in [0, lambda_max].

    A mode is multiplied by 1 - step lambda.
    """
    return 2.0 / largest


def rk4_limit(largest: float) -> float:
    """Return 2.785 / lambda_max: the largest bounded RK4 step for x' = -L x."""
    return RK4_INTERVAL / largest


def allen_cahn_limit(largest: float, alpha: float, beta: float, bound: float) -> float:
    """Return the Euler step up to which the Ginzburg-Landau energy cannot rise while |x_ij| <= bound.

    x' = -alpha L x + beta x (1 - x^2) is the gradient flow of an energy whose second derivative on the cube is at most
    alpha lambda_max + beta (3 bound^2 - 1); gradient descent lowers it for steps up to 2 over that.

    Args:
        largest: lambda_max of L.
        alpha: diffusion coefficient.
        beta: reaction coefficient.
        bound: largest modulus of an entry before and after the step, at least 1.
    """
    return 2.0 / (alpha * largest + beta * (3.0 * bound**2 - 1.0))


def invariant_cube_limit(alpha: float, beta: float, bound: float) -> float:
    """Return the Euler step up to which |x_ij| <= bound stays true for x' = alpha (A - I) x + beta x (1 - x^2).

    A is row-stochastic and bound >= 1.  h(x) = (1 - step alpha + step beta) x - step beta x^3 rises on [0, bound] if
    step (alpha + beta (3 bound^2 - 1)) <= 1, and then |x_new| <= h(bound) + step alpha bound <= bound.
    """
    return 1.0 / (alpha + beta * (3.0 * bound**2 - 1.0))


def oscillator_limit(alpha: float, stiffness: float) -> float:
    """Return the largest bounded `oscillator_step` of x'' = -stiffness x - alpha x'.

    The step has the characteristic polynomial z^2 - (2 - step alpha - step^2 stiffness) z + 1 - step alpha; its zeros
    are in the unit disk iff stiffness step^2 + 2 alpha step <= 4 (and alpha step <= 2, which follows).

    Args:
        alpha: damping, at least 0.
        stiffness: gamma, or gamma + lambda_max with a coupling -L x; above 0.
    """
    return (math.sqrt(alpha**2 + 4.0 * stiffness) - alpha) / stiffness
