"""`python -m benchmarks` from end to end."""

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support import smoke

from benchmarks import __main__ as cli
from benchmarks import tables

pytestmark = pytest.mark.timeout(900)  # the first test runs the whole smoke suite
BY_PROCESS = "scaling_law"  # the topic whose runs the command does itself


def benchmark(cwd: Path, *args: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "benchmarks", "suite=smoke", *args]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True)


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory, results: Path) -> Path:
    """A folder in which the whole smoke suite has been run once.

    The runs of one topic are left to the command, which starts a process for each. Those of the other topics are done
    in this process before, where they are not done anyway, and the command finds their records.
    """
    folder = tmp_path_factory.mktemp("work")
    (folder / "results").mkdir()
    data = os.environ.get("BASELINES_DATA", "data")
    for name in tables.names():
        table = tables.load(name)
        if table.topic == BY_PROCESS or getattr(table, "needs", lambda folder: None)(data):
            continue
        (results / table.topic).mkdir(parents=True, exist_ok=True)
        has_data = getattr(table, "available", lambda run, folder: True)
        for run in table.runs("smoke"):
            if has_data(run, data):
                smoke(table.topic, results, *run)
        if not (folder / "results" / table.topic).exists():
            (folder / "results" / table.topic).symlink_to(results / table.topic)
    done = benchmark(folder, "publish=pages")
    assert done.returncode == 0, done.stdout + done.stderr
    (missing,) = re.findall(r" runs, (\d+) to do", done.stdout)
    assert int(missing) == len(list((folder / "results" / BY_PROCESS).iterdir())) > 0
    return folder


def test_every_table_is_written_in_every_form(workplace: Path) -> None:
    made = workplace / "results" / "tables" / "smoke"
    data = os.environ.get("BASELINES_DATA", "data")
    for name in tables.names():
        if getattr(tables.load(name), "needs", lambda folder: None)(data):
            continue
        for suffix in ("md", "csv", "tex", "png", "pdf"):
            assert (made / f"{name}.{suffix}").stat().st_size > 0
        caption = (made / f"{name}.md").read_text(encoding="utf-8")
        for part in ("thread", "torch 2", "commit", f"python -m benchmarks table={name} suite=smoke", "runs finished"):
            assert part in caption
    with open(made / "claims.csv", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert {"statement", "predicted", "band", "measured", "verdict", "source", "published"} <= set(rows[0])
    assert len({row["topic"] for row in rows}) == 4


def test_published_pages_hold_tables_pictures_and_claims(workplace: Path) -> None:
    pages = sorted((workplace / "pages").glob("*.md"))
    assert len(pages) == 4
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert "## Claims" in text and "| " in text and "not edited by hand" in text
        for picture in text.split("](img/")[1:]:
            assert (page.parent / "img" / picture.partition(")")[0]).exists()
    assert list((workplace / "pages" / "img").glob("*-run.png"))


def test_a_second_call_does_nothing_and_gives_the_same_bytes(workplace: Path) -> None:
    made = workplace / "results" / "tables" / "smoke"
    before = {path.name: path.read_bytes() for path in made.iterdir()}
    done = benchmark(workplace)
    assert done.returncode == 0 and " 0 to do" in done.stdout
    assert {path.name: path.read_bytes() for path in made.iterdir()} == before


def test_filters_and_mistakes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mistakes = {
        ("tabel=x",): "did you mean table?",
        ("table=edge_of_stabilty",): "did you mean table=edge_of_stability?",
        ("topic=pinn",): "did you mean topic=pinn_pde?",
        ("suite=large",): "suite must be one of smoke, standard, paper; got 'large'",
        ("workers=two",): "could not be converted to Integer",
        ("table=edge_of_stability", "topic=pinn_pde"): "not a table of topic=pinn_pde",
    }
    for args, expected in mistakes.items():
        assert cli.main(list(args)) == 2
        assert expected in capsys.readouterr().err


def test_check_fails_if_a_claim_fails(monkeypatch: pytest.MonkeyPatch, workplace: Path) -> None:
    from baselines.common.claims import Claim

    table = type(tables.load("edge_of_stability"))
    impossible = Claim("x", "this cannot hold", 0.0, 0.0, 1.0, 2.0, "made to fail")
    monkeypatch.setattr(table, "claims", lambda self, views: [impossible])
    monkeypatch.chdir(workplace)
    args = ["suite=smoke", "table=edge_of_stability"]
    assert cli.main([*args, "results=results"]) == 0
    assert cli.main([*args, "results=results", "check=true"]) == 1
