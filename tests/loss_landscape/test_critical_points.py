"""Closed forms against automatic differentiation, known critical points, and what must not count as one."""

import numpy as np
import pytest
import torch
from scipy.optimize import least_squares

from baselines.loss_landscape.critical_points import (
    BOUND,
    GRADIENT,
    TwoLayer,
    canonical,
    find,
    irreducible,
    minimise,
    polish,
)

X = np.linspace(-1, 1, 40)
Y = np.sin(3 * X) + 0.5 * np.cos(7 * X)
CURVE = TwoLayer.curve(X, Y)
RNG = np.random.default_rng(5)
MANY = TwoLayer(RNG.standard_normal((15, 3)), RNG.standard_normal(15), np.ones((15, 1)))
PROBLEMS = {
    "bias": CURVE,
    "free": TwoLayer.curve(X, Y, bias=False),
    "linear": TwoLayer.curve(X, Y, linear=True),
    "many inputs": MANY,
}


def torch_loss(problem: TwoLayer, theta: torch.Tensor) -> torch.Tensor:
    """The definition, written once more."""
    inputs, targets, skip = (torch.tensor(array) for array in (problem.inputs, problem.targets, problem.skip))
    m, D = problem.width(theta.detach().numpy()), inputs.shape[1]
    a, u, c = theta[:m], theta[m : m + m * D].reshape(m, D), theta[m + m * D :]
    return 0.5 * (torch.tanh(inputs @ u.T) @ a + skip @ c - targets).square().mean()


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("width", [0, 1, 3])
def test_derivatives_equal_those_of_automatic_differentiation(name, width):
    problem = PROBLEMS[name]
    theta = np.random.default_rng(width).standard_normal((2, 3, problem.size(width)))  # any batch
    for i, j in np.ndindex(2, 3):
        leaf = torch.tensor(theta[i, j], requires_grad=True)
        value = torch_loss(problem, leaf)
        (gradient,) = torch.autograd.grad(value, leaf)
        hessian = torch.autograd.functional.hessian(lambda w: torch_loss(problem, w), leaf.detach())
        assert problem.loss(theta)[i, j] == pytest.approx(value.item(), rel=1e-14)
        assert np.allclose(problem.gradient(theta)[i, j], gradient.numpy(), rtol=0, atol=1e-14)
        assert np.allclose(problem.hessian(theta)[i, j], hessian.numpy(), rtol=0, atol=1e-13)


def test_the_gradient_is_the_jacobian_times_the_residuals():
    theta = np.random.default_rng(0).standard_normal((4, CURVE.size(2)))
    _, e = CURVE.forward(theta)
    assert np.allclose(np.einsum("kpn,kn->kp", CURVE.jacobian(theta), e) / len(X), CURVE.gradient(theta), atol=1e-15)


def test_layout_round_trip_and_impossible_sizes():
    theta = np.arange(CURVE.size(3), dtype=float)
    a, u, c = CURVE.unpack(theta)
    assert (a.shape, u.shape, c.shape) == ((3,), (3, 2), (1,))
    assert np.array_equal(CURVE.pack(a, u, c), theta)
    assert (CURVE.width(theta), CURVE.size(3)) == (3, 10)
    with pytest.raises(ValueError, match="9 parameters belong to no width: m units have 1 more than 3 m"):
        CURVE.width(np.zeros(9))


@pytest.mark.parametrize(("width", "loss"), [(1, 0.0797721440), (2, 0.0090793138)])
def test_lowest_minimum_agrees_with_an_independent_solver(width, loss):
    best = find(CURVE, width, 60, np.random.default_rng(0))[0]
    assert best.loss == pytest.approx(loss, abs=5e-11)
    assert best.gradient < GRADIENT and np.linalg.eigvalsh(CURVE.hessian(best.theta))[0] > 0
    start = best.theta + 0.1 * np.random.default_rng(1).standard_normal(best.theta.shape)
    other = least_squares(lambda w: CURVE.forward(w)[1] / np.sqrt(len(X)), start, xtol=1e-15, ftol=1e-15, gtol=1e-15)
    assert other.cost == pytest.approx(best.loss, rel=1e-9)


def test_polish_ends_at_a_saddle_that_descent_would_leave():
    (theta,) = polish(CURVE, np.array([[0.184, 0.56, 7.001, -0.269, 14.097, 2.019, -0.017]]))
    assert CURVE.loss(theta) == pytest.approx(0.0792201740, abs=5e-11)
    assert np.linalg.norm(CURVE.gradient(theta)) < GRADIENT
    assert np.sum(np.linalg.eigvalsh(CURVE.hessian(theta)) < 0) == 1
    near = theta + 1e-3 * np.random.default_rng(2).standard_normal(theta.shape)
    back, down = polish(CURVE, near[None]), minimise(CURVE, near[None])
    assert np.allclose(back[0], theta, atol=1e-8)
    assert CURVE.loss(down[0]) < CURVE.loss(theta) - 1e-4


def _split() -> np.ndarray:
    """The minimum of width 1, split, which is not far from the saddle."""
    a, u, c = CURVE.unpack(find(CURVE, 1, 40, np.random.default_rng(0))[0].theta)
    return CURVE.pack(np.array([0.3, 0.7]) * a, np.concatenate([u, u]), c)


def test_all_points_are_critical_bounded_irreducible_and_different():
    points = find(CURVE, 2, 200, np.random.default_rng(3), [_split()])
    assert len(points) >= 2
    for k, point in enumerate(points):
        assert np.linalg.norm(CURVE.gradient(point.theta)) < GRADIENT and np.abs(point.theta).max() < BOUND
        assert irreducible(CURVE, point.theta)
        assert all(np.abs(point.theta - other.theta).max() > 1e-6 for other in points[:k])
    assert [point.loss for point in points] == sorted(point.loss for point in points)


def test_an_infimum_at_infinity_is_no_critical_point():
    """A straight line is the limit u -> 0, a -> infinity of one unit, and of no finite weights."""
    line = TwoLayer.curve(X, 0.5 * X)
    assert all(point.loss > 1e-3 for point in find(line, 1, 60, np.random.default_rng(0)))


@pytest.mark.parametrize(
    ("a", "u", "verdict"),
    [
        ([1.0, 2.0], [[1.0, 0.5], [2.0, 0.5]], True),
        ([1.0, 0.0], [[1.0, 0.5], [2.0, 0.5]], False),  # silent
        ([1.0, 2.0], [[1.0, 0.5], [0.0, 0.5]], False),  # constant
        ([1.0, 2.0], [[1.0, 0.5], [1.0, 0.5]], False),  # a copy
        ([1.0, 2.0], [[1.0, 0.5], [-1.0, -0.5]], False),  # a mirrored copy
        ([1.0, 2.0], [[1.0, 0.5], [5000.0, 0.1]], False),  # a step between two examples
    ],
)
def test_irreducible(a, u, verdict):
    assert irreducible(CURVE, CURVE.pack(np.array(a), np.array(u), np.zeros(1))) is verdict


def test_symmetries_have_one_representative_and_one_function():
    a, u, c = CURVE.unpack(np.random.default_rng(0).standard_normal(CURVE.size(3)))
    order, sign = np.array([2, 0, 1]), np.array([-1.0, 1.0, -1.0])
    other = CURVE.pack((a * sign)[order], (u * sign[:, None])[order], c)
    theta = CURVE.pack(a, u, c)
    assert np.allclose(canonical(CURVE, other), canonical(CURVE, theta))
    assert np.allclose(CURVE.forward(other)[1], CURVE.forward(canonical(CURVE, theta))[1])
