"""Identity: which commands are the same run, and which change of the code makes a record stale."""

import subprocess
import sys
from pathlib import Path

from support import Command, toy_environment


def worked(log: Path) -> list[str]:
    """Seeds of the runs that really worked."""
    return log.read_text().split() if log.exists() else []


def test_identity_ignores_where_but_not_what(toy: Path, tmp_path: Path) -> None:
    """Command after command, in one process: each start of Python takes longer than a run."""
    where = [[], ["threads=2"], ["lang=zh"], ["device=auto"], ["data_dir=elsewhere"]]
    what = [["seed=1"], ["dtype=float64"], ["thing=die"], ["thing.heads=0.4"], ["steps=21"]]
    log, counts = tmp_path / "log", tmp_path / "counts"
    code = f"""
from pathlib import Path
from baselines.common.app import _main
log, counts = Path({str(log)!r}), Path({str(counts)!r}).open("w")
for args in {[*where, *what]!r}:
    assert _main("toy", [f"log={{log}}", *args]) == 0, args
    print(len(log.read_text().split()), file=counts)
"""
    subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=toy_environment(toy), capture_output=True, check=True
    )
    assert counts.read_text().split() == [*"11111", *"23456"]


def test_changed_code_makes_a_record_stale(run_toy: Command, toy: Path, tmp_path: Path) -> None:
    log, source = tmp_path / "log", toy / "baselines" / "toy" / "run.py"
    text = source.read_text()
    try:
        run_toy(f"log={log}")
        source.write_text(text + "\n# a comment changes nothing\n")
        assert "stale" not in run_toy(f"log={log}").stdout
        source.write_text(text.replace("total / cfg.steps", "total / cfg.steps + 0"))
        assert run_toy(f"log={log}").stdout.count("stale") == 1
        assert len(worked(log)) == 2
    finally:
        source.write_text(text)


def test_another_option_leaves_records_valid(run_toy: Command, toy: Path, tmp_path: Path) -> None:
    log, die = tmp_path / "log", toy / "baselines" / "toy" / "things" / "die.py"
    text = die.read_text()
    try:
        run_toy(f"log={log}")
        die.write_text(text + "\nEXTRA = 1\n")
        run_toy(f"log={log}")
        assert len(worked(log)) == 1
    finally:
        die.write_text(text)


def test_a_changed_data_file_makes_a_record_stale(run_toy: Command, tmp_path: Path) -> None:
    log, rules = tmp_path / "log", tmp_path / "rules.csv"
    command = ["thing=die", f"thing.rules={rules}", f"log={log}"]
    rules.write_text("a,b\n1,2\n")
    assert "stale" not in run_toy(*command).stdout
    assert "already done" in run_toy(*command).stdout
    rules.write_text("a,b\n1,3\n")
    assert "data have changed" in run_toy(*command).stdout
    assert len(worked(log)) == 2
