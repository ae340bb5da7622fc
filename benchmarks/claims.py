"""The claim table: the claims of all records and tables, gathered over seeds, beside published values."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, median

from baselines.common.claims import HOLDS, NOT_MEASURED, Claim, band
from baselines.common.record import RunView
from benchmarks.sheet import Cell, Estimate, Sheet

PUBLISHED = Path(__file__).parent / "published"


@dataclass(frozen=True)
class Gathered:
    """One statement as measured in one or several runs."""

    topic: str
    runs: tuple[Claim, ...]
    """The claim of each run that measured it, or of one that did not if none did."""
    seconds: float
    """Median wall time of a run."""

    @property
    def claim(self) -> Claim:
        """The claim over all runs: means of measured and predicted values and of the band's ends."""
        predicted, low, high, measured = (_mean(self.runs, name) for name in ("predicted", "low", "high", "measured"))
        return replace(self.runs[0], predicted=predicted, low=low, high=high, measured=measured)

    @property
    def values(self) -> list[float]:
        """The measured values."""
        return [claim.measured for claim in self.runs if claim.measured is not None]

    @property
    def verdict(self) -> str:
        """The verdict of the mean."""
        return self.claim.verdict

    @property
    def holding(self) -> str:
        """How many of the runs hold by themselves."""
        count = sum(claim.verdict == HOLDS for claim in self.runs)
        return f"{count}/{len(self.values)}" if self.values else "–"


def _mean(claims: tuple[Claim, ...], name: str) -> float | None:
    values = [getattr(claim, name) for claim in claims]
    return None if None in values else fmean(values)


def gather(topic: str, views: list[RunView], across: list[Claim]) -> list[Gathered]:
    """Group the claims of runs by identity and statement; append the claims across runs."""
    seconds = median(view.cost.get("wall_s", 0.0) for view in views) if views else 0.0
    groups: dict[tuple[str, str], list[Claim]] = {}
    for claim in (claim for view in views for claim in view.claims):
        groups.setdefault((claim.id, claim.statement), []).append(claim)
    groups |= {(claim.id, claim.statement): [claim] for claim in across}
    found = []
    for claims in groups.values():
        measured = [claim for claim in claims if claim.measured is not None]
        found.append(Gathered(topic, tuple(measured or claims[:1]), seconds))
    return found


def unique(entries: Iterable[Gathered]) -> list[Gathered]:
    """Each statement once, as the first table with it gathered it: tables may share runs."""
    found: dict[tuple[str, str], Gathered] = {}
    for entry in entries:
        found.setdefault((entry.claim.id, entry.claim.statement), entry)
    return list(found.values())


def published(topic: str) -> dict[str, dict[str, str]]:
    """Published values by claim id; kept apart from everything measured."""
    path = PUBLISHED / f"{topic}.csv"
    if not path.exists():
        return {}
    with open(path, encoding="utf-8", newline="") as stream:
        return {row["claim"]: row for row in csv.DictReader(stream)}


def sheet(gathered: Iterable[Gathered]) -> Sheet:
    """The claim table."""
    columns = [
        "topic", "claim", "statement", "predicted", "band", "measured", "95 % interval", "runs that hold",
        "published", "source", "verdict", "seconds a run",
    ]  # fmt: skip
    return Sheet(columns, [_row(entry) for entry in gathered])


def _row(entry: Gathered) -> list[Cell]:
    claim = entry.claim
    estimate = Estimate.of(entry.values) if entry.values else None
    interval = f"{estimate.low:.4g} … {estimate.high:.4g}" if estimate and estimate.low is not None else "–"
    known = published(entry.topic).get(claim.id)
    shown = f"{known['value']} ({known['source']}{_status(known)})" if known else "–"
    mark = {HOLDS: "✓ holds", NOT_MEASURED: "– not measured"}.get(entry.verdict, "✗ fails")
    return [
        entry.topic,
        claim.id,
        claim.statement,
        claim.predicted,
        band(claim.low, claim.high),
        None if estimate is None else float(estimate.value),
        interval,
        entry.holding,
        shown,
        claim.source,
        mark,
        round(entry.seconds, 1),
    ]


def _status(known: dict[str, str]) -> str:
    return "" if known["status"] == "verified" else f"; {known['status']}"
