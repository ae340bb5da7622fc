"""What is special to the two studies: claims that can fail, bad input, the published table."""

import numpy as np
import pytest

from baselines.common.errors import UserError
from baselines.common.record import Record
from baselines.scaling_law.config import Config
from baselines.scaling_law.parametric_fit import ScalingLaw
from baselines.scaling_law.ridge_grid import Grid, GridErrors, predicted
from baselines.scaling_law.spectrum import power_law
from baselines.scaling_law.studies import _chinchilla_claims, _ridge_claims, chinchilla, ridge

LAW = ScalingLaw(A=480.0, B=2100.0, E=1.82, alpha=0.35, beta=0.37)
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


def test_ridge_claims_hold_for_the_right_theory():
    claims = _ridge_claims.claims(RIDGE, compared(RIDGE))
    assert set(verdicts(claims).values()) == {"holds"}


@pytest.mark.parametrize("wrong", [0.1, -0.1])
def test_ridge_claims_fail_for_a_wrong_theory(wrong):
    found = verdicts(_ridge_claims.claims(RIDGE, compared(RIDGE, theory_is_wrong_by=wrong)))
    failing = {"ridge.median_deviation", "ridge.max_deviation", "ridge.limit", "ridge.train_median_deviation"}
    assert {name for name, verdict in found.items() if verdict == "fails"} == failing | {"ridge.peak_height"}


def test_the_limit_claim_sees_an_error_that_the_bands_let_pass():
    found = verdicts(_ridge_claims.claims(RIDGE, compared(RIDGE, theory_is_wrong_by=0.015)))
    assert found["ridge.median_deviation"] == "holds"
    assert found["ridge.limit"] == "fails"


def test_ridge_claims_are_not_measured_at_small_sizes():
    small = ridge.Study(**ridge.Study.BUDGETS["smoke"])
    assert set(verdicts(_ridge_claims.claims(small, compared(small))).values()) == {"not measured"}


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


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"columns": chinchilla.Columns(d=None, c=None)}, "both are null"),
        ({"drop_largest_losses": -1}, "not be negative"),
        ({"delta": 0.0}, "positive"),
        ({"starts": 5000}, "4500"),
        ({"bootstraps": 1}, "at least 2"),
        ({"early_stop": "median"}, "mean or sum"),
    ],
)
def test_chinchilla_keys_are_checked(keys, message):
    with pytest.raises(ValueError, match=message):
        chinchilla.Study(**keys)


def run(study: chinchilla.Study, data_dir, tmp_path, seed: int = 0):
    record = Record(tmp_path / "record", {})
    return study.run(Config(study=study, data_dir=str(data_dir), seed=seed), record)


def own_table(folder, rows: int = 40, extra: str = "") -> chinchilla.Study:
    """A table of synthetic runs with its own column names."""
    source = np.random.default_rng(3)
    n, d = np.exp(source.uniform(18, 23, rows)), np.exp(source.uniform(21, 26, rows))
    loss = LAW.loss(n, d) * np.exp(0.002 * source.standard_normal(rows))
    lines = [f"{a:.6g},{b:.6g},{c:.8g}" for a, b, c in zip(n, d, loss, strict=True)]
    (folder / "mine.csv").write_text("N,D,L\n" + "\n".join(lines) + "\n" + extra)
    columns = chinchilla.Columns(n="N", d="D", c=None, loss="L")
    return chinchilla.Study("mine.csv", columns, drop_largest_losses=0, starts=6, bootstraps=10)


def test_a_table_of_ones_own_is_fitted_without_the_published_claims(tmp_path):
    outcome = run(own_table(tmp_path), tmp_path, tmp_path)
    assert verdicts(outcome.claims) == {"chinchilla.converged": "holds"}
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
    path = tmp_path / chinchilla.EPOCH_TABLE
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
    from baselines.scaling_law import parametric_fit as pf
    from baselines.scaling_law.published_laws import HOFFMANN

    study = chinchilla.Study()
    runs = study._read(data_dir).without_largest_losses(5).logs()
    stopped = pf.fit_stopping_early(runs, HOFFMANN.logs, 1e-3)
    laws = np.tile(stopped.law.logs, (500, 1)) + 1e-4 * np.random.default_rng(0).standard_normal((500, 5))
    found = _chinchilla_claims.Found(245, 0, stopped, 1.0, stopped, laws, 0, laws)
    failing = {"converged", "objective", "E", "alpha", "beta", "intervals", "exponent_width", "twenty_tokens"}
    failing |= {"narrow_interval"}
    result = verdicts(_chinchilla_claims.claims(study, found))
    assert {name for name, verdict in result.items() if verdict == "fails"} == {f"chinchilla.{n}" for n in failing}
