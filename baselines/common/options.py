"""Options: every file in a group's folder is one, and its file name is its name on the command line.

There is no registry. `baselines/pinn_pde/problems/heat.py` holds a dataclass `Problem`, and that alone makes
`problem=heat` work, appear in `--help`, and be run by the contract tests. Importing option files is cheap: they
import torch and the like inside their methods.
"""

import ast
import inspect
from dataclasses import fields, is_dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from hydra.core.config_store import ConfigStore

from baselines.common.config import RunConfig

PACKAGE = Path(__file__).resolve().parents[1]
BUDGETS = ("smoke", "standard", "paper")


class Key(NamedTuple):
    """One configuration key as `--help` shows it."""

    name: str
    default: Any
    help: str


@cache
def topics() -> tuple[str, ...]:
    """Names of the topic packages."""
    return tuple(sorted(path.parent.name for path in PACKAGE.glob("*/config.py") if path.parent.name != "common"))


def config_class(topic: str) -> type[RunConfig]:
    """The `Config` dataclass of a topic."""
    return import_module(f"baselines.{topic}.config").Config


@cache
def groups(topic: str) -> dict[str, tuple[str, ...]]:
    """The groups of a topic and the names of their options, found in the folders."""
    folders = import_module(f"baselines.{topic}.config").GROUPS
    return {group: _names(PACKAGE / topic / folder) for group, folder in folders.items()}


def _names(folder: Path) -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")))


def option_class(topic: str, group: str, name: str) -> type:
    """The dataclass of one option.

    Raises:
        TypeError: If the file does not hold a dataclass named like its group.
    """
    folder = import_module(f"baselines.{topic}.config").GROUPS[group]
    module = import_module(f"baselines.{topic}.{folder}.{name}")
    found = getattr(module, group.capitalize(), None)
    if not (inspect.isclass(found) and is_dataclass(found)):
        raise TypeError(f"{module.__name__} must hold a dataclass {group.capitalize()}")
    return found


def source_files(topic: str, choices: dict[str, str]) -> list[Path]:
    """The files that decide what a run computes: the topic's `run.py`, the chosen options, and what they import.

    Other options, other studies' mathematics and the drawing code are left out: adding an option or changing a figure
    leaves the other records valid. Of the shared services only `compute.py` (seeds, precision) counts.
    """
    folders = import_module(f"baselines.{topic}.config").GROUPS
    waiting = [PACKAGE / topic / "config.py", PACKAGE / topic / "run.py"]
    waiting += [PACKAGE / topic / folders[group] / f"{name}.py" for group, name in choices.items()]
    found: set[Path] = set()
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += _imported(path, path.stat().st_mtime_ns, f"baselines.{topic}.")
    return sorted([*found, PACKAGE / "common" / "compute.py"])


@cache
def _imported(path: Path, modified: int, package: str) -> list[Path]:
    """The modules of a topic that a file imports, also inside functions (`modified` only renews the cache)."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    files = (PACKAGE.parent / f"{name.replace('.', '/')}.py" for name in names if name.startswith(package))
    return sorted(file for file in files if file.exists())


def register(topic: str) -> None:
    """Fill Hydra's ConfigStore: the topic's schema, each option, and each option's values under a budget."""
    store = ConfigStore.instance()
    for other in topics():  # several topics may be composed in one process: forget the previous one's options
        for group in groups(other):
            store.repo.pop(group, None)
    store.repo.pop("budget_of", None)
    store.store(name="schema", node=config_class(topic))
    for group, names in groups(topic).items():
        for name in names:
            option = option_class(topic, group, name)
            store.store(group=group, name=name, node=option)
            for budget, values in getattr(option, "BUDGETS", {}).items():
                store.store(group=f"budget_of/{group}", name=f"{budget}_{name}", node=values)


def summary(cls: type) -> str:
    """First line of a class's docstring."""
    return (inspect.getdoc(cls) or "").partition("\n")[0]


def keys(cls: type) -> list[Key]:
    """The configuration keys of a dataclass with their defaults and the comments that explain them."""
    comments: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if is_dataclass(base):
            comments |= _field_comments(base)
    found = []
    for entry in fields(cls):
        default = entry.default_factory() if callable(entry.default_factory) else entry.default
        found.append(Key(entry.name, default, comments.get(entry.name, "")))
    return found


def _field_comments(cls: type) -> dict[str, str]:
    """The comment at the end of each field's line."""
    lines, _ = inspect.getsourcelines(cls)
    found = {}
    for node in getattr(ast.parse("".join(lines)).body[0], "body", []):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            rest = lines[(node.end_lineno or node.lineno) - 1].encode()[node.end_col_offset or 0 :].decode()
            found[node.target.id] = rest.partition("#")[2].strip()
    return found
