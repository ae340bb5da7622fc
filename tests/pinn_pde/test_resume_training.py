"""Stopped and continued equals never stopped, to the last bit."""

from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

from baselines.common import compose
from baselines.common.record import CHECKPOINT, CURVES, Record
from baselines.pinn_pde import marching
from baselines.pinn_pde.run import run

HEAD: dict[str, Any] = {
    "topic": "pinn_pde", "key": "k", "config": {}, "choices": {}, "seed": 0,
    "environment": {}, "code": {"fingerprint": "f", "commit": None},
}  # fmt: skip


class Killed(Exception):
    """The machine went down."""


def done(folder: Path, overrides: list[str], *, stop_after: int | None = None) -> dict[str, np.ndarray]:
    """Metrics and curves of a run, which may be killed when its n-th checkpoint is written."""
    cfg = compose.resolve("pinn_pde", ["budget=smoke", "problem=burgers", *overrides]).cfg
    record = Record(folder, HEAD)
    folder.mkdir(exist_ok=True)
    count = 0
    original = Record.keep

    def keep(self: Record, state: dict[str, Any]) -> None:
        nonlocal count
        original(self, state)
        count += 1
        if count == stop_after:
            raise Killed

    with mock.patch.object(marching, "CHECKPOINT_S", -1.0), mock.patch.object(Record, "keep", keep):
        outcome = run(cfg, record)  # type: ignore[arg-type]
    record.finish("done", outcome)
    with np.load(folder / CURVES) as stored:
        curves = {name: stored[name] for name in stored.files if not name.endswith("_s")}
    return curves | {name: np.array(value) for name, value in outcome.metrics.items()}


CASES = [
    ["method=ssbroyden", "method.sampling=rad", "method.weighting=gradnorm"],
    ["method=ssbroyden", "method.windows=2"],
    ["method=lm", "method.sampling=uniform"],
    ["method=adam", "method.weighting=causal", "method.sampling=rar"],
    ["problem=burgers_inverse", "method=lm"],
]


@pytest.mark.parametrize("overrides", CASES, ids=" ".join)
def test_a_killed_run_goes_on_to_the_same_result(overrides: list[str], tmp_path: Path) -> None:
    whole = done(tmp_path / "whole", overrides)
    with pytest.raises(Killed):
        done(tmp_path / "cut", overrides, stop_after=1)
    assert (tmp_path / "cut" / CHECKPOINT).exists()
    continued = done(tmp_path / "cut", overrides)
    assert not (tmp_path / "cut" / CHECKPOINT).exists(), "a finished run keeps no checkpoint"
    assert whole.keys() == continued.keys()
    for name, value in whole.items():
        assert value.tobytes() == continued[name].tobytes(), name


def test_checkpoint_of_other_code_is_not_taken_up(tmp_path: Path) -> None:
    record = Record(tmp_path, HEAD)
    record.keep({"done": 3})
    assert Record(tmp_path, HEAD).kept() == {"done": 3}
    assert Record(tmp_path, HEAD | {"code": {"fingerprint": "g", "commit": None}}).kept() is None


def test_damaged_checkpoint_starts_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / CHECKPOINT).write_bytes(b"not a checkpoint")
    assert Record(tmp_path, HEAD).kept() is None
    assert "cannot be read" in caplog.text
