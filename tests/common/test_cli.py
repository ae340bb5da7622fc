"""The command line: every mistake is one line with exit code 2, answered without torch, and nothing is written."""

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support import Command, toy_environment

MISTAKES = {
    "wrong group": (["thingg=coin"], "did you mean thing?"),
    "wrong option": (["thing=coyn"], "did you mean thing=coin? possible: coin, die"),
    "wrong key": (["step=3"], "did you mean steps?"),
    "wrong key of an option": (["thing.head=0.1"], "did you mean thing.heads?"),
    "key of another option": (["thing.sides=3"], "no key thing.sides"),
    "wrong type": (["steps=abc"], "steps: Value 'abc'"),
    "out of range": (["steps=0"], "steps must be at least 1; got 0"),
    "out of range in an option": (["thing.heads=2"], "thing.heads must lie in [0, 1]; got 2.0"),
    "wrong device": (["device=tpu"], "device must be one of cpu, cuda, auto; got 'tpu'"),
    "sweep without -m": (["seed=0,1"], "add -m"),
    "wrong value in a sweep": (["-m", "thing=coin,dye"], "did you mean thing=die?"),
    "value out of range in a sweep": (["-m", "steps=1,0"], "steps must be at least 1; got 0"),
    "wrong experiment": (["+experiment=cassino"], "did you mean experiment=casino?"),
    "wrong budget": (["budget=huge"], "possible: paper, smoke, standard"),
    "wrong launcher": (["hydra/launcher=foo"], "possible: basic, joblib"),
    "added key": (["+foo=1"], "no key foo"),
    "appended key that exists": (["+steps=1"], "without + or ~"),
    "two modes": (["-m", "--cfg", "job"], "-m does not go with --cfg"),
    "syntax": (["seed=["], "cannot read the override"),
    "empty glob": (["-m", "thing=glob(x*)"], "matches none of coin, die"),
    "refused combination": (["thing=die", "thing.sides=1"], "at least two sides"),
}


@pytest.mark.parametrize("args,expected", MISTAKES.values(), ids=MISTAKES)
def test_mistakes(run_toy: Command, tmp_path: Path, args: list[str], expected: str) -> None:
    done = run_toy(*args)
    assert done.returncode == 2
    assert expected in done.stderr
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("args", [["--help"], ["--cfg", "job"], ["thing=coyn"], ["steps=0"]])
def test_answers_without_torch(toy: Path, tmp_path: Path, args: list[str]) -> None:
    code = f"""
import sys
sys.argv = ["toy", *{args!r}]
from baselines.common.app import main
try:
    main("toy")
finally:
    loaded = {{"torch", "scipy", "matplotlib", "sklearn"}} & set(sys.modules)
    print("loaded:", sorted(loaded))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=toy_environment(toy), capture_output=True, text=True
    )
    assert "loaded: []" in done.stdout, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_help_names_options_keys_and_presets(run_toy: Command) -> None:
    done = run_toy("--help")
    assert done.returncode == 0
    for part in ("coin  ", "A die with a number of sides", "steps=20", "number of steps", "thing.heads=0.5", "casino"):
        assert part in done.stdout
    assert "thing.sides=6" in run_toy("thing=die", "--help").stdout
    assert run_toy("thing=dye", "--help").returncode == 2


def test_cfg_job_shows_the_budget_of_an_option(run_toy: Command) -> None:
    done = run_toy("--cfg", "job", "budget=smoke")
    assert done.returncode == 0
    assert "heads: 0.25" in done.stdout and "steps: 3" in done.stdout


def test_precedence_default_experiment_budget_command_line(run_toy: Command) -> None:
    shown = {
        ("+experiment=casino",): "steps: 50",
        ("experiment=casino", "budget=smoke"): "steps: 3",
        ("experiment=casino", "budget=smoke", "steps=7"): "steps: 7",
    }
    for args, expected in shown.items():
        assert expected in run_toy("--cfg", "job", *args).stdout


def test_cuda_without_gpu_is_an_error(run_toy: Command, tmp_path: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    run_toy("steps=4")  # a record of the CPU must not be taken for one of a GPU
    done = run_toy("steps=4", "device=cuda")
    assert done.returncode == 2 and "use device=cpu" in done.stderr
    assert run_toy("steps=4", "device=auto").returncode == 0


def test_run_prints_metrics_claims_and_paths(run_toy: Command, tmp_path: Path) -> None:
    done = run_toy()
    assert done.returncode == 0, done.stderr
    assert "the mean of uniform draws is 1/2" in done.stdout and "holds" in done.stdout
    figure = next(line.split()[1] for line in done.stdout.splitlines() if line.startswith("figure"))
    assert (tmp_path / figure).read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / figure).with_suffix(".pdf").read_bytes().startswith(b"%PDF")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results"]
    assert "\x1b" not in done.stdout  # no colour codes when the output is a file


def test_failure_has_exit_code_one_and_is_recorded(run_toy: Command, tmp_path: Path) -> None:
    done = run_toy("fault=raise")
    assert done.returncode == 1
    assert "RuntimeError: the toy broke" in done.stderr and "Traceback" not in done.stderr
    (path,) = tmp_path.rglob("record.json")
    content = json.loads(path.read_text())
    assert content["status"] == "failed" and "the toy broke" in content["error"]
    assert "Traceback" in run_toy("fault=raise", "hydra.verbose=true").stderr


def test_divergence_is_a_status_not_an_error(run_toy: Command, tmp_path: Path) -> None:
    done = run_toy("fault=nan")
    assert done.returncode == 0 and "diverged" in done.stdout
    (path,) = tmp_path.rglob("record.json")
    assert json.loads(path.read_text())["status"] == "diverged"
    import numpy as np

    curve = np.load(path.with_name("curves.npz"))["train.total"]
    assert len(curve) == 11 and np.isnan(curve[-1]) and np.isfinite(curve[:-1]).all()


def test_user_error_inside_a_run_leaves_nothing(run_toy: Command, tmp_path: Path) -> None:
    done = run_toy("fault=user")
    assert done.returncode == 2 and "choose another" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_help_is_faster_than_importing_torch(toy: Path, tmp_path: Path) -> None:
    def seconds(command: list[str]) -> float:
        begin = time.perf_counter()
        subprocess.run(command, cwd=tmp_path, env=toy_environment(toy), capture_output=True, check=True)
        return time.perf_counter() - begin

    helps, torches = [], []
    for _ in range(3):
        helps.append(seconds([sys.executable, "-m", "baselines.toy", "--help"]))
        torches.append(seconds([sys.executable, "-c", "import torch"]))
    assert statistics.median(helps) < statistics.median(torches)


def test_chinese_labels(run_toy: Command, tmp_path: Path) -> None:
    pytest.importorskip("zhplot")
    done = run_toy("lang=zh")
    assert done.returncode == 0 and "figure.zh.png" in done.stdout and "glyph" not in done.stderr.lower()
    again = run_toy("lang=en")
    assert "already done" in again.stdout and "figure.png" in again.stdout
