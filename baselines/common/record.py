"""The record: what a run leaves in a folder of its own (`record.json`, `curves.npz`, figures).

Every file is written to a temporary name and renamed, and `record.json` is written last: whatever moment a
process is killed at, a record that says `done` is complete.
"""

import csv
import io
import json
import logging
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import numpy as np

from baselines.common.claims import Claim
from baselines.common.errors import Diverged

SCHEMA = 1
RECORD, CURVES, CHECKPOINT = "record.json", "curves.npz", "checkpoint.pt"
RUNNING, DONE, FAILED, DIVERGED, INTERRUPTED = "running", "done", "failed", "diverged", "interrupted"
REQUIRED = (
    "schema", "topic", "key", "status", "config", "choices", "seed", "metrics", "claims",
    "cost", "environment", "code", "started", "ended", "error",
)  # fmt: skip

Tick = Callable[..., None]
Progress = Callable[[int, str], AbstractContextManager[Tick]]

log = logging.getLogger(__name__)


def silent(total: int, label: str) -> AbstractContextManager[Tick]:
    """A progress bar that shows nothing."""
    return nullcontext(lambda advance=1, **quantities: None)


@dataclass
class Outcome:
    """What `run(cfg, record)` returns."""

    metrics: dict[str, float]
    claims: list[Claim]
    parameters: int = 0
    """Number of trained parameters."""


@dataclass
class RunView:
    """A record as tables and figures see it."""

    folder: Path
    topic: str
    key: str
    status: str
    config: dict[str, Any]
    choices: dict[str, str]
    seed: int
    metrics: dict[str, float]
    claims: list[Claim]
    cost: dict[str, float]
    environment: dict[str, Any]
    code: dict[str, Any]
    started: str
    ended: str | None
    error: str | None
    curves: dict[str, np.ndarray] = field(default_factory=dict)


