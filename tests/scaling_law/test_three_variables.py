"""What is special to the three-variable study and its table: claims that can fail, keys, arithmetic."""

import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from baselines.common.record import RunView
from baselines.scaling_law import flow_grid
from baselines.scaling_law.flow_grid import FlowGrid
from baselines.scaling_law.gradient_flow import FlowErrors, predict
from baselines.scaling_law.power_laws import Exponent
from baselines.scaling_law.simulate import draw
from baselines.scaling_law.spectrum import binned_power_law, power_law
from baselines.scaling_law.studies import _three_variables_claims as claims
from baselines.scaling_law.studies import _three_variables_curves as curves
from baselines.scaling_law.studies.three_variables import Study
from benchmarks.tables import three_variables as table

STUDY = Study(samples=[200, 283, 400], features=[200, 283, 400], times=[3.0, 100.0, 3000.0])
AGREEMENT = {f"three_variables.{name}" for name in ("test_error_deviation", "train_error_deviation",
             "gradient_norm_deviation", "in_gradient", "limit")}  # fmt: skip
EXPONENTS = {f"three_variables.exponent_{name}" for name in ("time", "gradient", "error_in_gradient")}
THEORY = {"three_variables.theory_exponents"}
RIGHT = claims.predictions(STUDY)


def slopes(shift: float = 0.0) -> claims.Slopes:
    values = [value + shift for value in RIGHT]
    return claims.Slopes(
        *(Exponent(value, value - 0.01, value + 0.01) for value in values), tuple(values), tuple(values)
    )


@cache
def fine() -> list[claims.Claim]:
    return claims.claims(STUDY, compared(STUDY))


def compared(study: Study, wrong: float = 0.0, shift: float = 0.0) -> claims.Found:
    """A comparison with draws made from the theory itself, with 60/n % of finite-size deviation."""
    grid = FlowGrid(study.noises, study.samples, study.features, study.times)
    true = np.array(flow_grid.predicted(binned_power_law(study.modes, study.decay, study.signal_decay), grid))
    source = np.random.default_rng(0)
    finite_size = 1 + 0.6 / np.array(study.samples)[:, None, None]
    draws = true * finite_size * (1 + 0.01 * source.standard_normal((study.draws, *true.shape)))
    claimed = FlowErrors(*(true * (1 + wrong)))
    return claims.compare(study, claimed, draws, claimed.test, slopes(shift))


def verdicts(study: Study, found: claims.Found) -> dict[str, set[str]]:
    result: dict[str, set[str]] = {}
    for claim in claims.claims(study, found):
        result.setdefault(claim.verdict, set()).add(claim.id)
    return result


def test_claims_hold_for_the_right_theory():
    assert verdicts(STUDY, compared(STUDY)) == {"holds": AGREEMENT | EXPONENTS | THEORY}


@pytest.mark.parametrize("wrong", [0.08, -0.08])
def test_claims_fail_for_a_wrong_theory(wrong):
    found = verdicts(STUDY, compared(STUDY, wrong, shift=wrong))
    assert found == {"fails": AGREEMENT | EXPONENTS | THEORY}


def test_the_limit_claim_sees_an_error_that_the_medians_let_pass():
    assert verdicts(STUDY, compared(STUDY, wrong=0.015))["fails"] == {"three_variables.limit"}


def test_claims_need_sizes_and_times_for_which_they_are_meant():
    small = Study(**Study.BUDGETS["smoke"])
    assert verdicts(small, compared(small)) == {"holds": THEORY, "not measured": AGREEMENT | EXPONENTS}
    late = Study(samples=[200, 400], features=[200, 400], times=[3.0, 30_000.0])
    assert verdicts(late, compared(late)) == {"holds": EXPONENTS | THEORY, "not measured": AGREEMENT}


def test_exponents_of_a_synthetic_law_are_found():
    """Draws of test error t^-0.7 and delta^2 = t^-1.6 up to a factor each."""
    source, times = np.random.default_rng(1), curves.SLOPE_TIMES
    factor = 1 + 0.1 * source.standard_normal((6, 3, 1))
    draws = factor * np.stack([times**-0.7, times**-0.9, times**-1.6])
    found = claims.slopes(STUDY, draws, source)
    assert [one.value for one in found[:3]] == pytest.approx([0.7, 1.6, 2 * 0.7 / 1.6], abs=1e-6)
    assert found.theory == pytest.approx(RIGHT, abs=0.01)
    assert found.at_size == pytest.approx(RIGHT, abs=0.06)  # 800 data and features


