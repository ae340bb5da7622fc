"""Levenberg-Marquardt against scipy, normal equations and differences; resuming, dead ends, wrong options."""

import copy
import math

import numpy as np
import pytest
import scipy.optimize
import torch

from baselines.pinn_pde.optimizers import LevenbergMarquardt
from baselines.pinn_pde.optimizers.lm import gram
from tests.pinn_pde.optimizer_cases import parameter, random


def test_gram_is_the_lower_triangle_of_the_normal_matrix() -> None:
    for dtype in (torch.float64, torch.float32):
        j = random(30, 8).to(dtype)
        torch.testing.assert_close(gram(j).tril(), (j.T @ j).tril())


def exponential() -> tuple[np.ndarray, np.ndarray]:
    t = np.linspace(0, 3, 40)
    return t, 2.5 * np.exp(-1.3 * t) + 0.5 + 0.05 * np.sin(37 * t)


@pytest.mark.parametrize("scaling_name", ["mean", "diagonal", "identity"])
@pytest.mark.parametrize("geodesic", [True, False])
def test_an_exponential_fit_is_scipys(scaling_name: str, geodesic: bool) -> None:
    t, data = exponential()
    theirs = scipy.optimize.least_squares(
        lambda p: p[0] * np.exp(-p[1] * t) + p[2] - data, [1.0, 0.1, 0.0], xtol=1e-15, ftol=1e-15, gtol=1e-15
    )
    amplitude, rate, offset = parameter([1.0]), parameter(0.1), parameter([[0.0]])
    x, y = torch.as_tensor(t), torch.as_tensor(data)

    def residuals() -> torch.Tensor:
        return amplitude * torch.exp(-rate * x) + offset[0] - y

    optimizer = LevenbergMarquardt(
        [amplitude, rate, offset], residuals, max_iter=30, scaling=scaling_name, geodesic=geodesic
    )
    optimizer.step()
    found = [float(p.detach()) for p in (amplitude, rate, offset)]
    np.testing.assert_allclose(found, theirs.x, rtol=1e-6)
    assert float((residuals() ** 2).sum().detach()) == pytest.approx(2 * theirs.cost, rel=1e-12)


def rosenbrock_residuals(x: torch.Tensor) -> torch.Tensor:
    return torch.cat([10 * (x[1:] - x[:-1] ** 2), 1 - x[:-1]])


@pytest.mark.parametrize("geodesic", [True, False])
def test_rosenbrock_as_least_squares(geodesic: bool) -> None:
    x = parameter([-1.2, 1.0])
    optimizer = LevenbergMarquardt([x], lambda: rosenbrock_residuals(x), geodesic=geodesic)
    for _ in range(60):
        optimizer.step()
    torch.testing.assert_close(x.detach(), torch.ones(2, dtype=torch.float64), rtol=0, atol=1e-10)


def test_without_damping_a_linear_problem_is_solved_at_once() -> None:
    a, b = random(12, 5), random(12, seed=1)
    x = parameter(np.zeros(5))
    loss = LevenbergMarquardt([x], lambda: a @ x - b, damping=1e-14).step()
    expected = torch.linalg.lstsq(a, b[:, None]).solution[:, 0]
    torch.testing.assert_close(x.detach(), expected, rtol=1e-9, atol=1e-9)
    assert float(loss) == pytest.approx(float(b @ b))


def test_the_first_step_is_the_damped_normal_equation() -> None:
    a, b = random(12, 5), random(12, seed=1)
    for name, damping in (("mean", 0.3), ("diagonal", 0.7), ("identity", 2.0)):
        x = parameter(np.zeros(5))
        LevenbergMarquardt([x], lambda x=x: a @ x - b, damping=damping, scaling=name).step()
        normal = a.T @ a
        diagonal = {"mean": normal.diagonal().mean() * torch.ones(5, dtype=a.dtype), "diagonal": normal.diagonal()}
        d = diagonal.get(name, torch.ones(5, dtype=a.dtype))
        expected = torch.linalg.solve(normal + damping * torch.diag(d), a.T @ b)
        torch.testing.assert_close(x.detach(), expected, rtol=1e-10, atol=1e-10)


def test_geodesic_acceleration_is_the_second_order_term_of_the_inverse_function() -> None:
    """For r = exp(x) - e^c the step to the zero, c - x = log(1 + u) with u = e^(c-x) - 1, is u - u^2/2 + O(u^3).

    Gauss-Newton gives u; the geodesic path adds -u^2/2.
    """
    for u in (0.1, 0.05):
        steps = []
        for geodesic in (False, True):
            x = parameter([0.3])
            optimizer = LevenbergMarquardt(
                [x],
                lambda x=x, u=u: torch.exp(x) - math.exp(0.3) * (1 + u),
                damping=1e-14,
                geodesic=geodesic,
                epsilon=1e-3,
            )
            optimizer.step()
            steps.append(float(x.detach()) - 0.3)
        assert steps[0] == pytest.approx(u, rel=1e-9)
        assert steps[1] == pytest.approx(u - u**2 / 2, rel=1e-4)


