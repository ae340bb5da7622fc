"""Formulas of the exponents, the three-term law, and claims of the matching study that can fail."""

from pathlib import Path

import numpy as np
import pytest

from baselines.common.errors import UserError
from baselines.common.record import Record, RunView
from baselines.scaling_law import matching_law
from baselines.scaling_law.config import Config
from baselines.scaling_law.matching_law import Task, ThreeTermLaw
from baselines.scaling_law.power_laws import Exponent, slope
from baselines.scaling_law.studies import _matching_claims as claims
from baselines.scaling_law.studies import _matching_measured as measured
from baselines.scaling_law.studies import _matching_theory as theory
from baselines.scaling_law.studies.matching import Study
from benchmarks.tables import matching

HARD, EASY = Task(1.5, 2.0), Task(1.2, 4.0)


def test_exponents_of_the_notes():
    assert (HARD.data, HARD.parameters, HARD.time) == pytest.approx((1.0, 1.0, 2 / 3))
    assert (EASY.data, EASY.parameters) == pytest.approx((2.4, 1.2))
    assert (HARD.online_loss, HARD.online_parameters, HARD.full_batch_loss) == pytest.approx((0.4, 0.4, 2 / 7))
    assert (HARD.matching, HARD.gradient) == pytest.approx((0.8, 0.8))
    assert (HARD.stopping_time, HARD.excess, HARD.learning_quality) == pytest.approx((0.75, 0.5, 0.625))
    assert HARD.is_hard and not EASY.is_hard
    with pytest.raises(ValueError, match="above 1"):
        Task(1.0, 2.0)


@pytest.mark.parametrize("task", [HARD, Task(1.25, 1.5), Task(2.0, 2.9)])
def test_exponents_balance_the_terms_they_come_from(task):
    """Brute force on sums of powers: the optimum over a grid follows the closed forms."""
    k = np.geomspace(1, 1e12, 400_001)
    compute = np.array([1e6, 1e9])
    p = [k[np.argmin(k**-task.parameters + (c / k) ** -task.time)] for c in compute]
    assert slope(compute, p) == pytest.approx(task.online_parameters, abs=1e-3)
    loss = [(x**-task.parameters + (c / x) ** -task.time) for c, x in zip(compute, p, strict=True)]
    assert -slope(compute, loss) == pytest.approx(task.online_loss, abs=1e-3)
    # C = p n t with p = n by symmetry
    size = [k[np.argmin(2 * k**-task.data + (c / k**2) ** -task.time)] for c in compute]
    assert slope(compute, size) == pytest.approx(task.full_batch_size, abs=1e-3)
    # bias t^-(a-1)/b + variance t^(1/b) / n
    n = compute
    t = [k[np.argmin(k**-task.time + k ** (1 / task.decay) / size)] for size in n]
    assert slope(n, t) == pytest.approx(task.stopping_time, abs=1e-3)
    resolved = np.array(t) ** (1 / task.decay)
    assert -slope(n, resolved ** -(task.signal_decay - 1)) == pytest.approx(task.excess, abs=1e-3)
    delta = resolved ** (-(task.signal_decay + task.decay - 1) / 2)
    assert -slope(n, delta) == pytest.approx(task.learning_quality, abs=1e-3)
    assert -slope(delta, resolved) == pytest.approx(task.matching)
    assert slope(delta, resolved ** -(task.signal_decay - 1)) == pytest.approx(task.gradient)


def test_the_easy_frontier_balances_time_with_the_noise_of_the_features():
    """t^-(a-1)/b against the variance t^-(b-1)/b / p of modes that the features mix but time has not resolved."""
    k, compute = np.geomspace(1, 1e12, 400_001), np.array([1e6, 1e9])
    p = [k[np.argmin((c / k) ** -EASY.time + (c / k) ** -(0.2 / 1.2) / k)] for c in compute]
    assert slope(compute, p) == pytest.approx(EASY.online_parameters, abs=1e-3)


