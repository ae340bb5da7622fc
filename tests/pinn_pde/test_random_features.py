"""Random features and their collocation systems: derivatives, partition of unity, linear and nonlinear solutions."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from baselines.common import compose, compute
from baselines.common.record import Outcome, Record, RunView
from baselines.pinn_pde import nodes
from baselines.pinn_pde.collocation import System, gauss_newton, least_squares
from baselines.pinn_pde.domain import Box, Disk, Rectangle
from baselines.pinn_pde.inverse import diffusivity_cramer_rao, diffusivity_least_squares
from baselines.pinn_pde.jets import Layout
from baselines.pinn_pde.metrics import rms
from baselines.pinn_pde.objective import Block
from baselines.pinn_pde.random_features import HoleFeatures, RandomFeatures, Together, bump, evaluate
from baselines.pinn_pde.run import run
from benchmarks.tables.rfm_convergence import Table
from tests.pinn_pde.conftest import make

KEYS = ((), (0,), (1,), (0, 0), (0, 1), (1, 1))


def rng(*names: int) -> np.random.Generator:
    return np.random.default_rng([7, *names])


def solve(tmp_path: Path, *overrides: str) -> tuple[Outcome, Record]:
    cfg: Any = compose.resolve("pinn_pde", ["method=rfm", "dtype=float64", "heldout_points=500", *overrides]).cfg
    compute.prepare(cfg)
    record = Record(tmp_path / "run", {})
    record.start()
    return run(cfg, record), record


def bases() -> dict[str, Any]:
    low, high = (-1.0, 0.0), (1.0, 2.0)

    def boxed(cells: tuple[int, int], activation: str, periodic: tuple[bool, bool]) -> RandomFeatures:
        return RandomFeatures(low, high, cells, 5, (2.0, 1.5), activation, rng(), periodic, overlap=0.4)

    hole = HoleFeatures((0.1, 0.9), 0.2, 4, 3.0, "sin", rng())
    return {
        "tanh": boxed((1, 1), "tanh", (False, False)),
        "partition": boxed((3, 2), "sin", (False, False)),
        "circle": boxed((1, 2), "sin", (True, False)),
        "wrapped": boxed((2, 1), "tanh", (True, False)),
        "hole": Together([boxed((1, 1), "sin", (False, False)), hole]),
    }


@pytest.mark.parametrize("name", bases())
def test_derivatives_agree_with_central_differences(name: str) -> None:
    basis = bases()[name]
    points, h = rng(1).uniform((-0.95, 0.05), (0.95, 0.6), (40, 2)), 1e-4
    coefficients = rng(2).standard_normal((basis.size, 2))

    def jet(x: np.ndarray) -> np.ndarray:
        return evaluate(basis.jets(x, KEYS), coefficients, len(x))

    found = jet(points)
    for j in (0, 1):
        step = h * np.eye(2)[j]
        slope = (jet(points + step) - jet(points - step)) / (2 * h)  # of value, x, y
        size = np.abs(found).max(axis=(1, 2))
        np.testing.assert_allclose(slope[0], found[1 + j], atol=1e-5 * size[1 + j])
        np.testing.assert_allclose(slope[1], found[3 + j], atol=1e-5 * size[3 + j])
        np.testing.assert_allclose(slope[2], found[4 + j], atol=1e-5 * size[4 + j])


@pytest.mark.parametrize("overlap", [0.25, 1.0])
def test_the_bumps_sum_to_one_and_their_second_derivative_is_continuous(overlap: float) -> None:
    y = np.linspace(-1.0, 1.0, 4001)
    parts = [bump(y - 2 * k, overlap) for k in (-1, 0, 1)]
    np.testing.assert_allclose(sum(p[0] for p in parts), 1.0, atol=1e-14)
    for order in (1, 2):
        np.testing.assert_allclose(sum(p[order] for p in parts), 0.0, atol=1e-12)
    wide = bump(np.linspace(-2.5, 2.5, 20001), overlap)[2]
    assert np.abs(np.diff(wide)).max() < 0.02 * np.abs(wide).max()


@pytest.mark.parametrize("name", ["circle", "wrapped"])
def test_periodic_features_agree_at_both_ends_with_all_derivatives(name: str) -> None:
    basis, t = bases()[name], np.linspace(0.0, 2.0, 9)
    ends = [evaluate(basis.jets(np.stack([np.full(9, x), t], 1), KEYS), np.ones((basis.size, 1)), 9) for x in (-1, 1)]
    np.testing.assert_allclose(ends[0], ends[1], atol=1e-12)


def test_wrong_features_are_refused() -> None:
    with pytest.raises(ValueError, match="tanh, sin"):
        RandomFeatures((0.0,), (1.0,), (1,), 3, (1.0,), "relu", rng())


def test_nodes_lie_where_they_should() -> None:
    disk = Disk((0.0, 0.0), 0.3)
    domain = Box(("x", "y", "t"), (-1.0, -1.0, 0.0), (1.0, 1.0, 2.0), time=True, without=(disk,))
    inside = nodes.interior(domain, (2, 2, 1), 60, rng())
    edge = nodes.boundary(domain, (2, 2, 1), 60, rng())
    start = nodes.initial(domain, (2, 2, 1), 60, rng())
    assert len(inside) >= 200 and domain.inside(inside).all() and (inside[:, 2] > 0).all()
    radius = np.linalg.norm(edge[:, :2], axis=1)
    on_square = np.isclose(np.abs(edge[:, :2]).max(axis=1), 1.0)
    assert np.all(on_square | np.isclose(radius, 0.3)) and 0 < on_square.sum() < len(edge)
    assert (start[:, 2] == 0).all() and domain.inside(start).all()
    corner = Box(("x", "y"), (-1.0, -1.0), (1.0, 1.0), without=(Rectangle((0.0, -1.0), (1.0, 0.0)),))
    edge = nodes.boundary(corner, (1, 1), 100, rng())
    assert not np.any((edge[:, 0] > 1e-6) & (edge[:, 1] < -1e-6))
    assert np.any((edge[:, 0] == 0) & (edge[:, 1] < -0.4)) and np.any((edge[:, 1] == 0) & (edge[:, 0] > 0.4))


def test_least_squares_leaves_small_singular_values_out() -> None:
    matrix = rng().standard_normal((30, 4))
    matrix = np.column_stack([matrix, matrix[:, :1] + 1e-15 * matrix[:, 1:2], np.zeros(30)])
    target = matrix[:, :4] @ np.arange(1.0, 5.0)
    step = least_squares(matrix, target, 1e-12)
    assert step.rank == 4 and step.condition > 1e12
    np.testing.assert_allclose(matrix @ step.values, target, atol=1e-12)


def system_of(name: str, points: int = 60) -> System:
    """Equation and data of a problem at random points, with a small basis."""
    problem = make(name)
    domain = problem.domain()
    basis = RandomFeatures(domain.low, domain.high, (1,) * len(domain.names), 8, (2.0,) * 2, "tanh", rng())
    layout = Layout.of([(j, k) for j in range(2) for k in range(2)])
    rows = lambda f: torch.cat(problem.residual(f), dim=1)  # noqa: E731
    return System(problem, basis, [Block("equation", domain.sample(points, rng()), layout, rows)])


@pytest.mark.parametrize("name", ["burgers", "poisson_inverse"])
def test_the_jacobian_agrees_with_differences_of_the_residual(name: str) -> None:
    system = system_of(name)
    state = system.zero()
    state = state.moved(rng(3).standard_normal((state.coefficients.size + len(state.unknowns),)))
    r, matrix = system.linearise(state)
    np.testing.assert_allclose(system.vector(state), r, rtol=1e-12, atol=1e-12)
    direction = rng(4).standard_normal((matrix.shape[1],))
    ahead, behind = (system.vector(state.moved(direction, h)) for h in (1e-5, -1e-5))
    np.testing.assert_allclose((ahead - behind) / 2e-5, matrix @ direction, atol=1e-6 * np.abs(ahead).max())


def test_linear_problems_are_recognised() -> None:
    assert system_of("poisson2d").is_linear(system_of("poisson2d").zero(), rng())
    for name in ("burgers", "poisson_inverse"):
        system = system_of(name)
        assert not system.is_linear(system.zero(), rng())


def test_gauss_newton_solves_a_nonlinear_system_and_stops() -> None:
    system = system_of("burgers")
    lengths: list[float] = []
    start = system.zero().moved(0.1 * rng(5).standard_normal(8), 1.0)
    state = gauss_newton(system, start, 30, 1e-12, 1e-6, False, lambda s, loss, step: lengths.append(loss))
    assert lengths == sorted(lengths, reverse=True) and len(lengths) < 30
    r, matrix = system.linearise(state)
    assert np.linalg.norm(matrix.T @ r) < 1e-4 * np.linalg.norm(matrix) * max(float(np.linalg.norm(r)), 1e-8)


@pytest.mark.parametrize(
    ("overrides", "error"),
    [
        (["problem=poisson2d", "method.features=200"], 1e-11),
        (["problem=heat", "method.windows=2", "method.features=120"], 1e-8),
        (["problem=poisson2d", "method.subdomains=2", "method.features=80", "method.overlap=0.5"], 1e-5),
    ],
)
def test_linear_problems_in_one_step_a_window(tmp_path: Path, overrides: list[str], error: float) -> None:
    outcome, record = solve(tmp_path, *overrides)
    metrics = outcome.metrics
    assert metrics["relative_l2"] < error and metrics["iterations"] == len(record._rows["history.loss"])
    assert metrics["residual_ratio"] < 30 and metrics["rank"] <= metrics["features"]
    assert record._rows["history.error"][-1] == pytest.approx(metrics["relative_l2"], rel=1e-6)


def test_a_moderate_burgers_equation_by_newton(tmp_path: Path) -> None:
    overrides = ["problem=burgers", "problem.nu=0.5", "method.features=150", "method.scale=5", "method.windows=2"]
    metrics = solve(tmp_path, *overrides)[0].metrics
    assert metrics["relative_l2"] < 1e-3 and 4 <= metrics["iterations"] <= 12


def test_an_unknown_comes_out_at_its_least_squares_value_with_the_standard_error_of_the_theory(tmp_path: Path) -> None:
    metrics = solve(tmp_path, "problem=poisson_inverse", "method.features=120")[0].metrics
    problem: Any = make("poisson_inverse")
    (data,) = problem.observations(0)
    g = problem.unit_solution(data.points)
    theory = diffusivity_least_squares(g, data.values, data.noise)
    assert metrics["a"] == pytest.approx(theory.value, abs=0.02 * theory.standard_error)
    bound = diffusivity_cramer_rao(g, metrics["a"], data.noise)
    assert metrics["a_standard_error"] == pytest.approx(bound, rel=0.02)


def test_classical_runs_at_the_resolution_asked_for(tmp_path: Path) -> None:
    errors = {}
    for resolution in (-1, 0):
        outcome, _ = solve(tmp_path, "problem=heat", "method=classical", f"method.resolution={resolution}")
        errors[resolution] = outcome.metrics["relative_l2"]
        assert outcome.metrics["degrees_of_freedom"] == outcome.parameters and "train_residual" not in outcome.metrics
    assert errors[0] < 1e-10 < errors[-1]


def rfm_view(m: int, error: float) -> RunView:
    return RunView(
        folder=Path(),
        topic="pinn_pde",
        key="key",
        status="done",
        config={"method": {"features": m}},
        choices={"problem": "heat", "method": "rfm"},
        seed=0,
        metrics={"judged_l2": error, "max_error": error, "rank": float(m), "condition": 1e9},
        claims=[],
        cost={"training_s": 0.1},
        environment={},
        code={},
        started="",
        ended=None,
        error=None,
    )


@pytest.mark.parametrize(("law", "verdict"), [(lambda m: np.exp(-2 * np.sqrt(m)), "holds"), (lambda m: m**-3, "fails")])
def test_the_claim_tells_spectral_from_algebraic_convergence(law: Any, verdict: str) -> None:
    claims = {c.id: c for c in Table().claims([rfm_view(m, float(law(float(m)))) for m in (25, 50, 100)])}
    assert claims["pinn.rfm.heat.spectral"].verdict == verdict
    assert claims["pinn.rfm.wave.spectral"].verdict == "not measured"
    assert Table().sheet([rfm_view(25, 1e-3)]).rows[0][1] == "25"


def test_residuals_on_fresh_points_are_those_of_the_problem(tmp_path: Path) -> None:
    from types import SimpleNamespace

    from baselines.common import options
    from baselines.pinn_pde.fields import FunctionField
    from baselines.pinn_pde.method import Case

    problem = make("heat")
    method = options.option_class("pinn_pde", "method", "rfm")(features=60, windows=2)
    cfg: Any = SimpleNamespace(seed=0)
    solution = method.solve(Case(problem, [], lambda predict: 0.0), cfg, Record(tmp_path, {}))
    points = rng(6).uniform((0.1, 0.1), (0.9, 0.4), (30, 2))
    by_differences = problem.residual(FunctionField(problem, solution.predict, points))[0]
    assert rms(solution.residual(points) - by_differences) < 1e-5 * max(1.0, rms(by_differences))
