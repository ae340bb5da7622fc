"""Order, stability and energy laws of the time steps, on graphs whose spectrum is known."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from scipy.linalg import expm
from torch import Tensor

from baselines.gnn_oversmoothing import integrators, reactions
from baselines.gnn_oversmoothing.graphs import Graph
from baselines.gnn_oversmoothing.integrators import (
    allen_cahn_limit,
    euler_limit,
    euler_step,
    invariant_cube_limit,
    oscillator_limit,
    oscillator_step,
    rk4_limit,
    rk4_step,
    splitting_step,
)

Step = Callable[[Tensor, float], Tensor]
NODES = 12


def cycle(nodes: int = NODES) -> Graph:
    node = torch.arange(nodes)
    return Graph.from_edges(torch.stack([node, (node + 1) % nodes]), nodes)


@pytest.fixture
def p() -> Tensor:
    """P of an even cycle: eigenvalues (1 + 2 cos(2 pi k / n)) / 3, so L = I - P has lambda_max = 4/3."""
    return cycle().propagation(torch.float64).dense()


@pytest.fixture
def x() -> Tensor:
    return torch.randn(NODES, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def gap(nodes: int = NODES) -> float:
    return (2.0 - 2.0 * math.cos(2.0 * math.pi / nodes)) / 3.0


def order(step: Step, x: Tensor, exact: Tensor, counts: list[int], time: float = 1.0) -> float:
    """Return the slope of log error against log step."""
    errors = []
    for count in counts:
        y = x
        for _ in range(count):
            y = step(y, time / count)
        errors.append(float((y - exact).norm()))
    return float(np.polyfit(np.log(counts), np.log(errors), 1)[0]) * -1.0


def growth(step: Callable[[Tensor], Tensor], x: Tensor, steps: int = 2000) -> float:
    """Return the largest norm of the last tenth of the iterates relative to that of the tenth before."""
    norms = []
    for _ in range(steps):
        x = step(x)
        norms.append(float(x.norm()))
    tenth = steps // 10
    return max(norms[-tenth:]) / max(norms[-2 * tenth : -tenth])


@pytest.mark.parametrize(
    ("method", "expected", "counts", "within"),
    [(euler_step, 1.0, [64, 128, 256], 0.05), (rk4_step, 4.0, [16, 32, 64], 0.1)],
)
def test_order_on_the_heat_equation(
    p: Tensor, x: Tensor, method: Callable[..., Tensor], expected: float, counts: list[int], within: float
) -> None:
    exact = torch.from_numpy(expm(p.numpy() - np.eye(NODES))) @ x
    slope = order(lambda y, step: method(lambda z: reactions.diffusion(z, p), y, step), x, exact, counts)
    assert slope == pytest.approx(expected, abs=within)


@pytest.mark.parametrize("name", ["allen_cahn", "fisher", "zeldovich"])
def test_order_of_the_splitting(p: Tensor, x: Tensor, name: str) -> None:
    reaction, flow = getattr(reactions, name), getattr(reactions, f"{name}_flow")
    x = x.abs() if name == "fisher" else x  # its field has a kink at 0

    def whole(y: Tensor) -> Tensor:
        return reactions.diffusion(y, p) + reaction(y)

    exact = x
    for _ in range(1000):
        exact = rk4_step(whole, exact, 1e-3)

    def split(y: Tensor, step: float) -> Tensor:
        return splitting_step(lambda z: reactions.diffusion(z, p), lambda z: flow(z, torch.tensor(step)), y, step)

    assert order(split, x, exact, [64, 128, 256]) == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("name", ["allen_cahn", "fisher"])
@pytest.mark.parametrize("time", [0.0, 0.3, 2.0])
def test_flow_solves_its_equation(name: str, time: float) -> None:
    start = torch.tensor([-3.0, -1.0, -0.2, 0.0, 1e-3, 0.7, 1.0, 6.0], dtype=torch.float64)
    field = getattr(reactions, name)
    flow = getattr(reactions, f"{name}_flow")(start, torch.tensor(time, dtype=torch.float64))
    solution = solve_ivp(lambda _, y: field(torch.from_numpy(y)).numpy(), (0.0, time), start, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(flow.numpy(), solution.y[:, -1], atol=1e-9)


def test_allen_cahn_flow_is_bounded_from_everywhere() -> None:
    t = torch.tensor(0.5)
    flow = reactions.allen_cahn_flow(torch.tensor([1e3, -1e6, 1e18]), t)
    assert flow.abs().max() <= (1.0 - math.exp(-1.0)) ** -0.5 * (1.0 + 1e-6)


@pytest.mark.parametrize("name", ["allen_cahn", "fisher", "zeldovich"])
def test_gradients_of_the_flows(x: Tensor, name: str) -> None:
    flow = getattr(reactions, f"{name}_flow")
    x.requires_grad_()
    for t in (torch.tensor([0.1, 0.5, 2.0], dtype=x.dtype), torch.tensor(0.7, dtype=x.dtype)):
        assert torch.autograd.gradcheck(flow, (x, t.requires_grad_()))
    assert torch.autograd.gradcheck(lambda y: flow(y, torch.tensor(0.7, dtype=x.dtype)), (x,))


def test_zeldovich_flow_has_order_one_and_stays_between_x_and_one() -> None:
    start = torch.tensor([-2.0, -0.5, 0.3, 0.9, 4.0], dtype=torch.float64)
    exact = start
    for _ in range(1000):
        exact = rk4_step(reactions.zeldovich, exact, 1e-3)
    slope = order(lambda y, step: reactions.zeldovich_flow(y, torch.tensor(step)), start, exact, [64, 128, 256])
    assert slope == pytest.approx(1.0, abs=0.05)
    far = reactions.zeldovich_flow(start, torch.tensor(100.0))
    assert torch.all((far - start) * (1.0 - far) >= 0.0)


@pytest.mark.parametrize("alpha", [0.0, 0.5])
def test_order_of_the_oscillator_step(p: Tensor, x: Tensor, alpha: float) -> None:
    """x'' = -(gamma + L) x - alpha x' against the exponential of the first-order system."""
    gamma, eye = 2.0, np.eye(NODES)
    system = np.block([[0.0 * eye, eye], [p.numpy() - (1.0 + gamma) * eye, -alpha * eye]])
    state = torch.cat([x, x.flip(0)])
    exact = torch.from_numpy(expm(system)) @ state

    def step(y: Tensor, length: float) -> Tensor:
        position, velocity = y.split(NODES)
        return torch.cat(oscillator_step(reactions.diffusion(position, p), position, velocity, length, alpha, gamma))

    assert order(step, state, exact, [128, 256, 512]) == pytest.approx(1.0, abs=0.05)


