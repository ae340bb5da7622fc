"""The audit on synthetic runs whose law is known."""

import numpy as np
import pytest

from baselines.scaling_law import extrapolation_audit as ea
from baselines.scaling_law.parametric_fit import Fit, FitStatus, LogRuns, ScalingLaw

LAW = ScalingLaw(A=480.0, B=2100.0, E=1.82, alpha=0.35, beta=0.37)


def runs(count: int = 90, noise: float = 0.003, seed: int = 0, law: ScalingLaw = LAW) -> LogRuns:
    source = np.random.default_rng(seed)
    n = np.log(np.geomspace(5e7, 1e10, 15))[source.integers(0, 15, count)]
    d = source.uniform(np.log(1e9), np.log(3e11), count)
    return LogRuns(n, d, np.log(law.loss(np.exp(n), np.exp(d))) + noise * source.standard_normal(count))


def split(table: LogRuns, share: float = 0.7) -> tuple[LogRuns, LogRuns]:
    order = np.argsort(table.parameters + table.tokens)
    return table.take(order[: int(share * len(table))]), table.take(order[int(share * len(table)) :])


def test_errors_of_a_law_that_is_two_per_cent_too_high():
    table = runs(noise=0.0)
    high = ScalingLaw(A=1.02 * LAW.A, B=1.02 * LAW.B, E=1.02 * LAW.E, alpha=LAW.alpha, beta=LAW.beta)
    found = ea.errors(high, table)
    assert found == pytest.approx((0.02, 0.02, 0.02))


def test_the_true_law_extrapolates_to_within_the_noise():
    train, test = split(runs(noise=0.003))
    best = ea.best_fit(train, 1e-3, 12, np.random.default_rng(1))
    assert best.status is not FitStatus.STOPPED
    assert ea.errors(best.law, test).mean_absolute < 0.006


def test_intervals_cover_new_runs_of_the_same_law():
    train, test = split(runs(count=160, noise=0.005))
    best = ea.best_fit(train, 5e-3, 8, np.random.default_rng(1))
    found = ea.intervals(train, test, best, 5e-3, 40, np.random.default_rng(2))
    assert 0.85 <= ea.coverage(found.run_low, found.run_high, test) <= 1.0
    assert ea.coverage(found.law_low, found.law_high, test) < ea.coverage(found.run_low, found.run_high, test)


def test_intervals_do_not_cover_when_the_law_breaks_beyond_the_training_runs():
    train, test = split(runs(noise=0.003))
    best = ea.best_fit(train, 1e-3, 8, np.random.default_rng(1))
    broken = LogRuns(test.parameters, test.tokens, test.loss + 0.05)
    found = ea.intervals(train, test, best, 1e-3, 20, np.random.default_rng(2))
    assert ea.coverage(found.run_low, found.run_high, broken) < 0.2


def test_resampling_sizes_keeps_runs_of_a_size_together():
    groups = np.array([0, 1, 0, 2, 1])
    for rows in ea._size_resamples(groups, 20, np.random.default_rng(0)):
        for group in range(3):
            times = [int((rows == row).sum()) for row in np.flatnonzero(groups == group)]
            assert len(set(times)) == 1


def test_intervals_by_size_are_wider_when_sizes_err_together():
    table = runs(count=120, noise=0.001)
    shift = 0.01 * np.random.default_rng(3).standard_normal(40)[ea.size_groups(table)]
    train, test = split(LogRuns(table.parameters, table.tokens, table.loss + shift))
    best = ea.best_fit(train, 1e-2, 8, np.random.default_rng(1))
    widths = []
    for by_size in (False, True):
        found = ea.intervals(train, test, best, 1e-2, 40, np.random.default_rng(2), by_size=by_size)
        widths.append(float(np.mean(found.law_high - found.law_low)))
    assert widths[1] > 1.2 * widths[0]


def test_flags_of_runs_inside_and_outside():
    train = runs()
    inside = ea.flags(train, train)
    assert inside[:3] == (0.0, 0.0, 0.0)
    assert inside.beyond_95 < 0.1
    far = LogRuns(train.parameters + 10, train.tokens, train.loss)
    outside = ea.flags(train, far)
    assert outside.outside_parameters == 1.0 and outside.outside_tokens == 0.0
    assert outside.beyond_95 == 1.0


def test_the_distance_is_that_of_the_inverse_covariance():
    train = runs()
    point = LogRuns(train.parameters[:1] + 1.0, train.tokens[:1] - 2.0, train.loss[:1])
    cloud = np.stack([train.parameters, train.tokens])
    offset = np.array([point.parameters[0], point.tokens[0]]) - cloud.mean(1)
    expected = np.sqrt(offset @ np.linalg.solve(np.cov(cloud), offset))
    assert ea.flags(train, point).median_mahalanobis == pytest.approx(expected)


def test_runs_on_a_line_are_refused():
    line = np.linspace(18, 22, 20)
    train = LogRuns(line, line + 3, line)
    with pytest.raises(ValueError, match="on a line"):
        ea.flags(train, train)


def test_random_splits_leave_out_whole_sizes_once():
    table = runs()
    groups = ea.size_groups(table)
    assert len(np.unique(groups)) == len(np.unique(table.parameters))
    masks = list(ea.random_splits(table, 4, np.random.default_rng(0)))
    assert (np.sum(masks, axis=0) == 1).all()
    for mask in masks:
        assert not set(groups[mask]) & set(groups[~mask])
    with pytest.raises(ValueError, match="99 folds need at least as many model sizes"):
        next(ea.random_splits(table, 99, np.random.default_rng(0)))


def test_sizes_that_differ_by_reading_errors_are_one_group():
    logs = np.log([1e8, 1.001e8, 3e8, 2.99e8, 9e8])
    assert ea.size_groups(LogRuns(logs, logs, logs)).tolist() == [0, 0, 1, 1, 2]


def test_predicted_losses_are_not_used_by_the_intervals():
    train, test = split(runs())
    best = Fit(LAW, 0.0, 0.0, FitStatus.CONVERGED, np.zeros(1))
    other = LogRuns(test.parameters, test.tokens, test.loss + 1.0)
    first, second = (ea.intervals(train, one, best, 1e-3, 5, np.random.default_rng(0)) for one in (test, other))
    assert np.array_equal(np.stack(first), np.stack(second))
