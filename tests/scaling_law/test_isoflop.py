"""The IsoFLOP study: a table of one's own, bad input, claims that can fail, its table."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from baselines.common.errors import UserError
from baselines.common.record import Record, RunView
from baselines.scaling_law.config import Config
from baselines.scaling_law.isoflop_fit import Method
from baselines.scaling_law.parametric_fit import ScalingLaw
from baselines.scaling_law.studies import _isoflop_claims as iso_claims
from baselines.scaling_law.studies import _isoflop_conventions as conventions
from baselines.scaling_law.studies import _tables, isoflop
from benchmarks.tables.isoflop import Table

LAW = ScalingLaw(A=480.0, B=2100.0, E=1.82, alpha=0.35, beta=0.37)
GENERAL = {f"isoflop.{name}" for name in ("symmetric", "surface_exact", "parabola_exponent", "parabola_intercept")}
GENERAL |= {"isoflop.minima"}


def verdicts(claims):
    return {claim.id: claim.verdict for claim in claims}


def run(study: isoflop.Study, data_dir, tmp_path, seed: int = 0):
    record = Record(tmp_path / "record", {})
    record.folder.mkdir(exist_ok=True)
    return study.run(Config(study=study, data_dir=str(data_dir), seed=seed), record)


def own_table(folder: Path, header: str = "C,D,L", extra: str = "", budgets: int = 4) -> isoflop.Study:
    """Runs of a known law with column names of their own, given as any two of C, D and N."""
    source = np.random.default_rng(2)
    rows = []
    for compute in np.geomspace(1e19, 1e21, budgets):
        best = compute / 6 / LAW.optimal_parameters(compute)
        for tokens in best * np.geomspace(0.2, 5, 9):
            size = compute / 6 / tokens
            loss = float(LAW.loss(size, tokens) * np.exp(0.0005 * source.standard_normal()))
            values = {"C": compute, "D": tokens, "N": size, "L": loss}
            rows.append(",".join(f"{values[name]:.10g}" for name in header.split(",")))
    (folder / "mine.csv").write_text(header + "\n" + "\n".join(rows) + "\n" + extra)
    names = dict.fromkeys(("n", "d", "c")) | {name.lower(): name for name in header.split(",")[:2]}
    columns = isoflop.Columns(**names, loss="L")
    return isoflop.Study("mine.csv", columns, bootstraps=10, draws=4)


@pytest.mark.parametrize("header", ["C,D,L", "C,N,L", "N,D,L"])
def test_a_table_of_ones_own_by_any_two_columns(tmp_path, header):
    outcome = run(own_table(tmp_path, header), tmp_path, tmp_path)
    assert verdicts(outcome.claims) == dict.fromkeys(GENERAL, "holds")
    true = 1 - LAW.compute_exponent
    for name in ("exponent_tokens", "exponent_tokens_surface"):
        assert outcome.metrics[name] == pytest.approx(true, abs=0.02)
    assert (outcome.metrics["budgets"], outcome.metrics["runs_fitted"]) == (4, 36)
    assert outcome.metrics["surface_target_tokens"] == pytest.approx(
        3.8e25 / 6 / float(LAW.optimal_parameters(3.8e25)), rel=0.5
    )


def test_the_same_seed_gives_the_same_numbers(tmp_path):
    study = own_table(tmp_path)
    first, second, other = (run(study, tmp_path, tmp_path, seed).metrics for seed in (0, 0, 1))
    assert first == second
    assert first["exponent_tokens"] == other["exponent_tokens"]
    assert first["exponent_tokens_low"] != other["exponent_tokens_low"]


def test_bad_rows_refuse_the_table_unless_they_may_be_left_out(tmp_path, caplog):
    study = own_table(tmp_path, extra="1e19,-5,2\n1e19,1e9,\n")
    with pytest.raises(UserError, match=r"2 rows.*line 38: D must be positive: -5; line 39: L is missing"):
        run(study, tmp_path, tmp_path)
    study.drop_bad_rows = True
    assert run(study, tmp_path, tmp_path).metrics["rows_left_out"] == 2
    assert "line 38" in caplog.text


def test_too_few_runs_or_budgets_are_refused(tmp_path):
    study = own_table(tmp_path, budgets=1)
    with pytest.raises(UserError, match=r"at least 12 runs; mine\.csv has 9"):
        run(study, tmp_path, tmp_path)
    study = own_table(tmp_path, budgets=2)
    with pytest.raises(UserError, match=r"at least 3 budgets with 4 or more.*mine\.csv has 2"):
        run(study, tmp_path, tmp_path)


def test_a_budget_of_too_few_runs_is_left_out_and_reported(tmp_path, caplog):
    study = own_table(tmp_path, extra="1e23,1e11,2.1\n1e23,2e11,2.05\n")
    metrics = run(study, tmp_path, tmp_path).metrics
    assert (metrics["budgets"], metrics["rows_left_out"]) == (4, 2)
    assert "2 rows of mine.csv lie in budgets of fewer than 4 runs" in caplog.text


def test_losses_without_a_minimum_give_no_exponent(tmp_path):
    """Losses that only fall with D: no parabola and no interpolation has a minimum inside its grid."""
    study = own_table(tmp_path)
    lines = (tmp_path / "mine.csv").read_text().splitlines()
    points = [line.split(",")[:2] for line in lines[1:]]
    rows = [f"{c},{d},{1.5 + 2100 * float(d) ** -0.37:.8g}" for c, d in points]
    (tmp_path / "mine.csv").write_text("\n".join([lines[0], *rows]) + "\n")
    outcome = run(study, tmp_path, tmp_path)
    for method in ("parabola", "akima"):
        assert outcome.metrics[f"{method}_budgets_without_minimum"] == 4
        assert not any(name.startswith(f"{method}_target") for name in outcome.metrics)
    assert not {"exponent_tokens", "exponent_tokens_akima"} & set(outcome.metrics)
    assert verdicts(outcome.claims)["isoflop.minima"] == "fails"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"columns": isoflop.Columns(n=None, d=None)}, "two of study.columns"),
        ({"convention": "kaplan"}, "one of every, all"),
        ({"bootstraps": 1}, "at least 2"),
        ({"half_widths": []}, "positive numbers"),
        ({"target": 0.0}, "positive"),
        ({"where": [":x"]}, "column:value"),
        ({"points": 2}, "at least 3"),
    ],
)
def test_keys_are_checked(keys, message):
    with pytest.raises(ValueError, match=message):
        isoflop.Study(**keys)


def test_where_a_table_is_looked_for(tmp_path, monkeypatch):
    data, here = tmp_path / "data", tmp_path / "here"
    for folder in (data, here):
        folder.mkdir()
    monkeypatch.chdir(here)
    (here / "mine.csv").write_text("x\n")
    assert _tables.find(str(data), "mine.csv") == Path("mine.csv")
    (data / "mine.csv").write_text("x\n")
    assert _tables.find(str(data), "mine.csv") == data / "mine.csv"
    assert _tables.find("nowhere", str(data / "mine.csv")) == data / "mine.csv"
    with pytest.raises(UserError, match=r"other\.csv is missing, both in data_dir \(.*\) and in the current folder"):
        _tables.find(str(data), "other.csv")
    with pytest.raises(UserError, match=r"/other\.csv is missing$"):
        _tables.find(str(data), str(data / "other.csv"))


def found_of(data_dir: str, study: isoflop.Study, counted: conventions.Conventions) -> iso_claims.Found:
    """What the study computes, without its simulation."""
    from baselines.scaling_law.isoflop_fit import bootstrap_parabola, optima, within_budgets

    runs, _, left_out = study._read(data_dir)
    best = {method: optima(runs, method) for method in Method}
    counts = within_budgets(runs, 200, np.random.default_rng(0))
    *line, vertices = bootstrap_parabola(runs, counts)
    resampled = dict.fromkeys(Method, np.stack(line, axis=1))
    exact = iso_claims.noise_free(study.alpha, study.beta)
    bias = study._simulate(np.random.default_rng(2))
    return iso_claims.Found(runs, best, resampled, vertices, bias, exact, counted, left_out)


@pytest.mark.data
def test_published_claims_hold_and_fail_for_wrong_results(data_dir):
    study = isoflop.Study(draws=4)
    counted = conventions.compare(data_dir, isoflop.NAMES, 200, np.random.default_rng(1))
    found = found_of(data_dir, study, counted)
    assert set(verdicts(iso_claims.claims(study, found)).values()) == {"holds"}
    lines = found.counted.lines
    swapped = dict(zip(lines, reversed(list(lines.values())), strict=True))
    surfaces = dict(zip(found.counted.surfaces, reversed(list(found.counted.surfaces.values())), strict=True))
    surface = found.best[Method.SURFACE]
    wrong = found._replace(
        best={**found.best, Method.PARABOLA: dataclasses.replace(surface, log_tokens=np.full(10, np.nan))},
        resampled={Method.PARABOLA: found.resampled[Method.PARABOLA] - np.array([0.0, 1.0])},
        exact=iso_claims.NoiseFree({Method.PARABOLA: 1e-3}, {Method.PARABOLA: 1e-3}, 1e-3),
        bias=study._simulate(np.random.default_rng(0)).__class__(
            found.bias.half_widths, found.bias.noisy, 2 * found.bias.noise_free, found.bias.predicted, 0.0
        ),
        counted=conventions.Conventions(swapped, surfaces),
    )
    assert set(verdicts(iso_claims.claims(study, wrong)).values()) == {"fails"}


@pytest.mark.data
def test_one_convention_alone_measures_no_shift(data_dir):
    study = isoflop.Study(convention="all", bootstraps=3, draws=2)
    counted = conventions.compare(data_dir, ("all",), 3, np.random.default_rng(0))
    assert list(counted.lines) == list(counted.surfaces) == ["all"]
    found = found_of(data_dir, study, counted)
    result = verdicts(iso_claims.claims(study, found))
    assert {result[f"isoflop.{name}"] for name in ("without_embedding", "without_head", "misfitting")} == {
        "not measured"
    }


@pytest.mark.data
def test_the_counts_of_the_published_tables(data_dir):
    counted = conventions.compare(data_dir, isoflop.NAMES, 5, np.random.default_rng(0))
    sizes = [counted.lines[name].size for name in isoflop.NAMES]
    assert sizes == pytest.approx([0.366, 0.524, 0.681], abs=1e-3)
    both = counted.surfaces["all"], counted.surfaces["without_embedding"]
    assert [surface.at_bound for surface in both] == [False, True]
    assert {(surface.runs, surface.repeated) for surface in both} == {(81, 21)}


def test_the_table_has_a_row_for_each_fit(tmp_path):
    keys = [*(f"exponent_tokens{name}" for name in ("", "_akima", "_surface"))]
    keys += [f"{method}_target_tokens" for method in ("parabola", "akima", "surface")]
    keys += [f"nanochat_size_{name}" for name in isoflop.NAMES]
    keys += [f"misfitting_size_{name}" for name in isoflop.NAMES[:2]]
    views = []
    for value in (0.5, 0.52):
        metrics = {key: value for name in keys for key in (name, f"{name}_low", f"{name}_high")}
        head = (Path(), "scaling_law", "key", "done", {}, {}, 0)
        views.append(RunView(*head, metrics, [], {}, {}, {}, "", "", None))
    rows = Table().sheet(views).rows
    assert len(rows) == 8
    assert rows[0][:6] == ["Llama 3", "parabola", "D*", "0.510", "0.510 … 0.510", "0.53"]
    assert rows[0][-1] == "16.55"
    assert Table().claims(views)[0].verdict == "fails"
    assert "study=isoflop" in (Table().needs(str(tmp_path)) or "")
