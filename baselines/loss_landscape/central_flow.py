"""The central flow: the smooth curve that an optimizer at the edge of stability oscillates around.

One optimizer covers gradient descent and RMSprop,

    nu <- beta2 nu + (1 - beta2) g^2,   w <- w - P^-1 g,   P = diag(sqrt(nu + eps^2)) / eta.

With beta2 = 1 and nu = 1 it is gradient descent, P = 1/eta. A step multiplies the displacement along an eigenvector of
P^-1 H by 1 - lambda: at lambda = 2 it neither grows nor decays. Such displacements, of covariance
Sigma = sum_ij X_ij u_i u_j' with u = P^-1/2 v and v orthonormal eigenvectors of P^-1/2 H P^-1/2, add to the mean
gradient half the gradient of <H, Sigma> and to the mean squared gradient diag(H Sigma H). Time counts steps:

    dw/dt  = -P^-1 (g + 1/2 sum_ij X_ij grad(u_i' H u_j)),
    dnu/dt = (1 - beta2)/beta2 (g^2 + sum_ij X_ij (H u_i)(H u_j) - nu).

X solves the complementarity problem (`sdcp`) that keeps the curvatures u_i' H u_j from rising above 2: they fall at the
rate A + B[X]. The mean loss of the oscillating optimizer is L(w) + tr X. With X = 0 this is the stable flow: for
gradient descent, gradient flow. Derivation: docs/training_dynamics.md; Cohen et al. 2024 (arXiv:2410.24206).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from baselines.loss_landscape import sdcp
from baselines.loss_landscape.chebyshev_steps import advance, stages_for
from baselines.loss_landscape.hessian import Eigenpairs, Hessian, top_eigenvalues
from baselines.loss_landscape.objective import Objective
from baselines.loss_landscape.third_derivative import curvature_gradients

EDGE = 2.0
CRITICAL = 0.975  # eigenvalues above this share of the edge are handed to the complementarity problem (their code's)
NEAR = 0.9  # below this share of the edge the spectrum is measured for the curves only
MOST_CRITICAL = 15
TOL = 1e-2  # residual of an eigenvector; its curvature is then right to about 1e-4


@dataclass(frozen=True)
class Rule:
    """RMSprop without momentum, or with beta2 = 1 gradient descent."""

    lr: float
    """Step size eta."""
    beta2: float = 1.0
    """Memory of the mean squared gradient; 1 keeps nu = 1."""
    eps: float = 0.0
    """Enters as eps^2 inside the root (torch adds eps outside), so that dP/dnu is finite."""

    def inverse(self, nu: Tensor) -> Tensor:
        """The diagonal of P^-1, shape [P]: the step size of each parameter."""
        return self.lr / (nu + self.eps**2).sqrt()

    def average(self, nu: Tensor, gradient: Tensor) -> Tensor:
        """The optimizer's next nu, shape [P]."""
        return self.beta2 * nu + (1 - self.beta2) * gradient.square()

    @property
    def rate(self) -> float:
        """(1 - beta2)/beta2, since nu_t - nu_{t-1} = (1 - beta2)/beta2 (g_t^2 - nu_t)."""
        return (1 - self.beta2) / self.beta2


@dataclass(frozen=True)
class State:
    """Where an optimizer or a flow is."""

    w: Tensor
    """[P]"""
    nu: Tensor
    """[P], the gradient at w included."""


@dataclass(frozen=True)
class Reading:
    """One step of a curve."""

    step: int
    loss: float
    """The optimizer's loss before the step; of a flow its prediction for the mean loss, L(w) + tr X."""
    w: Tensor
    """[P], the middle between the weights before and after the step: the optimizer's oscillation cancels."""
    sharpness: float | None
    """Largest eigenvalue of P^-1 H where it was measured; the edge is 2."""
    critical: int = 0
    """Number of directions in the complementarity problem."""


def initial(objective: Objective, rule: Rule, warmup: int = 0) -> State:
    """The state after some steps of the optimizer from the objective's parameters.

    With beta2 < 1 nu starts as the first squared gradient, so that no step is divided by the root of nearly zero.
    """
    w, gradient = objective.vector(), objective.gradient()
    nu = torch.ones_like(w) if rule.beta2 == 1 else gradient.square()
    for _ in range(warmup):
        w = w - rule.inverse(nu) * gradient
        objective.assign(w)
        gradient = objective.gradient()
        nu = rule.average(nu, gradient)
    return State(w, nu)


