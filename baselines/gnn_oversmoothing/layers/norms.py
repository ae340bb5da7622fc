"""The normalisations of ``norm=``.

All statistics are those of the nodes at hand, in training and in evaluation: the graph is trained on as a whole, so
running averages would only lag behind, and a network without training would have none.  PairNorm and NodeNorm bring
their gradients in closed form; torch's own derivation of the same formulas took twice as long.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EPS = 1e-5  # added to variances


class _PairScale(torch.autograd.Function):
    """Y = k (X - 1 mean(X)'), k such that ||Y||_F^2 / N = scale^2 up to eps."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: float) -> Tensor:
        y = x - x.mean(dim=0)
        factor = scale * torch.rsqrt(EPS + _inner(y, y) / x.shape[0])
        y *= factor
        ctx.save_for_backward(y, factor)
        ctx.norm = x.shape[0] * scale**2
        return y

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        y, factor = ctx.saved_tensors
        result = torch.addcmul(-gradient.mean(dim=0), y, -_inner(gradient, y) / ctx.norm)
        return result.add_(gradient).mul_(factor), None


class _NodeScale(torch.autograd.Function):
    """y_i = x_i (var_i + eps)^(-1 / (2 p))."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, p: float) -> Tensor:
        standard, _, inverse = torch.native_layer_norm(x, x.shape[1:], None, None, EPS)  # inverse: (var + eps)^(-1/2)
        factor = inverse if p == 1.0 else inverse ** (1.0 / p)
        ctx.save_for_backward(x, standard, inverse, factor)
        ctx.p = p
        return x * factor

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        x, standard, inverse, factor = ctx.saved_tensors
        along = (gradient * x).sum(dim=1, keepdim=True) * inverse / (-ctx.p * x.shape[1])
        return torch.addcmul(gradient, standard, along).mul_(factor), None


class PairNorm(nn.Module):
    """Zhao and Akoglu, ICLR 2020: the total squared distance of all pairs of nodes stays 2 N^2 scale^2.

        C = X - 1 mean(X)',  X' = scale C / sqrt(eps + ||C||_F^2 / N),  or row by row x_i' = scale c_i / (eps + |c_i|).

    Args:
        scale: s of the paper.
        individually: row by row (PN-SI).
    """

    def __init__(self, scale: float, individually: bool) -> None:
        """Keep the settings; there are no parameters."""
        super().__init__()
        self.scale, self.individually = scale, individually

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised X, [N, F]."""
        if self.individually:
            centred = x - x.mean(dim=0)
            return centred * (self.scale / (EPS + torch.linalg.vector_norm(centred, dim=1, keepdim=True)))
        result: Tensor = _PairScale.apply(x, self.scale)
        return result


class NodeNorm(nn.Module):
    """Zhou et al., CIKM 2021: x_i' = x_i / (var_i + eps)^(1 / (2 p)), var_i the variance within row i.

    Args:
        p: 1 gives every row unit variance; larger p change it less.
        center: subtract the row's mean first; with p = 1 this is LayerNorm without parameters.
    """

    def __init__(self, p: float, center: bool) -> None:
        """Keep the settings; there are no parameters."""
        super().__init__()
        self.p, self.center = p, center

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised X, [N, F]."""
        if self.center and self.p == 1.0:
            return F.layer_norm(x, x.shape[1:], eps=EPS)
        result: Tensor = _NodeScale.apply(x - x.mean(dim=1, keepdim=True) if self.center else x, self.p)
        return result


class DifferentiableGroupNorm(nn.Module):
    """Zhou et al., NeurIPS 2020: X' = X + lamda sum_g BatchNorm_g(s_g X), S = softmax(X W) the soft groups.

    The batch normalisations of all groups come from a few products [G, N] [N, F]; the [N, G, F] entries of the
    definition are never formed.  With means (bar) and deviations C = X - bar X, T = S - bar S,

        s_g x - mean = bar s_g c + bar x t_g + t_g c - mean(t_g c),

    whose square has the mean `variance` below; sums of deviations do not cancel where X is nearly constant.

    Args:
        width: F.
        groups: G.
        lamda: weight of the normalised part.
    """

    def __init__(self, width: int, groups: int, lamda: float) -> None:
        """Create W [F, G] and the affine parameters gamma, beta [G, F] of the normalisations."""
        super().__init__()
        self.lamda = lamda
        self.assign = nn.Parameter(torch.empty(width, groups))
        self.gamma = nn.Parameter(torch.ones(groups, width))
        self.beta = nn.Parameter(torch.zeros(groups, width))
        nn.init.xavier_uniform_(self.assign)

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised X, [N, F]."""
        nodes = x.shape[0]
        s = torch.softmax(self.assign.T @ x.T, dim=0)  # [G, N]; a softmax along rows of 10 would be slow
        mean_s, mean_x = s.mean(dim=1, keepdim=True), x.mean(dim=0)  # [G, 1], [F]
        t, c = s - mean_s, x - mean_x
        t_squared, c_squared = t.square(), c.square()
        tc, tcc, ttc, ttcc = t @ c, t @ c_squared, t_squared @ c, t_squared @ c_squared  # [G, F], sums over the nodes
        cc, tt = c_squared.sum(dim=0), t_squared.sum(dim=1, keepdim=True)
        mixed = mean_s * mean_x * tc + mean_s * tcc + mean_x * ttc
        variance = (mean_s**2 * cc + mean_x**2 * tt + ttcc + 2.0 * mixed) / nodes - (tc / nodes) ** 2
        scale = self.gamma * torch.rsqrt(variance.clamp(min=0.0) + EPS)  # [G, F]
        shift = (self.beta - scale * tc / nodes).sum(dim=0)  # [F]
        normalised = torch.addcmul(shift, c, s.T @ scale) + mean_x * (t.T @ scale)
        return x.add(normalised, alpha=self.lamda)


def _inner(x: Tensor, y: Tensor) -> Tensor:
    return x.flatten().dot(y.flatten())