def test_the_three_constants_are_recovered():
    source = np.random.default_rng(0)
    p, n, delta = (np.exp(source.uniform(low, high, 200)) for low, high in ((4, 9), (4, 9), (-11, -3)))
    truth = ThreeTermLaw(HARD, 5.0, 2.5, 0.9)
    found = matching_law.fit(HARD, p, n, delta, truth.loss(p, n, delta))
    assert found[1:] == pytest.approx(truth[1:], rel=1e-6)
    noisy = truth.loss(p, n, delta) * np.exp(0.05 * source.standard_normal(200))
    assert matching_law.fit(HARD, p, n, delta, noisy)[1:] == pytest.approx(truth[1:], rel=0.1)
    one = truth.loss(100.0, 50.0, 0.01)
    assert one == pytest.approx(5 / 100 + 2.5 / 50 + 0.9 * 0.01**0.8)
    with pytest.raises(ValueError, match="hard task"):
        matching_law.fit(EASY, p, n, delta, p)


def laws(study: Study, shift: float = 0.0) -> list[claims.Law]:
    """Every law of the study, measured at its formula plus a shift."""
    rows = []
    for which, task in study.tasks.items():
        for name, formula, _, reach, sizes in measured._plan(study, which, task):
            value = Exponent(formula + shift, formula + shift - 0.01, formula + shift + 0.01)
            rows.append(claims.Law(name, which, task, formula, formula + shift, reach, value, formula, sizes))
    return rows


def verdicts(study: Study, shift: float, checks: claims.Checks, counts: bool = True, draws: int = 50) -> dict[str, str]:
    return {c.id: c.verdict for c in claims.claims(laws(study, shift), checks, counts, counts, draws, "test")}


GOOD = claims.Checks(features_deviation=5.0, stopping_deviation=1.0, projection_deviation=1.0)


def test_claims_hold_at_the_formulas():
    found = verdicts(Study(), 0.0, GOOD)
    assert set(found.values()) == {"holds"}
    assert len(found) == len({id for id in found})


@pytest.mark.parametrize("shift", [0.08, -0.08])
def test_every_exponent_claim_can_fail(shift):
    found = verdicts(Study(), shift, claims.Checks(25.0, 1.0, 3.5))
    holding = {name for name, verdict in found.items() if verdict == "holds"}
    assert holding == {"matching.parameters_not_2b"}
    assert verdicts(Study(), 1.2, GOOD)["matching.parameters_not_2b"] == "fails"


def test_claims_are_not_measured_without_enough_draws():
    assert set(verdicts(Study(), 0.0, GOOD, counts=False).values()) == {"not measured"}
    few = verdicts(Study(), 0.0, GOOD, draws=20)
    unsure = {"matching.exponent_data_easy", "matching.data_easy_at_sizes", "matching.projection"}
    assert {name for name, verdict in few.items() if verdict == "not measured"} == unsure


def test_measured_exponents_are_those_of_the_draws():
    """Draws made from powers with little noise: every exponent comes back."""
    study = Study(**Study.BUDGETS["smoke"])
    source = np.random.default_rng(0)
    ladder, times = np.array(study.ladder), theory.TIMES
    compute, samples = np.array([100.0, 200.0, 400.0]), np.array(study.samples)
    best = 3 * compute**0.4
    valley = compute[:, None] ** -0.4 * np.exp(0.3 * np.log(ladder / best[:, None]) ** 2)
    stops = samples**0.75
    noisy = samples[:, None] ** -0.5 * np.exp(0.1 * np.log(times) ** 2) * np.ones((len(samples), 1))
    delta = (stops[:, None] * times) ** -(2.5 / 3)
    sizes = np.array([20.0, 40.0])
    exact = {
        "ladder": valley, "ladder_easy": valley, "noisy_error": noisy, "noisy_gradient": delta**2,
        "optima_error": 1 / sizes, "optima_gradient": sizes**-2.5,
        "data_hard": samples**-1.0, "data_easy": np.array(study.easy_samples) ** -2.4,
        "parameters_hard": np.array(study.features) ** -1.0, "parameters_easy": np.array(study.features) ** -1.2,
    }  # fmt: skip
    drawn = {name: values * np.exp(1e-4 * source.standard_normal((6, *values.shape))) for name, values in exact.items()}
    predicted = {
        "online_easy_compute": compute, "online_easy_p": best, "online_easy_error": compute**-0.4,
        "online_compute": compute, "online_p": best, "online_error": compute**-0.4, "stopping_t": stops,
        "stopping_error": samples**-0.5, "stopping_delta": stops ** -(2.5 / 3), "optima_p": sizes, "optima_n": sizes,
        "optima_delta": sizes**-1.25,
    }  # fmt: skip
    predicted = {f"predicted.{name}": values for name, values in predicted.items()}
    predicted |= {f"predicted.{name}": exact[name] for name in measured.simulated_sizes(study)}
    found = measured.measure(study, drawn, predicted, np.random.default_rng(1))
    expected = {
        "data_hard": 1.0, "parameters_hard": 1.0, "data_easy": 2.4, "parameters_easy": 1.2, "online_loss": 0.4,
        "online_parameters": 0.4, "stopping_time": 0.75, "excess": 0.5, "learning_quality": 0.625,
        "matching_parameters": 0.8, "matching_data": 0.8, "online_loss_easy": 0.4, "online_parameters_easy": 0.4,
    }  # fmt: skip
    assert set(found.exponents) == set(expected)
    for name, value in expected.items():
        assert found.exponents[name].value == pytest.approx(value, abs=0.02), name
        assert found.exponents[name].low <= found.exponents[name].value <= found.exponents[name].high, name
        assert found.expected[name] == pytest.approx(value, abs=1e-6), name
    assert measured.checks(study, predicted, found).features_deviation < 3


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"samples": [100, 50]}, "ascending"),
        ({"features": [50]}, "at least two"),
        ({"ladder": [10, 20, 30]}, "seven"),
        ({"compute": [100.0, 50.0]}, "ascending"),
        ({"compute": [100.0, 200.0, 300.0]}, "two ends"),
        ({"triples": [1e5]}, "at least two"),
        ({"draws": 1}, "draws must be at least 2"),
        ({"ratio": 2}, "ratio must be at least 5"),
        ({"noise": 0.0}, "noise must be positive"),
        ({"signal_decay": 3.0}, "signal_decay < decay"),
        ({"easy_signal_decay": 2.0}, "easy_signal_decay > easy_decay"),
        ({"harder_decay": 0.9}, "above 1"),
    ],
)
def test_keys_are_checked(keys, message):
    with pytest.raises(ValueError, match=message):
        Study(**keys)


