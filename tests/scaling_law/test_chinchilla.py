"""The Chinchilla study: claims that can fail, a table of one's own, bad input, the published table."""

import dataclasses

import numpy as np
import pytest

from baselines.common.errors import UserError
from baselines.common.record import Record
from baselines.scaling_law import parametric_fit as pf
from baselines.scaling_law import profile_likelihood
from baselines.scaling_law import variable_projection as vp
from baselines.scaling_law.config import Config
from baselines.scaling_law.parametric_fit import ScalingLaw
from baselines.scaling_law.published_laws import CHINCHILLA_COMPUTE, HOFFMANN
from baselines.scaling_law.studies import _chinchilla_claims, _tables, chinchilla
from baselines.scaling_law.studies._tables import RunColumns

LAW = ScalingLaw(A=480.0, B=2100.0, E=1.82, alpha=0.35, beta=0.37)
GENERAL = ("chinchilla.converged", "chinchilla.projection", "chinchilla.projection_exact", "chinchilla.terms")


def verdicts(claims):
    return {claim.id: claim.verdict for claim in claims}


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"columns": RunColumns(d=None, c=None)}, "both are null"),
        ({"drop_largest_losses": -1}, "not be negative"),
        ({"delta": 0.0}, "positive"),
        ({"starts": 5000}, "4500"),
        ({"bootstraps": 1}, "at least 2"),
        ({"early_stop": "median"}, "one of mean, sum"),
        ({"profile_points": 4}, "at least 5"),
        ({"where": ["condition"]}, "column:value"),
    ],
)
def test_chinchilla_keys_are_checked(keys, message):
    with pytest.raises(ValueError, match=message):
        chinchilla.Study(**keys)


def run(study: chinchilla.Study, data_dir, tmp_path, seed: int = 0):
    record = Record(tmp_path / "record", {})
    record.folder.mkdir(exist_ok=True)
    return study.run(Config(study=study, data_dir=str(data_dir), seed=seed), record)


def own_table(folder, rows: int = 40, extra: str = "") -> chinchilla.Study:
    """A table of synthetic runs with its own column names."""
    source = np.random.default_rng(3)
    n, d = np.exp(source.uniform(18, 23, rows)), np.exp(source.uniform(21, 26, rows))
    loss = LAW.loss(n, d) * np.exp(0.002 * source.standard_normal(rows))
    lines = [f"{a:.6g},{b:.6g},{c:.8g}" for a, b, c in zip(n, d, loss, strict=True)]
    (folder / "mine.csv").write_text("N,D,L\n" + "\n".join(lines) + "\n" + extra)
    columns = RunColumns(n="N", d="D", c=None, loss="L")
    return chinchilla.Study("mine.csv", columns, drop_largest_losses=0, starts=6, bootstraps=10, profile_points=15)


def test_a_table_of_ones_own_is_fitted_without_the_published_claims(tmp_path):
    outcome = run(own_table(tmp_path), tmp_path, tmp_path)
    assert verdicts(outcome.claims) == dict.fromkeys(GENERAL, "holds")
    for name in ("E", "alpha", "beta"):
        assert outcome.metrics[f"{name}_low"] < outcome.metrics[name] < outcome.metrics[f"{name}_high"]
    assert outcome.metrics["alpha"] == pytest.approx(LAW.alpha, abs=0.03)


def test_the_same_seed_gives_the_same_numbers(tmp_path):
    study = own_table(tmp_path)
    first, second = (run(study, tmp_path, tmp_path).metrics for _ in range(2))
    other = run(study, tmp_path, tmp_path, seed=1).metrics
    assert first == second
    assert first["alpha_low"] != other["alpha_low"]


def test_bad_rows_refuse_the_table_unless_they_may_be_left_out(tmp_path, caplog):
    study = own_table(tmp_path, extra="1e9,oops,2.0\n1e9,1e10,-2.0\n")
    with pytest.raises(UserError, match=r"2 rows.*line 42: D is not a number: 'oops'; line 43: L must be positive"):
        run(study, tmp_path, tmp_path)
    study.drop_bad_rows = True
    assert run(study, tmp_path, tmp_path).metrics["rows_left_out"] == 2
    assert "line 42" in caplog.text