def trajectory(
    objective: Objective, rule: Rule, start: State, steps: int, *, every: int = 10, rng: np.random.Generator
) -> Iterator[Reading]:
    """The optimizer itself, `steps` + 1 readings; the sharpness in the middle of every so many steps.

    Raises:
        FloatingPointError: If the loss or a Hessian-vector product is not finite.
    """
    vector: np.ndarray | None = None
    w, nu = start.w, start.nu
    for step in range(steps + 1):
        loss, gradient = loss_and_gradient(objective, w)
        nu = rule.average(nu, gradient) if step else nu
        inverse = rule.inverse(nu)
        following = w - inverse * gradient
        middle, sharpness = (w + following) / 2, None
        if step % every == 0:
            objective.assign(middle)
            hessian = Hessian(objective.loss(), objective.parameters)
            top = top_eigenvalues(hessian, start=vector, rng=rng, tol=TOL, scale=inverse.sqrt())
            vector, sharpness = top.vectors[:, 0], float(top.values[0])
        yield Reading(step, loss, middle, sharpness)
        w = following


def loss_and_gradient(objective: Objective, w: Tensor) -> tuple[float, Tensor]:
    """Loss and gradient [P] at a parameter vector.

    Raises:
        FloatingPointError: If the loss is not finite.
    """
    objective.assign(w)
    loss = objective.loss()
    if not math.isfinite(value := loss.item()):
        raise FloatingPointError(f"the loss is {value}")
    slopes = torch.autograd.grad(loss, objective.parameters)
    return value, torch.cat([slope.reshape(-1) for slope in slopes])


@dataclass(frozen=True)
class Critical:
    """The critical directions at a point, and the coefficients of the complementarity problem."""

    v: Tensor
    """[k, P], orthonormal eigenvectors of P^-1/2 H P^-1/2."""
    gaps: np.ndarray
    """[k, k], 2 I - (u_i' H u_j): zero at the edge."""
    third: Tensor
    """[k, k, P], gradients of u_i' H u_j."""
    squares: Tensor
    """[k, k, P], (H u_i)(H u_j) = 4 P v_i v_j, entry by entry."""
    A: np.ndarray
    """[k, k], the rate at which the curvatures would fall without oscillation."""
    B: np.ndarray
    """[k, k, k, k], how much faster they fall with it."""


def critical_directions(
    objective: Objective, rule: Rule, state: State, gradient: Tensor, top: Eigenpairs, k: int
) -> Critical:
    """The first k eigenvectors of `top` with their third derivatives.

    Args:
        objective: At the parameters `state.w`.
        rule: The optimizer.
        state: The flow's.
        gradient: [P], of the loss.
        top: Eigenpairs of P^-1/2 H P^-1/2.
        k: How many of them are critical.
    """
    inverse = rule.inverse(state.nu)
    v = torch.as_tensor(top.vectors[:, :k].T.copy(), dtype=state.nu.dtype, device=state.nu.device)
    curvatures, third = curvature_gradients(objective.loss(), objective.parameters, v * inverse.sqrt())
    outer = v[:, None] * v[None]  # [k, k, P]
    squares = 4 * outer / inverse
    A = third @ (inverse * gradient)
    B = 0.5 * torch.einsum("ijp,klp->ijkl", third * inverse, third)
    if rule.rate:  # P^-1/2 changes with nu: at lambda = 2 the curvatures fall by v_i v_j / (nu + eps^2) for each dnu
        weights = outer / (state.nu + rule.eps**2)
        A = A + rule.rate * weights @ (gradient.square() - state.nu)
        B = B + rule.rate * torch.einsum("ijp,klp->ijkl", weights, squares)
    a, b, c = (tensor.double().cpu().numpy() for tensor in (A, B, curvatures))
    return Critical(v, EDGE * np.eye(k) - c, third, squares, a, b)


