"""SSBroyden, Levenberg-Marquardt and the line search against closed forms, dense linear algebra and scipy."""

import copy
import math
from collections.abc import Callable

import numpy as np
import pytest
import scipy.optimize
import torch

from baselines.pinn_pde.optimizers import LevenbergMarquardt, SSBroyden
from baselines.pinn_pde.optimizers.line_search import Point, cubic_minimum, strong_wolfe
from baselines.pinn_pde.optimizers.lm import gram
from baselines.pinn_pde.optimizers.ssbroyden import UPDATES, correction, scaling, symmetrize

Loss = Callable[[torch.Tensor], torch.Tensor]


def parameter(values: object) -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.tensor(np.asarray(values), dtype=torch.float64))


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def rosenbrock(x: torch.Tensor) -> torch.Tensor:
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def minimise(loss: Loss, x: torch.nn.Parameter, steps: int, **options: object) -> SSBroyden:
    optimizer = SSBroyden([x], **options)  # type: ignore[arg-type]

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        value = loss(x)
        value.backward()
        return value

    for _ in range(steps):
        optimizer.step(closure)
    return optimizer


# --- line search ---


def test_the_cubic_has_its_minimum_where_calculus_puts_it() -> None:
    def cubic(alpha: float) -> Point:
        return Point(alpha, alpha**3 - 3 * alpha + 5, 3 * alpha**2 - 3)  # minimum at 1

    assert cubic_minimum(cubic(0.2), cubic(4.0)) == pytest.approx(1.0, abs=1e-14)
    assert cubic_minimum(cubic(4.0), cubic(0.2)) == pytest.approx(1.0, abs=1e-14)
    assert cubic_minimum(Point(0, 0, -1), Point(1, math.nan, 1)) is None


@pytest.mark.parametrize("first", [1e-6, 0.1, 1.0, 50.0, 1e6])
@pytest.mark.parametrize("c2", [0.9, 0.1, 1e-3])
def test_the_search_ends_in_a_strong_wolfe_point(first: float, c2: float) -> None:
    def phi(alpha: float) -> tuple[float, float]:  # the function of More & Thuente's figure 1, minimum at sqrt 2
        return -alpha / (alpha**2 + 2), (alpha**2 - 2) / (alpha**2 + 2) ** 2

    value, slope = phi(0.0)
    found = strong_wolfe(phi, value, slope, first, c2=c2, max_evaluations=60)
    alpha = found.point.alpha
    assert found.success
    assert phi(alpha) == (found.point.value, found.point.slope)
    assert found.point.value <= value + 1e-4 * alpha * slope and abs(found.point.slope) <= -c2 * slope


def test_the_search_walks_back_from_values_that_are_not_finite() -> None:
    def phi(alpha: float) -> tuple[float, float]:
        return (alpha - 0.01) ** 2 if alpha < 0.5 else math.nan, 2 * (alpha - 0.01)

    found = strong_wolfe(phi, 1e-4, -0.02, 1000.0)
    assert found.success and found.point.alpha < 0.5


def test_a_search_that_cannot_succeed_says_so_and_keeps_the_lowest_point() -> None:
    unbounded = strong_wolfe(lambda alpha: (-alpha, -1.0), 0.0, -1.0, max_evaluations=5)
    assert not unbounded.success and unbounded.evaluations == 5 and unbounded.point.alpha == 1e4
    wrong = strong_wolfe(lambda alpha: (alpha, 1.0), 0.0, -1.0, max_evaluations=7)  # the slope lied
    assert not wrong.success and wrong.point.alpha == 0
    with pytest.raises(ValueError, match="negative"):
        strong_wolfe(lambda alpha: (alpha, 1.0), 0.0, 1.0)


# --- the updates ---


