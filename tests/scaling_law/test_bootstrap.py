import numpy as np
import pytest

from baselines.scaling_law.bootstrap import interval, resamples


def test_resamples_are_deterministic_tables_of_the_same_length():
    first = list(resamples(40, 3, np.random.default_rng(7)))
    second = list(resamples(40, 3, np.random.default_rng(7)))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert not np.array_equal(first[0], first[1])
    assert all(rows.shape == (40,) and rows.min() >= 0 and rows.max() < 40 for rows in first)


def test_interval_covers_the_mean_as_often_as_it_says():
    """Percentile bootstrap of the mean of 60 normal numbers: about 95 % coverage."""
    source, hits = np.random.default_rng(0), 0
    for _ in range(300):
        sample = source.standard_normal(60)
        means = np.array([sample[rows].mean() for rows in resamples(60, 200, source)])
        low, high = interval(means, 0.95)
        hits += low <= 0 <= high
    assert 0.90 <= hits / 300 <= 0.98


def test_interval_ends():
    assert interval(np.arange(101.0), 0.8) == pytest.approx((10.0, 90.0))
    with pytest.raises(ValueError, match="between 0 and 1"):
        interval(np.arange(3.0), 1.5)
