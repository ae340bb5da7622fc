import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from baselines.pinn_pde.domain import Box
from baselines.pinn_pde.jets import ACTIVATIONS, Activation, JetField, Layout, derivatives_of, jet_of, product
from baselines.pinn_pde.network import JetNetwork, periods
from baselines.pinn_pde.problem import Ansatz, Condition, Field, PDEProblem, Periodic
from baselines.pinn_pde.references import Reference

FULL = Layout.of([(0, 0), (0, 1), (1, 1)])
Function = Callable[[torch.Tensor], torch.Tensor]


@dataclass
class Wave(PDEProblem):
    """u and v in (x, t), u with built-in initial values, both periodic in x."""

    outputs = ("u", "v")
    hard: bool = True
    slopes: bool = True

    def domain(self) -> Box:
        return Box(("x", "t"), (-1.0, 0.5), (2.0, 1.5), time=True)

    def residual(self, field: Field) -> list[Any]:
        return [field("u", "t") - field("v", "x"), field("v", "t") - field("u", "x", "x") * field("u")]

    def conditions(self) -> list[Condition | Periodic]:
        orders = (0, 1) if self.slopes else (0,)
        return [
            Condition("initial", "initial", lambda p: np.cos(2 * np.pi * p[:, :1] / 3)),
            Periodic("u_ends", "x", "u", orders),
            Periodic("v_ends", "x", "v", orders),
        ]

    def ansatz(self) -> dict[str, Ansatz]:
        if not self.hard:
            return {}
        u = Ansatz(lambda c: c.xp.cos(2 * math.pi * c["x"] / 3), lambda c: c["t"] - 0.5, ("initial",))
        return {"u": u}

    def reference(self) -> Reference:
        raise NotImplementedError


def network(problem: PDEProblem, **keys: Any) -> JetNetwork:
    return JetNetwork(problem, [6, 5], generator=torch.Generator().manual_seed(1), **keys)


def by_autograd(f: Function, points: np.ndarray, layout: Layout) -> torch.Tensor:
    """The jet of f: [d] -> [F] at every point, by torch.func alone, [K, N, F]."""
    x = torch.as_tensor(points)
    value, first = torch.stack([f(p) for p in x]), torch.stack([torch.func.jacrev(f)(p) for p in x])
    second = torch.stack([torch.func.jacrev(torch.func.jacrev(f))(p) for p in x])
    by_order = {0: lambda key: value, 1: lambda key: first[:, :, key[0]], 2: lambda key: second[:, :, key[0], key[1]]}
    return torch.stack([by_order[len(key)](key) for key in layout.keys])


def test_a_layout_holds_what_second_derivatives_need() -> None:
    layout = Layout.of([(1, 0), ()])
    assert layout.keys == ((), (0,), (1,), (0, 1))
    assert layout.index((1, 0)) == 3 and layout.first == 2 and layout.products == ((3, 1, 2),)
    assert Layout.of([]).keys == ((),)


def test_a_layout_refuses_third_derivatives() -> None:
    with pytest.raises(ValueError, match="second order only"):
        Layout.of([(0, 0, 0)])