def test_too_few_runs_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"at least 10 runs; mine\.csv has 6"):
        run(own_table(tmp_path, rows=6), tmp_path, tmp_path)


def test_a_single_model_size_is_refused(tmp_path):
    study = own_table(tmp_path)
    rows = "".join(f"1e9,{1e10 * i:.6g},{3 - 0.01 * i}\n" for i in range(1, 20))
    (tmp_path / "mine.csv").write_text("N,D,L\n" + rows)
    with pytest.raises(UserError, match=r"3 different model sizes; mine\.csv has 1"):
        run(study, tmp_path, tmp_path)


def test_a_missing_column_is_a_user_error(tmp_path):
    study = own_table(tmp_path)
    study.columns.loss = "final_loss"
    with pytest.raises(UserError, match="no column 'final_loss'; its columns are N, D, L"):
        run(study, tmp_path, tmp_path)


def test_without_the_published_table_the_message_says_what_to_get(tmp_path):
    with pytest.raises(UserError, match=r"svg_extracted_data.csv.*epoch-research/analyzing-chinchilla.*put it at"):
        run(chinchilla.Study(), tmp_path, tmp_path)


def test_another_file_in_its_place_is_refused(tmp_path):
    path = tmp_path / _tables.EPOCH
    path.parent.mkdir(parents=True)
    path.write_text("Model Size,Training FLOP,loss\n1,2,3\n")
    with pytest.raises(UserError, match="not the expected file"):
        run(chinchilla.Study(), tmp_path, tmp_path)


@pytest.mark.data
def test_the_published_optimum_is_reached(data_dir, tmp_path):
    study = chinchilla.Study(starts=12, bootstraps=20)
    outcome = run(study, data_dir, tmp_path)
    assert outcome.metrics["objective"] == pytest.approx(1.018274e-3, abs=5e-10)
    found = verdicts(outcome.claims)
    assert {found[f"chinchilla.{name}"] for name in ("objective", "E", "alpha", "beta", "early_stop")} == {"holds"}
    assert found["chinchilla.intervals"] == found["chinchilla.narrow_interval"] == "not measured"


@pytest.mark.data
def test_published_claims_fail_for_another_law(data_dir, tmp_path):
    """With the refit replaced by Hoffmann et al.'s law the claims about the optimum fail."""
    study = chinchilla.Study()
    table, digest, left_out = study._read(data_dir)
    assert (digest, left_out) == (_tables.KNOWN[_tables.EPOCH].sha256, 0)
    kept = table.without_largest_losses(5)
    runs = kept.logs()
    stopped = pf.fit_stopping_early(runs, HOFFMANN.logs, 1e-3)
    laws = np.tile(stopped.law.logs, (500, 1)) + 1e-4 * np.random.default_rng(0).standard_normal((500, 5))
    projected = dataclasses.replace(vp.fit_huber(runs, 1e-3), status=pf.FitStatus.BOUND)
    values = np.linspace(1.67, 1.92, 11)
    flat = profile_likelihood.Profile(values, np.zeros(11), np.full(11, 0.1), np.zeros((11, 5)))
    found = _chinchilla_claims.Found(245, 0, [stopped], stopped, laws, 0, laws, projected, 1e-3, flat)
    failing = {"converged", "objective", "E", "alpha", "beta", "intervals", "exponent_width", "twenty_tokens"}
    failing |= {"narrow_interval", "exponent_size", "projection", "projection_exact", "terms", "profile"}
    result = verdicts(_chinchilla_claims.claims(study, found, kept))
    assert {name for name, verdict in result.items() if verdict == "fails"} == {f"chinchilla.{n}" for n in failing}
    shorter = kept.take(np.arange(200))
    result = verdicts(_chinchilla_claims.claims(study, found, shorter))
    assert result["chinchilla.squared_error"] == result["chinchilla.likelihood_ratio"] == "fails"


