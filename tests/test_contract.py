"""The contract of every option and preset that exists: importable without torch, composes, runs, repeats."""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import support

from baselines.common import app, compose, options, plotting
from baselines.common.errors import UserError
from baselines.common.record import DONE, RunView

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TOPICS = options.topics()
OPTIONS = [(topic, group, name) for topic in TOPICS for group, names in options.groups(topic).items() for name in names]
EXPERIMENTS = [
    (topic, name) for topic in TOPICS for name in compose.option_names(topic)["experiment"] if name != "null"
]
FIRST_GROUP = {topic: next(iter(options.groups(topic))) for topic in TOPICS}  # what is investigated: it has the figure
SMOKE_SECONDS = 10
TIMED = ("step_time", "eigensolver_time", "surface_time", "ensemble_time")  # options whose metrics are times


def ids(case: object) -> str:
    return "-".join(case) if isinstance(case, tuple) else str(case)


def chosen(topic: str, group: str, name: str) -> list[str]:
    """The overrides that choose an option, with those it needs beside it (`EXAMPLE`) if the defaults do not suit it."""
    return [f"{group}={name}", *getattr(options.option_class(topic, group, name), "EXAMPLE", ())]


def smoke(topic: str, results: Path, *overrides: str) -> RunView:
    """Do a run in this process, without figures; skip if it needs data that is not here."""
    try:
        return support.smoke(topic, results, *overrides)
    except UserError as problem:
        if "missing" in str(problem) or "offline" in str(problem):
            pytest.skip(str(problem))
        raise


def sketch(figure: "Figure", stem: Path, lang: str = "en") -> None:
    """In place of `plotting.save`: coarse and without a PDF, but every glyph is drawn."""
    plotting.drawn(lambda: figure.savefig(stem.with_name(f"{stem.name}.png"), dpi=40), lang=lang)


def test_there_are_four_topics() -> None:
    assert TOPICS == ("gnn_oversmoothing", "loss_landscape", "pinn_pde", "scaling_law")


def test_options_import_without_heavy_packages() -> None:
    code = f"""
import sys
from baselines.common import options
for topic, group, name in {OPTIONS!r}:
    options.option_class(topic, group, name)
print(sorted({{"torch", "torch_geometric", "deepxde", "scipy", "sklearn", "matplotlib"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("topic,group,name", OPTIONS)
def test_option_is_documented(topic: str, group: str, name: str) -> None:
    option = options.option_class(topic, group, name)
    assert 10 < len(options.summary(option)) < 110, "the first line of the docstring is the help line"
    for key in options.keys(option):
        assert key.help, f"{group}.{key.name} needs a comment: it is its help text"


@pytest.mark.parametrize("topic", TOPICS)
def test_topic_keys_are_documented(topic: str) -> None:
    for key in options.keys(options.config_class(topic)):
        assert key.help or key.name in options.groups(topic), key.name


@pytest.mark.parametrize("topic,group,name", OPTIONS)
def test_option_runs_on_smoke(topic: str, group: str, name: str, results: Path) -> None:
    """Every option works, and its claims are well-formed."""
    view = smoke(topic, results, *chosen(topic, group, name))
    assert view.status == DONE, view.error
    assert view.metrics and all(isinstance(value, float) for value in view.metrics.values())
    assert all(np.isfinite(value) for value in view.metrics.values()), view.metrics
    assert view.claims and view.curves
    assert {claim.verdict for claim in view.claims} <= {"holds", "fails", "not measured"}


@pytest.mark.parametrize("topic,group,name", [case for case in OPTIONS if case[1] == FIRST_GROUP[case[0]]])
def test_figure_can_be_drawn_in_both_languages(
    topic: str, group: str, name: str, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Words of a figure that stay English in Chinese must be mathematics or names."""
    monkeypatch.setattr(plotting, "save", sketch)
    view = replace(smoke(topic, results, *chosen(topic, group, name)), folder=tmp_path)
    for lang in ("en", "zh"):
        picture = app.pictures(view, lang)[0]
        assert picture.stem.startswith("figure") and picture.stat().st_size > 0
    assert (tmp_path / "figure.png").exists()
    module = importlib.import_module(f"baselines.{topic}.figures")
    asked: set[str] = set()

    def text(label: str) -> str:
        asked.add(label)
        return label

    plotting.drawn(module.draw, view, text)
    assert asked and asked <= set(module.ZH), sorted(asked - set(module.ZH))


