"""The claim table: the claims of all records and tables, gathered over seeds, beside published values.

Only runs that differ in nothing but the seed are averaged: they share a *setting*, the chosen options and all other
keys. A statement measured in several settings (by several methods, say) has a row for each as long as these are a
handful. Of more, or if all measured the same value, it has one row: in how many settings it holds, where it fails,
and the range of the measured means. It then holds only if it holds in every setting.
"""

import csv
import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, median
from typing import Any

from baselines.common.claims import FAILS, HOLDS, NOT_MEASURED, Claim, band
from baselines.common.config import VOLATILE
from baselines.common.record import RunView
from benchmarks.sheet import Cell, Estimate, Sheet

PUBLISHED = Path(__file__).parent / "published"
HANDFUL = 4
"""Settings of one statement that have rows of their own."""
SHOWN_KEYS = 3
"""Keys that name a setting."""
NOTE = (
    "Measured: the mean over runs that differ in the seed alone, with its 95 % t-interval. A statement measured in "
    f"2 to {HANDFUL} settings has a row for each; of more settings, or if all gave one value, there is one row with "
    "the range of their means, and the statement holds only if it holds in every one."
)

Keys = dict[str, str]
Setting = tuple[Keys, Keys]
"""The chosen options by group, and every other key with its value, but for the seed."""


@dataclass(frozen=True)
class Gathered:
    """One row: a statement as measured in the runs of one setting, or in several settings (`parts`)."""

    topic: str
    runs: tuple[Claim, ...]
    """The claim of each run that measured it, or of one that did not if none did."""
    seconds: float
    """Median wall time of a run."""
    setting: Setting = ({}, {})
    """What the runs have in common."""
    label: str = ""
    """What tells this setting from the others of the statement; where it fails if there are `parts`."""
    parts: tuple["Gathered", ...] = ()
    """The settings of a summary."""

    @property
    def claim(self) -> Claim:
        """Means of measured and predicted values and of the band's ends; of settings, the median of their means."""
        predicted, low, high, measured = (_mean(self.runs, name) for name in ("predicted", "low", "high", "measured"))
        if self.parts and measured is not None:
            measured = median(self.means)
        statement = self.runs[0].statement + (f" ({self.label})" if self.label else "")
        return replace(self.runs[0], statement=statement, predicted=predicted, low=low, high=high, measured=measured)

    @property
    def values(self) -> list[float]:
        """The measured values."""
        return [claim.measured for claim in self.runs if claim.measured is not None]

    @property
    def means(self) -> list[float]:
        """The mean of each setting."""
        return [fmean(part.values) for part in self.parts or (self,) if part.values]

    @property
    def verdict(self) -> str:
        """The verdict of the mean; of several settings, whether every mean holds."""
        if not self.parts:
            return self.claim.verdict
        return HOLDS if all(part.verdict == HOLDS for part in self.parts) else FAILS

    @property
    def holding(self) -> str:
        """How many of the runs hold by themselves."""
        each = self.parts or (self,)
        count = sum(claim.verdict == HOLDS for part in each for claim in part.runs)
        return f"{count}/{len(self.values)}" if self.values else "–"


def _mean(claims: tuple[Claim, ...], name: str) -> float | None:
    values = [getattr(claim, name) for claim in claims]
    return None if None in values else fmean(values)


def gather(topic: str, views: list[RunView], across: list[Claim]) -> list[Gathered]:
    """Group the claims of runs by identity, statement and setting; append the claims across runs."""
    groups: dict[tuple[str, str], dict[str, list[tuple[RunView, Claim]]]] = {}
    for view in views:
        key = json.dumps(_setting(view), sort_keys=True)
        for claim in view.claims:
            groups.setdefault((claim.id, claim.statement), {}).setdefault(key, []).append((view, claim))
    for claim in across:
        groups.pop((claim.id, claim.statement), None)
    found = []
    for settings in groups.values():
        for runs in settings.values():
            measured = [claim for _, claim in runs if claim.measured is not None]
            seconds = median(view.cost.get("wall_s", 0.0) for view, _ in runs)
            found.append(Gathered(topic, tuple(measured or [runs[0][1]]), seconds, _setting(runs[0][0])))
    seconds = median(view.cost.get("wall_s", 0.0) for view in views) if views else 0.0
    return found + [Gathered(topic, (claim,), seconds) for claim in across]


def _setting(view: RunView) -> Setting:
    """The chosen options, and all keys by their dotted names, without the seed and what does not change a result."""
    stable = {name: value for name, value in view.config.items() if name not in VOLATILE | {"seed"}}
    return dict(view.choices), dict(_flat(stable))


def _flat(config: dict[str, Any], prefix: str = "") -> Iterable[tuple[str, str]]:
    for name, value in config.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, str(value)