def test_the_solver_status_and_the_allocation_are_metrics(tmp_path):
    metrics = run(own_table(tmp_path), tmp_path, tmp_path).metrics
    ends = [metrics[f"starts_{name}"] for name in ("converged", "at_precision_limit", "stopped_early")]
    assert sum(ends) == 6
    assert metrics["projection_converged"] == 1
    budget = CHINCHILLA_COMPUTE
    assert metrics["optimal_parameters"] * metrics["optimal_tokens"] * 6 == pytest.approx(budget)
    assert metrics["tokens_per_parameter_low"] < metrics["tokens_per_parameter"] < metrics["tokens_per_parameter_high"]
    assert metrics["E_profile_low"] < metrics["E"] < metrics["E_profile_high"]


def test_a_changed_table_changes_the_digest_and_is_an_input(tmp_path):
    study = own_table(tmp_path)
    cfg = Config(study=study, data_dir=str(tmp_path))
    assert study.inputs(cfg) == [tmp_path / "mine.csv"]
    before = study._read(str(tmp_path))[1]
    own_table(tmp_path, rows=41)
    assert study._read(str(tmp_path))[1] != before
    assert chinchilla.Study().inputs(cfg) == []  # the digest of a published table is fixed


def test_only_the_published_table_loses_its_largest_losses_unasked():
    assert chinchilla.Study().dropped == 5
    assert chinchilla.Study(table="mine.csv").dropped == 0
    assert chinchilla.Study(table="mine.csv", drop_largest_losses=2).dropped == 2


def test_several_learning_rates_are_reduced_to_the_best(tmp_path):
    study = own_table(tmp_path)
    text = (tmp_path / "mine.csv").read_text().splitlines()
    worse = [f"{n},{d},{float(loss) * 1.02:.8g}" for n, d, loss in (line.split(",") for line in text[1:])]
    (tmp_path / "mine.csv").write_text("\n".join([text[0], *worse, *text[1:]]) + "\n")
    study.best_of_repeats = True
    outcome = run(study, tmp_path, tmp_path)
    assert outcome.metrics["runs_fitted"] == 40
    assert outcome.metrics["alpha"] == pytest.approx(LAW.alpha, abs=0.03)


def test_a_filter_selects_the_rows(tmp_path):
    study = own_table(tmp_path)
    text = (tmp_path / "mine.csv").read_text().splitlines()
    rows = [f"{text[0]},kind", *(f"{line},mine" for line in text[1:]), *(["1,oops,-1,other"] * 3)]
    (tmp_path / "mine.csv").write_text("\n".join(rows) + "\n")
    study.where = ["kind=mine"]
    assert run(study, tmp_path, tmp_path).metrics["runs_fitted"] == 40
    study.where = ["kind:yours"]
    with pytest.raises(UserError, match=r"no row with kind = 'yours'; there are mine, other"):
        run(study, tmp_path, tmp_path)


def test_a_table_that_does_not_fix_the_constant_says_so(tmp_path):
    """Losses that bend downwards want a negative E: the fit ends at zero, and the claim says so."""
    study = own_table(tmp_path)
    lines = (tmp_path / "mine.csv").read_text().splitlines()
    n, d = np.array([[float(value) for value in line.split(",")[:2]] for line in lines[1:]]).T
    loss = 8 * n**-0.05 - 0.7 + 5e4 * d**-0.6
    rows = (f"{a:.6g},{b:.6g},{c:.8g}" for a, b, c in zip(n, d, loss, strict=True))
    (tmp_path / "mine.csv").write_text("\n".join([lines[0], *rows]) + "\n")
    outcome = run(study, tmp_path, tmp_path)
    assert verdicts(outcome.claims)["chinchilla.terms"] == "fails"
    assert outcome.metrics["projection_at_bound"] == 1
    assert outcome.metrics["E_high"] < 0.01
    assert "E_profile_low" not in outcome.metrics


def test_the_profile_is_followed_past_the_bootstrap(tmp_path):
    laws = np.tile(LAW.logs, (40, 1))
    laws[:, 2] += np.linspace(-0.02, 0.02, 40)
    low, high = _chinchilla_claims.profile_range(LAW.E, laws, 2.0)
    assert low < LAW.E * 0.96 < LAW.E * 1.04 < high < 2.0
    assert _chinchilla_claims.profile_range(1e-12, laws, 2.0) == pytest.approx((0.002, 1.6))
