"""What is special to the ridge study: claims that can fail, bad input."""

import numpy as np
import pytest

from baselines.scaling_law.ridge import predict
from baselines.scaling_law.ridge_grid import Grid, GridErrors, predicted
from baselines.scaling_law.spectrum import power_law
from baselines.scaling_law.studies import _ridge_claims, _ridge_limits, ridge

SIZES = [50, 100, 200]
RIDGE = ridge.Study(samples=SIZES, features=SIZES, ridges=[0.001, 1.0], curve_samples=100, modes=4000)


def verdicts(claims):
    return {claim.id: claim.verdict for claim in claims}


def compared(study: ridge.Study, theory_is_wrong_by: float = 0.0, noise: float = 0.01) -> _ridge_claims.Comparison:
    """A comparison with draws made from the theory itself, with 60/n % of finite-size deviation."""
    grid = Grid(study.ridges, study.noises, study.samples, study.features)
    true = predicted(power_law(study.modes, study.decay, study.signal_decay), grid)
    source = np.random.default_rng(0)
    shape = (study.draws, *true.test.shape)
    finite_size = 1 + 0.6 / np.array(study.samples)[:, None]
    test, train = (error * finite_size * (1 + noise * source.standard_normal(shape)) for error in true)
    claimed = GridErrors(*(error * (1 + theory_is_wrong_by) for error in true))
    return _ridge_claims.compare(study, claimed, test, train)


def limits(study: ridge.Study, theory_is_wrong_by: float = 0.0, best_ridge_times: float = 1.0) -> _ridge_limits.Found:
    """The two limits with draws made from the theory itself."""
    spectrum = power_law(study.modes, study.decay, study.signal_decay)
    true = _ridge_limits.expect(study, spectrum)
    source = np.random.default_rng(1)
    scan = np.array(
        [
            [predict(spectrum, study.curve_samples, p, r).test(study.noises[-1]) for p in study.features]
            for r in true.scanned
        ]
    )
    draws = [
        _ridge_limits.Drawn(*(error * (1 + 0.01 * source.standard_normal()) for error in (true.kernel, scan)))
        for _ in range(study.draws)
    ]
    scale = 1 + theory_is_wrong_by
    claimed = true._replace(
        kernel=scale * true.kernel, best_error=scale * true.best_error, best_ridge=best_ridge_times * true.best_ridge
    )
    return _ridge_limits.compare(claimed, draws, np.random.default_rng(2))


def claimed(study: ridge.Study, theory_is_wrong_by: float = 0.0):
    return _ridge_claims.claims(study, compared(study, theory_is_wrong_by), limits(study, theory_is_wrong_by))


def test_ridge_claims_hold_for_the_right_theory():
    claims = claimed(RIDGE)
    assert set(verdicts(claims).values()) == {"holds"}


@pytest.mark.parametrize("wrong", [0.1, -0.1])
def test_ridge_claims_fail_for_a_wrong_theory(wrong):
    found = verdicts(claimed(RIDGE, wrong))
    failing = {"ridge.median_deviation", "ridge.max_deviation", "ridge.limit", "ridge.train_median_deviation"}
    assert {name for name, verdict in found.items() if verdict == "fails"} == failing | {
        "ridge.peak_height", "ridge.kernel_median_deviation", "ridge.kernel_max_deviation", "ridge.tuned_deviation"
    }  # fmt: skip


def test_a_wrong_best_ridge_is_seen():
    found = limits(RIDGE, best_ridge_times=5.0)
    values = _ridge_limits.metrics(RIDGE, found)
    assert values["tuned_ridge_excess_percent"] > 2
    assert found.tuned_ridge == pytest.approx(found.expected.best_ridge / 5, rel=0.05)


def test_without_noise_there_is_no_best_ridge():
    quiet = ridge.Study(samples=SIZES, features=SIZES, ridges=[0.1], noises=[0.0], curve_samples=100, modes=4000)
    found = limits(quiet)
    assert not len(found.tuned_ridge) and "tuned_ridge_excess_percent" not in _ridge_limits.metrics(quiet, found)
    judged = verdicts(_ridge_claims.claims(quiet, compared(quiet), found))
    assert judged["ridge.tuned_no_peak"] == judged["ridge.tuned_deviation"] == "not measured"
    assert judged["ridge.kernel_max_deviation"] == "holds"


def test_the_limit_claim_sees_an_error_that_the_bands_let_pass():
    found = verdicts(claimed(RIDGE, 0.015))
    assert found["ridge.median_deviation"] == "holds"
    assert found["ridge.limit"] == "fails"


def test_ridge_claims_are_not_measured_at_small_sizes():
    small = ridge.Study(**ridge.Study.BUDGETS["smoke"])
    assert set(verdicts(claimed(small)).values()) == {"not measured"}


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"samples": [100, 50]}, "ascending"),
        ({"features": [50]}, "two different sizes"),
        ({"ridges": [0.0, 1.0]}, "positive"),
        ({"noises": [-0.1]}, "not be negative"),
        ({"curve_samples": 123}, "one of"),
        ({"draws": 1}, "at least 2"),
        ({"decay": 1.0}, "above 1"),
    ],
)
def test_ridge_keys_are_checked(keys, message):
    with pytest.raises(ValueError, match=message):
        ridge.Study(**keys)