def unique(entries: Iterable[Gathered]) -> list[Gathered]:
    """The rows of all tables: each statement once in each setting, or once for all of its settings.

    Tables may share runs: of two entries for one setting the one with more runs stays, of equals the first.
    """
    statements: dict[tuple[str, str], dict[str, Gathered]] = {}
    for entry in entries:
        settings = statements.setdefault((entry.runs[0].id, entry.runs[0].statement), {})
        key = json.dumps(entry.setting, sort_keys=True)
        if key not in settings or len(entry.values) > len(settings[key].values):
            settings[key] = entry
    return [row for settings in statements.values() for row in _rows(list(settings.values()))]


def _rows(entries: list[Gathered]) -> list[Gathered]:
    """The rows of one statement; settings that did not measure it stay out if one did."""
    entries = [entry for entry in entries if entry.values] or entries[:1]
    if len(entries) == 1:
        return entries
    values = [value for entry in entries for value in entry.values]
    alike = all(math.isclose(value, values[0], rel_tol=1e-9) for value in values)
    if len(entries) <= HANDFUL and not alike:
        labels = _labels(entries)
        return [replace(entry, label=label) for entry, label in zip(entries, labels, strict=True)]
    runs = tuple(claim for entry in entries for claim in entry.runs)
    seconds = median(entry.seconds for entry in entries)
    label = f"{len(entries)} settings" + (", one value" if alike else "")
    if failing := _failing(entries):
        label += f"; fails for {failing}"
    return [Gathered(entries[0].topic, runs, seconds, label=label, parts=tuple(entries))]


def _varying(maps: Sequence[Keys]) -> list[str]:
    """The keys that all maps have and that differ among them."""
    return [name for name in maps[0] if all(name in one for one in maps) and len({one[name] for one in maps}) > 1]


def _option(entries: list[Gathered]) -> list[str]:
    """The chosen options of each entry, as far as these differ among all."""
    names = _varying([entry.setting[0] for entry in entries])
    return [", ".join(f"{name}={entry.setting[0][name]}" for name in names) for entry in entries]


def _labels(entries: list[Gathered]) -> list[str]:
    """What differs, as one types it: first the options, then the keys among entries with the same options."""
    options = _option(entries)
    found = []
    for entry, option in zip(entries, options, strict=True):
        alike = [other.setting[1] for other, its in zip(entries, options, strict=True) if its == option]
        names = _varying(alike)
        keys = [f"{name}={entry.setting[1][name]}" for name in names[:SHOWN_KEYS]]
        keys += ["…"] * (len(names) > SHOWN_KEYS)
        found.append(", ".join([option, *keys] if option else keys))
    return found


def _failing(entries: list[Gathered]) -> str:
    """The settings that fail, by the options chosen in them; by their keys if there is one choice only."""
    fails = [entry.verdict != HOLDS for entry in entries]
    if all(fails):
        return "all"
    options = _option(entries)
    if not any(options):
        options = _labels(entries)
    total = Counter(options)
    missed = Counter(option for option, fail in zip(options, fails, strict=True) if fail)
    parts = [
        option if count == total[option] else f"{option} ({count} of {total[option]} settings)"
        for option, count in missed.items()
    ]
    return "; ".join(parts[:HANDFUL] + ["…"] * (len(parts) > HANDFUL))


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
        "topic", "claim", "statement", "setting", "predicted", "band", "measured", "95 % interval", "runs that hold",
        "published", "source", "verdict", "seconds a run",
    ]  # fmt: skip
    return Sheet(columns, [_row(entry) for entry in gathered])


def _row(entry: Gathered) -> list[Cell]:
    claim = entry.claim
    known = published(entry.topic).get(claim.id)
    shown = f"{known['value']} ({known['source']}{_status(known)})" if known else "–"
    mark = {HOLDS: "✓ holds", NOT_MEASURED: "– not measured"}.get(entry.verdict, "✗ fails")
    if entry.parts and entry.verdict == FAILS:
        failing = sum(part.verdict != HOLDS for part in entry.parts)
        mark += f" in {failing} of {len(entry.parts)}"
    return [
        entry.topic,
        claim.id,
        entry.runs[0].statement,
        entry.label or "–",
        claim.predicted,
        band(claim.low, claim.high),
        *_measured(entry),
        entry.holding,
        shown,
        claim.source,
        mark,
        round(entry.seconds, 1),
    ]


def _measured(entry: Gathered) -> list[Cell]:
    """The mean and its interval; of several settings the range of their means (as an estimate: with their median)."""
    if not entry.values:
        return [None, "–"]
    if entry.parts:
        low, high = min(entry.means), max(entry.means)
        text = f"{low:.4g}" if math.isclose(low, high, rel_tol=1e-9) else f"{low:.4g} … {high:.4g}"
        return [Estimate(median(entry.means), None, low, high, len(entry.parts), text), "–"]
    estimate = Estimate.of(entry.values)
    interval = f"{estimate.low:.4g} … {estimate.high:.4g}" if estimate.low is not None else "–"
    return [float(estimate.value), interval]


def _status(known: dict[str, str]) -> str:
    return "" if known["status"] == "verified" else f"; {known['status']}"