def pair(n: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A positive definite H, a step s, and the change y of the gradient of some convex quadratic along it."""
    h, hessian = (
        a @ a.T / n + 0.1 * torch.eye(n, dtype=a.dtype) for a in (random(n, n, seed=seed + k) for k in (0, 1))
    )
    s = random(n, seed=seed + 2)
    return h, s, hessian @ s


def updated(update: str, h: torch.Tensor, s: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, float]:
    hy, rho = h @ y, float(y @ s)
    yhy, sbs = float(y @ hy), float(s @ torch.linalg.solve(h, s))
    tau, phi = scaling(update, yhy / rho, sbs / rho, len(s))
    u, w = correction(s, hy, rho, yhy, tau, phi)
    return h / tau + u @ w, tau


@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize("n", [1, 2, 7, 30])
def test_the_update_keeps_the_secant_equation_symmetry_and_definiteness(update: str, n: int) -> None:
    for seed in range(0, 60, 3):
        h, s, y = pair(n, seed)
        new, tau = updated(update, h, s, y)
        torch.testing.assert_close(new @ y, s, rtol=1e-9, atol=1e-11 * float(new.norm() * y.norm()))
        torch.testing.assert_close(new, new.T, rtol=1e-12, atol=1e-12)
        assert float(torch.linalg.eigvalsh(new)[0]) > 0
        assert tau > 0


def test_bfgs_and_dfp_are_the_textbook_formulas() -> None:
    h, s, y = pair(6, 5)
    rho, one = float(y @ s), torch.eye(6, dtype=torch.float64)
    left = one - torch.outer(s, y) / rho
    torch.testing.assert_close(updated("bfgs", h, s, y)[0], left @ h @ left.T + torch.outer(s, s) / rho)
    hy = h @ y
    dfp = h - torch.outer(hy, hy) / (y @ hy) + torch.outer(s, s) / rho
    torch.testing.assert_close(updated("dfp", h, s, y)[0], dfp)


@pytest.mark.parametrize("update", ["ssbfgs", "ssbroyden"])
def test_self_scaled_updates_are_scaled_members_of_broydens_class(update: str) -> None:
    """tau H_+ - tau s s'/rho = H - Hyy'H/y'Hy + phi v v', with tau at most 1 unless theta exceeds it."""
    seen = set()
    for seed in range(0, 90, 3):
        h, s, y = pair(5, seed)
        s = s * 10.0 ** ((seed % 5) - 2)  # b on both sides of 1
        hy, rho = h @ y, float(y @ s)
        yhy, sbs = float(y @ hy), float(s @ torch.linalg.solve(h, s))
        tau, phi = scaling(update, yhy / rho, sbs / rho, 5)
        v = math.sqrt(yhy) * (s / rho - hy / yhy)
        direct = (h - torch.outer(hy, hy) / yhy + phi * torch.outer(v, v)) / tau + torch.outer(s, s) / rho
        torch.testing.assert_close(updated(update, h, s, y)[0], direct, rtol=1e-9, atol=1e-9)
        b, a = sbs / rho, yhy * sbs / rho**2 - 1
        theta = (1 - phi) / (1 + a * phi)
        assert 1 + a * theta > 0
        assert tau <= min(1.0, 1 / b) * max(1.0, (1 + a * theta) ** (-1 / 4)) + 1e-12
        seen.add((b > 1, theta > 0))
    assert len(seen) >= 2


def test_the_iterates_do_not_depend_on_the_unit_of_the_loss() -> None:
    ends = []
    for factor in (1.0, 1024.0):
        x = parameter([-1.2, 1.0, 0.7])
        # the first step is along the gradient, so the unit enters there: begin with the same step
        optimizer = SSBroyden([x], max_iter=15, tolerance_grad=1e-300)
        optimizer.state[x]["inverse_hessian"] = torch.eye(3, dtype=torch.float64) * 1e-3 / factor
        optimizer.state[x]["fresh"] = False

        def closure(
            x: torch.nn.Parameter = x, optimizer: SSBroyden = optimizer, factor: float = factor
        ) -> torch.Tensor:
            optimizer.zero_grad()
            value = factor * rosenbrock(x)
            value.backward()
            return value

        optimizer.step(closure)
        ends.append(x.detach().clone())
    torch.testing.assert_close(*ends, rtol=0, atol=0)  # a power of two: no rounding


def test_symmetrize_is_half_the_sum_with_the_transpose() -> None:
    a = random(300, 300)
    expected = 0.5 * (a + a.T)
    symmetrize(a, block=128)
    assert torch.equal(a, expected) and torch.equal(a, a.T)


# --- SSBroyden ---


@pytest.mark.parametrize("update", ["ssbroyden", "ssbfgs", "bfgs"])
@pytest.mark.parametrize("n", [2, 20])
def test_rosenbrock(update: str, n: int) -> None:
    x = parameter(np.full(n, -1.2) + 0.1 * np.cos(np.arange(n)))
    optimizer = minimise(rosenbrock, x, 15, update=update)
    torch.testing.assert_close(x.detach(), torch.ones(n, dtype=torch.float64), rtol=0, atol=1e-9)
    assert optimizer.status == "converged"
    assert optimizer.evaluations < 1.6 * optimizer.iterations + 30


def test_bfgs_needs_as_many_evaluations_as_scipys() -> None:
    start = np.full(30, -1.2) + 0.3 * np.sin(np.arange(30))
    theirs = scipy.optimize.minimize(
        scipy.optimize.rosen, start, jac=scipy.optimize.rosen_der, method="BFGS", options={"gtol": 1e-9}
    )
    x = parameter(start)
    ours = minimise(rosenbrock, x, 40, update="bfgs", tolerance_grad=1e-9)
    np.testing.assert_allclose(x.detach().numpy(), theirs.x, atol=1e-8)
    assert ours.evaluations <= 1.3 * theirs.nfev and ours.iterations <= 1.3 * theirs.nit


@pytest.mark.parametrize("update", ["ssbroyden", "ssbfgs", "bfgs"])
def test_an_ill_conditioned_quadratic_is_solved_in_some_n_iterations(update: str) -> None:
    n = 20
    q, _ = torch.linalg.qr(random(n, n))
    matrix = q @ torch.diag(torch.logspace(0, 6, n, dtype=torch.float64)) @ q.T
    x = parameter(random(n, seed=3).numpy())
    start = float(0.5 * x.detach() @ matrix @ x.detach())
    minimise(lambda x: 0.5 * x @ matrix @ x, x, 1, update=update, max_iter=15 * n)
    assert float(0.5 * x.detach() @ matrix @ x.detach()) < 1e-10 * start


def test_an_exact_line_search_ends_a_quadratic_in_n_iterations() -> None:
    """With exact steps all members of the class produce conjugate directions (Dixon's theorem)."""
    n = 6
    matrix = torch.diag(torch.logspace(0, 2, n, dtype=torch.float64))
    for update in UPDATES:
        x = parameter(np.ones(n))
        optimizer = minimise(
            lambda x: 0.5 * x @ matrix @ x, x, 1, update=update, max_iter=n, c1=1e-7, c2=1e-6, max_evaluations=60
        )
        assert float((x.detach() @ matrix @ x.detach()).sqrt()) < 1e-3, update
        if update == "bfgs":  # and the approximation becomes the inverse of the Hessian
            torch.testing.assert_close(
                optimizer.inverse_hessian @ matrix, torch.eye(n, dtype=torch.float64), rtol=0, atol=1e-2
            )


def test_definiteness_survives_a_thousand_iterations() -> None:
    x = parameter(np.full(50, -1.2) + 0.3 * np.sin(np.arange(50)))
    optimizer = minimise(lambda x: rosenbrock(x) + 1e-3 * (x**4).sum(), x, 40, max_iter=25, tolerance_grad=1e-9)
    symmetrize(optimizer.inverse_hessian)
    assert float(torch.linalg.eigvalsh(optimizer.inverse_hessian)[0]) > 0
    assert optimizer.status == "converged"


@pytest.mark.parametrize("n", [3, 12])
def test_interrupted_and_resumed_equals_uninterrupted_bit_for_bit(n: int) -> None:
    start = np.full(n, -1.2) + 0.1 * np.cos(np.arange(n))

    def run(steps: int, x: torch.nn.Parameter, state: dict[str, object] | None) -> dict[str, object]:
        optimizer = SSBroyden([x], max_iter=7)
        if state is not None:
            optimizer.load_state_dict(copy.deepcopy(state))

        def closure() -> torch.Tensor:
            optimizer.zero_grad()
            value = rosenbrock(x)
            value.backward()
            return value

        for _ in range(steps):
            optimizer.step(closure)
        return copy.deepcopy(optimizer.state_dict())

    whole = parameter(start)
    expected = run(4, whole, None)["state"][0]  # type: ignore[index]
    first = parameter(start)
    state = run(2, first, None)
    second = parameter(first.detach().numpy().copy())
    measured = run(2, second, state)["state"][0]  # type: ignore[index]
    assert torch.equal(whole, second)
    assert torch.equal(expected.pop("inverse_hessian"), measured.pop("inverse_hessian"))
    assert expected == measured and expected["iterations"] == 28


def test_a_changed_objective_is_noticed_at_the_next_step() -> None:
    x, target = parameter([0.0, 0.0]), [torch.tensor([1.0, 2.0], dtype=torch.float64)]
    optimizer = SSBroyden([x], max_iter=30)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        value = ((x - target[0]) ** 2 * torch.tensor([1.0, 50.0], dtype=torch.float64)).sum()
        value.backward()
        return value

    optimizer.step(closure)
    assert optimizer.status == "converged"
    target[0] = torch.tensor([-3.0, 5.0], dtype=torch.float64)
    loss = optimizer.step(closure)
    assert float(loss) == pytest.approx(16 + 450)
    torch.testing.assert_close(x.detach(), target[0], rtol=0, atol=1e-8)


def test_parameters_of_many_shapes_move_and_those_without_gradient_stay() -> None:
    a, b, c = parameter(random(2, 3).numpy()), parameter(0.5), parameter([1.0, 2.0])
    optimizer = SSBroyden([a, b, c], max_iter=50)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        value = ((a - 2) ** 2).sum() + (b - 3) ** 4
        value.backward()
        return value

    for _ in range(3):
        optimizer.step(closure)
    torch.testing.assert_close(a.detach(), torch.full((2, 3), 2.0, dtype=torch.float64), rtol=0, atol=1e-4)
    assert float(b.detach()) == pytest.approx(3, abs=1e-2) and c.tolist() == [1.0, 2.0]


def test_a_loss_that_is_not_finite_stops_and_leaves_the_parameters() -> None:
    x = parameter([1.0, 2.0])
    optimizer = minimise(lambda x: (x * math.nan).sum(), x, 1)
    assert optimizer.status == "not finite" and x.tolist() == [1.0, 2.0] and optimizer.iterations == 0


def test_a_gradient_that_lies_ends_in_a_failed_line_search_not_in_a_loop() -> None:
    class Lie(torch.autograd.Function):
        @staticmethod
        def forward(ctx: object, x: torch.Tensor) -> torch.Tensor:
            return x.clone()

        @staticmethod
        def backward(ctx: object, g: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
            return -g

    x = parameter([1.0, 2.0])
    optimizer = minimise(lambda x: Lie.apply(x).square().sum(), x, 1, max_evaluations=6)
    assert optimizer.status == "line search failed" and x.tolist() == [1.0, 2.0]
    assert optimizer.evaluations <= 13


def test_a_step_without_curvature_changes_nothing_but_a_counter() -> None:
    x = parameter([0.0, 0.0])
    optimizer = minimise(lambda x: -x.sum(), x, 1, max_iter=1)  # linear: y = 0
    assert optimizer.state[x]["skipped"] == optimizer.iterations == 1 and optimizer.state[x]["fresh"]
    assert torch.equal(optimizer.inverse_hessian, torch.eye(2, dtype=torch.float64))


@pytest.mark.parametrize(
    ("options", "message"),
    [({"update": "sr1"}, "one of"), ({"max_iter": 0}, "at least 1"), ({"c1": 0.95}, "c1 < c2")],
)
def test_wrong_options_of_ssbroyden_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SSBroyden([parameter([1.0])], **options)  # type: ignore[arg-type]


def test_several_groups_or_types_are_refused() -> None:
    a, b = parameter([1.0]), torch.nn.Parameter(torch.ones(1))
    with pytest.raises(ValueError, match="one group"):
        SSBroyden([{"params": [a]}, {"params": [parameter([2.0])]}])
    with pytest.raises(ValueError, match="one dtype"):
        SSBroyden([a, b])


# --- Levenberg-Marquardt ---


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
