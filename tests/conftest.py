"""Fixtures that all tests share."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import Command, toy_environment

ROOT = Path(__file__).resolve().parents[1]


def pytest_configure() -> None:
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if any(item.get_closest_marker("gpu") for item in items):
        import torch

        if not torch.cuda.is_available():
            for item in items:
                if item.get_closest_marker("gpu"):
                    item.add_marker(pytest.mark.skip(reason="no CUDA device"))


@pytest.fixture(scope="session")
def data_dir() -> str:
    """The folder of data sets; the test is skipped where there is none."""
    folder = os.environ.get("BASELINES_DATA", "")
    if not Path(folder, "graphs").is_dir():
        pytest.skip("BASELINES_DATA does not name a folder with data sets")
    return folder


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder of smoke records for all test processes: a record that one of them made, the others find."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    return shared / "smoke"


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with one more topic, `toy`: cheap, and able to fail in every way."""
    root = tmp_path_factory.mktemp("checkout")
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "baselines", root / "baselines", ignore=ignore)
    shutil.copytree(ROOT / "configs", root / "configs")
    shutil.copytree(ROOT / "tests" / "toy" / "package", root / "baselines" / "toy", ignore=ignore)
    shutil.copytree(ROOT / "tests" / "toy" / "config", root / "configs" / "toy")
    return root


@pytest.fixture
def run_toy(toy: Path, tmp_path: Path) -> Command:
    """Run `python -m baselines.toy` in an empty working directory."""

    def run(*args: str, **kwargs: object) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "baselines.toy", *args]
        return subprocess.run(command, cwd=tmp_path, env=toy_environment(toy), capture_output=True, text=True, **kwargs)  # type: ignore[call-overload,no-any-return]

    return run
