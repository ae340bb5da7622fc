"""IsoFLOP methods on surfaces whose optimum is known."""

import numpy as np
import pytest

from baselines.scaling_law import isoflop_fit as iso
from baselines.scaling_law.isoflop_fit import IsoFlops, Method
from baselines.scaling_law.parametric_fit import ScalingLaw

BUDGETS = np.geomspace(6e18, 1e22, 6)
GRID = np.log(10) * np.linspace(-1, 1, 11)
SYMMETRIC = ScalingLaw(400, 400, 1.69, 0.31, 0.31)
ASYMMETRIC = ScalingLaw(2000, 30, 1.69, 0.465, 0.155)
TARGET = 3.8e25


def log_best(law: ScalingLaw, compute):
    return np.log(compute / 6 / law.optimal_parameters(compute))


def noisy(seed: int = 0, scale: float = 0.003) -> IsoFlops:
    normal = np.random.default_rng(seed).standard_normal((len(BUDGETS), len(GRID)))
    return iso.simulated(ASYMMETRIC, BUDGETS, GRID, scale * normal)


@pytest.mark.parametrize("method", Method)
def test_a_symmetric_surface_on_centred_grids_is_exact_for_every_method(method):
    found = iso.optima(iso.simulated(SYMMETRIC, BUDGETS, GRID), method)
    assert found.exponent == pytest.approx(0.5, abs=1e-9)
    assert found.log_tokens == pytest.approx(log_best(SYMMETRIC, BUDGETS), abs=1e-9)
    assert np.log(found.tokens_at(TARGET)) == pytest.approx(float(log_best(SYMMETRIC, TARGET)), abs=1e-9)


@pytest.mark.parametrize("shift", [0.0, 0.7])
def test_on_an_asymmetric_surface_only_the_fitted_surface_is_exact(shift):
    runs = iso.simulated(ASYMMETRIC, BUDGETS, GRID + shift)
    true, target = 1 - ASYMMETRIC.compute_exponent, float(log_best(ASYMMETRIC, TARGET))
    errors = {}
    for method in Method:
        found = iso.optima(runs, method)
        assert found.exponent == pytest.approx(true, abs=1e-9)  # the same grid at every budget
        errors[method] = abs(np.log(found.tokens_at(TARGET)) - target)
    assert errors[Method.SURFACE] < 1e-9
    assert 0.01 < errors[Method.PARABOLA]
    assert errors[Method.AKIMA] < 0.2 * errors[Method.PARABOLA]


def test_drifting_grids_bias_the_exponent_of_the_parabola_and_not_of_the_surface():
    parts = [iso.simulated(ASYMMETRIC, BUDGETS[[i]], GRID + 0.25 * i) for i in range(len(BUDGETS))]
    drifting = IsoFlops(
        BUDGETS, np.concatenate([part.log_tokens for part in parts]), np.concatenate([part.loss for part in parts]),
        np.repeat(np.arange(len(BUDGETS)), len(GRID)),
    )  # fmt: skip
    true = 1 - ASYMMETRIC.compute_exponent
    assert abs(iso.optima(drifting, Method.PARABOLA).exponent - true) > 1e-3
    assert iso.optima(drifting, Method.SURFACE).exponent == pytest.approx(true, abs=1e-9)


def test_the_bias_tends_to_its_leading_order():
    """The relative error of the expansion falls with the square of the width."""
    errors = []
    for width in (0.4, 0.2):
        offsets = np.linspace(-width, width, 9)
        found = iso.optima(iso.simulated(ASYMMETRIC, BUDGETS, offsets), Method.PARABOLA)
        shift = float(np.mean(found.log_tokens - log_best(ASYMMETRIC, BUDGETS)))
        errors.append(abs(shift / iso.predicted_bias(ASYMMETRIC, offsets) - 1))
    assert errors[0] < 0.01
    assert errors[1] == pytest.approx(errors[0] / 4, rel=0.1)


def test_the_bias_study_averages_noise_around_the_noise_free_shift():
    widths = np.array([1.5, 2.5])
    bias = iso.parabola_bias(ASYMMETRIC, BUDGETS, widths, 11, 0.002, 40, np.random.default_rng(1))
    error = bias.noisy.std(0, ddof=1) / np.sqrt(len(bias.noisy))
    assert (np.abs(bias.noisy.mean(0) - bias.noise_free) < 4 * error).all()
    assert bias.exponent_error < 1e-9
    assert bias.noise_free / bias.predicted == pytest.approx([1, 1], abs=0.1)


