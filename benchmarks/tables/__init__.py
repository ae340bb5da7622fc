"""The tables: every file here is one, its class is called `Table`, and its file name is its name."""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

from baselines.common.claims import Claim
from baselines.common.record import RunView
from benchmarks.sheet import Sheet

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure


class Table(Protocol):
    """What a table file holds. The first line of its docstring is the title, the rest the caption."""

    topic: ClassVar[str]
    ZH: ClassVar[dict[str, str]]

    def runs(self, suite: str) -> list[list[str]]:
        """The overrides of each run; the budget is added."""

    def sheet(self, views: list[RunView]) -> Sheet:
        """The rows, from the finished records."""

    def figure(self, views: list[RunView], text: "Callable[[str], str]") -> "Figure | None":
        """The picture of the table."""

    def claims(self, views: list[RunView]) -> list[Claim]:
        """Claims across runs; those of single runs are gathered from the records."""


def names() -> list[str]:
    """All tables."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("_"))


def load(name: str) -> Table:
    """One table by its file name."""
    return import_module(f"benchmarks.tables.{name}").Table()
