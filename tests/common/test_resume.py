"""Resume: the same command works once; what is killed, broken or full is survived."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from support import Command, toy_environment

from baselines.common import options, record
from baselines.common.claims import Claim
from baselines.common.record import Outcome, Record


def worked(log: Path) -> list[str]:
    """Seeds of the runs that really worked."""
    return log.read_text().split() if log.exists() else []


def test_same_command_works_once(run_toy: Command, tmp_path: Path) -> None:
    log = tmp_path / "log"
    first, second = (run_toy(f"log={log}") for _ in range(2))
    assert first.returncode == second.returncode == 0
    assert "already done" in second.stdout
    assert worked(log) == ["0"]
    run_toy(f"log={log}", "force=true")
    assert worked(log) == ["0", "0"]


def test_only_the_code_that_a_run_imports_belongs_to_it() -> None:
    """Shared modules and the chosen options, also those imported inside functions; not other studies or figures."""
    topic, absent = "gnn_oversmoothing", dict.fromkeys(("norm", "drop", "rewiring"), "none")
    choices = {"study": "depth", "model": "gcnii", "dataset": "csbm"} | absent
    names = {path.relative_to(options.PACKAGE).as_posix() for path in options.source_files(topic, choices)}
    assert {f"{topic}/depth_study.py", f"{topic}/layers/gcnii.py", f"{topic}/sparse.py", "common/compute.py"} <= names
    assert not any(part in name for name in names for part in ("figures", "curvature", "layers/gat", "datasets/cora"))


def test_data_that_vanish_do_not_leave_a_run_under_way(run_toy: Command, toy: Path, tmp_path: Path) -> None:
    """A finished record, then the same run again, refused for its input: the record says failed, not running."""
    source = toy / "baselines" / "toy" / "run.py"
    text = source.read_text()
    try:
        run_toy()
        source.write_text(text.replace('cfg.fault == "user"', "True"))
        assert run_toy().returncode == 2
    finally:
        source.write_text(text)
    (path,) = tmp_path.rglob("record.json")
    assert json.loads(path.read_text())["status"] == "failed"


def test_sweeps(run_toy: Command, tmp_path: Path) -> None:
    log = tmp_path / "log"
    done = run_toy("-m", f"log={log}", "seed=range(0,3)", "thing=glob(*)")
    assert done.returncode == 0 and done.stdout.count("done ") == 6
    assert sorted(worked(log)) == ["0", "0", "1", "1", "2", "2"]
    again = run_toy("-m", f"log={log}", "seed=range(0,4)", "thing=coin,die", "hydra/launcher=joblib")
    assert again.returncode == 0, again.stderr
    assert sorted(worked(log))[6:] == ["3", "3"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log", "results"]


def test_a_failing_run_does_not_stop_a_sweep(run_toy: Command, tmp_path: Path) -> None:
    done = run_toy("-m", "fault=raise,nan,user,''", "steps=5")
    assert done.returncode in (1, 2)
    states = [json.loads(path.read_text())["status"] for path in tmp_path.rglob("record.json")]
    assert sorted(states) == ["diverged", "done", "failed"]


def test_killed_sweep_completes_without_repeating(toy: Path, run_toy: Command, tmp_path: Path) -> None:
    log = tmp_path / "log"
    args = ["-m", f"log={log}", "seed=range(0,4)", "pause=0.1", "steps=5"]
    process = subprocess.Popen(
        [sys.executable, "-m", "baselines.toy", *args],
        cwd=tmp_path,
        env=toy_environment(toy),
        stdout=subprocess.DEVNULL,
    )
    while len(worked(log)) < 3:  # the third run is under way
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    finished = [p for p in tmp_path.rglob("record.json") if json.loads(p.read_text())["status"] == "done"]
    assert len(finished) == 2
    assert run_toy(*args).returncode == 0
    assert sorted(worked(log)) == ["0", "1", "2", "2", "3"]


def test_killed_at_any_moment_leaves_whole_records(toy: Path, run_toy: Command, tmp_path: Path) -> None:
    generator = random.Random(0)
    command = [sys.executable, "-m", "baselines.toy", "steps=3000"]
    for _ in range(6):
        process = subprocess.Popen(command, cwd=tmp_path, env=toy_environment(toy), stdout=subprocess.DEVNULL)
        time.sleep(generator.uniform(0.3, 3.0))
        process.kill()
        process.wait()
        for path in tmp_path.rglob("record.json"):
            assert json.loads(path.read_text())["status"] in ("running", "done")
    assert run_toy("steps=3000").returncode == 0
    (folder,) = (tmp_path / "results" / "toy").iterdir()
    view = record.read(folder)
    assert view is not None and view.status == "done" and len(view.curves["train.total"]) == 3000
    assert sorted(path.name for path in folder.iterdir()) == [
        ".lock",
        "curves.npz",
        "figure.pdf",
        "figure.png",
        "record.json",
    ]


def test_two_processes_at_once_lose_nothing(toy: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = [sys.executable, "-m", "baselines.toy", f"log={log}", "pause=0.25"]
    pair = [
        subprocess.Popen(command, cwd=tmp_path, env=toy_environment(toy), stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    outputs = [process.communicate()[0] for process in pair]
    assert [process.returncode for process in pair] == [0, 0]
    assert worked(log) == ["0"], outputs
    assert sum("another process is doing this run" in output for output in outputs) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt(toy: Path, tmp_path: Path, number: signal.Signals) -> None:
    log = tmp_path / "log"
    command = [sys.executable, "-m", "baselines.toy", f"log={log}", "pause=0.05", "steps=200"]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=toy_environment(toy),
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # a shell's background jobs ignore Ctrl-C
    )
    while not worked(log):
        time.sleep(0.02)
    time.sleep(0.3)
    process.send_signal(number)
    _, errors = process.communicate()
    assert process.returncode == 130 and "interrupted" in errors and "Traceback" not in errors
    (path,) = tmp_path.rglob("record.json")
    assert json.loads(path.read_text())["status"] == "interrupted"
    assert len(np.load(path.with_name("curves.npz"))["train.total"]) > 0


def test_corrupt_record_is_reported_moved_aside_and_redone(run_toy: Command, tmp_path: Path) -> None:
    log = tmp_path / "log"
    run_toy(f"log={log}")
    (path,) = tmp_path.rglob("record.json")
    for damage in ("{", "[]", '{"schema": 1}', ""):
        path.write_text(damage)
        done = run_toy(f"log={log}")
        assert done.returncode == 0, done.stderr
        assert "cannot be read" in done.stderr and "moved aside" in done.stderr
    assert len(worked(log)) == 5
    assert len(list(path.parent.glob("corrupt-*"))) == 4


def test_damaged_curves_count_as_a_damaged_record(run_toy: Command, tmp_path: Path) -> None:
    log = tmp_path / "log"
    run_toy(f"log={log}")
    (path,) = tmp_path.rglob("curves.npz")
    path.write_bytes(path.read_bytes()[:100])
    assert run_toy(f"log={log}").returncode == 0
    assert len(worked(log)) == 2


def test_read_only_results(run_toy: Command, tmp_path: Path) -> None:
    blocked = tmp_path / "results"
    blocked.write_text("a file where the folder should be; root may write anywhere else")
    done = run_toy()
    assert done.returncode == 2 and "cannot write" in done.stderr and "results=FOLDER" in done.stderr


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_results_without_permission(run_toy: Command, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir(mode=0o500)
    done = run_toy()
    assert done.returncode == 2 and "results=FOLDER" in done.stderr


def test_read_only_records_can_be_shown(run_toy: Command, tmp_path: Path, toy: Path) -> None:
    run_toy()
    (path,) = tmp_path.rglob("record.json")
    os.chmod(path.parent, 0o500)
    try:
        assert "already done" in run_toy().stdout
    finally:
        os.chmod(path.parent, 0o700)


def test_full_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A write that fails half-way leaves the old file and no temporary one."""
    rec = Record(tmp_path / "r", head())
    rec.start()
    before = (rec.folder / "record.json").read_text()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        rec.finish(record.DONE, Outcome({"a": 1.0}, []))
    assert (rec.folder / "record.json").read_text() == before
    assert sorted(path.name for path in rec.folder.iterdir()) == ["record.json"]


