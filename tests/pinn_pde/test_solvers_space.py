"""Solvers of elliptic and flow problems against closed forms, each other and published files."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from baselines.pinn_pde.solvers import chebyshev, elements, harmonic, navier_stokes
from baselines.pinn_pde.solvers.cavity import BAR, DEGREE, cavity, corner_flow, lid_velocity
from baselines.pinn_pde.solvers.walks import walk_on_spheres

LAMBDA = 20.0 - np.sqrt(400.0 + 4.0 * np.pi**2)  # Kovasznay, nu = 1/40


def random_points(count: int, low: tuple[float, ...], high: tuple[float, ...]) -> np.ndarray:
    return np.random.default_rng(0).uniform(low, high, (count, len(low)))


def grid(count: int, low: float, high: float) -> np.ndarray:
    axis = np.linspace(low, high, count)
    return np.stack([a.ravel() for a in np.meshgrid(axis, axis, indexing="ij")], axis=1)


def laplacian(f: Callable[[np.ndarray], np.ndarray], points: np.ndarray, h: float = 1e-3) -> np.ndarray:
    """Fourth-order differences, [N]."""
    total = -60.0 * f(points)
    for axis in np.eye(2):
        for step, weight in ((1, 16.0), (-1, 16.0), (2, -1.0), (-2, -1.0)):
            total = total + weight * f(points + step * h * axis)
    return total / (12.0 * h**2)


def l_shape_points(count: int = 4000) -> np.ndarray:
    points = random_points(count, (-1, -1), (1, 1))
    return points[points.min(axis=1) < 0]


# Chebyshev ------------------------------------------------------------------------------------------------------------


def test_chebyshev_differentiates_and_interpolates_polynomials() -> None:
    x = chebyshev.nodes(9, -1.0, 3.0)
    assert x[0] == -1.0 and x[-1] == 3.0 and np.all(np.diff(x) > 0)
    np.testing.assert_allclose(chebyshev.derivative(x) @ x**9, 9 * x**8, rtol=1e-10, atol=1e-9)
    targets = np.concatenate([np.linspace(-1, 3, 37), x])  # some of them nodes
    np.testing.assert_allclose(chebyshev.interpolation(x, targets) @ x**9, targets**9, rtol=1e-11, atol=1e-9)


@pytest.mark.parametrize("shift", [0.0, 3.0])
def test_chebyshev_converges_exponentially_with_edge_values(shift: float) -> None:
    def exact(p: np.ndarray) -> np.ndarray:
        return np.exp(p[:, :1]) * np.sin(2 * p[:, 1:] + 0.3)

    points, errors = random_points(200, (0, -1), (1, 2)), []
    for n in (6, 10, 14):
        found = chebyshev.poisson(n, (0, -1), (1, 2), lambda p: (3.0 - shift) * exact(p), exact, shift)
        errors.append(np.abs(found(points) - exact(points)).max())
    assert errors[0] < 3e-2 and errors[1] < 1e-5 and errors[2] < 1e-9
    with pytest.raises(ValueError, match="degree"):
        chebyshev.poisson(1, (0, 0), (1, 1), exact, exact)


# Harmonic functions ---------------------------------------------------------------------------------------------------


def test_boundary_error_of_the_four_holes_falls_exponentially_and_bounds_the_error() -> None:
    points = random_points(3000, (-0.5, -0.5), (0.5, 0.5))
    points = points[np.linalg.norm(np.abs(points) - 0.3, axis=1) > 0.1]
    best = harmonic.square_with_holes(24)
    errors = []
    for order in (4, 8, 12, 16):
        fit = harmonic.square_with_holes(order)
        assert np.abs(fit.values(points) - best.values(points)).max() <= fit.boundary_error + best.boundary_error
        errors.append(fit.boundary_error)
    assert all(b < 0.02 * a for a, b in pairwise(errors)) and best.boundary_error < 1e-12
    away = points[np.linalg.norm(np.abs(points) - 0.3, axis=1) > 0.13]
    away = away[np.abs(away).max(axis=1) < 0.49]
    assert np.abs(laplacian(best.values, away)).max() < 1e-5
    assert best.values(points).min() >= 0 and best.values(points).max() <= 1


@pytest.mark.data
@pytest.mark.parametrize("name", ["poisson1_cg_data", "poisson_classic"])
def test_four_holes_agree_with_the_published_files(data_dir: str, name: str) -> None:
    stored = np.loadtxt(f"{data_dir}/pde/pinnacle/{name}.dat", comments="%")
    found = harmonic.square_with_holes(24).values(stored[:, :2])[:, 0]
    assert np.linalg.norm(found - stored[:, 2]) / np.linalg.norm(found) < 4e-5  # the files' own accuracy


def test_l_shape_satisfies_its_equation_its_edge_and_its_symmetry() -> None:
    fit = harmonic.l_shape(100)
    points = l_shape_points()
    inner = points[(np.abs(points).max(axis=1) < 0.97) & (np.linalg.norm(points, axis=1) > 0.1)]
    inner = inner[(inner.max(axis=1) < -0.01) | (inner.min(axis=1) < -0.01)]
    assert np.abs(laplacian(fit.values, inner) + 1.0).max() < 1e-4
    np.testing.assert_allclose(fit.values(points), fit.values(points[:, ::-1]), atol=1e-13)
    corners = np.array([[0, 0], [1, 0], [0, 1], [-1, 1], [1, -1], [-1, -1]], dtype=float)
    assert np.abs(fit.values(corners)).max() < 1e-12
    assert fit.values(points).min() > 0


def test_l_shape_converges_exponentially_and_its_boundary_error_bounds_the_error() -> None:
    best, points, errors = harmonic.l_shape(100), l_shape_points(), []
    for degree in (20, 40, 60, 80):
        fit = harmonic.l_shape(degree)
        assert np.abs(fit.values(points) - best.values(points)).max() <= fit.boundary_error + best.boundary_error
        errors.append(fit.boundary_error)
    assert all(b < 0.01 * a for a, b in pairwise(errors)) and best.boundary_error < 1e-13


@pytest.mark.data
def test_deepxde_s_l_shape_file_solves_another_equation(data_dir: str) -> None:
    stored = np.load(f"{data_dir}/pde/deepxde/Poisson_Lshape.npz")
    points, u = stored["X_test"], stored["y_ref"][:, 0]
    points, u = points[~np.isnan(u)], u[~np.isnan(u)]
    ours = harmonic.l_shape(100).values(points)[:, 0]
    assert 0.09 < np.linalg.norm(u - ours) / np.linalg.norm(ours) < 0.10
    for center in ([-0.5, -0.5], [-0.5, 0.5], [-0.3, -0.3], [-0.8, 0.2]):
        offset = points - center
        near = np.argsort(np.linalg.norm(offset, axis=1))[:60]
        x, y = offset[near].T
        powers = [(a, b) for a in range(6) for b in range(6 - a)]
        matrix = np.stack([x**a * y**b for a, b in powers], axis=1)
        scale = np.linalg.norm(matrix, axis=0)
        c = np.linalg.lstsq(matrix / scale, u[near], rcond=1e-10)[0] / scale
        minus_laplacian = -2.0 * (c[powers.index((2, 0))] + c[powers.index((0, 2))])
        assert minus_laplacian == pytest.approx(1.0 - c[0], abs=2e-3)  # -Laplace u + u = 1, not -Laplace u = 1


# Elements -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("grading", [1.0, 2.0])
def test_quadratic_elements_reproduce_quadratic_functions(grading: float) -> None:
    def f(p: np.ndarray) -> np.ndarray:
        return 1 + p[:, 0] - 2 * p[:, 1] + p[:, 0] * p[:, 1] + 3 * p[:, 0] ** 2 - p[:, 1] ** 2

    mesh = elements.l_shape_mesh(3, grading)
    edge = np.array([[0, 0], [0, 0.4], [0.4, 0], [1, 0], [0, 1], [1, -1], [-1, 1], [0, -0.2], [-0.2, 0]], dtype=float)
    points = np.concatenate([l_shape_points(500), edge])
    np.testing.assert_allclose(elements.evaluate(mesh, f(mesh.nodes), points)[:, 0], f(points), atol=1e-12)
    fine = elements.l_shape_mesh(2, 1.0)
    assert elements.energy(fine, f(fine.nodes)) == pytest.approx(elements.energy(mesh, f(mesh.nodes)), rel=1e-12)
    assert elements.energy(fine, np.ones(len(fine.nodes))) == pytest.approx(-3.0)  # minus the area


@pytest.mark.parametrize(("grading", "low", "high"), [(1.0, 1.1, 1.5), (2.0, 2.5, 3.2)])
def test_elements_converge_at_the_order_of_the_corner(grading: float, low: float, high: float) -> None:
    reference, points = harmonic.l_shape(100), l_shape_points()
    exact, errors = reference.values(points), []
    for cells in (8, 16, 32):
        mesh = elements.l_shape_mesh(cells, grading)
        found = elements.evaluate(mesh, elements.poisson(mesh), points)
        errors.append(np.linalg.norm(found - exact) / np.linalg.norm(exact))
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all((low < orders) & (orders < high)), orders  # uniform: 4/3; graded: 3, as for a smooth solution


def test_energy_of_elements_is_minus_half_the_integral_and_falls() -> None:
    energies = []
    for cells in (4, 8, 16):
        mesh = elements.l_shape_mesh(cells, 2.0)
        values = elements.poisson(mesh)
        assert elements.energy(mesh, values) < elements.energy(mesh, 1.1 * values)
        energies.append(elements.energy(mesh, values))
    assert energies[0] > energies[1] > energies[2]
    points = grid(161, -1, 1)
    points = points[(points.min(axis=1) <= 0)]
    integral = harmonic.l_shape(80).values(points).sum() * (2 / 160) ** 2
    assert energies[2] == pytest.approx(-0.5 * integral, rel=1e-3)


# Navier-Stokes --------------------------------------------------------------------------------------------------------


def kovasznay(p: np.ndarray) -> np.ndarray:
    x, y = p[:, 0], p[:, 1]
    grown = np.exp(LAMBDA * x)
    u, v = 1 - grown * np.cos(2 * np.pi * y), LAMBDA / (2 * np.pi) * grown * np.sin(2 * np.pi * y)
    return np.stack([u, v, 0.5 * (1 - grown**2)], axis=1)


def test_steady_flow_converges_exponentially_to_kovasznay_s() -> None:
    points, errors = random_points(200, (-0.5, -0.5), (1.0, 1.5)), []
    for n in (12, 16, 20):
        flow = navier_stokes.steady(n, 0.025, (-0.5, -0.5), (1.0, 1.5), lambda p: kovasznay(p)[:, :2], (0.0, 0.0))
        errors.append(np.abs(flow.predict(points) - kovasznay(points)).max())
    assert errors[0] < 2e-3 and errors[1] < 5e-6 and errors[2] < 1e-8


def vortices(p: np.ndarray, nu: float = 0.1) -> np.ndarray:
    x, y, decay = p[:, 0], p[:, 1], np.exp(-2 * nu * p[:, 2])
    pressure = -0.25 * (np.cos(2 * x) + np.cos(2 * y)) * decay**2
    return np.stack([-np.cos(x) * np.sin(y) * decay, np.sin(x) * np.cos(y) * decay, pressure], axis=1)


def test_unsteady_flow_converges_at_second_order_in_time() -> None:
    points = random_points(100, (0, 0, 0), (np.pi, np.pi, 1.0))
    errors = []
    for steps in (10, 20, 40):
        flow = navier_stokes.unsteady(
            14, steps, 0.1, (0, 0, 0), (np.pi, np.pi, 1.0), lambda p: vortices(p)[:, :2], (np.pi / 2, 0.0)
        )
        errors.append(np.abs(flow.predict(points) - vortices(points)).max(axis=0))
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all(orders > 1.6) and np.all(errors[-1] < [1e-6, 1e-6, 3e-4])
    with pytest.raises(ValueError, match="4 time steps"):
        navier_stokes.unsteady(6, 3, 0.1, (0, 0, 0), (1, 1, 1), lambda p: p[:, :2], (0.0, 0.0))


def test_corner_flow_solves_the_stokes_equations_and_carries_the_lid_s_corners() -> None:
    nu, points, h = 0.3, random_points(100, (0.1, 0.1), (0.9, 0.9)), 1e-3
    lift = corner_flow(nu)
    slopes = lift.gradients(points)
    for j, axis in enumerate(np.eye(2)):
        difference = (lift.values(points + h * axis) - lift.values(points - h * axis)) / (2 * h)
        np.testing.assert_allclose(slopes[:, [j, 2 + j]], difference[:, :2], atol=2e-4)
        stokes = difference[:, 2] - nu * laplacian(lift.values, points)[:, j]
        assert np.abs(stokes).max() < 1e-2 * np.abs(difference[:, 2]).max()
    np.testing.assert_allclose(slopes[:, 0] + slopes[:, 3], 0.0, atol=1e-13)
    s = np.linspace(0.0, 1.0, 21)
    lid, wall = lift.values(np.stack([s, 0 * s + 1], 1)), lift.values(np.stack([0 * s, s], 1))
    np.testing.assert_allclose(lid[:, :2], [[4.0, 0.0]] * len(s), atol=1e-14)  # 4 x and 4 (1 - x)
    depth, theta = 1.0 - s, np.arctan(1.0 - s)  # on the wall only the other corner's flow is left
    smooth = np.stack([4 + 4 * depth * theta - 2 * np.pi * depth, -4 * theta], axis=1)
    np.testing.assert_allclose(wall[:, :2], smooth, atol=1e-14)
    assert np.isfinite(lid).all() and np.isfinite(wall).all()


def test_cavity_with_and_without_split_corners_agree_and_the_split_converges_faster() -> None:
    points = grid(41, 0, 1)
    best = cavity(28, 100.0).predict(points)[:, :2]
    errors = {
        (n, split): np.linalg.norm(cavity(n, 100.0, split).predict(points)[:, :2] - best) / np.linalg.norm(best)
        for n in (16, 20)
        for split in (True, False)
    }
    assert errors[20, False] < 5e-4 and errors[20, True] < 3e-5
    assert errors[20, True] < 0.2 * errors[16, True] and errors[20, True] < 0.2 * errors[20, False]


def test_cavity_walls() -> None:
    flow = cavity(20, 100.0)
    s = np.linspace(0.0, 1.0, 101)
    for points in (np.stack([s, 0 * s + e], 1) for e in (0.0, 1.0)), (np.stack([0 * s + e, s], 1) for e in (0.0, 1.0)):
        for side in points:
            np.testing.assert_allclose(flow.predict(side)[:, :2], lid_velocity(side), atol=2e-5)
    assert abs(flow.predict(np.zeros((1, 2)))[0, 2]) < 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("reynolds", [10.0, 100.0])
def test_the_bar_of_the_cavity_covers_the_change_to_a_finer_grid(reynolds: float) -> None:
    points = grid(101, 0, 1)
    coarse, fine = (cavity(n, reynolds).predict(points)[:, :2] for n in (DEGREE, 44))
    assert np.linalg.norm(coarse - fine) / np.linalg.norm(fine) < BAR


@pytest.mark.data
def test_cavity_agrees_with_the_published_file(data_dir: str) -> None:
    stored = np.loadtxt(f"{data_dir}/pde/pinnacle/lid_driven_a4.dat", comments="%")
    found = cavity(28, 100.0).predict(stored[:, :2])
    for k in (0, 1):
        assert np.linalg.norm(found[:, k] - stored[:, 2 + k]) / np.linalg.norm(found[:, k]) < 3e-4


def test_a_flow_without_a_solution_by_newton_is_reported() -> None:
    with pytest.raises(ArithmeticError, match="did not converge"):
        navier_stokes.steady(8, 1e-6, (0, 0), (1, 1), lid_velocity, (0.0, 0.0))


# Walks ----------------------------------------------------------------------------------------------------------------


def test_walks_on_spheres_are_unbiased_and_scatter_as_they_should() -> None:
    def exact(p: np.ndarray) -> np.ndarray:
        return p[:, :1] * p[:, 1:2] + p[:, 2:3] ** 2 - p[:, 3:4] ** 2

    points = random_points(20, (0.05,) * 4, (0.95,) * 4)
    rms = {}
    for walks in (50, 800):
        difference = walk_on_spheres(points, exact, walks, np.random.default_rng(5)) - exact(points)
        rms[walks] = float(np.sqrt(np.mean(difference**2)))
    assert 2.5 < rms[50] / rms[800] < 6.5  # the root of 16
    assert rms[800] < 0.03
    start = np.array([[0.3, 0.6]] * 3)
    np.testing.assert_allclose(walk_on_spheres(start, lambda p: np.ones((len(p), 1)), 2, np.random.default_rng(0)), 1.0)
    on_a_face = walk_on_spheres(np.array([[0.0, 0.4]]), lambda p: p[:, 1:], 3, np.random.default_rng(0))
    assert on_a_face[0, 0] == pytest.approx(0.4, abs=1e-14)
