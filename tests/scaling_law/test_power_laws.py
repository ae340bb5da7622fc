"""Slopes, local slopes and their bootstrap intervals on laws that are known."""

import numpy as np
import pytest

from baselines.scaling_law.power_laws import Exponent, bootstrap_mean, bootstrap_slope, local_slopes, slope

X = np.geomspace(10, 1000, 9)


def test_the_slope_of_a_power_law_is_its_exponent():
    assert slope(X, 3 * X**-0.7) == pytest.approx(-0.7, abs=1e-13)
    assert slope([1, 10, 100], [1, 5, 100]) == pytest.approx(np.polyfit([0, 1, 2], np.log10([1, 5, 100]), 1)[0])


@pytest.mark.parametrize("window", [2, 3, 5])
def test_local_slopes_follow_a_law_that_bends(window):
    """`log y = -log(x)^2 / 2` has the slope `-log x` at every place."""
    middle, found = local_slopes(X, np.exp(-(np.log(X) ** 2) / 2), window)
    assert len(middle) == len(found) == len(X) - window + 1
    assert found == pytest.approx(-np.log(middle), rel=1e-12)
    assert local_slopes(X, X**2.5, window)[1] == pytest.approx(2.5)


def test_the_interval_of_a_slope_has_its_nominal_coverage():
    generator = np.random.default_rng(0)
    hits = 0
    for _ in range(200):
        draws = X**-1.3 * np.exp(0.2 * generator.standard_normal((40, len(X))))
        found = bootstrap_slope(X, draws, generator, resamples=200)
        assert found.low < found.value < found.high
        hits += found.low <= -1.3 <= found.high
    assert 0.88 <= hits / 200 <= 0.99


def test_the_interval_of_a_mean_is_that_of_the_normal_law():
    draws = np.random.default_rng(1).standard_normal((400, 2, 3)) + 5
    found = bootstrap_mean(draws, np.random.default_rng(2), resamples=4000)
    assert found.mean == pytest.approx(draws.mean(0))
    half = 1.96 * draws.std(0, ddof=1) / 20
    assert found.high - found.mean == pytest.approx(half, rel=0.1)
    assert found.mean - found.low == pytest.approx(half, rel=0.1)


def test_a_decay_turns_the_ends_round():
    assert Exponent(-2.0, -2.5, -1.9).decay == Exponent(2.0, 1.9, 2.5)
    assert Exponent(2.0, 1.9, 2.5).metrics("loss") == {
        "exponent_loss": 2.0, "exponent_loss_low": 1.9, "exponent_loss_high": 2.5
    }  # fmt: skip


def test_what_is_no_power_law_is_refused():
    with pytest.raises(ValueError, match="positive"):
        slope([1, 2], [1, 0])
    with pytest.raises(ValueError, match="two different"):
        slope([2, 2], [1, 3])
    with pytest.raises(ValueError, match="window"):
        local_slopes(X, X, len(X) + 1)
    with pytest.raises(ValueError, match="two draws"):
        bootstrap_slope(X, X[None], np.random.default_rng(0))
    with pytest.raises(ValueError, match="level"):
        bootstrap_mean(np.ones((3, 2)), np.random.default_rng(0), level=1.0)
