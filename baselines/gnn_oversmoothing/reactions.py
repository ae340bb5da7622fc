"""Right-hand sides of diffusion and reaction on graphs, the flows of the reactions, and the energies they lower.

States x [N, F] have one row a node.  `p` is any matrix [N, N] that a tensor can be multiplied with, such as P or an
attention matrix; L = I - P.  A flow takes a time t >= 0, a number or one for each channel [F].
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def diffusion(x: Tensor, p: Any) -> Tensor:
    """Return -L x = P x - x, the heat equation."""
    result: Tensor = p @ x - x
    return result


def allen_cahn(x: Tensor) -> Tensor:
    """Return x (1 - x^2): every entry moves to -1 or 1, the minima of the double well (1 - x^2)^2 / 4."""
    return x - x * x.square()


def fisher(x: Tensor) -> Tensor:
    """Return max(x, 0) (1 - x): logistic growth to 1.

    The reaction x (1 - x) is meant for concentrations x >= 0; from x < 0 its solutions reach minus infinity in finite
    time, so negative entries, which only a normalisation can bring about, do not react here.
    """
    return x.clamp(min=0.0) * (1.0 - x)


def zeldovich(x: Tensor) -> Tensor:
    """Return x (x - x^2) = x^2 (1 - x): growth to 1 that starts slowly."""
    return x.square() * (1.0 - x)


def blurring_sharpening(x: Tensor, p: Any) -> Tensor:
    """Return (P - P^2) x = P L x: sharpens what diffusion blurs; linear."""
    result: Tensor = p @ (x - p @ x)
    return result


class _AllenCahnFlow(torch.autograd.Function):
    """x / sqrt(q + (1 - q) x^2); its gradient in place takes half the time of that of the formula."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, q: Tensor) -> Tensor:
        r = torch.addcmul(q, 1.0 - q, x.square()).rsqrt_()
        ctx.save_for_backward(x, q, r)
        return x * r

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor | None]:
        x, q, r = ctx.saved_tensors
        cubed = (gradient * r).mul_(r).mul_(r)  # d/dx = q r^3, d/dq = -x (1 - x^2) r^3 / 2
        if not ctx.needs_input_grad[1]:
            return cubed.mul_(q), None
        slope = x.square().sub_(1.0).mul_(x).mul_(cubed).sum_to_size(q.shape)
        return cubed.mul_(q), 0.5 * slope


def allen_cahn_flow(x: Tensor, t: Tensor) -> Tensor:
    """Return the solution of x' = x (1 - x^2) after time t, x / sqrt(q + (1 - q) x^2) with q = exp(-2 t).

    Whatever x, the result is at most 1 / sqrt(1 - q) in modulus.
    """
    result: Tensor = _AllenCahnFlow.apply(x, torch.exp(-2.0 * t))
    return result


def fisher_flow(x: Tensor, t: Tensor) -> Tensor:
    """Return the solution of x' = max(x, 0) (1 - x) after time t: x / (q + (1 - q) x), q = exp(-t), where x > 0."""
    q, positive = torch.exp(-t), x.clamp(min=0.0)
    return positive / torch.addcmul(q, 1.0 - q, positive) + x.clamp(max=0.0)


def zeldovich_flow(x: Tensor, t: Tensor) -> Tensor:
    """Return a step of x' = x^2 (1 - x) with x^2 taken before and 1 - x after it: (x + t x^2) / (1 + t x^2).

    The equation has no closed solution.  The step has order 1 and lies between x and 1 for every t.
    """
    s = t * x.square()
    return (x + s) / (1.0 + s)


def quadratic_energy(x: Tensor, p: Any) -> Tensor:
    """Return tr(x^T L x), the Dirichlet energy of L = I - P; x' = -L x multiplies it by exp(-2 lambda_1 t) or less.

    P is symmetric and lambda_1 the smallest eigenvalue of L above 0.
    """
    return -(x * diffusion(x, p)).sum()


def ginzburg_landau_energy(x: Tensor, p: Any, alpha: float, beta: float) -> Tensor:
    """Return alpha/2 tr(x^T L x) + beta/4 sum (1 - x^2)^2, whose gradient flow is diffusion with Allen-Cahn's reaction.

    x' = -alpha L x + beta x (1 - x^2) for symmetric P.
    """
    return 0.5 * alpha * quadratic_energy(x, p) + 0.25 * beta * (1.0 - x.square()).square().sum()


def oscillator_energy(x: Tensor, velocity: Tensor, gamma: float) -> Tensor:
    """Return |y|^2 / 2 + gamma |x|^2 / 2, constant for x' = y, y' = -gamma x."""
    return 0.5 * velocity.square().sum() + 0.5 * gamma * x.square().sum()
