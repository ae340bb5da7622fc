import numpy as np
import pytest
from scipy.stats import chisquare

from baselines.pinn_pde.domain import Box, Disk
from baselines.pinn_pde.sampling import SAMPLINGS, density, magnitude, resample

LINE = Box(("x",), (0.0,), (1.0,))
PLANE = Box(("x", "y"), (-1.0, -1.0), (1.0, 1.0), without=(Disk((0.0, 0.0), 0.5),))
START = np.full((7, 1), 0.5)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_fixed_points_stay_and_cost_nothing() -> None:
    def never(points: np.ndarray) -> np.ndarray:
        raise AssertionError

    assert resample("fixed", never, START, LINE, 7, rng()) is START


def test_uniform_points_are_fresh() -> None:
    points = resample("uniform", magnitude, START, LINE, 7, rng(3))
    np.testing.assert_array_equal(points, LINE.sample(7, rng(3)))


def test_refinement_adds_the_worst_candidates() -> None:
    """RAR-G: the added points are the candidates of largest residual; the old ones stay."""
    points = resample("rar", lambda p: -np.abs(p - 0.3), START, LINE, 7, rng(1), candidates=200, added=5)
    pool = LINE.sample(200, rng(1))
    worst = np.sort(pool, axis=0)[-5:]
    np.testing.assert_array_equal(points[:7], START)
    np.testing.assert_allclose(np.sort(points[7:], axis=0), worst)


def test_refinement_adds_a_twentieth() -> None:
    assert len(resample("rar", lambda p: p, np.zeros((100, 1)), LINE, 100, rng())) == 105
    assert len(resample("rar", lambda p: p, START, LINE, 7, rng())) == 8


@pytest.mark.parametrize(("k", "c"), [(1.0, 1.0), (2.0, 0.0), (0.5, 3.0)])
def test_density_of_drawn_points(k: float, c: float) -> None:
    """|r| = x on [0, 1]: the density is (x^k (k + 1) + c) / (1 + c), since the mean of x^k is 1 / (k + 1)."""
    points = resample("rad", lambda p: p, START, LINE, 4000, rng(2), candidates=400_000, k=k, c=c)
    edges = np.linspace(0.0, 1.0, 11)
    cumulated = (edges ** (k + 1) + c * edges) / (1 + c)
    counts, _ = np.histogram(points, edges)
    assert chisquare(counts, 4000 * np.diff(cumulated)).pvalue > 0.01


def test_density_formula() -> None:
    size = np.array([0.0, 1.0, 3.0])
    np.testing.assert_allclose(density(size), (size / (4 / 3) + 1) / (3 + 3))
    np.testing.assert_allclose(density(1e-200 * size, k=2.0), density(size, k=2.0))
    np.testing.assert_allclose(density(np.zeros(4)), 0.25)


def test_no_candidate_is_drawn_twice() -> None:
    points = resample("rad", lambda p: p, START, LINE, 50, rng(), candidates=60)
    assert len(np.unique(points)) == 50


def test_size_of_several_equations() -> None:
    np.testing.assert_allclose(magnitude(np.array([[3.0, 4.0], [0.0, -2.0]])), [5.0, 2.0])


@pytest.mark.parametrize("strategy", SAMPLINGS)
def test_points_lie_in_the_domain_and_repeat_with_the_seed(strategy: str) -> None:
    start = PLANE.sample(30, rng(9))
    first, again = (resample(strategy, lambda p: p**2, start, PLANE, 30, rng(4)) for _ in range(2))
    assert PLANE.inside(first).all() and first.shape[1] == 2
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("strategy", ["rar", "rad"])
def test_residuals_that_are_not_finite_move_nothing(strategy: str) -> None:
    assert resample(strategy, lambda p: np.where(p > 0.5, np.nan, p), START, LINE, 7, rng()) is START


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="one of fixed, uniform, rar, rad"):
        resample("best", magnitude, START, LINE, 7, rng())
    with pytest.raises(ValueError, match="at least 7"):
        resample("rad", lambda p: p, START, LINE, 7, rng(), candidates=6)
    with pytest.raises(ValueError, match="at least 1"):
        resample("rar", lambda p: p, START, LINE, 7, rng(), added=0)
    with pytest.raises(ValueError, match="k >= 0"):
        density(np.ones(2), k=-1.0)
