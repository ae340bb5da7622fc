"""What the documents say can be typed, and it works."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from support import toy_environment

from baselines.common import compose, options

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "README.zh-CN.md", *sorted((ROOT / "docs").glob("*.md"))]
PRESETS = sorted((ROOT / "configs").glob("*/experiment/*.yaml"))


def commands(path: Path) -> list[str]:
    """Every `python -m baselines...` or `python -m benchmarks...` command of a page."""
    text = path.read_text(encoding="utf-8")
    found = re.findall(r"python -m ((?:baselines\.|benchmarks\b)[^\n`]*)", text)
    return [re.split(r"\s{2,}|#|→", command)[0].strip().rstrip(".,;:。") for command in found]


def split(command: str) -> tuple[str, list[str]]:
    module, *args = shlex.split(command)
    return module, args


@pytest.mark.parametrize("path", [*PAGES, *PRESETS], ids=lambda path: path.name)
def test_commands_are_valid(path: Path) -> None:
    found = commands(path)
    assert found, "every page shows at least one command"
    for command in found:
        module, args = split(command)
        overrides = [arg for arg in args if not arg.startswith("-")]
        if module == "benchmarks":
            from benchmarks.__main__ import _config

            if not any(word.isupper() for word in overrides):
                _config(overrides)
        elif "<" not in module:
            topic = module.removeprefix("baselines.")
            assert topic in options.topics(), command
            placeholders = any(re.search(r"=[A-Z]+$|=\.\.\.|path", word) for word in overrides)
            if not placeholders:
                compose.validate(topic, overrides, multirun="-m" in args)


def readme_runs() -> list[str]:
    """The distinct commands of the README that do one run."""
    shown = [command for command in commands(ROOT / "README.md") if command.startswith("baselines.")]
    return sorted({command for command in shown if "<" not in command and " -m " not in command})


@pytest.mark.parametrize("command", readme_runs())
def test_readme_commands_run(command: str, tmp_path: Path, results: Path) -> None:
    """Each in a process of its own; a run that another test has done already is shown."""
    module, args = split(command)
    smoke = [] if any(arg.startswith("-") for arg in args) else ["budget=smoke", f"results={results}"]
    done = subprocess.run([sys.executable, "-m", module, *args, *smoke], cwd=tmp_path, capture_output=True, text=True)
    if done.returncode == 2 and "missing" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr


def test_the_example_of_a_new_option_works(toy: Path, tmp_path: Path) -> None:
    """The README's file makes an option: in the help, in a run, solved (not only in English)."""
    blocks = {
        re.search(r"```python\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), re.S).group(1)  # type: ignore[union-attr]
        for name in ("README.md", "README.zh-CN.md")
    }
    (code,) = blocks
    target = toy / "baselines" / "pinn_pde" / "problems" / "my_problem.py"
    target.write_text(code, encoding="utf-8")

    def python(*args: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "baselines.pinn_pde", *args]
        return subprocess.run(command, cwd=tmp_path, env=toy_environment(toy), capture_output=True, text=True)

    try:
        assert "Helmholtz u_xx + u_yy" in python("--help").stdout
        small = ("method.iterations=30", "method.points=300", "method.width=12", "method.depth=2")
        done = python("problem=my_problem", *small)
    finally:
        target.unlink()
    assert done.returncode == 0, done.stderr
    (path,) = tmp_path.rglob("record.json")
    assert json.loads(path.read_text())["metrics"]["relative_l2"] < 0.05


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_and_pictures_exist(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", path.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (path.parent / target).exists(), f"{path.name} points to {target}"


def test_the_readmes_say_the_same() -> None:
    english, chinese = (
        [line for line in (ROOT / name).read_text(encoding="utf-8").splitlines() if line.startswith("#")]
        for name in ("README.md", "README.zh-CN.md")
    )
    assert len(english) == len(chinese)
    assert sorted(commands(ROOT / "README.md")) == sorted(commands(ROOT / "README.zh-CN.md"))


CHINESE = sorted((ROOT / "docs").glob("*.zh-CN.md"))


@pytest.mark.parametrize("path", CHINESE, ids=lambda path: path.name)
def test_the_chinese_page_says_the_same(path: Path) -> None:
    """Same headings, commands, tables and formulas as the English page."""
    original = path.with_name(path.name.replace(".zh-CN", ""))
    pages = [page.read_text(encoding="utf-8") for page in (original, path)]
    for pattern in (r"^#+ ", r"^\|[-| :]+\|$", r"^\$\$"):
        english, chinese = (re.findall(pattern, page, re.M) for page in pages)
        assert english == chinese, pattern
    assert sorted(commands(original)) == sorted(commands(path))


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_readme_shows_published_numbers(name: str) -> None:
    """The tables under the pictures are lines of the generated pages, not typed by hand."""
    generated = {line for page in (ROOT / "docs" / "results").glob("*.md") for line in page.read_text().splitlines()}
    sections = re.split(r"^## ", (ROOT / name).read_text(encoding="utf-8"), flags=re.M)
    (shown,) = [section for section in sections if "docs/results/img" in section]
    rows = [line for line in shown.splitlines() if line.startswith("|")]
    assert len(rows) > 12 and set(rows) <= generated, [row for row in rows if row not in generated]


def test_no_machine_paths_or_hosts_in_the_repository() -> None:
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if names.returncode:
        pytest.skip("not a git checkout")
    for name in names.stdout.split():
        path = ROOT / name
        if path.suffix in (".py", ".md", ".yaml", ".toml", ".txt", ".cff", ".csv"):
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"(?<![\w.])/(?:root|home|work|farm)/", text), name
            assert "index-url" not in text or path.suffix == ".py", name
