"""The arithmetic of the benchmark tables on records made by hand."""

from pathlib import Path

import numpy as np
import pytest

from baselines.common.claims import Claim
from baselines.common.record import RunView
from benchmarks.tables import chinchilla, exponents, ridge_theory

SIZES, SHAPE = np.array([50, 100, 200]), (2, 1, 3, 3)


def view(curves: dict[str, np.ndarray], metrics: dict[str, float], measured: float | None = 1.0) -> RunView:
    claim = Claim("ridge.median_deviation", "a statement", 0.0, None, 2.0, measured, "a source")
    config = {"study": {"draws": 20}}
    head = (Path(), "scaling_law", "key", "done", config, {}, 0)
    return RunView(*head, metrics, [claim], {}, {}, {}, "", "", None, curves)


def ridge_view(deviation: float, limit: float, measured: float | None = 1.0) -> RunView:
    curves = {
        "samples": SIZES, "features": SIZES, "ridges": np.array([0.1, 1.0]), "noises": np.array([0.0]),
        "predicted_test_error": np.ones(SHAPE), "test_error": np.full(SHAPE, 1 + deviation),
        "test_error_standard_error": np.full(SHAPE, 0.02),
    }  # fmt: skip
    return view(curves, {"limit_deviation_percent": limit, "limit_standard_error_percent": 0.4}, measured)


def test_runs_are_pooled_with_the_error_of_their_mean():
    views = [ridge_view(deviation, 0.0) for deviation in (0.01, 0.03, 0.02, 0.02)]
    mean, error = ridge_theory.pooled(views)
    assert mean == pytest.approx(np.full(SHAPE, 1.02))
    assert error == pytest.approx(np.full(SHAPE, 0.01))
    sheet = ridge_theory.Table().sheet(views)
    assert len(sheet.rows) == 18
    assert sheet.rows[0] == [0.1, 0.0, 50, 50, 1.0, "1.02 ± 0.01", "+2.00", "+2.0"]


@pytest.mark.parametrize(
    ("deviation", "limit", "verdicts"), [(0.02, 0.3, ["holds", "holds"]), (0.08, 1.0, ["fails", "fails"])]
)
def test_pooled_claims(deviation, limit, verdicts):
    claims = ridge_theory.Table().claims([ridge_view(deviation, limit)] * 4)
    assert [claim.verdict for claim in claims] == verdicts
    assert claims[1].measured == pytest.approx(limit / 0.2)


def test_pooled_claims_need_runs_that_measured_theirs():
    claims = ridge_theory.Table().claims([ridge_view(0.0, 0.0, measured=None)])
    assert [claim.verdict for claim in claims] == ["not measured"] * 2


def test_the_chinchilla_table_stands_beside_published_values(tmp_path):
    names = chinchilla.QUANTITIES
    metrics = {"objective": 1e-3, "projection_alpha": 0.5, "projection_beta": 0.5}
    metrics |= {"E_profile_low": 0.45, "E_profile_high": 0.55}
    for name in (*names, "tokens_per_parameter"):
        level = "_80" if name == "exponent" else ""
        metrics |= {name: 0.5, f"{name}_low{level}": 0.4, f"{name}_high{level}": 0.6}
    views = [view({}, metrics), view({}, metrics | {"alpha_low": 0.2, "objective": 1.1e-3})]
    rows = {row[0]: row for row in chinchilla.Table().sheet(views).rows}
    assert rows["alpha"] == ["alpha", "0.5", "0.3 … 0.6", "0.3473", "0.317 … 0.373", "0.34"]
    assert all(None not in rows[name] for name in names)
    assert rows["E, profile"][1:3] == ["0.5", "0.45 … 0.55"]
    for one, seconds in zip(views, (4.0, 31.0), strict=True):
        one.config["study"]["bootstraps"] = 500
        one.cost["bootstrap_s"] = seconds
    assert [claim.verdict for claim in chinchilla.Table().claims(views)] == ["fails", "fails"]
    views[1].config["study"]["bootstraps"] = 40
    assert chinchilla.Table().claims(views)[1].verdict == "not measured"
    assert "study=chinchilla" in (chinchilla.Table().needs(str(tmp_path)) or "")


def exponent_view(study: str, claim: Claim, ends: tuple[float, float, float]) -> RunView:
    name = claim.id.partition(".")[2]
    metrics = dict(zip((name, f"{name}_low", f"{name}_high"), ends, strict=True)) | {"E_low": 0.0}
    other = Claim(f"{study}.E", "not an exponent", 1.0, 0.9, 1.1, 1.0, "a source")
    head = (Path(), "scaling_law", "key", "done", {}, {"study": study}, 0)
    return RunView(*head, metrics, [claim, other], {}, {}, {}, "", "", None, {})


def test_the_exponents_of_all_studies_stand_in_one_table():
    """Means over the seeds, the published value, the runs that hold; a bound is shown as one; E is not an exponent."""
    known = "matching.exponent_parameters_easy"
    views = [
        exponent_view("matching", Claim(known, "error ~ p^-x", 1.2, 1.13, 1.27, measured, "theory"), ends)
        for measured, ends in ((1.2, (1.2, 1.1, 1.3)), (1.4, (1.4, 1.3, 1.5)))
    ]
    bound = Claim("kernel.exponent_width", "gap ~ width^-x", 0.5, 0.5, None, None, "theory")
    views.append(exponent_view("kernel", bound, (0.7, 0.6, 0.8)))
    rows = exponents.Table().sheet(views).rows
    assert rows == [
        ["matching", "error ~ p^-x", "1.200", "1.300", "1.200 … 1.400", rows[0][5], "1/2"],
        ["kernel", "gap ~ width^-x", "≥ 0.500", "0.700", "0.600 … 0.800", None, "not measured"],
    ]
    assert str(rows[0][5]).startswith("2.4 (Bordelon")
    assert exponents.Table().figure(views[2:], str) is None, "a bound has no distance"
    assert exponents.Table().figure(views, str) is not None


def test_an_exponent_that_needs_data_is_left_out_without_them(tmp_path):
    table = exponents.Table()
    assert not table.available(["study=isoflop", "seed=0"], str(tmp_path))
    assert table.available(["study=skills", "seed=0"], str(tmp_path))
    runs = table.runs("standard")
    assert len(runs) == len({tuple(run) for run in runs}), "each run once"
    assert ["study=transformer", "seed=1"] not in runs
