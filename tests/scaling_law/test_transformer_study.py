"""The ladder's plan, its fits and its claims; a killed run goes on to the same result."""

import math
from pathlib import Path

import numpy as np
import pytest

from baselines.common import compose
from baselines.common.errors import UserError
from baselines.common.record import Record, RunView
from baselines.scaling_law.isoflop_ladder import nearest_width, plan, surface, valleys
from baselines.scaling_law.parametric_fit import FitStatus, ScalingLaw
from baselines.scaling_law.studies import _transformer_claims as claims
from baselines.scaling_law.studies.transformer import Study
from benchmarks.tables import coordinate_check as coordinate_table
from benchmarks.tables import transformer as transformer_table

BUDGETS = [1e11, 3e11, 1e12, 3e12]
LAW = ScalingLaw(A=120.0, B=300.0, E=2.5, alpha=0.5, beta=0.4)


def count(width):
    return 2 * 128 * width + 16 * width + 24 * width**2


def ladder(sizes=(5, 5, 5, 5), budgets=BUDGETS):
    return plan(budgets, sizes, count, tokens_per_parameter=15, decades=1.0, scored=15, multiple=4)


class Known:
    """A language of which only the entropy matters."""

    vocabulary, entropy = 128, 2.5

    def ladder(self):
        return (4.5, 3.3, 2.5)


def found(law, study=None, language=None, noise=0.0):
    trainings = ladder()
    generator = np.random.default_rng(0)
    loss = [law.loss(np.array(one.parameters), np.array(one.tokens)) for one in trainings]
    losses = [[float(value + noise * generator.standard_normal())] for value in loss]
    return claims.find(study or study_of(), 0, language or Known(), trainings, losses)


def study_of(**keys):
    return Study(budgets=BUDGETS, sizes=[5] * 4, repeats=[1] * 4, bootstraps=5, **keys)


def test_every_training_spends_its_budget():
    trainings = ladder()
    assert len(trainings) == 20
    for one in trainings:
        assert one.compute == pytest.approx(one.budget, rel=0.01)
        assert one.width % 4 == 0 and one.parameters == count(one.width)
        assert one.tokens == one.steps * one.windows * 15
        assert one.steps == pytest.approx(math.sqrt(one.tokens), rel=0.15)
    for budget in BUDGETS:
        ratio = [one.tokens / one.parameters for one in trainings if one.budget == budget]
        assert 60 < max(ratio) < 400 and 1 < min(ratio) < 3, "half a decade of N on both sides of D/N = 15"


def test_nearest_width():
    for width in (4, 8, 32):
        assert nearest_width(count(width) * 1.02, count, 4) == width == nearest_width(count(width) * 0.98, count, 4)
    assert nearest_width(1, count, 4) == 4


def test_a_budget_too_small_for_its_sizes_is_refused():
    with pytest.raises(ValueError, match="sizes give only the widths"):
        ladder((5, 5), [1e6, 1e11])


def test_valleys_find_the_exponent_of_a_symmetric_surface_exactly():
    law = ScalingLaw(A=100.0, B=100.0, E=2.0, alpha=0.4, beta=0.4)
    budgets = np.repeat(BUDGETS, 5)
    sizes = law.optimal_parameters(budgets) * np.tile(10 ** np.linspace(-0.5, 0.5, 5), 4)
    result = valleys(budgets, sizes, law.loss(sizes, budgets / 6 / sizes), np.random.default_rng(0), 50)
    assert result.exponent.value == pytest.approx(0.5, abs=1e-9)
    assert result.optima == pytest.approx(law.optimal_parameters(np.array(BUDGETS)), rel=1e-9)
    assert result.inside == 4 and result.band[0] == pytest.approx(result.optima, rel=0.1)


def test_the_interval_of_the_exponent_covers_it():
    law = ScalingLaw(A=100.0, B=100.0, E=2.0, alpha=0.4, beta=0.4)
    budgets = np.repeat(BUDGETS, 5)
    sizes = law.optimal_parameters(budgets) * np.tile(10 ** np.linspace(-0.5, 0.5, 5), 4)
    exact, generator = law.loss(sizes, budgets / 6 / sizes), np.random.default_rng(1)
    inside = 0
    flatter = np.repeat([1.0, 0.64, 0.4, 0.26], 5)  # as the valleys of this law
    for _ in range(60):
        noisy = exact + 0.002 * flatter * generator.standard_normal(20)
        exponent = valleys(budgets, sizes, noisy, generator, 200).exponent
        inside += exponent.low <= 0.5 <= exponent.high
    assert inside >= 50, "95 % of 60 is 57"


def test_valleys_need_three_sizes():
    with pytest.raises(ValueError, match="at least two budgets"):
        valleys(np.ones(3), np.arange(1.0, 4.0), np.ones(3), np.random.default_rng(0))


def test_the_surface_recovers_a_law():
    trainings = ladder()
    n, d = (np.array([float(getattr(one, name)) for one in trainings]) for name in ("parameters", "tokens"))
    result = surface(n, d, LAW.loss(n, d), np.random.default_rng(0), 5)
    assert result.status is not FitStatus.STOPPED
    for law in (result.law, result.projected):
        for name in ("E", "alpha", "beta"):
            assert getattr(law, name) == pytest.approx(getattr(LAW, name), rel=1e-3), name
    assert result.interval("E") == pytest.approx((2.5, 2.5), rel=1e-3)


@pytest.mark.parametrize(("floor", "verdict"), [(2.5, "holds"), (2.6, "fails"), (2.4, "fails")])
def test_the_claim_on_the_entropy_can_fail(floor, verdict):
    made = claims.claims(study_of(), found(ScalingLaw(LAW.A, LAW.B, floor, LAW.alpha, LAW.beta)))
    assert {claim.id: claim.verdict for claim in made}["transformer.entropy"] == verdict