def test_undamped_oscillator_keeps_its_energy_where_explicit_euler_gains() -> None:
    gamma, step = 2.0, 0.1
    x, velocity = torch.tensor(1.0, dtype=torch.float64), torch.tensor(0.3, dtype=torch.float64)
    first = float(reactions.oscillator_energy(x, velocity, gamma))
    modified = first - 0.5 * step * gamma * float(x * velocity)
    energies, euler = [], torch.stack([x, velocity])
    for _ in range(5000):
        x, velocity = oscillator_step(torch.zeros_like(x), x, velocity, step, 0.0, gamma)
        euler = euler_step(lambda z: torch.stack([z[1], -gamma * z[0]]), euler, step)
        energies.append(float(reactions.oscillator_energy(x, velocity, gamma)))
        assert energies[-1] - 0.5 * step * gamma * float(x * velocity) == pytest.approx(modified, rel=1e-11)
    # |x y| is at most energy / sqrt(gamma), so energy and modified energy differ by a share step sqrt(gamma) / 2
    share = 0.5 * step * math.sqrt(gamma)
    assert max(energies) <= modified / (1.0 - share) and min(energies) >= modified / (1.0 + share)
    rate = math.log(float(reactions.oscillator_energy(*euler, gamma)) / first) / 5000
    assert rate == pytest.approx(math.log(1.0 + gamma * step**2), rel=1e-9)


def test_heat_equation_loses_dirichlet_energy_at_the_rate_of_the_gap(p: Tensor, x: Tensor) -> None:
    first = float(reactions.quadratic_energy(x, p))
    y, step = x, 0.5
    for count in range(1, 41):
        exact = torch.from_numpy(expm(count * step * (p.numpy() - np.eye(NODES)))) @ x
        y = euler_step(lambda z: reactions.diffusion(z, p), y, step)  # step lambda <= 1: below the exact decay
        bound = first * math.exp(-2.0 * gap() * step * count)
        assert float(reactions.quadratic_energy(exact, p)) <= bound * (1.0 + 1e-9)
        assert float(reactions.quadratic_energy(y, p)) <= bound * (1.0 + 1e-9)