def record(exponent: float, draws: int = 20) -> RunView:
    """A run whose draws of the easy task follow n^-exponent."""
    study = Study()
    stated = claims.claims(laws(study), GOOD, True, True, draws, "test")
    metrics = claims.metrics(laws(study), GOOD)
    metrics |= {f"law_deviation_{name}_percent": 10.0 for name in ("median", "90", "max")}
    n, p = np.array(study.easy_samples), np.array(study.features)
    curves = {
        "easy_samples": n, "features": p, "predicted.parameters_easy": p**-1.2,
        "drawn_data_easy": np.tile(n**-exponent, (draws, 1)), "drawn_parameters_easy": np.tile(p**-1.2, (draws, 1)),
    }  # fmt: skip
    config, head = {"study": vars(study)}, (Path(), "scaling_law", "key", "done")
    return RunView(*head, config, {}, 0, metrics, stated, {}, {}, {}, "", "", None, curves)


@pytest.mark.parametrize(
    ("exponents", "verdict"), [((2.30, 2.36, 2.39), "holds"), ((2.2, 2.25, 2.3), "fails"), ((2.4, 2.4), "not measured")]
)
def test_the_table_pools_the_draws_of_the_easy_task(exponents, verdict):
    views = [record(exponent) for exponent in exponents]
    found = {claim.id: claim for claim in matching.Table().claims(views)}
    assert found["matching.pooled_data_easy"].verdict == verdict
    if verdict != "not measured":
        assert found["matching.pooled_data_easy"].measured == pytest.approx(np.mean(exponents), abs=0.02)
        assert found["matching.pooled_projection"].measured == pytest.approx(0, abs=1e-9)


def test_the_sheet_has_every_law_of_every_task():
    sheet = matching.Table().sheet([record(2.4), record(2.4)])
    assert len(sheet.rows) == 10 + 10 + 4 + len(matching.CHECKS)
    rows = {(row[0], row[1]): row for row in sheet.rows}
    assert rows["optimal p in C = p t", "a = 4, b = 1.2"][2:4] == ["0.7000", "0.7000 (0.7000)"]
    assert rows["error in p", "a = 4, b = 1.2"][4] == "1.200 [1.190 … 1.210]"


def test_budgets_whose_best_size_is_not_on_the_ladder_are_refused(tmp_path):
    study = Study(**Study.BUDGETS["smoke"] | {"compute": [3000.0, 6000.0]})
    with pytest.raises(UserError, match=r"study\.ladder and the budgets.*first or last point"):
        study.run(Config(study=study), Record(tmp_path / "record", {}))