def test_vertices_are_those_of_polyfit_with_weights_as_repetitions():
    runs = noisy()
    counts = iso.within_budgets(runs, 3, np.random.default_rng(0))
    found = iso.vertices(runs, counts)
    for row in range(3):
        resampled = runs.take(iso.rows_of(counts[row]))
        for budget in range(len(BUDGETS)):
            rows = resampled.group == budget
            a, b, _ = np.polyfit(resampled.log_tokens[rows], resampled.loss[rows], 2)
            assert found[row, budget] == pytest.approx(-b / (2 * a), abs=1e-6)
    exponents, intercepts, _ = iso.bootstrap_parabola(runs, counts)
    fit = np.polyfit(np.log(BUDGETS), found[0], 1)
    assert (exponents[0], intercepts[0]) == pytest.approx(tuple(fit), rel=1e-9)


def test_resampling_keeps_the_number_of_runs_of_each_budget():
    runs = noisy()
    counts = iso.within_budgets(runs, 20, np.random.default_rng(0))
    for budget in range(len(BUDGETS)):
        assert (counts[:, runs.group == budget].sum(1) == len(GRID)).all()


def test_a_group_without_a_minimum_is_left_out_of_the_line():
    runs = noisy(scale=0.0)
    rising = np.where(runs.group == 2, 3 - 0.01 * runs.log_tokens, runs.loss)  # falls to the end of the grid
    broken = IsoFlops(runs.compute, runs.log_tokens, rising, runs.group)
    for method in (Method.PARABOLA, Method.AKIMA):
        found = iso.optima(broken, method)
        assert np.isnan(found.log_tokens).tolist() == [False, False, True, False, False, False]
        assert found.exponent == pytest.approx(1 - ASYMMETRIC.compute_exponent, abs=1e-9)
    downwards = IsoFlops(runs.compute, runs.log_tokens, -runs.loss + 10, runs.group)
    assert np.isnan(iso.optima(downwards, Method.PARABOLA).exponent)


def test_akima_averages_runs_of_one_duration():
    runs = iso.simulated(SYMMETRIC, BUDGETS, GRID)
    doubled = runs.take(np.concatenate([np.arange(len(runs)), np.arange(len(runs))]))
    sign = np.where(np.arange(len(doubled)) < len(runs), 1, -1)
    spread = IsoFlops(doubled.compute, doubled.log_tokens, doubled.loss + 0.01 * sign, doubled.group)
    assert iso.optima(spread, Method.AKIMA).log_tokens == pytest.approx(log_best(SYMMETRIC, BUDGETS), abs=1e-9)


def test_budgets_are_found_in_unordered_and_inexact_values():
    compute = np.array([1e21, 1e20, 1.02e20, 0.99e21, 0.98e20])
    budgets, group = iso.group_by_budget(compute, 0.05)
    assert group.tolist() == [1, 0, 0, 1, 0]
    assert budgets == pytest.approx([np.cbrt(1e20 * 1.02e20 * 0.98e20), np.sqrt(1e21 * 0.99e21)])


def test_a_noisy_surface_is_recovered_within_its_noise():
    true = 1 - ASYMMETRIC.compute_exponent
    found = np.array([iso.optima(noisy(seed), Method.SURFACE).exponent for seed in range(20)])
    assert abs(found.mean() - true) < 4 * found.std(ddof=1) / np.sqrt(len(found))
    assert found.std() < 0.03


@pytest.mark.data
def test_the_exponent_of_llama_3(data_dir):
    from pathlib import Path

    from baselines.scaling_law.runs_table import read_columns

    wanted = {"d": "tokens", "c": "budget", "loss": "loss"}
    path = Path(data_dir) / "scaling/llama3_isoflops/isoflops.csv"
    table = read_columns(path, wanted, {"condition": "raw_loss"})
    assert (len(table), table.filtered) == (133, 133)
    budgets, group = iso.group_by_budget(table["c"])
    runs = IsoFlops(budgets, np.log(table["d"]), table["loss"], group)
    assert len(budgets) == 10
    assert iso.optima(runs, Method.PARABOLA).exponent == pytest.approx(0.537, abs=1e-3)
