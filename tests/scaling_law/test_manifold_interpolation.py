"""Interpolation of smooth targets: closed forms in one dimension, derivatives, constants of the theory."""

import math

import numpy as np
import pytest

from baselines.scaling_law import manifold_interpolation as mi


def target(d: int, count: int = 2, roughness: float = 1.5) -> mi.TanhTargets:
    return mi.TanhTargets.draw(count, d, 6, roughness, np.random.default_rng(0))


def test_moments_are_those_of_numerical_derivatives():
    f, x, h = target(3), mi.cube(20, 3, 1.0, np.random.default_rng(1)), 1e-3
    steps = h * np.eye(3)
    gradient = np.stack([(f(x + e) - f(x - e)) / (2 * h) for e in steps], axis=-1)  # [t, n, d]
    hessian = np.stack(
        [
            np.stack([f(x + a + b) - f(x + a - b) - f(x - a + b) + f(x - a - b) for a in steps], axis=-1)
            for b in steps
        ],
        axis=-1,
    ) / (4 * h * h)  # fmt: skip
    moments = f.moments(x)
    assert moments.variance == pytest.approx(f(x).var(1))
    assert moments.gradient_square == pytest.approx((gradient**2).sum(-1).mean(1), rel=1e-4)
    assert moments.laplacian_square == pytest.approx((np.trace(hessian, axis1=2, axis2=3) ** 2).mean(1), rel=1e-4)
    assert moments.hessian_square == pytest.approx((hessian**2).sum((2, 3)).mean(1), rel=1e-4)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_a_linear_function_is_interpolated_exactly(d):
    source = np.random.default_rng(2)
    points, x = mi.cube(200, d, 1.0, source), mi.cube(50, d, 0.4, source)
    slopes = source.standard_normal((3, d))
    found = mi._linear(points, slopes @ points.T + 1.0, x)
    assert found == pytest.approx(slopes @ x.T + 1.0, abs=1e-10)


def test_outside_the_hull_there_is_no_value():
    points = mi.cube(50, 2, 1.0, np.random.default_rng(3))
    assert np.isnan(mi._linear(points, points.sum(1)[None], np.array([[3.0, 3.0]]))).all()


def test_the_nearest_value_is_that_of_a_full_search():
    f, source = target(2), np.random.default_rng(4)
    queries = mi.cube(40, 2, 0.5, source)
    state = np.random.default_rng(5)
    _, nearest = mi.interpolation_errors(f, 60, queries, state)
    points = mi.cube(60, 2, 1.0, np.random.default_rng(5))
    closest = np.linalg.norm(points[:, None] - queries, axis=-1).argmin(0)
    assert nearest == pytest.approx(((f(points)[:, closest] - f(queries)) ** 2).mean(1))


def test_one_dimension_has_the_exact_constant_of_random_gaps():
    """Mean of (second derivative)^2 (gap)^4 / 120 over a random place is (second derivative)^2 / n^4."""
    source = np.random.default_rng(6)
    n, errors = 400, []
    for _ in range(300):
        points = mi.cube(n, 1, 1.0, source)
        queries = mi.cube(500, 1, 0.5, source)
        found = mi._linear(points, 0.5 * points[None, :, 0] ** 2, queries)
        errors.append(((found - 0.5 * queries[:, 0] ** 2) ** 2).mean())
    one = np.ones(1)
    predicted = mi.linear_error(n, 1, mi.Moments(one, one, one, one))[0, 0]
    assert predicted == pytest.approx(n**-4.0)
    assert np.mean(errors) == pytest.approx(predicted, rel=0.08)


def test_the_nearest_neighbour_theory_in_three_dimensions():
    """Of f = x_1 the error is the mean squared distance over d."""
    source = np.random.default_rng(7)
    n, distances = 500, []
    for _ in range(80):
        points, queries = mi.cube(n, 3, 1.0, source), mi.cube(120, 3, 0.6, source)
        distances.append((np.linalg.norm(points[:, None] - queries, axis=-1).min(0) ** 2).mean() / 3)
    one = np.ones(1)
    assert np.mean(distances) == pytest.approx(mi.nearest_error(n, 3, mi.Moments(one, one, one, one))[0, 0], rel=0.04)


@pytest.mark.parametrize("d", [2, 3])
def test_the_stored_constants_come_out_of_a_tessellation(d):
    source = np.random.default_rng(8)
    found = np.mean([mi.tessellation_moments(d, 2500, 4000, 0.6, source) for _ in range(6)], axis=0)
    assert found == pytest.approx(mi.DELAUNAY[d], rel=0.12)


def test_the_constants_predict_the_error_of_a_quadratic():
    """An independent route: interpolate x_1^2 / 2, whose squared trace and squared Hessian are both one."""
    source = np.random.default_rng(9)
    errors = []
    for _ in range(4):
        points, queries = mi.cube(2000, 2, 1.0, source), mi.cube(4000, 2, 0.5, source)
        found = mi._linear(points, 0.5 * points[None, :, 0] ** 2, queries)
        errors.append(((found - 0.5 * queries[:, 0] ** 2) ** 2).mean())
    one = np.ones(1)
    assert np.mean(errors) == pytest.approx(mi.linear_error(2000, 2, mi.Moments(one, one, one, one))[0, 0], rel=0.08)


def test_predictions_fall_with_their_exponents_and_scale_with_the_variance():
    moments = mi.Moments(*(np.array([value, 2 * value]) for value in (2.0, 3.0, 4.0, 5.0)))
    for d in (1, 2, 3, 4):
        linear, nearest = (one(np.array([100.0, 1600.0]), d, moments) for one in (mi.linear_error, mi.nearest_error))
        assert np.log(linear[:, 0] / linear[:, 1]) / math.log(16) == pytest.approx(4 / d)
        assert np.log(nearest[:, 0] / nearest[:, 1]) / math.log(16) == pytest.approx(2 / d)
        assert linear[0] == pytest.approx(linear[1])
    with pytest.raises(ValueError, match="dimensions 1, 2, 3, 4; got 5"):
        mi.linear_error(10, 5, moments)