def test_a_disk_that_is_full_from_the_start_or_for_the_figure_only(toy: Path, tmp_path: Path) -> None:
    """A limit on the size of files stands for a full disk: real writes of a real process fail."""
    resource = pytest.importorskip("resource")

    def run(size: int) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "baselines.toy", "steps=200"]
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))  # noqa: E731
        return subprocess.run(
            command, cwd=tmp_path, env=toy_environment(toy), capture_output=True, text=True, preexec_fn=limit
        )

    nothing_fits = run(100)
    assert nothing_fits.returncode == 1 and "File too large" in nothing_fits.stderr
    assert "not recorded" in nothing_fits.stderr and not list(tmp_path.rglob("*.json"))
    record_fits = run(8000)
    assert record_fits.returncode == 0 and "the figure cannot be written" in record_fits.stderr
    assert "holds" in record_fits.stdout and not list(tmp_path.rglob("figure*"))
    everything_fits = run(10_000_000)
    assert "already done" in everything_fits.stdout and list(tmp_path.rglob("figure.png"))
    assert not list(tmp_path.rglob(".*.tmp"))


@pytest.mark.parametrize("moment", range(8))
def test_a_kill_at_each_system_call_of_a_write(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, moment: int) -> None:
    """Stop at the n-th fsync or rename, as a kill would: the record is the old one or the new one, never half."""

    class Killed(BaseException):
        pass

    calls = 0
    real = {name: getattr(os, name) for name in ("fsync", "replace")}

    def counted(name: str):
        def call(*args):
            nonlocal calls
            calls += 1
            if calls > moment:
                raise Killed
            return real[name](*args)

        return call

    for name in real:
        monkeypatch.setattr(os, name, counted(name))
    monkeypatch.setattr(Path, "unlink", lambda self, missing_ok=False: None)  # a killed process tidies nothing up
    rec = Record(tmp_path / "r", head())
    try:
        rec.start()
        rec.log("train", loss=1.0)
        rec.finish(record.DONE, Outcome({"a": 1.0}, []))
    except Killed:
        pass
    monkeypatch.undo()
    view = record.read(tmp_path / "r")
    assert view is None or view.status in ("running", "done")
    if view is not None and view.status == "done":
        assert view.metrics == {"a": 1.0} and list(view.curves) == ["train.loss"]
    Record(tmp_path / "r", head()).start()
    assert not list((tmp_path / "r").glob(".*.tmp"))


