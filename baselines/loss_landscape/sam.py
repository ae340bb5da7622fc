"""Sharpness-aware minimisation as an optimizer of torch."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


class SAM(Optimizer):
    """Foret et al. (2021, arXiv:2010.01412): descend along the gradient at the worst point nearby.

    g = grad L(w),  w <- w - lr grad L(w + rho g / |g|),

    with the norm over all parameters. There is no momentum and no weight decay. Before `step` the parameters' `.grad`
    hold g, as for every optimizer; the closure evaluates the gradient again, once.

    Args:
        params: Parameters, or groups of them with their own `lr`.
        lr: Step size.
        rho: Radius of the neighbourhood; 0 is gradient descent.

    Raises:
        ValueError: If `lr` is not positive or `rho` is negative.
    """

    needs_closure = True

    def __init__(self, params: Iterable[Tensor] | Iterable[dict[str, Any]], lr: float, rho: float = 0.05) -> None:
        if not lr > 0 or not rho >= 0:
            raise ValueError(f"SAM needs lr > 0 and rho >= 0; got {lr} and {rho}")
        self.rho = rho
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step.

        Args:
            closure: Sets the `.grad` of all parameters to the gradient at their present values; returns the loss.

        Returns:
            What the closure returns: the loss at the perturbed parameters.

        Raises:
            ValueError: Without a closure.
        """
        if closure is None:
            raise ValueError("SAM evaluates the gradient twice in a step; give `step` a closure")
        pairs = [(group["lr"], p) for group in self.param_groups for p in group["params"] if p.grad is not None]
        norm = torch.cat([p.grad.reshape(-1) for _, p in pairs]).norm()
        before = [p.clone() for _, p in pairs]
        if norm > 0:
            for _, p in pairs:
                p.add_(p.grad, alpha=self.rho / norm.item())
        with torch.enable_grad():
            loss = closure()
        for (lr, p), origin in zip(pairs, before, strict=True):
            p.copy_(origin).add_(p.grad, alpha=-lr)
        return loss
