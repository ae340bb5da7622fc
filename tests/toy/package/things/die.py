"""A die."""

from dataclasses import dataclass
from pathlib import Path


@dataclass
class Thing:
    """A die with a number of sides."""

    sides: int = 6  # number of sides
    rules: str = ""  # a file that the run reads

    def inputs(self, cfg: object) -> list[Path]:
        """Files of the user that the run reads."""
        return [Path(self.rules)] if self.rules else []

    def skip(self, cfg: object) -> str | None:
        """Refuse a combination that makes no sense."""
        return "a die needs at least two sides" if self.sides < 2 else None
