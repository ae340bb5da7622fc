"""Studies of emergence: claims that can fail, keys that are checked, runs that go on, tables."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import support
import torch

from baselines.common.record import Record, RunView
from baselines.scaling_law import ensemble_training, quanta
from baselines.scaling_law.config import Config
from baselines.scaling_law.ensemble import MaskedEnsemble
from baselines.scaling_law.multilinear_skills import Skills
from baselines.scaling_law.sparse_parity import COIN
from baselines.scaling_law.spectrum import binned_power_law
from baselines.scaling_law.studies import _parity_claims, _skills_claims, ensemble_time, parity, skills
from benchmarks.tables import emergence
from benchmarks.tables import ensemble_time as time_table

SKILLS = skills.Study(modes=1_000_000, tasks=120, last=45)
PARITY = parity.Study()


def verdicts(claims):
    return {claim.id: claim.verdict for claim in claims}


def skill_claims(faster: float = 1.0, alpha: float = 0.6):
    """Claims on trainings that follow the theory, `faster` in time, with frequencies of decay `alpha`."""
    study = SKILLS
    rows = binned_power_law(study.modes, 1.6, 1.6)
    theory = Skills(rows.eigenvalues / rows.trace, rows.counts, 1.0, 0.01)
    learns = Skills(quanta.frequencies(study.tasks, alpha) * theory.frequency[0] * 2.2, np.ones(study.tasks), 1.0, 0.01)
    if alpha == study.alpha:
        learns = replace(learns, frequency=theory.frequency[: study.tasks])
    times = np.geomspace(1, float(theory.time_learned(study.last, 0.6)), 40)
    draws = 1 + 1e-3 * np.arange(study.draws)
    strength = np.stack([learns.strength(faster * draw * times) for draw in draws])
    samples = np.geomspace(10, study.samples, 17)
    other = Skills(quanta.frequencies(20_000, alpha), np.ones(20_000), 1.0, 0.01)
    data = other.loss_from_data(samples) * draws[:, None]
    found = _skills_claims.compare(study, Config(study=study), theory, times, strength, samples, data)
    return verdicts(_skills_claims.claims(study, found.metrics))


def test_skill_claims_hold_for_the_theory():
    assert set(skill_claims().values()) == {"holds"}


def test_skill_curves_that_come_early_are_seen():
    assert skill_claims(faster=1.2)["skills.curves"] == "fails"


def test_exponents_of_another_law_are_seen():
    found = skill_claims(alpha=1.2)
    assert [found[f"skills.exponent_{law}"] for law in ("time", "data")] == ["fails"] * 2


def parity_claims(cost: float = 1.0, order: int = 1, power: float = 1.0, tasks: int = 120):
    """Claims on networks that learn (width / 3)^power tasks, in order or with gaps; what they do not learn costs."""
    study = replace(PARITY, tasks=tasks)
    members = np.array(study.members())
    final = np.full((len(members), tasks), cost * COIN)
    for row, width in enumerate(members):
        final[row, : order * int((width / 3) ** power + 0.5 * (row % 2)) : order] = 0.0
    looked = np.stack([final] * 3)
    frequency, steps = quanta.frequencies(tasks, study.alpha), np.array([10, 100, 1000])
    found = _parity_claims.measure(study, Config(study=study), frequency, 75.0 * members, final, steps, looked)
    return found, verdicts(_parity_claims.claims(study, found))


def test_parity_claims_hold_for_networks_that_learn_in_quanta():
    found, claims = parity_claims()
    assert set(claims.values()) == {"holds"}
    assert found.metrics["tail_sum_error_max_percent"] == pytest.approx(0, abs=1e-9)
    assert found.metrics["uncorrected_slope_parameters"] < -found.metrics["exponent_parameters"], "the list ends"
    assert found.metrics["quanta_128"] == 42.5 and found.metrics["quanta_slope_parameters"] == pytest.approx(
        1, abs=0.05
    )
    assert len(found.networks["loss_nats"]) == len(PARITY.members()) > 2 * len(PARITY.widths)
    for name in ("parameters", "quanta"):
        low, value, high = (found.metrics[f"exponent_{name}{part}"] for part in ("_low", "", "_high"))
        assert low <= value <= high


def test_tasks_that_cost_more_than_a_coin_are_seen():
    assert parity_claims(cost=1.15)[1]["parity.tail_sum"] == "fails"


def test_tasks_learned_out_of_order_are_seen():
    _, claims = parity_claims(order=2)
    assert claims["parity.tail_sum"] == "holds" and claims["parity.ordered_tail_sum"] == "fails"


def test_quanta_that_need_ever_more_parameters_are_seen():
    found, claims = parity_claims(power=0.6)
    assert claims["parity.exponent_parameters"] == "fails" and claims["parity.tail_sum"] == "holds"
    assert found.metrics["quanta_slope_parameters"] < 0.75


def test_parity_claims_are_not_measured_when_every_task_is_learned():
    assert set(parity_claims(tasks=40)[1].values()) == {"not measured"}


@pytest.mark.parametrize(
    ("study", "keys", "message"),
    [
        (skills, {"alpha": 0.0}, "above 0"),
        (skills, {"start": 2.0}, "between 0"),
        (skills, {"step": 0.9}, "gradient flow"),
        (skills, {"last": 500}, "last <= study.tasks"),
        (parity, {"widths": [8, 4]}, "ascending"),
        (parity, {"threshold": 1.0}, "between 0 and 1"),
        (parity, {"subset": 30}, "at most study.bits"),
        (parity, {"replicas": 1}, "at least 2"),
        (parity, {"lr": 0.0}, "positive"),
        (ensemble_time, {"widths": []}, "ascending"),
        (ensemble_time, {"members": 1}, "at least 2"),
    ],
)
def test_keys_are_checked(study, keys, message):
    with pytest.raises(ValueError, match=message):
        study.Study(**keys)


class Stopped(Exception):
    pass


def test_a_killed_parity_run_goes_on_to_the_same_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(parity, "KEEP_EVERY", 25)
    study = parity.Study(**parity.Study.BUDGETS["smoke"])
    cfg = Config(study=study)
    head = {"code": {"fingerprint": "x"}}
    whole = study.run(cfg, opened(tmp_path / "whole", head))
    record = opened(tmp_path / "killed", head)
    keep, kept = record.keep, []

    def keep_twice(state):
        keep(state)
        kept.append(state)
        if len(kept) == 2:
            raise Stopped

    record.keep = keep_twice  # type: ignore[method-assign]
    with pytest.raises(Stopped):
        study.run(cfg, record)
    again = study.run(cfg, opened(tmp_path / "killed", head))
    assert again.metrics == whole.metrics
    assert kept[-1]["training"]["done"] == 50


def opened(folder: Path, head) -> Record:
    folder.mkdir(exist_ok=True)
    return Record(folder, head)


@pytest.mark.parametrize("method", ["ensemble", "vmap"])
def test_ways_to_train_an_ensemble_give_the_same_networks(method: str):
    model = MaskedEnsemble(3, 1, [5, 5, 5], 2, torch.Generator().manual_seed(0))
    x = torch.randn(16, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    y = x.prod(1, keepdim=True)
    found = []
    for name in ("one_by_one", method):
        step, losses = ensemble_training.METHODS[name](
            MaskedEnsemble(3, 1, [5, 5, 5], 2, torch.Generator().manual_seed(0)), x, y, 1e-2
        )
        start = losses()
        for _ in range(25):
            step()
        assert (losses() < start).all()
        found.append(losses())
    torch.testing.assert_close(found[0], found[1], rtol=1e-8, atol=1e-12)
    assert len(model.widths) == len(found[0])


@pytest.mark.parametrize(("gain", "verdict"), [(5.0, "holds"), (2.5, "fails")])
def test_the_claim_on_the_gain_can_fail(gain: float, verdict: str):
    study = ensemble_time.Study()
    metrics = {"largest_difference": 1e-5, "small_ensemble_gain": gain, "mixed_ensemble_gain": 2.0}
    claims = verdicts(study._claims(Config(study=study), metrics))
    assert claims["ensemble_time.small_widths"] == verdict
    assert claims["ensemble_time.same_losses"] == claims["ensemble_time.mixed_widths"] == "holds"


@pytest.fixture(scope="module")
def views(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RunView]:
    results = tmp_path_factory.mktemp("results")
    return {
        name: support.smoke("scaling_law", results, f"study={name}") for name in ("skills", "parity", "ensemble_time")
    }


def test_the_emergence_table_pools_the_seeds(views):
    runs = [views["skills"], *[views["parity"]] * 3]
    sheet = emergence.Table().sheet(runs)
    labels = [row[1] for row in sheet.rows]
    assert "largest error of a skill curve" in labels and "exponent in compute" in labels
    assert "width 16, 193 parameters: quanta" in labels
    assert len(sheet.rows) == 5 + 2 + 2 * 3
    assert verdicts(emergence.Table().claims(runs)) == {"emergence.tail_sum": "not measured"}
    for factor, verdict in ((1.02, "holds"), (1.2, "fails")):
        true = replace(views["parity"], claims=[replace(c, measured=1.0) for c in views["parity"].claims])
        true.curves["loss_nats"] = factor * np.maximum(true.curves["tail_sum_nats"], 1e-6)
        assert verdicts(emergence.Table().claims([true] * 3))["emergence.tail_sum"] == verdict


def test_the_time_table_has_a_row_a_setting(views):
    sheet = time_table.Table().sheet([views["ensemble_time"]])
    assert [row[0] for row in sheet.rows] == ["4 of width 4", "2 of widths 4 … 8"]
    assert sheet.rows[1][3] is None and sheet.rows[0][3] is not None
