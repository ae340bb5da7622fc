"""Tables: golden files, statistics against closed forms, claims gathered over seeds."""

import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from baselines.common.claims import Claim
from baselines.common.record import RunView
from benchmarks import claims, tables
from benchmarks.sheet import Estimate, Sheet, paired, text

GOLDEN = Path(__file__).parent / "golden"


def example() -> Sheet:
    return Sheet(
        ["model", "accuracy / %", "error", "note_1"],
        [
            ["gcn", Estimate.of([80.0, 82.0, 81.0], 1), Estimate.log10([1e-3, 1e-5]), "50 % | λ ≤ 1"],
            ["sgc", Estimate.of([79.0], 1), 0.000123456, None],
        ],
    )


@pytest.mark.parametrize("form,suffix", [("markdown", "md"), ("csv", "csv"), ("latex", "tex")])
def test_golden(form: str, suffix: str) -> None:
    assert getattr(example(), form)() == (GOLDEN / f"example.{suffix}").read_text(encoding="utf-8")


def test_t_interval_and_ddof() -> None:
    values = [1.0, 2.0, 4.0, 8.0]
    estimate = Estimate.of(values)
    interval = stats.t.interval(0.95, 3, loc=np.mean(values), scale=stats.sem(values))
    assert estimate.std == pytest.approx(np.std(values, ddof=1))
    assert (estimate.low, estimate.high) == pytest.approx(interval)
    assert Estimate.of([3.0]).std is None


def test_geometric_mean() -> None:
    estimate = Estimate.log10([1e-2, 1e-4])
    assert estimate.value == pytest.approx(1e-3) and (estimate.low, estimate.high) == (1e-4, 1e-2)
    with pytest.raises(ValueError, match="positive"):
        Estimate.log10([0.0, 1.0])


def test_paired_interval_uses_the_differences() -> None:
    first, second = [1.0, 2.0, 3.0], [0.9, 1.9, 2.9]
    estimate = paired(first, second)
    assert estimate.value == pytest.approx(0.1) and estimate.std == pytest.approx(0.0, abs=1e-12)


def test_a_row_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match="1 cells for 2 columns"):
        Sheet(["a", "b"], [["x"]])


def view(seed: int, *found: Claim, wall: float = 1.0) -> RunView:
    return RunView(Path(), "toy", "k", "done", {}, {}, seed, {}, list(found), {"wall_s": wall}, {}, {}, "", None, None)


def claim(measured: float | None, statement: str = "s", low: float = 0.9, high: float = 1.1) -> Claim:
    return Claim("toy.x", statement, 1.0, low, high, measured, "formula")


def test_claims_are_gathered_over_seeds() -> None:
    views = [view(0, claim(0.95), wall=1.0), view(1, claim(1.2), wall=3.0), view(2, claim(1.0), wall=2.0)]
    (entry,) = claims.gather("toy", views, [])
    assert entry.verdict == "holds" and entry.holding == "2/3" and entry.seconds == 2.0
    assert entry.claim.measured == pytest.approx(1.05)
    (row,) = claims.sheet([entry]).rows
    low, high = stats.t.interval(0.95, 2, loc=1.05, scale=stats.sem([0.95, 1.2, 1.0]))
    assert f"{low:.4g} … {high:.4g}" in [text(cell) for cell in row]


def test_the_mean_decides_and_bands_are_averaged() -> None:
    (entry,) = claims.gather("toy", [view(0, claim(1.0)), view(1, claim(1.4))], [])
    assert entry.verdict == "fails" and entry.holding == "1/2"
    (entry,) = claims.gather("toy", [view(0, claim(1.0, high=1.2)), view(1, claim(1.3, high=1.4))], [])
    assert entry.claim.high == pytest.approx(1.3) and entry.verdict == "holds"


def test_claims_not_measured_and_other_statements_stay_apart() -> None:
    gathered = claims.gather("toy", [view(0, claim(None), claim(1.0, "other"))], [claim(2.0, "across")])
    assert [entry.verdict for entry in gathered] == ["not measured", "holds", "fails"]


def by(method: str, seed: int, measured: float | None, wall: float = 1.0, **keys: object) -> RunView:
    """A record of one method, with keys of its own; where its results lie does not make it another setting."""
    config = {"seed": seed, "results": f"folder{seed}", "method": keys}
    made = view(seed, claim(measured), wall=wall)
    return replace(made, config=config, choices={"problem": "p", "method": method})


def rows(*views: RunView) -> list[dict[str, str]]:
    sheet = claims.sheet(claims.unique(claims.gather("toy", list(views), [])))
    return [dict(zip(sheet.columns, [text(cell) for cell in row], strict=True)) for row in sheet.rows]


def test_only_runs_that_differ_in_the_seed_alone_are_averaged() -> None:
    found = rows(*(by("good", seed, 1.0 + 0.02 * seed) for seed in range(3)), by("bad", 0, 0.2, wall=9.0))
    assert [row["setting"] for row in found] == ["method=good", "method=bad"]
    assert [row["measured"] for row in found] == ["1.02", "0.2"]
    assert [row["verdict"] for row in found] == ["✓ holds", "✗ fails"]
    assert [row["runs that hold"] for row in found] == ["3/3", "0/1"]
    assert [row["seconds a run"] for row in found] == ["1", "9"]