class Record:
    """A record while its run is under way.

    Args:
        folder: The record's own folder; made if needed.
        head: The fields that are known before the run: topic, key, config, choices, seed, environment, code.
        progress: Makes a progress bar from (total, label).
    """

    def __init__(self, folder: Path, head: dict[str, Any], progress: Progress = silent) -> None:
        self.folder = folder
        self.cost: dict[str, float] = {}
        self.progress = progress
        self._head = head
        self._rows: dict[str, list[float]] = {}
        self._arrays: dict[str, np.ndarray] = {}
        self._started = _now()

    def start(self) -> None:
        """Write the record with the status `running`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        tidy(self.folder)
        self._write(RUNNING)

    def log(self, series: str, **values: float) -> None:
        """Append one row to a series; the curves are stored as 1-D arrays `series.name`.

        Raises:
            Diverged: If a value is not finite. The row is kept, so the curve shows where it happened.
        """
        for name, value in values.items():
            self._rows.setdefault(f"{series}.{name}", []).append(float(value))
        for name, value in values.items():
            if not math.isfinite(value):
                raise Diverged(f"{name} of {series} is {value} after {len(self._rows[f'{series}.{name}'])} rows")

    def save(self, **arrays: Any) -> None:
        """Store whole arrays; the names say quantity and unit."""
        self._arrays |= {name: np.asarray(array) for name, array in arrays.items()}

    def table(self, name: str, /, **columns: Any) -> None:
        """Write `<name>.csv` into the record's folder: one row for each of the things a run compared.

        Raises:
            ValueError: If the columns differ in length.
        """
        with atomic(self.folder / f"{name}.csv") as stream:
            text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(zip(*(np.asarray(column).tolist() for column in columns.values()), strict=True))
            text.flush()
            text.detach()

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Add the wall time of the block to `cost["<name>_s"]`."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.cost[f"{name}_s"] = self.cost.get(f"{name}_s", 0.0) + time.perf_counter() - begin

    def keep(self, state: dict[str, Any]) -> None:
        """Write a checkpoint: tensors and plain types, with the rows logged so far, so that a killed run can go on.

        Args:
            state: what the run needs to continue to the same result.
        """
        import torch

        content = {"code": self._head["code"]["fingerprint"], "rows": self._rows, "cost": self.cost, "state": state}
        with atomic(self.folder / CHECKPOINT) as stream:
            torch.save(content, stream)

    def kept(self) -> dict[str, Any] | None:
        """The state that `keep` wrote last, rows and timers restored; None if there is none of the present code."""
        import pickle

        import torch

        try:
            content = torch.load(self.folder / CHECKPOINT, map_location="cpu", weights_only=True)
            if content["code"] != self._head["code"]["fingerprint"]:
                return None
            self._rows, state = content["rows"], dict(content["state"])
            self.cost |= content["cost"]
        except FileNotFoundError:
            return None
        except (OSError, KeyError, TypeError, ValueError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
            log.warning("the checkpoint in %s cannot be read (%s); starting anew", self.folder, error)
            return None
        return state

    def forget(self) -> None:
        """Remove the checkpoint."""
        (self.folder / CHECKPOINT).unlink(missing_ok=True)

    def finish(self, status: str, outcome: Outcome | None = None, error: str | None = None) -> None:
        """Write curves, then the record with its final status."""
        curves = {name: np.array(rows) for name, rows in self._rows.items()} | self._arrays
        with atomic(self.folder / CURVES) as stream:
            np.savez_compressed(stream, **curves)  # type: ignore[arg-type]
        self._write(status, outcome, error)
        if status in (DONE, DIVERGED):
            self.forget()

    def _write(self, status: str, outcome: Outcome | None = None, error: str | None = None) -> None:
        outcome = outcome or Outcome({}, [])
        content = self._head | {
            "schema": SCHEMA,
            "status": status,
            "metrics": {name: float(value) for name, value in outcome.metrics.items()},
            "claims": [claim.as_dict() for claim in outcome.claims],
            "cost": self.cost | {"parameters": outcome.parameters},
            "started": self._started,
            "ended": None if status == RUNNING else _now(),
            "error": error,
        }
        write_json(self.folder / RECORD, content)


@contextmanager
def atomic(path: Path) -> Iterator[IO[bytes]]:
    """A binary stream whose content appears at `path` at once and whole, or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def tidy(folder: Path) -> None:
    """Remove what a killed process left half-written; call it only while holding the folder's lock."""
    for leftover in folder.glob(".*.tmp"):
        leftover.unlink(missing_ok=True)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write strict JSON atomically; a number that is not finite becomes null."""
    text = json.dumps(_finite(content), indent=1, ensure_ascii=False, allow_nan=False)
    with atomic(path) as stream:
        stream.write(text.encode())


def read(folder: Path, *, curves: bool = True) -> RunView | None:
    """The record in a folder, or None if there is none.

    A record that cannot be read is moved aside under another name and reported; the run is then done again.

    Raises:
        OSError: If the folder may not be read.
    """
    path = folder / RECORD
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        missing = [name for name in REQUIRED if name not in content]
        if missing or content["schema"] != SCHEMA:
            raise ValueError(f"without {', '.join(missing)}" if missing else f"of schema {content['schema']}")
        arrays = _read_curves(folder / CURVES) if curves and content["status"] != RUNNING else {}
        fields = {name: content[name] for name in REQUIRED if name not in ("schema", "claims", "metrics")}
        claims = [Claim.from_dict(claim) for claim in content["claims"]]
        metrics = {k: float("nan") if v is None else float(v) for k, v in content["metrics"].items()}
        return RunView(folder=folder, claims=claims, metrics=metrics, curves=arrays, **fields)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, TypeError, KeyError, AttributeError, EOFError) as error:
        aside = path.with_name(f"corrupt-{time.time_ns()}-{RECORD}")
        log.warning("the record %s cannot be read (%s); moved aside to %s", path, error, aside.name)
        try:
            os.replace(path, aside)
        except OSError:
            pass  # a read-only copy of somebody's results: reported, and left as it is
        return None


def load_all(results: Path, topic: str | None = None) -> list[RunView]:
    """All readable records below a results folder, in the order of their folders' names."""
    pattern = f"{topic or '*'}/*/{RECORD}"
    views = (read(path.parent) for path in sorted(results.glob(pattern)))
    return [view for view in views if view is not None]


def _read_curves(path: Path) -> dict[str, np.ndarray]:
    """Arrays of an npz file; never unpickles. A damaged file counts as a damaged record."""
    import zipfile

    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (zipfile.BadZipFile, FileNotFoundError) as error:
        raise ValueError(f"{path.name}: {error}") from error


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _finite(value: Any) -> Any:
    """The same structure with every number that is not finite replaced by None."""
    if isinstance(value, dict):
        return {str(key): _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
