"""The central flow against closed forms, its parts against independent computations."""

import numpy as np
import pytest
import torch

from baselines.loss_landscape import chebyshev_steps
from baselines.loss_landscape.central_flow import Flow, Rule, State, initial, trajectory
from baselines.loss_landscape.hessian import Hessian
from baselines.loss_landscape.layers import mlp
from baselines.loss_landscape.objective import Objective
from baselines.loss_landscape.third_derivative import curvature_gradients

Tensor = torch.Tensor


class Valley(torch.nn.Module):
    """L = 1/2 x' M x - a . y with M = [[y1, y3], [y3, y2]] (one direction: 1/2 y x^2 - a y).

    At x = 0 the Hessian is M and zeros: the curvatures are themselves parameters, driven upwards at the rates a.
    """

    def __init__(self, x: list[float], y: list[float], a: list[float]) -> None:
        super().__init__()
        self.w = torch.nn.Parameter(torch.tensor([*x, *y], dtype=torch.float64))
        self.k, self.a = len(x), torch.tensor(a, dtype=torch.float64)

    def forward(self, _: Tensor) -> Tensor:
        x, y = self.w[: self.k], self.w[self.k :]
        M = y[:1, None] if self.k == 1 else torch.stack([torch.stack([y[0], y[2]]), torch.stack([y[2], y[1]])])
        return 0.5 * x @ M @ x - self.a @ y


def valley(x: list[float], y: list[float], a: list[float]) -> Objective:
    return Objective(Valley(x, y, a), torch.zeros(1), torch.zeros(1), lambda value, _: value)


def network(seed: int = 0, activation: str = "tanh") -> Objective:
    generator = torch.Generator().manual_seed(seed)
    model = mlp([3, 4, 2], activation, generator, torch.float64)
    inputs, targets = (torch.randn(12, n, generator=generator, dtype=torch.float64) for n in (3, 2))
    return Objective(model, inputs, targets)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def random(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(7), dtype=torch.float64)


# Third derivatives


@pytest.mark.parametrize("activation", ["tanh", "silu", "gelu", "softplus"])
def test_curvature_gradients_against_differences_of_the_dense_hessian(activation):
    objective = network(activation=activation)
    w, U = objective.vector(), random(3, objective.size)

    def curvatures(at: Tensor) -> Tensor:
        objective.assign(at)
        return U @ Hessian(objective.loss(), objective.parameters).dense() @ U.T

    h, expected = 1e-4, []
    for unit in torch.eye(objective.size, dtype=torch.float64):
        expected.append((curvatures(w + h * unit) - curvatures(w - h * unit)) / (2 * h))
    objective.assign(w)
    value, third = curvature_gradients(objective.loss(), objective.parameters, U)
    torch.testing.assert_close(value, curvatures(w), rtol=1e-11, atol=1e-12)
    torch.testing.assert_close(third, torch.stack(expected, dim=-1), rtol=1e-5, atol=1e-6)


def test_curvature_gradients_of_a_cubic_are_its_coefficients():
    T, w, U = random(4, 4, 4), random(4).requires_grad_(), torch.eye(4, dtype=torch.float64)[:3]
    T = sum(T.permute(p) for p in [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)])
    value, third = curvature_gradients(torch.einsum("ijk,i,j,k->", T, w, w, w) / 6, [w], U)
    torch.testing.assert_close(third, T[:3, :3])
    torch.testing.assert_close(value, torch.einsum("ijk,k->ij", T, w.detach())[:3, :3])


def test_the_eigenvalue_changes_at_the_rate_of_its_curvature_gradient():
    objective = network()
    w, step = objective.vector(), random(objective.size)

    def top(t: float) -> tuple[float, Tensor]:
        objective.assign(w + t * step)
        values, vectors = torch.linalg.eigh(Hessian(objective.loss(), objective.parameters).dense())
        return float(values[-1]), vectors[:, -1]

    _, u = top(0.0)
    rate = (top(1e-5)[0] - top(-1e-5)[0]) / 2e-5
    objective.assign(w)
    _, third = curvature_gradients(objective.loss(), objective.parameters, u[None])
    assert float(third[0, 0] @ step) == pytest.approx(rate, rel=1e-6)


# Steps