def test_a_setting_is_named_by_what_differs() -> None:
    runs = [by("one", 0, 1.0, width=4, points=9), by("one", 0, 1.02, width=8, points=9), by("two", 0, 1.04, width=8)]
    assert [row["setting"] for row in rows(*runs)] == [
        "method=one, method.width=4",
        "method=one, method.width=8",
        "method=two",
    ]
    assert [row["setting"] for row in rows(*runs[:2])] == ["method.width=4", "method.width=8"]
    many = [by("one", 0, 1.0 + size, **dict.fromkeys("abcd", size)) for size in (1, 2)]
    assert rows(*many)[0]["setting"] == "method.a=1, method.b=1, method.c=1, …"


def test_more_than_a_handful_of_settings_share_a_row() -> None:
    runs = [by("one", seed, 1.0 + 0.01 * width, width=width) for width in range(4) for seed in range(2)]
    (row,) = rows(*runs, by("two", 0, 1.05))
    assert row["setting"] == "5 settings" and row["verdict"] == "✓ holds" and row["runs that hold"] == "9/9"
    assert row["measured"] == "1 … 1.05" and row["95 % interval"] == "–"
    (row,) = rows(*runs, by("two", 0, 0.1), by("one", 0, 5.0, width=9))
    assert row["setting"] == "6 settings; fails for method=two; method=one (1 of 5 settings)"
    assert row["verdict"] == "✗ fails in 2 of 6" and row["measured"] == "0.1 … 5"
    (row,) = rows(*(by("one", 0, 3.0 + width, width=width) for width in range(5)))
    assert row["setting"] == "5 settings; fails for all" and row["verdict"] == "✗ fails in 5 of 5"
    (row,) = rows(*(by("one", 0, 1.0 + 0.05 * width, width=width) for width in range(5)))
    assert row["setting"] == "5 settings; fails for method.width=3; method.width=4"


def test_the_mean_over_settings_does_not_decide() -> None:
    """Means 0.5 and 1.5 would average to 1."""
    entries = claims.unique(claims.gather("toy", [by("one", 0, 0.5 + 0.25 * w, width=w) for w in range(5)], []))
    assert [entry.verdict for entry in entries] == ["fails"] and entries[0].claim.measured == 1.0
    assert entries[0].claim.statement.startswith("s (5 settings; fails for method.width=0")


def test_one_value_in_all_settings_has_one_row() -> None:
    (row,) = rows(by("one", 0, 1.0), by("two", 0, 1.0), by("three", 0, None))
    assert row["setting"] == "2 settings, one value" and row["measured"] == "1" and row["verdict"] == "✓ holds"
    assert [row["verdict"] for row in rows(by("one", 0, None), by("two", 0, None))] == ["– not measured"]


def test_tables_that_share_runs_do_not_count_them_twice() -> None:
    short = claims.gather("toy", [by("one", 0, 1.0), by("two", 0, 0.2)], [])
    full = claims.gather("toy", [by("one", 0, 1.0), by("one", 1, 1.02)], [])
    assert [(entry.label, entry.holding) for entry in claims.unique([*short, *full])] == [
        ("method=one", "2/2"),
        ("method=two", "0/1"),
    ]


def test_the_range_of_settings_is_plain_numbers_in_csv() -> None:
    entries = claims.unique(claims.gather("toy", [by("one", 0, 1.0 + 0.01 * w, width=w) for w in range(5)], []))
    head, row = list(csv.reader(io.StringIO(claims.sheet(entries).csv())))
    found = dict(zip(head, row, strict=True))
    assert [float(found[f"measured{end}"]) for end in ("", " low", " high", " n")] == pytest.approx([1.02, 1, 1.04, 5])


@pytest.mark.parametrize("name", tables.names())
def test_every_table_asks_for_valid_runs(name: str) -> None:
    """Every run is a different one; three that differ in more than the seed are composed."""
    from baselines.common import compose

    table = tables.load(name)
    for suite in ("smoke", "standard", "paper"):
        runs = table.runs(suite)
        assert len({tuple(run) for run in runs}) == len(runs) > 0
        kinds = list({tuple(part for part in run if not part.startswith("seed=")): run for run in runs}.values())
        some = [kinds[place] for place in sorted({0, len(kinds) // 2, len(kinds) - 1})]
        keys = {compose.resolve(table.topic, [*run, f"budget={suite}"]).key for run in some}
        assert len(keys) == len(some)


def test_published_values_name_their_source() -> None:
    for path in claims.PUBLISHED.glob("*.csv"):
        for identity, row in claims.published(path.stem).items():
            assert set(row) == {"claim", "value", "setting", "source", "url", "status"}, identity
            assert row["value"] and row["source"] and row["setting"]
            assert row["status"] in ("verified", "secondary")


def test_there_is_a_table_for_each_topic() -> None:
    assert len({tables.load(name).topic for name in tables.names()}) == 4