def test_a_residual_is_asked_which_derivatives_it_uses() -> None:
    assert derivatives_of(Wave(), Wave().residual).keys == ((), (0,), (1,), (0, 0))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_and_its_written_out_backward_pass(name: str) -> None:
    z = torch.randn(len(FULL.keys), 3, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.autograd.gradcheck(lambda z: Activation.apply(z, name, FULL), (z.requires_grad_(),))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_on_a_known_function(name: str) -> None:
    """z = x^2 t: every derivative of tanh(z) or sin(z) by torch.func."""
    points = np.random.default_rng(0).uniform(-1, 1, (5, 2))
    inner = by_autograd(lambda p: (p[0] ** 2 * p[1])[None], points, FULL)
    expected = by_autograd(lambda p: getattr(torch, name)(p[0] ** 2 * p[1])[None], points, FULL)
    torch.testing.assert_close(Activation.apply(inner, name, FULL), expected)


def test_product_rule() -> None:
    points = np.random.default_rng(0).uniform(-1, 1, (5, 2))
    f = by_autograd(lambda p: (torch.sin(p[0]) * p[1])[None], points, FULL)
    g = by_autograd(lambda p: torch.stack([torch.exp(p[0] * p[1]), p[0] ** 3]), points, FULL)

    def both(p: torch.Tensor) -> torch.Tensor:
        return torch.sin(p[0]) * p[1] * torch.stack([torch.exp(p[0] * p[1]), p[0] ** 3])

    torch.testing.assert_close(product(f, g, FULL), by_autograd(both, points, FULL))


def test_the_jet_of_a_formula() -> None:
    points = torch.as_tensor(np.random.default_rng(0).uniform(-1, 1, (4, 2)))
    x, t = points[:, :1], points[:, 1:]
    jet = jet_of(lambda c: c.xp.sin(2 * c["x"]) * c["t"] ** 2, ("x", "t"), points, FULL)
    sin, cos = torch.sin(2 * x), torch.cos(2 * x)
    expected = [sin * t**2, 2 * cos * t**2, 2 * sin * t, -4 * sin * t**2, 4 * cos * t, 2 * sin]
    torch.testing.assert_close(jet, torch.stack(expected))


@pytest.mark.parametrize(("formula", "value"), [(lambda c: 3.0, 3.0), (lambda c: c["x"] * 0.0 + 2.0, 2.0)])
def test_the_jet_of_a_constant(formula: Callable[[Any], Any], value: float) -> None:
    jet = jet_of(formula, ("x", "t"), torch.zeros(3, 2, dtype=torch.float64), FULL)
    assert torch.all(jet[0] == value) and torch.all(jet[1:] == 0)


@pytest.mark.parametrize("keys", [{}, {"hard": False}, {"fourier": 4}, {"activation": "sin"}], ids=str)
def test_the_jet_of_a_network_is_that_of_autograd(keys: dict[str, Any]) -> None:
    """Second derivatives of the whole composition, periodic inputs and ansatz included."""
    net, points = network(Wave(), **keys), Wave().domain().sample(4, np.random.default_rng(0))

    def value(p: torch.Tensor) -> torch.Tensor:
        x, t = p[0], p[1]
        inputs = [2 * (t - 0.5) - 1]
        if net.periods:
            inputs = [torch.cos(2 * math.pi * (x + 1) / 3), torch.sin(2 * math.pi * (x + 1) / 3), *inputs]
        else:
            inputs = [2 * (x + 1) / 3 - 1, *inputs]
        a = torch.stack(inputs)
        if keys.get("fourier"):
            a = torch.cat([torch.cos(a @ net.frequencies), torch.sin(a @ net.frequencies)])
        for number, (weight, bias) in enumerate(zip(net.weights, net.biases, strict=True)):
            a = weight @ (a if number == 0 else getattr(torch, net.activation)(a)) + bias
        if net.ansatz:
            return torch.stack([torch.cos(2 * math.pi * x / 3) + (t - 0.5) * a[0], a[1]])
        return a

    expected = by_autograd(value, points, FULL).detach()
    torch.testing.assert_close(net.jet(net.prepare(points, FULL)).detach(), expected)
    np.testing.assert_allclose(net.predict(points, chunk=3), expected[0].numpy(), rtol=1e-12)
    np.testing.assert_allclose(net.derivative(points, (1, 0)), expected[FULL.index((0, 1))].numpy(), rtol=1e-9)


def test_built_in_conditions_hold_exactly() -> None:
    net = network(Wave())
    start = Wave().domain().sample_initial(20, np.random.default_rng(0))
    np.testing.assert_array_equal(net.predict(start)[:, :1], np.cos(2 * np.pi * start[:, :1] / 3))
    left, right = start.copy(), start.copy()
    left[:, 0], right[:, 0] = -1.0, 2.0
    np.testing.assert_allclose(net.predict(left), net.predict(right), rtol=1e-13)
    np.testing.assert_allclose(net.derivative(left, (0,)), net.derivative(right, (0,)), rtol=1e-11, atol=1e-13)
    assert net.satisfied == {"initial", "u_ends", "v_ends"}


def test_soft_conditions_are_left_to_the_loss() -> None:
    net = network(Wave(), hard=False)
    assert net.satisfied == set() and net.periods == {} and net.ansatz == {}


def test_a_coordinate_is_built_in_as_periodic_only_if_the_slopes_agree() -> None:
    assert periods(Wave()) == {"x": 3.0} and periods(Wave(slopes=False)) == {}
    assert network(Wave(slopes=False)).satisfied == {"initial"}


def test_an_unknown_activation_is_refused() -> None:
    with pytest.raises(ValueError, match="tanh, sin"):
        network(Wave(), activation="relu")


def test_a_field_reads_a_jet_by_name() -> None:
    jet = torch.arange(6 * 3 * 2, dtype=torch.float64).reshape(6, 3, 2)
    points = torch.rand(3, 2, generator=torch.Generator().manual_seed(0))
    field = JetField(("x", "t"), ("u", "v"), points, jet, FULL, {"a": torch.tensor(2.0)})
    torch.testing.assert_close(field("v", "t", "x"), jet[FULL.index((0, 1)), :, 1:])
    torch.testing.assert_close(field["t"], points[:, 1:])
    assert float(field.unknown("a")) == 2.0 and field("u").shape == (3, 1)