def test_chebyshev_steps_are_of_order_two():
    exact = 1 / (1 + 1.0)  # dy/dt = -y^2, y(0) = 1, at t = 1
    for stages in (2, 5, 12):
        errors = []
        for n in (20, 40):
            y = torch.ones(1, dtype=torch.float64)
            for _ in range(n):
                y = chebyshev_steps.advance(lambda at: -at * at, y, 1 / n, stages)
            errors.append(abs(float(y) - exact))
        assert 3.6 < errors[0] / errors[1] < 4.4


@pytest.mark.parametrize("stages", [3, 7, 20])
def test_chebyshev_steps_are_stable_up_to_their_reach(stages):
    reach, one = chebyshev_steps.reach(stages), torch.ones(1, dtype=torch.float64)
    factors = [float(chebyshev_steps.advance(lambda y, c=c: -c * y, one, 1.0, stages)) for c in np.linspace(0, reach)]
    assert max(map(abs, factors)) <= 1 + 1e-12
    assert abs(float(chebyshev_steps.advance(lambda y: -1.3 * reach * y, one, 1.0, stages))) > 1
    assert chebyshev_steps.stages_for(0.99 * reach) == stages and chebyshev_steps.stages_for(1.01 * reach) > stages


def test_too_few_stages_are_refused():
    with pytest.raises(ValueError, match="at least 2"):
        chebyshev_steps.coefficients(1)


# The optimizer


@pytest.mark.parametrize("name", ["gd", "rmsprop"])
def test_the_trajectory_is_that_of_the_optimizer_of_torch(name):
    objective, other = network(), network()
    rule = Rule(0.1) if name == "gd" else Rule(0.01, 0.9, 1e-30)
    start = initial(objective, rule)
    ours = [reading.loss for reading in trajectory(objective, rule, start, 30, rng=rng())]
    optimizer: torch.optim.Optimizer = torch.optim.SGD(other.parameters, lr=0.1)
    if name == "rmsprop":
        optimizer = torch.optim.RMSprop(other.parameters, lr=0.01, alpha=0.9, eps=0.0)
        for p, g in zip(other.parameters, torch.autograd.grad(other.loss(), other.parameters), strict=True):
            optimizer.state[p] = {"step": torch.tensor(0.0), "square_avg": g.square()}
    theirs = []
    for _ in range(31):
        optimizer.zero_grad()
        loss = other.loss()
        theirs.append(loss.item())
        loss.backward()
        optimizer.step()
    np.testing.assert_allclose(ours, theirs, rtol=1e-10)


def test_warm_up_is_the_beginning_of_the_trajectory():
    objective, rule = network(), Rule(0.01, 0.9, 1e-8)
    w = objective.vector()
    whole = [reading.loss for reading in trajectory(objective, rule, initial(objective, rule), 30, rng=rng())]
    objective.assign(w)
    late = initial(objective, rule, warmup=12)
    rest = [reading.loss for reading in trajectory(objective, rule, late, 18, rng=rng())]
    np.testing.assert_allclose(rest, whole[12:], rtol=1e-12)


# The flows


def test_one_direction_at_the_edge():
    """Gradient descent at y = 2/eta: X = 2 a/eta, that is x^2 = 2 a on average; y stays; the loss is L + 2 a/eta."""
    eta, a = 0.1, 0.3
    objective, rule = valley([0.0], [2 / eta], [a]), Rule(eta)
    flow = Flow(objective, rule, initial(objective, rule), rng())
    readings = list(flow.run(50))
    np.testing.assert_allclose([r.loss for r in readings], -a * 2 / eta + 2 * a / eta, rtol=1e-9, atol=1e-9)
    assert all(r.sharpness is None or abs(r.sharpness - 2) < 1e-9 for r in readings)
    assert {r.critical for r in readings} == {1}
    real = valley([np.sqrt(2 * a)], [2 / eta], [a])  # jumps between x and -x for ever
    losses = [r.loss for r in trajectory(real, rule, initial(real, rule), 50, rng=rng())]
    np.testing.assert_allclose(losses, readings[0].loss, atol=1e-9)


