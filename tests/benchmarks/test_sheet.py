"""Tables: golden files, statistics against closed forms, claims gathered over seeds."""

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
