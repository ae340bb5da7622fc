r"""Derivatives carried forward: a quantity together with its first and second derivatives at a batch of points.

A *jet* is a tensor [K, N, F]: K derivatives, listed by a `Layout`, of F quantities at N points. A network maps the jet
of its inputs to the jet of its outputs, one layer at a time: a linear layer acts on each derivative alike, and for an
activation $a = \varphi(z)$

$$a_i = \varphi' z_i, \qquad a_{ij} = \varphi' z_{ij} + \varphi'' z_i z_j .$$

No derivative of the network is then a derivative of a graph, so one backward pass gives the gradient in the parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np
import torch

from baselines.pinn_pde.problem import Field, PDEProblem

Key = tuple[int, ...]  # coordinates with respect to which is differentiated, sorted; () is the value


@dataclass(frozen=True)
class Layout:
    """Which derivatives a jet holds: the value first, then first derivatives, then second ones."""

    keys: tuple[Key, ...]

    @staticmethod
    def of(wanted: Iterable[Key]) -> Layout:
        """The smallest layout that holds the wanted derivatives and what their computation needs.

        Raises:
            ValueError: A derivative of third order or higher is wanted.
        """
        wanted = {tuple(sorted(key)) for key in wanted}
        if any(len(key) > 2 for key in wanted):
            raise ValueError("derivatives up to second order only: write the equation as a system of lower order")
        second = sorted(key for key in wanted if len(key) == 2)
        first = sorted({(j,) for key in wanted for j in key})
        return Layout(((), *first, *second))

    def index(self, key: Key) -> int:
        """Position of a derivative in the jet."""
        return self.keys.index(tuple(sorted(key)))

    @cached_property
    def first(self) -> int:
        """Number of first derivatives."""
        return sum(len(key) == 1 for key in self.keys)

    @cached_property
    def products(self) -> tuple[tuple[int, int, int], ...]:
        """Positions (of the second derivative ij, of i, of j)."""
        return tuple((k, self.index(key[:1]), self.index(key[1:])) for k, key in enumerate(self.keys) if len(key) == 2)


class _Traced(Field):
    """Stands in for a solution and notes which derivatives are asked for."""

    xp: ModuleType = np

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names, self.asked = names, set[Key]()

    def __getitem__(self, coordinate: str) -> Any:
        return np.full((1, 1), 0.5)

    def __call__(self, output: str, *inputs: str) -> Any:
        self.asked.add(tuple(sorted(self.names.index(name) for name in inputs)))
        return np.full((1, 1), 0.5)

    def unknown(self, name: str) -> Any:
        return np.full((1, 1), 0.5)


def derivatives_of(problem: PDEProblem, formula: Callable[[Field], Any]) -> Layout:
    """The derivatives that a formula, such as `problem.residual`, uses."""
    traced = _Traced(problem.domain().names)
    formula(traced)
    return Layout.of(traced.asked)


class JetField:
    """A jet of outputs as `baselines.pinn_pde.problem.Field`.

    Args:
        names: of the coordinates.
        outputs: names of the outputs.
        points: [N, d].
        jet: [K, N, outputs].
        layout: of the jet.
        unknowns: name to value, a scalar or one for each point [N, 1].
    """

    xp: ModuleType = torch

    def __init__(
        self,
        names: tuple[str, ...],
        outputs: tuple[str, ...],
        points: torch.Tensor,
        jet: torch.Tensor,
        layout: Layout,
        unknowns: dict[str, torch.Tensor],
    ) -> None:
        self._names, self._outputs, self._points = names, outputs, points
        self._jet, self._layout, self._unknowns = jet, layout, unknowns

    def __getitem__(self, coordinate: str) -> torch.Tensor:
        """Values of a coordinate, [N, 1]."""
        j = self._names.index(coordinate)
        return self._points[:, j : j + 1]

    def __call__(self, output: str, *inputs: str) -> torch.Tensor:
        """An output or a derivative of it, [N, 1]."""
        i = self._outputs.index(output)
        key = tuple(self._names.index(name) for name in inputs)
        return self._jet[self._layout.index(key), :, i : i + 1]

    def unknown(self, name: str) -> torch.Tensor:
        """Current value of an unknown parameter."""
        return self._unknowns[name]


def _tanh(z: torch.Tensor) -> tuple[torch.Tensor, ...]:
    a = torch.tanh(z)
    slope = 1.0 - a * a
    curvature = -2.0 * a * slope
    return a, slope, curvature


def _tanh_third(a: torch.Tensor, slope: torch.Tensor, curvature: torch.Tensor) -> torch.Tensor:
    return -2.0 * (slope * slope + a * curvature)


def _sin(z: torch.Tensor) -> tuple[torch.Tensor, ...]:
    a = torch.sin(z)
    return a, torch.cos(z), -a


def _sin_third(a: torch.Tensor, slope: torch.Tensor, curvature: torch.Tensor) -> torch.Tensor:
    return -slope


ACTIVATIONS = {"tanh": (_tanh, _tanh_third), "sin": (_sin, _sin_third)}


class Activation(torch.autograd.Function):
    """An activation applied to a jet [K, N, F]; the backward pass is written out, which makes it three times faster."""

    @staticmethod
    def forward(ctx: Any, z: torch.Tensor, name: str, layout: Layout) -> torch.Tensor:
        """Faà di Bruno's formula to second order."""
        a, slope, curvature = ACTIVATIONS[name][0](z[0])
        out = z * slope
        out[0] = a
        for k, i, j in layout.products:
            out[k].addcmul_(curvature * z[i], z[j])
        ctx.save_for_backward(z, a, slope, curvature)
        ctx.name, ctx.layout = name, layout
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        """Transposed derivative of the formula."""
        z, a, slope, curvature = ctx.saved_tensors
        layout: Layout = ctx.layout
        found = grad * slope
        if len(layout.keys) > 1:
            bent = (grad[1:] * z[1:]).sum(0)
            found[0].addcmul_(bent, curvature)
        if layout.products:
            third = ACTIVATIONS[ctx.name][1](a, slope, curvature)
            twice = torch.zeros_like(a)
            for k, i, j in layout.products:
                pulled = grad[k] * curvature
                found[i].addcmul_(pulled, z[j])
                found[j].addcmul_(pulled, z[i])
                twice.addcmul_(grad[k] * z[i], z[j])
            found[0].addcmul_(twice, third)
        return found, None, None


