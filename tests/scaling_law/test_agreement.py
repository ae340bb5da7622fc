import numpy as np
import pytest

from baselines.scaling_law.agreement import limit, over_draws, peak


def test_mean_and_standard_error():
    values = np.array([[1.0, 0.0], [3.0, 0.0], [5.0, 3.0]])
    found = over_draws(values)
    assert found.mean == pytest.approx([3.0, 1.0])
    assert found.error == pytest.approx([2 / np.sqrt(3), 1.0])
    assert found.z == pytest.approx([1.5 * np.sqrt(3), 1.0])


def test_the_limit_removes_finite_size_terms_and_keeps_a_constant():
    n, p = np.array([50.0, 100.0, 200.0]), np.array([40.0, 80.0, 300.0, 400.0])
    source = np.random.default_rng(0)
    shared = 70 / n[:, None] - 30 / p[None, :] + 0.25
    values = np.stack([np.stack([shared, 2 * shared - 0.25]) for _ in range(200)])
    values += 0.1 * source.standard_normal(values.shape)
    found = limit(values, n, p)
    assert abs(found.mean - 0.25) < 4 * found.error
    assert found.error < 0.02


def test_one_size_cannot_be_extrapolated():
    with pytest.raises(ValueError, match="two values"):
        limit(np.zeros((3, 1, 1, 2)), np.array([50.0]), np.array([40.0, 80.0]))


def test_peak_of_a_parabola_is_exact():
    p = np.array([50.0, 100.0, 150.0, 300.0])
    error = 0.7 * np.exp(-2 * np.log(p / 120.0) ** 2)
    assert peak(p, error) == pytest.approx((120.0, 0.7))


def test_a_monotone_curve_has_its_peak_at_the_end():
    assert peak(np.array([1.0, 2.0, 3.0]), np.array([3.0, 2.0, 1.0])) == (1.0, 3.0)