def test_gradient_flow_of_the_ginzburg_landau_energy(p: Tensor, x: Tensor) -> None:
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(reactions.ginzburg_landau_energy(x, p, 0.7, 1.3), x)
    torch.testing.assert_close(-gradient, 0.7 * reactions.diffusion(x, p) + 1.3 * reactions.allen_cahn(x))


@pytest.mark.parametrize("share", [0.5, 0.98])
def test_allen_cahn_energy_never_rises_below_the_limit(p: Tensor, x: Tensor, share: float) -> None:
    alpha, beta, bound = 1.0, 1.0, 2.0
    step = share * allen_cahn_limit(4.0 / 3.0, alpha, beta, bound)
    x = x.clamp(-bound, bound)
    energy = float(reactions.ginzburg_landau_energy(x, p, alpha, beta))
    for _ in range(300):
        x = euler_step(lambda z: alpha * reactions.diffusion(z, p) + beta * reactions.allen_cahn(z), x, step)
        assert float(x.abs().max()) <= bound, "outside the cube the limit says nothing"
        after = float(reactions.ginzburg_landau_energy(x, p, alpha, beta))
        assert after <= energy + 1e-12
        energy = after


def test_allen_cahn_cube_is_invariant_and_a_larger_start_explodes(p: Tensor, x: Tensor) -> None:
    bound = 3.0
    step = invariant_cube_limit(1.0, 1.0, bound)

    def f(z: Tensor) -> Tensor:
        return reactions.diffusion(z, p) + reactions.allen_cahn(z)

    y = bound * x.sign()
    for _ in range(200):
        y = euler_step(f, y, step)
        assert float(y.abs().max()) <= bound
    y = 10.0 * x.sign()
    for _ in range(20):
        y = euler_step(f, y, step)
    assert not torch.isfinite(y).all()


@pytest.mark.parametrize(("method", "limit"), [(euler_step, euler_limit), (rk4_step, rk4_limit)])
def test_diffusion_is_bounded_below_its_step_limit_and_grows_above(
    p: Tensor, x: Tensor, method: Callable[..., Tensor], limit: Callable[[float], float]
) -> None:
    largest = limit(4.0 / 3.0)
    for share, grows in ((0.98, False), (1.02, True)):
        step = share * largest
        ratio = growth(lambda y, step=step: method(lambda z: reactions.diffusion(z, p), y, step), x)
        assert (ratio > 1.0 + 1e-9) == grows


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_oscillator_is_bounded_below_its_step_limit_and_grows_above(p: Tensor, x: Tensor, alpha: float) -> None:
    gamma = 1.0
    largest = oscillator_limit(alpha, gamma + 4.0 / 3.0)
    for share, grows in ((0.98, False), (1.02, True)):

        def step(y: Tensor, length: float = share * largest) -> Tensor:
            position, velocity = y.split(NODES)
            force = reactions.diffusion(position, p)
            return torch.cat(oscillator_step(force, position, velocity, length, alpha, gamma))

        ratio = growth(step, torch.cat([x, torch.zeros_like(x)]), steps=400)
        assert (ratio > 1.05) == grows, "the bounded motion is a beat of several frequencies"


def test_rk4_interval_is_the_zero_of_its_polynomial() -> None:
    z = -integrators.RK4_INTERVAL
    assert 1.0 + z + z**2 / 2.0 + z**3 / 6.0 + z**4 / 24.0 == pytest.approx(1.0, abs=1e-9)


def test_reactions_are_their_formulas(p: Tensor, x: Tensor) -> None:
    torch.testing.assert_close(reactions.blurring_sharpening(x, p), (p - p @ p) @ x)
    for value in (-0.5, 0.0, 0.3, 2.0):
        entry = torch.tensor(value, dtype=torch.float64)
        assert float(reactions.allen_cahn(entry)) == pytest.approx(value * (1.0 - value**2))
        assert float(reactions.fisher(entry)) == pytest.approx(value * (1.0 - value) if value > 0.0 else 0.0)
        assert float(reactions.zeldovich(entry)) == pytest.approx(value * (value - value**2))
