"""What makes two runs the same run: the key of the config, and the fingerprint of the code."""

import ast
import hashlib
import json
import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from baselines.common import data, options
from baselines.common.config import VOLATILE
from baselines.common.record import SCHEMA


def run_key(config: dict[str, Any], choices: dict[str, str]) -> str:
    """Twelve hexadecimal digits that identify a resolved config.

    The names of the chosen options belong to it, because two options may have equal fields; device, threads
    and folders do not.
    """
    stable = {name: value for name, value in config.items() if name not in VOLATILE}
    text = json.dumps({"config": stable, "choices": choices, "schema": SCHEMA}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def fingerprint(topic: str, choices: dict[str, str], inputs: Iterable[Path] = ()) -> str:
    """Twelve hexadecimal digits that identify the code a run executes; comments and docstrings do not count.

    Args:
        topic: Name of the topic.
        choices: Group to chosen option.
        inputs: Files of the user that the run reads; their content counts too. Missing ones are passed over.
    """
    digest = hashlib.sha256()
    for path in options.source_files(topic, choices):
        digest.update(path.name.encode() + b"\0" + _statements(path, path.stat().st_mtime_ns).encode())
    for path in inputs:
        if path.is_file():
            digest.update(data.sha256(path).encode())
    return digest.hexdigest()[:12]


@cache
def _statements(path: Path, modified: int) -> str:
    """A module's source without comments and docstrings (`modified` only renews the cache)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


@cache
def git_commit() -> str | None:
    """The commit of the checkout, with `+` if files differ from it; None outside a checkout."""
    root = options.PACKAGE.parent
    if not (root / ".git").exists():
        return None
    commands = (["git", "rev-parse", "--short=12", "HEAD"], ["git", "status", "--porcelain"])
    try:
        commit, dirty = (
            subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.strip()
            for command in commands
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit + ("+" if dirty else "")
