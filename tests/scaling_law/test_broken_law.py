"""The broken power law: its formula, its derivatives, synthetic truth, the authors' procedure."""

import math

import numpy as np
import pytest

from baselines.scaling_law import broken_law as bl
from baselines.scaling_law.parametric_fit import FitStatus

ONE = np.array([math.log(0.4), math.log(2.3), 0.05, 5.6, math.log(612.0), math.log(0.06)])
TWO = np.array([math.log(0.1), math.log(3.0), 0.1, 0.8, math.log(30.0), math.log(0.2), -0.5, math.log(800.0), -1.0])


def formula(theta: np.ndarray, x: np.ndarray) -> np.ndarray:
    """As printed in the paper, without logarithms."""
    y = math.exp(theta[1]) * x ** -theta[2]
    for c, log_d, log_f in theta[3:].reshape(-1, 3):
        f = math.exp(log_f)
        y = y * (1 + (x / math.exp(log_d)) ** (1 / f)) ** (-c * f)
    return math.exp(theta[0]) + y


@pytest.mark.parametrize("theta", [ONE, TWO, ONE[:3]])
def test_the_law_is_the_printed_formula(theta):
    x = np.geomspace(10, 3000, 40)
    assert bl.BrokenLaw(theta)(x) == pytest.approx(formula(theta, x), rel=1e-12)


@pytest.mark.parametrize("shift", [0.0, 1.0])
@pytest.mark.parametrize("theta", [ONE, TWO])
def test_the_jacobian_is_that_of_finite_differences(theta, shift):
    log_x, y, h = np.log(np.geomspace(10, 3000, 25)), np.linspace(2, 0.5, 25), 1e-6
    _, jacobian = bl.residuals(theta, log_x, y, shift)
    for i, step in enumerate(h * np.eye(len(theta))):
        numeric = bl.residuals(theta + step, log_x, y, shift)[0] - bl.residuals(theta - step, log_x, y, shift)[0]
        assert jacobian[:, i] == pytest.approx(numeric / (2 * h), abs=1e-7)


def test_slopes_before_and_after_a_break():
    law = bl.BrokenLaw(np.array([bl.NO_CONSTANT, 0.0, 0.3, 0.9, math.log(1e4), math.log(0.3)]))
    for x, expected in ((1e1, -0.3), (1e7, -1.2)):
        slope = np.diff(law.log(np.array([x, 1.01 * x])))[0] / math.log(1.01)
        assert slope == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_synthetic_truth_is_recovered_exactly_without_noise(shift):
    x = np.geomspace(150, 1200, 22)
    fits = bl.fit_from_starts(x, formula(ONE, x), 1, 20, np.random.default_rng(0), shift=shift)
    assert fits[0].rmsle < 1e-10 and fits[0].status is FitStatus.CONVERGED
    assert fits[0].law.theta == pytest.approx(ONE, abs=1e-5)


def test_synthetic_truth_is_recovered_with_noise_and_predicts_what_was_held_out():
    x = np.geomspace(100, 2000, 40)
    noise = np.exp(0.002 * np.random.default_rng(1).standard_normal(40))
    best = bl.fit_from_starts(x[:34], formula(ONE, x[:34]) * noise[:34], 1, 20, np.random.default_rng(0))[0]
    assert best.law.named["d1"] == pytest.approx(612, rel=0.02)
    assert best.law.named["c1"] == pytest.approx(5.6, rel=0.15)
    assert bl.rmsle(best.law, x[34:], formula(ONE, x[34:])) < 0.02
    assert best.gradient < 1e-5


def test_two_breaks_are_recovered():
    x = np.geomspace(1, 1e5, 60)
    start = TWO + 0.1 * np.random.default_rng(2).standard_normal(9)
    assert bl.fit(x, formula(TWO, x), start).law.theta == pytest.approx(TWO, abs=1e-4)


def test_a_power_law_is_a_line_in_the_log_log_plane():
    x, y = np.geomspace(1, 1000, 12), np.linspace(3, 1, 12)
    best = bl.fit_from_starts(x, y, 0, 3, np.random.default_rng(0), constant=False)[0]
    slope, offset = np.polyfit(np.log(x), np.log(y), 1)
    assert best.law.theta[1:] == pytest.approx([offset, -slope], abs=1e-8)
    assert best.law.named["a"] == 0


def test_a_constant_that_the_points_do_not_want_is_reported():
    x = np.geomspace(100, 1000, 12)
    y = 3 * x**-0.2 * (1 - (x / 2500) ** 2)  # bends down: a constant makes it worse
    assert bl.fit_from_starts(x, y, 0, 3, np.random.default_rng(0))[0].status is FitStatus.BOUND


def test_a_search_without_steps_is_not_called_converged(monkeypatch):
    x = np.geomspace(150, 1200, 22)
    monkeypatch.setattr(bl, "EVALUATIONS", 2)
    start = ONE + np.array([0.5, 0.2, 0.2, -2, 0.2, 0.5])
    found = bl.fit(x, formula(ONE, x), start)
    assert found.status is FitStatus.STOPPED and found.gradient > 1e-3


def test_too_few_points_are_refused():
    with pytest.raises(ValueError, match="6 parameters need at least as many points; got 5"):
        bl.fit(np.arange(1.0, 6.0), np.ones(5), ONE)


def test_the_authors_procedure_recovers_a_smooth_break_and_misses_a_sharp_one():
    """One local search from the best point of the grid is not always enough; many starts are."""
    x = np.geomspace(160, 1000, 16)
    smooth = np.array([math.log(0.4), math.log(2.3), 0.05, 3.0, math.log(500.0), math.log(0.25)])
    law = bl.reference(x, formula(smooth, x))
    assert bl.rmsle(law, x, formula(smooth, x)) < 1e-6
    assert bl.rmsle(bl.reference(x, formula(ONE, x)), x, formula(ONE, x)) > 0.1
    assert bl.fit_from_starts(x, formula(ONE, x), 1, 20, np.random.default_rng(0))[0].rmsle < 1e-8


def test_the_grid_is_searched_as_by_brute_force():
    """The vectorised grid error against a plain evaluation of some of its points."""
    x, target = np.array([160.0, 400.0, 900.0]), np.log([3.0, 2.5, 1.5])
    grid = np.array([[0.1, 2.0, 0.25, 0.5, 300.0, 0.25], [0.0, 5.0, 0.5, 0.25, 50.0, 0.75]])
    for row, error in zip(grid, bl._grid_error(grid, x, target), strict=True):
        a, b, c0, c1, d, f = row
        y = formula(np.array([math.log(a or 1e-300), math.log(b), c0, c1, math.log(d), math.log(f)]), x)
        assert error == pytest.approx(np.mean((np.log(1 + y) - target) ** 2))