def product(factor: torch.Tensor, jet: torch.Tensor, layout: Layout) -> torch.Tensor:
    """The jet of a product: `factor` [K, N, 1 or F] times `jet` [K, N, F], by the product rule."""
    rows = [factor[0] * jet[0]]
    rows += [factor[i] * jet[0] + factor[0] * jet[i] for i in range(1, 1 + layout.first)]
    for k, i, j in layout.products:
        rows.append(factor[k] * jet[0] + factor[i] * jet[j] + factor[j] * jet[i] + factor[0] * jet[k])
    return torch.stack(rows)


class PointCoordinates:
    """Points alone, in torch, as `baselines.pinn_pde.problem.Coordinates`."""

    xp: ModuleType = torch

    def __init__(self, names: tuple[str, ...], columns: list[torch.Tensor]) -> None:
        self._names, self.columns = names, columns

    def __getitem__(self, coordinate: str) -> torch.Tensor:
        """Values of a coordinate, [N, 1]."""
        return self.columns[self._names.index(coordinate)]


def jet_of(
    formula: Callable[[PointCoordinates], torch.Tensor | float],
    names: tuple[str, ...],
    points: torch.Tensor,
    layout: Layout,
) -> torch.Tensor:
    """The jet [K, N, F] of a formula in the coordinates alone, by automatic differentiation; it is a constant."""
    columns = [points[:, j : j + 1].detach().clone().requires_grad_() for j in range(points.shape[1])]
    with torch.enable_grad():
        value = torch.as_tensor(formula(PointCoordinates(names, columns)), dtype=points.dtype, device=points.device)
        value = value + torch.zeros_like(columns[0])
        parts = []
        for f in range(value.shape[1]):
            found: dict[Key, torch.Tensor] = {(): value[:, f : f + 1]}
            for key in layout.keys[1:]:
                found[key] = _slope(found[key[:-1]], columns[key[-1]])
            parts.append(torch.stack([found[key].detach() for key in layout.keys]))
    return torch.cat(parts, dim=2)


def _slope(value: torch.Tensor, column: torch.Tensor) -> torch.Tensor:
    if not value.requires_grad:
        return torch.zeros_like(value)
    (slope,) = torch.autograd.grad(value.sum(), column, create_graph=True, allow_unused=True)
    return torch.zeros_like(value) if slope is None else slope
