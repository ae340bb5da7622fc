import numpy as np
import pytest
from scipy.integrate import solve_ivp

from baselines.pinn_pde.references import FLOOR_FACTOR, Reference, cole_hopf, cole_hopf_error

NU = 0.01 / np.pi


def chebyshev(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes on [-1, 1] and differentiation matrix (Trefethen, Spectral Methods in MATLAB, chapter 6)."""
    x = np.cos(np.pi * np.arange(n + 1) / n)
    c = np.where((np.arange(n + 1) == 0) | (np.arange(n + 1) == n), 2.0, 1.0) * (-1.0) ** np.arange(n + 1)
    dx = x[:, None] - x[None, :] + np.eye(n + 1)
    d = np.outer(c, 1.0 / c) / dx
    return x, d - np.diag(d.sum(axis=1))


@pytest.mark.parametrize(("nu", "n"), [(0.05, 120), (0.5, 32)])
def test_cole_hopf_agrees_with_a_spectral_solver(nu: float, n: int) -> None:
    x, d = chebyshev(n)
    d2 = d @ d

    def rhs(_: float, inner: np.ndarray) -> np.ndarray:
        u = np.concatenate([[0.0], inner, [0.0]])
        return (nu * d2 @ u - u * (d @ u))[1:-1]

    times = [0.1, 0.4, 1.0]
    solved = solve_ivp(rhs, (0, 1), -np.sin(np.pi * x[1:-1]), "Radau", t_eval=times, rtol=1e-10, atol=1e-12)
    for column, t in enumerate(times):
        points = np.stack([x[1:-1], np.full(len(x) - 2, t)], axis=1)
        assert np.abs(cole_hopf(points, nu)[:, 0] - solved.y[:, column]).max() < 5e-9


@pytest.mark.data
def test_cole_hopf_agrees_with_the_published_file(data_dir: str) -> None:
    from scipy.io import loadmat

    from baselines.common.data import require

    path = require(
        data_dir,
        "pde/raissi/burgers_shock.mat",
        source="github.com/maziarraissi/PINNs, appendix/Data",
        sha256="f4d11e6798b8d29b6829984952b04adcc470d9bf70dd7e56c7985cd8e316c4bf",
    )
    stored = loadmat(path)
    x, t, usol = stored["x"][:, 0], stored["t"][:, 0], stored["usol"]  # [256], [100], [256, 100]
    points = np.stack([a.ravel() for a in np.meshgrid(x, t, indexing="ij")], axis=1)
    difference = cole_hopf(points, NU).reshape(usol.shape) - usol
    assert np.linalg.norm(difference) / np.linalg.norm(usol) < 1e-11


@pytest.mark.parametrize("nu", [1e-3, NU, 0.1, 1.0, 10.0])
def test_the_stated_error_bar_covers_a_finer_quadrature(nu: float) -> None:
    generator = np.random.default_rng(0)
    points = np.stack([generator.uniform(-1, 1, 300), generator.uniform(0, 1, 300)], axis=1)
    much_finer = cole_hopf(points, nu, refine=5)
    error = np.linalg.norm(cole_hopf(points, nu) - much_finer) / np.linalg.norm(much_finer)
    bar = cole_hopf_error(points, nu)
    assert error <= bar < 1e-10


def test_the_error_bar_notices_a_coarse_quadrature(monkeypatch: pytest.MonkeyPatch) -> None:
    points = np.array([[0.3, 0.5], [0.01, 0.8]])
    exact = cole_hopf(points, NU)
    monkeypatch.setattr(np, "ceil", lambda value: np.floor(value / 8))  # an eighth of the nodes
    assert np.abs(cole_hopf(points, NU) - exact).max() > 1e-8
    assert cole_hopf_error(points, NU) > 1e-8


def test_cole_hopf_starts_at_the_sine_and_respects_walls_symmetry_and_maximum() -> None:
    x = np.linspace(-1, 1, 101)
    start = cole_hopf(np.stack([x, np.zeros_like(x)], axis=1), NU)[:, 0]
    np.testing.assert_allclose(start, -np.sin(np.pi * x), atol=1e-14)
    later = cole_hopf(np.stack([x, np.full_like(x, 0.7)], axis=1), NU)[:, 0]
    np.testing.assert_allclose(later, -later[::-1], atol=1e-12)
    assert abs(later[0]) < 1e-12 and np.abs(later).max() <= 1.0


@pytest.mark.parametrize(("nu", "t"), [(0.0, 0.5), (-1.0, 0.5), (0.1, -0.1)])
def test_cole_hopf_refuses_what_has_no_solution(nu: float, t: float) -> None:
    with pytest.raises(ValueError, match="nu > 0 and t >= 0"):
        cole_hopf(np.array([[0.0, t]]), nu)


def test_a_score_below_three_bars_is_at_the_floor() -> None:
    reference = Reference(lambda points: points, 1e-6, "test")
    assert reference.at_floor(2.9e-6) and not reference.at_floor(3.1e-6) and FLOOR_FACTOR == 3
