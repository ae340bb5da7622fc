"""The line search and the quasi-Newton updates against closed forms and dense linear algebra."""

import math

import pytest
import torch

from baselines.pinn_pde.optimizers import SSBroyden
from baselines.pinn_pde.optimizers.line_search import Point, cubic_minimum, strong_wolfe
from baselines.pinn_pde.optimizers.ssbroyden import UPDATES, correction, scaling, symmetrize
from tests.pinn_pde.optimizer_cases import parameter, random, rosenbrock


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