def head() -> dict[str, object]:
    names = ("topic", "key", "config", "choices", "seed", "environment", "code")
    return dict(zip(names, ("toy", "k", {}, {}, 0, {}, {}), strict=True))


def test_record_round_trip(tmp_path: Path) -> None:
    rec = Record(tmp_path, head())
    rec.start()
    rec.log("train", loss=1.5)
    rec.log("train", loss=0.5)
    rec.save(grid=np.eye(2))
    with rec.timed("training"):
        pass
    claim = Claim("x", "x is one", 1.0, 0.9, 1.1, 1.05, "test")
    rec.finish(record.DONE, Outcome({"x": 1.05, "broken": float("inf")}, [claim], parameters=7))
    view = record.read(tmp_path)
    assert view is not None
    assert view.claims == [claim] and view.cost["parameters"] == 7 and view.cost["training_s"] >= 0
    assert view.curves["train.loss"].tolist() == [1.5, 0.5] and view.curves["grid"].tolist() == [[1, 0], [0, 1]]
    content = json.loads((tmp_path / "record.json").read_text())
    assert set(record.REQUIRED) <= set(content)
    assert content["metrics"]["broken"] is None and np.isnan(view.metrics["broken"])


def test_a_table_of_a_run_is_a_csv_file_or_nothing(tmp_path: Path) -> None:
    rec = Record(tmp_path, head())
    rec.start()
    rec.table("runs", width=np.array([4, 8]), loss=[0.5, 0.25], name=["a", "b, c"])
    assert (tmp_path / "runs.csv").read_text() == 'width,loss,name\n4,0.5,a\n8,0.25,"b, c"\n'
    with pytest.raises(ValueError, match="zip"):
        rec.table("uneven", width=[4, 8], loss=[0.5])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["record.json", "runs.csv"]


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    rec = Record(tmp_path, head())
    rec.start()
    rec.finish(record.DONE, Outcome({}, []))
    np.savez(tmp_path / "curves.npz", evil=np.array([{"a": 1}], dtype=object))
    assert record.read(tmp_path) is None
