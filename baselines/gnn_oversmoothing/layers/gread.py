"""The layer of ``model=gread``, and the trained coefficients that ACMP shares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from baselines.gnn_oversmoothing import reactions
from baselines.gnn_oversmoothing.integrators import euler_step, rk4_step
from baselines.gnn_oversmoothing.layers.base import Context, GraphLayer

FIELDS: dict[str, Callable[[Tensor], Tensor]] = {
    "fisher": reactions.fisher,
    "allen_cahn": reactions.allen_cahn,
    "zeldovich": reactions.zeldovich,
}
FLOWS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "fisher": reactions.fisher_flow,
    "allen_cahn": reactions.allen_cahn_flow,
    "zeldovich": reactions.zeldovich_flow,
}


class Coefficient(nn.Module):
    """One positive coefficient for each channel, c = 2 start sigmoid(theta): `start` at first, never above 2 start.

    Args:
        width: number of channels.
        start: value at theta = 0.
        trained: whether theta is trained; else c stays `start`.
    """

    def __init__(self, width: int, start: float, trained: bool) -> None:
        """Create theta = 0."""
        super().__init__()
        self.start = start
        self.theta: Tensor
        if trained:
            self.theta = nn.Parameter(torch.zeros(width))
        else:
            self.register_buffer("theta", torch.zeros(width))

    def forward(self) -> Tensor:
        """Return c, [width]."""
        return 2.0 * self.start * torch.sigmoid(self.theta)


class GREADLayer(GraphLayer):
    """Choi, Hong, Park and Cho, ICML 2023: one step of X' = -alpha L X + beta r(X), L = I - P.

    Args:
        width: columns of X.
        reaction: r: "fisher", "allen_cahn", "zeldovich" or "blurring_sharpening".
        alpha: diffusion coefficient at the start.
        beta: reaction coefficient at the start.
        trained: whether both are trained, one pair for each channel.
        step: length tau of the step.
        integrator: "split" (Euler for the linear terms, then the flow of r), "euler" or "rk4".
    """

    def __init__(
        self, width: int, reaction: str, alpha: float, beta: float, trained: bool, step: float, integrator: str
    ) -> None:
        """Create the coefficients; the layer stands in all places of a network."""
        super().__init__()
        self.reaction, self.step, self.integrator = reaction, step, integrator
        self.alpha, self.beta = Coefficient(width, alpha, trained), Coefficient(width, beta, trained)

    def forward(self, x: Any, context: Context) -> Tensor:
        """Return X after the time `step`, [N, F]."""
        p, alpha, beta = context.operators.p, self.alpha(), self.beta()
        if self.integrator == "split" and self.reaction in FLOWS:
            return FLOWS[self.reaction](torch.lerp(x, p @ x, self.step * alpha), self.step * beta)

        def f(y: Tensor) -> Tensor:
            heat = reactions.diffusion(y, p)
            if self.reaction == "blurring_sharpening":
                return alpha * heat - beta * (p @ heat)
            return alpha * heat + beta * FIELDS[self.reaction](y)

        return (rk4_step if self.integrator == "rk4" else euler_step)(f, x, self.step)
