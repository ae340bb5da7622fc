"""Sweeps through submitit: locally always, through SLURM where there is a controller."""

import json
import shutil
from pathlib import Path

import pytest
from support import Command


@pytest.mark.slow
def test_submitit_local(run_toy: Command, tmp_path: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher", reason="needs the extra slurm")
    done = run_toy("-m", "seed=0,1", "hydra/launcher=submitit_local", "steps=5")
    assert done.returncode == 0, done.stderr
    states = [json.loads(path.read_text())["status"] for path in tmp_path.rglob("record.json")]
    assert states == ["done", "done"]


def test_slurm_preset_composes(run_toy: Command) -> None:
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher", reason="needs the extra slurm")
    for spelling in ("+launcher=slurm", "launcher=slurm"):
        done = run_toy(spelling, "--cfg", "hydra")
        assert done.returncode == 0, done.stderr
        assert "SlurmLauncher" in done.stdout and "timeout_min: 240" in done.stdout
        assert "results}/.slurm" in done.stdout


@pytest.mark.slurm
@pytest.mark.skipif(shutil.which("sbatch") is None, reason="no SLURM here")
def test_slurm(run_toy: Command, tmp_path: Path) -> None:
    done = run_toy("-m", "seed=0,1", "+launcher=slurm", "steps=5")
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.rglob("record.json"))) == 2