def test_the_flow_rises_to_the_edge_and_stays():
    eta, a = 0.1, 0.3
    objective, rule = valley([0.0], [19.0], [a]), Rule(eta)
    central, stable = (
        list(Flow(objective, rule, initial(valley([0.0], [19.0], [a]), rule), rng(), central=central).run(100))
        for central in (True, False)
    )
    heights = [float(reading.w[1]) for reading in (central[-1], stable[-1])]
    assert heights == pytest.approx([20.0, 19.0 + eta * a * 100.5], rel=1e-6)
    assert stable[-1].critical == 0


@pytest.mark.parametrize(("a", "rank"), [([0.3, 0.1, 0.2], 2), ([0.3, 0.1, 0.0], 2), ([0.3, 0.0, 0.4], 1)])
def test_two_directions_at_the_edge(a, rank):
    """With both curvatures at 2/eta and 4 a1 a2 >= a3^2, X = [[2 a1, a3], [a3, 2 a2]]/eta in the basis of x."""
    eta = 0.1
    objective, rule = valley([0.0, 0.0], [2 / eta, 2 / eta, 0.0], a), Rule(eta)
    start = initial(objective, rule)
    flow = Flow(objective, rule, start, rng(), refresh=1)
    first = next(iter(flow.run(1)))
    v = flow._critical.v[:, :2].numpy()
    X = v.T @ flow._X @ v
    assert first.critical == 2
    assert np.linalg.matrix_rank(X, tol=1e-6) == rank
    if rank == 2:
        np.testing.assert_allclose(X, np.array([[2 * a[0], a[2]], [a[2], 2 * a[1]]]) / eta, atol=1e-7)
    moved = flow.state.w - start.w
    M = np.array([[moved[2], moved[4]], [moved[4], moved[3]]])
    assert np.linalg.eigvalsh(M).max() < 1e-6
    assert (abs(M).max() > 1e-3) == (rank == 1)  # of rank one: the other curvature falls


def test_rmsprop_at_the_edge():
    """L = y x^2/2 - a y: the edge y = 2 sqrt(nu_x)/eta moves with nu_x, and x oscillates with a little more than eta/2.

    From d ln y = 1/2 d ln nu_x and nu_x = (eta y/2)^2:  x^2 = eta^2/4 (1 + 2 y'/(rate y)), y' = eta (a - x^2/2)/a.
    """
    eta, a, y, beta2 = 0.1, 1.0, 5.0, 0.99
    rule = Rule(eta, beta2)
    objective = valley([0.0], [y], [a])
    nu = torch.tensor([(eta * y / 2) ** 2, a**2], dtype=torch.float64)
    flow = Flow(objective, rule, State(objective.vector(), nu), rng(), refresh=1)
    readings = flow.run(200)
    next(readings)
    factor = eta**2 / (2 * rule.rate * y)
    squared = (eta**2 / 4 + factor * eta) / (1 + factor * eta / (2 * a))
    P = (eta * y / 2) / eta
    assert flow._X[0, 0] / P == pytest.approx(squared, rel=1e-10)
    late = list(readings)
    assert [r.sharpness for r in late if r.sharpness] == pytest.approx([2.0] * 200, abs=1e-3)
    assert float(late[-1].w[1]) > 2 * y
    real = valley([np.sqrt(squared)], [y], [a])
    last = list(trajectory(real, rule, State(real.vector(), nu), 200, rng=rng()))[-1]
    assert float(last.w[1]) == pytest.approx(float(late[-1].w[1]), rel=3e-3)


def test_the_stable_flow_is_gradient_flow():
    """On a quadratic w(t) = exp(-eta H t) w(0); with a curvature far beyond the edge it is stable all the same."""
    H = torch.diag(torch.tensor([300.0, 1.0, 0.1], dtype=torch.float64))
    model = Valley([1.0], [1.0, 1.0], [0.0])
    model.forward = lambda _: 0.5 * model.w @ H @ model.w  # type: ignore[method-assign]
    objective = Objective(model, torch.zeros(1), torch.zeros(1), lambda value, _: value)
    rule = Rule(0.1)
    flow = Flow(objective, rule, initial(objective, rule), rng(), central=False)
    flow.sharpness = 30.0
    last = list(flow.run(20))[-1]
    assert last.sharpness == pytest.approx(30.0, rel=1e-4)
    expected = torch.exp(-0.1 * torch.diag(H) * 21)
    torch.testing.assert_close(flow.state.w, expected, rtol=3e-3, atol=1e-6)