def test_the_claims_on_the_exponent_can_fail():
    verdicts = {
        name: {claim.id: claim.verdict for claim in claims.claims(study_of(), found(law))}
        for name, law in {"even": LAW, "uneven": ScalingLaw(2000.0, 20.0, 2.5, 0.75, 0.2)}.items()
    }
    assert verdicts["even"]["transformer.exponent_a"] == "holds"
    assert verdicts["uneven"]["transformer.exponent_a"] == "fails"
    assert verdicts["even"]["transformer.two_approaches"] == "holds"
    assert verdicts["even"]["transformer.convention"] == "holds"


def test_counting_fewer_parameters_gives_a_larger_exponent():
    metrics = claims.metrics(found(LAW))
    names = ("all", "without_embedding", "without_embedding_and_head")
    assert metrics["exponent_a"] == metrics["exponent_all"]
    assert sorted(metrics[f"exponent_{name}"] for name in names) == [metrics[f"exponent_{name}"] for name in names]
    chosen = claims.metrics(found(LAW, study_of(convention="without_embedding_and_head")))
    assert chosen["exponent_a"] == metrics["exponent_without_embedding_and_head"]


def test_a_text_of_unknown_entropy_has_no_claim_on_it():
    class Unknown:
        vocabulary = 128

    result = found(LAW, language=Unknown())
    made = {claim.id: claim.verdict for claim in claims.claims(study_of(), result)}
    assert made["transformer.entropy"] == "not measured" and made["transformer.two_approaches"] == "holds"
    assert "entropy" not in claims.metrics(result)


def smoke(results, *overrides):
    run = compose.resolve("scaling_law", ["study=transformer", "budget=smoke", f"results={results}", *overrides])
    return run, Record(run.folder, {"code": {"fingerprint": "x"}})


def test_a_killed_ladder_goes_on_with_the_next_training(tmp_path, monkeypatch):
    run, record = smoke(tmp_path / "whole")
    record.folder.mkdir(parents=True)
    whole = run.cfg.study.run(run.cfg, record)
    run, record = smoke(tmp_path / "killed")
    record.folder.mkdir(parents=True)
    train, done = Study._train, []

    def killed(self, cfg, language, training, stop):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append((training.budget, training.width))
        return train(self, cfg, language, training, stop)

    monkeypatch.setattr(Study, "_train", killed)
    with pytest.raises(KeyboardInterrupt):
        run.cfg.study.run(run.cfg, record)
    rest = []
    monkeypatch.setattr(Study, "_train", lambda *args: rest.append((args[3].budget, args[3].width)) or train(*args))
    again = smoke(tmp_path / "killed")[1]
    assert run.cfg.study.run(run.cfg, again).metrics == whole.metrics
    assert len(rest) == 4 and not set(rest) & set(done)


def test_trainings_side_by_side_give_the_same_bits(tmp_path):
    """One core a training, whatever runs beside it; and a curve is logged once."""
    found = []
    for threads in (1, 2):
        run, record = smoke(tmp_path / str(threads), f"threads={threads}")
        record.folder.mkdir(parents=True)
        metrics = run.cfg.study.run(run.cfg, record).metrics
        record.finish("done")
        with np.load(record.folder / "curves.npz") as curves:
            found.append((metrics, {name: curves[name].tobytes() for name in curves.files}))
    assert found[0] == found[1]


def test_a_missing_text_says_where_to_get_it(tmp_path):
    run, record = smoke(tmp_path, "study.text=tinyshakespeare", f"data_dir={tmp_path}")
    with pytest.raises(UserError, match=r"tinyshakespeare\.txt is missing; get it from .*char-rnn"):
        run.cfg.study.run(run.cfg, record)


@pytest.mark.parametrize(
    "keys",
    [
        {"budgets": [1e11]},
        {"sizes": [5, 5, 5, 2]},
        {"repeats": [1]},
        {"text": "novel"},
        {"convention": "some"},
        {"lr": 0.0},
        {"order": 3},
        {"mix": 1.0},
    ],
)
def test_wrong_keys_are_refused(keys):
    with pytest.raises(ValueError, match="study\\."):
        Study(**keys)


def table_view(metrics, curves=None, study=None):
    head = (Path(), "scaling_law", "key", "done", {"study": study or {}}, {}, 0)
    return RunView(*head, metrics, [], {}, {}, {}, "", "", None, curves or {})


def test_the_table_shows_exponents_beside_those_of_nanochat():
    metrics = claims.metrics(found(LAW, noise=1e-4))
    rows = {row[0]: row for row in transformer_table.Table().sheet([table_view(metrics)]).rows}
    assert rows["a, N counts everything"][1] == f"{metrics['exponent_all']:.3f}"
    assert rows["a, N counts everything"][3] == "0.37 (nanochat)"
    assert rows["E"][3] == "2.5000 (exact entropy)" and float(rows["E/H"][1]) == pytest.approx(1, abs=2e-3)


def test_the_coordinate_table_takes_the_mean_over_the_seeds():
    names = [f"{rule}_{key}" for rule in ("mup", "standard") for key in ("slope_block_1", "best_rate_16", "rate_slope")]
    views = [
        table_view(dict.fromkeys(names, value), {"layers": np.array(["block 1"])}, {"transfer_widths": [16]})
        for value in (0.1, 0.3)
    ]
    rows = coordinate_table.Table().sheet(views).rows
    assert [row[0] for row in rows] == ["slope: block 1", "best rate, width 16", "slope: best rate"]
    assert all(cell.value == pytest.approx(0.2) and cell.n == 2 for row in rows for cell in row[1:])