@dataclass
class Flow:
    """The central flow, or without its X the stable flow.

    Critical directions, third derivatives and X are computed anew every `refresh` steps. The complementarity problem
    asks for curvatures of at most 2 *at the next refresh*: what its linearisation misses is put right there and does
    not accumulate. In between the flow takes Runge-Kutta-Chebyshev steps, one an optimizer step.
    """

    objective: Objective
    rule: Rule
    state: State
    rng: np.random.Generator
    central: bool = True
    refresh: int = 5
    """Steps between two computations of X at the edge."""
    every: int = 10
    """Steps between two measurements of the sharpness elsewhere."""
    sharpness: float = field(default=EDGE, init=False)
    _critical: Critical | None = field(default=None, init=False)
    _X: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)), init=False)
    _start: np.ndarray | None = field(default=None, init=False)
    _count: int = field(default=1, init=False)

    def run(self, steps: int) -> Iterator[Reading]:
        """Advance, one reading a step, `steps` + 1 of them.

        Raises:
            FloatingPointError: If the loss is not finite, or more than `MOST_CRITICAL` directions are critical.
        """
        due = 0
        for step in range(steps + 1):
            fresh = step == due
            if fresh:
                self._measure()
                due = step + self._span
            before = self.state.w
            loss = self._advance()
            yield Reading(
                step,
                loss + float(np.trace(self._X)),
                (before + self.state.w) / 2,
                self.sharpness if fresh else None,
                len(self._X),
            )

    @property
    def _span(self) -> int:
        """Steps until the next measurement."""
        return self.refresh if self.central and self.sharpness > NEAR * EDGE else self.every

    def _measure(self) -> None:
        """Eigenvalues, critical directions and X at the present state."""
        self.objective.assign(self.state.w)
        hessian = Hessian(self.objective.loss(), self.objective.parameters)
        top, k = self._top(hessian)
        self.sharpness = float(top.values[0])
        if not k:
            self._critical, self._X = None, np.zeros((0, 0))
            return
        gradient = torch.cat([slope.reshape(-1) for slope in hessian.gradient])
        new, old = critical_directions(self.objective, self.rule, self.state, gradient, top, k), self._critical
        guess = None
        if old is not None:
            turn = (new.v @ old.v.T).double().cpu().numpy()
            guess = turn @ self._X @ turn.T
        self._X = sdcp.solve(new.A + new.gaps / self._span, new.B, start=guess, tol=1e-7).X
        self._critical = new

    def _top(self, hessian: Hessian) -> tuple[Eigenpairs, int]:
        """Eigenpairs that include all critical ones (of the central flow) and one more; number of critical ones."""
        scale = self.rule.inverse(self.state.nu).sqrt()
        while self._count <= MOST_CRITICAL:
            top = top_eigenvalues(hessian, self._count, start=self._start, rng=self.rng, tol=TOL, scale=scale)
            self._start = top.vectors @ 0.5 ** np.arange(self._count)
            k = int((top.values > CRITICAL * EDGE).sum()) if self.central else 0
            if k < self._count:
                self._count = k + 1
                return top, k
            self._count += 1
        raise FloatingPointError(f"more than {MOST_CRITICAL} eigenvalues are at the edge; take a smaller step size")

    def _advance(self) -> float:
        """One step of both equations; returns the loss at its beginning."""
        rule, losses = self.rule, []
        push = extra = torch.zeros_like(self.state.w)
        if self._critical is not None:
            X = torch.as_tensor(self._X, dtype=push.dtype, device=push.device)
            push = 0.5 * torch.einsum("ij,ijp->p", X, self._critical.third)
            extra = torch.einsum("ij,ijp->p", X, self._critical.squares)

        def speed(y: Tensor) -> Tensor:
            w, nu = y
            loss, gradient = loss_and_gradient(self.objective, w)
            losses.append(loss)
            dw = -rule.inverse(nu) * (gradient + push)
            return torch.stack([dw, rule.rate * (gradient.square() + extra - nu)])

        stages = stages_for(1.2 * max(self.sharpness, EDGE))  # it may grow until the next measurement
        self.state = State(*advance(speed, torch.stack([self.state.w, self.state.nu]), 1.0, stages))
        return losses[0]