def test_the_grid_puts_every_number_in_its_place():
    grid, spectrum = FlowGrid([0.0, 0.3], [30, 50], [20, 40], [1.0, 10.0]), power_law(400, 1.5, 2.0)
    found = flow_grid.predicted(spectrum, grid)
    for array, expected in zip(found, predict(spectrum, 50, 20, [10.0], 0.3), strict=True):
        assert array[1, 1, 0, 1] == pytest.approx(expected[0], rel=1e-12)
    import torch

    moments = draw(spectrum, 50, 40, torch.Generator().manual_seed(0), torch.device("cpu"), torch.float64)
    assert flow_grid.simulated(moments, grid).test.shape == grid.shape
    delta = np.sqrt(found.gradient)
    delta[0, 0, 0, 1] = 9.0  # above that of the start
    at_delta = flow_grid.error_at_gradient(spectrum, grid, delta)
    known = np.isfinite(at_delta)
    assert at_delta[known] == pytest.approx(found.test[known], rel=1e-6)
    assert np.argwhere(~known).tolist() == [[0, 0, 0, 1]]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"samples": [100, 50]}, "ascending"),
        ({"features": [50]}, "two different"),
        ({"times": [0.0, 1.0]}, "positive"),
        ({"noises": [-0.1]}, "not be negative"),
        ({"draws": 1}, "at least 2"),
        ({"slope_draws": 1}, "at least 2"),
        ({"signal_decay": 1.0}, "above 1"),
    ],
)
def test_keys_are_checked(keys, message):
    with pytest.raises(ValueError, match=message):
        Study(**keys)


def view(deviation: float, limit: float, seconds: float = 10.0) -> RunView:
    shape, metrics, arrays = (2, 2, 2, 3), {"points": 24.0}, {"times": np.array([1.0, 10.0, 100.0])}
    for name in table.QUANTITIES:
        arrays |= {name: np.full(shape, 1 + deviation), f"{name}_predicted": np.ones(shape)}
        key = "squared_gradient_norm" if name == "gradient_norm" else name
        metrics |= {
            f"{name}_deviation_median_percent": 100 * abs(deviation), f"{name}_standard_error_median_percent": 0.3,
            f"{key}_limit_deviation_percent": limit, f"{key}_limit_standard_error_percent": 0.4,
        }  # fmt: skip
    at = "test_error_at_gradient_deviation"
    metrics |= {f"{at}_median_percent": 1.0, f"{at}_max_percent": 2.0}
    cost = {"prediction_s": 1.0, "simulation_s": seconds, "inversion_s": 1.0}
    head = (Path(), "scaling_law", "key", "done", {"study": {"draws": 24}}, {}, 0)
    return RunView(*head, metrics, list(fine()), cost, {}, {}, "", "", None, arrays)


def test_the_table_pools_runs():
    views = [view(0.01, 0.1), view(0.03, 0.3), view(0.02, 0.2), view(0.02, 0.2)]
    assert table.pooled(views, "test_error") == pytest.approx(np.full((2, 2, 2, 3), 2.0))
    squares = np.mean([1.01**2, 1.03**2, 1.02**2, 1.02**2])
    assert table.pooled(views, "gradient_norm") == pytest.approx(np.full((2, 2, 2, 3), 100 * (math.sqrt(squares) - 1)))
    rows = table.Table().sheet(views).rows
    assert rows[0][3:] == ["2.00", "2.00", "0.15", "+0.20 ± 0.20"]
    assert rows[-1][2].value == pytest.approx(12.0)


def test_pooled_claims_hold_and_fail():
    good = table.Table().claims([view(0.01, 0.1)] * 3)
    assert {claim.verdict for claim in good} == {"holds"}
    bad = table.Table().claims([view(0.05, 2.0, seconds=200.0)] * 3)
    assert {claim.verdict for claim in bad} == {"fails"}
    assert bad[-1].measured == pytest.approx(202.0)


def test_pooled_claims_need_runs_that_measured_theirs():
    small = Study(**Study.BUDGETS["smoke"])
    unmeasured = view(0.01, 0.1)
    unmeasured.claims[:] = claims.claims(small, compared(small))
    assert {claim.verdict for claim in table.Table().claims([unmeasured])} == {"not measured"}