def test_the_default_jacobian_is_the_derivative() -> None:
    w, x = parameter(random(300, 4).numpy()), parameter(0.7)  # more rows than one chunk
    unused = parameter([1.0])
    optimizer = LevenbergMarquardt([w, x, unused], lambda: torch.sin(w).sum(dim=1) * x**2)
    r, jacobian = optimizer._jacobian()
    expected = torch.zeros(300, 300, 4, dtype=torch.float64)
    rows = torch.arange(300)
    expected[rows, rows] = torch.cos(w.detach()) * 0.49
    torch.testing.assert_close(jacobian[:, :1200], expected.reshape(300, 1200))
    torch.testing.assert_close(jacobian[:, 1200], 2 * 0.7 * torch.sin(w.detach()).sum(dim=1))
    assert not jacobian[:, 1201].any() and r.shape == (300,)


def test_a_jacobian_given_replaces_the_default() -> None:
    a, b = random(8, 3), random(8, seed=1)
    x, calls = parameter(np.zeros(3)), []

    def jacobian() -> tuple[torch.Tensor, torch.Tensor]:
        calls.append(1)
        return a @ x.detach() - b, a

    optimizer = LevenbergMarquardt([x], lambda: a @ x.detach() - b, jacobian, max_iter=3)
    optimizer.step(closure=lambda: 1 / 0)  # what DeepXDE passes is not called
    assert len(calls) == 3 == optimizer.jacobian_evaluations and optimizer.iterations == 3
    assert optimizer.evaluations == 3 + 2 * 3  # each trial: the point itself and one ahead for the acceleration


def test_rejected_trials_reuse_the_jacobian_and_raise_the_damping() -> None:
    x = parameter([3.0])
    optimizer = LevenbergMarquardt([x], lambda: torch.atan(x), damping=1e-8, geodesic=False, increase=10)
    optimizer.step()  # the undamped step jumps from 3 to -9.5
    assert optimizer.jacobian_evaluations == 1 and optimizer.rejected > 3 and optimizer.iterations == 1
    assert abs(float(x.detach())) < 3
    assert optimizer.damping == pytest.approx(1e-8 * 10**optimizer.rejected / 5)


def test_a_trial_that_is_not_finite_is_rejected() -> None:
    x = parameter([1.0])
    optimizer = LevenbergMarquardt([x], lambda: torch.log(x) + 3, damping=1e-6, geodesic=False)
    for _ in range(12):
        optimizer.step()  # the first undamped step lands at -2
    assert optimizer.rejected > 0 and float(x.detach()) == pytest.approx(math.exp(-3), rel=1e-9)


def test_a_dead_end_is_reported_and_leaves_the_parameters() -> None:
    x = parameter([0.0, 0.0])
    stuck = LevenbergMarquardt([x], lambda: x**2 + 1, max_trials=4)
    stuck.step()
    assert stuck.status == "no step found" and x.tolist() == [0.0, 0.0] and stuck.rejected == 4
    broken = LevenbergMarquardt([x], lambda: x * math.nan)
    assert math.isnan(float(broken.step())) and broken.status == "not finite" and x.tolist() == [0.0, 0.0]


def test_levenberg_marquardt_resumes_bit_for_bit() -> None:
    def run(steps: int, start: torch.Tensor, state: dict[str, object] | None) -> tuple[torch.Tensor, dict[str, object]]:
        x = parameter(start.numpy().copy())
        optimizer = LevenbergMarquardt([x], lambda: rosenbrock_residuals(x))
        if state is not None:
            optimizer.load_state_dict(copy.deepcopy(state))
        for _ in range(steps):
            optimizer.step()
        return x.detach(), optimizer.state_dict()

    start = torch.tensor([-1.2, 1.0, 0.5], dtype=torch.float64)
    whole, expected = run(9, start, None)
    half, state = run(4, start, None)
    rest, measured = run(5, half, state)
    assert torch.equal(whole, rest) and expected == measured


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scaling": "trace"}, "one of"),
        ({"max_trials": 0}, "at least 1"),
        ({"decrease": 0.5}, "above 1"),
        ({"damping": 0.0}, "positive"),
    ],
)
def test_wrong_options_of_lm_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LevenbergMarquardt([parameter([1.0])], lambda: torch.zeros(1), **options)  # type: ignore[arg-type]