@pytest.mark.parametrize("topic,group,name", [case for case in OPTIONS if case[2] not in TIMED])
def test_same_seed_same_numbers_to_the_last_bit(
    topic: str, group: str, name: str, results: Path, tmp_path: Path
) -> None:
    first, second = (smoke(topic, folder, *chosen(topic, group, name)) for folder in (results, tmp_path))
    assert first.folder != second.folder
    assert first.metrics == second.metrics
    for curve in first.curves:
        if not curve.endswith("_s"):  # seconds differ, nothing else may
            assert first.curves[curve].tobytes() == second.curves[curve].tobytes(), curve


@pytest.mark.parametrize("topic", TOPICS)
def test_the_seed_matters(topic: str, results: Path) -> None:
    assert smoke(topic, results).metrics != smoke(topic, results, "seed=1").metrics


@pytest.mark.parametrize("topic,name", EXPERIMENTS)
def test_preset_differs_and_runs(topic: str, name: str, results: Path) -> None:
    preset, default = (compose.resolve(topic, overrides) for overrides in ([f"experiment={name}"], []))
    assert preset.key != default.key, "a preset that equals the defaults is none"
    header = (compose.configs_folder() / topic / "experiment" / f"{name}.yaml").read_text()
    assert f"python -m baselines.{topic}" in header, "the header of a preset says its command"
    assert smoke(topic, results, f"experiment={name}").status == DONE


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize("budget", options.BUDGETS)
def test_budgets_compose(topic: str, budget: str) -> None:
    run, default = compose.resolve(topic, [f"budget={budget}"]), compose.resolve(topic, [])
    assert (run.key == default.key) == (budget == "standard")


@pytest.mark.parametrize("topic", TOPICS)
def test_smoke_command_is_quick_and_complete(topic: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", f"baselines.{topic}", "budget=smoke"]
    before = os.times()
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    after = os.times()
    assert done.returncode == 0, done.stderr
    # processor time, not wall time: other programs on the machine must not decide
    seconds = after.children_user + after.children_system - before.children_user - before.children_system
    assert seconds < SMOKE_SECONDS, f"{seconds:.1f} s"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results"]
    (path,) = tmp_path.rglob("record.json")
    assert json.loads(path.read_text())["status"] == "done"
    for part in ("metric", "claim", "verdict", "figure.png", "record.json"):
        assert part in done.stdout


@pytest.mark.gpu
@pytest.mark.parametrize("topic", TOPICS)
def test_runs_on_a_gpu(topic: str, tmp_path: Path) -> None:
    view = smoke(topic, tmp_path, "device=cuda")
    assert view.status == DONE and view.environment["device"] != "cpu"


def modules(folder: str) -> Iterator[tuple[Path, str]]:
    """Every import of every source file below a folder, also those inside functions."""
    import ast

    for path in sorted((options.PACKAGE.parent / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from ((path, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield path, node.module
                yield from ((path, f"{node.module}.{alias.name}") for alias in node.names)


def test_who_imports_whom() -> None:
    for folder in ("baselines", "benchmarks"):
        for path, name in modules(folder):
            where = path.relative_to(options.PACKAGE.parent).parts
            assert not name.endswith("__main__"), f"{path} imports a __main__"
            imported = [topic for topic in TOPICS if name.startswith(f"baselines.{topic}")]
            if where[:2] == ("baselines", "common") or where[0] == "benchmarks":
                assert not imported, f"{path} imports {name}"
            elif where[0] == "baselines" and len(where) > 2:
                assert imported in ([], [where[1]]), f"{path}: topics do not import each other ({name})"
                assert not name.startswith("benchmarks"), f"{path} imports {name}"


def test_nothing_prints_outside_the_terminal_layer() -> None:
    import ast

    for path in sorted(options.PACKAGE.rglob("*.py")):
        if path.parent.name == "common" and path.name in ("terminal.py", "app.py"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            called = node.func if isinstance(node, ast.Call) else None
            assert not (isinstance(called, ast.Name) and called.id == "print"), f"{path}:{node.lineno} prints"
