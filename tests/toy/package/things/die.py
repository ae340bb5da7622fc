"""A die."""

from dataclasses import dataclass


@dataclass
class Thing:
    """A die with a number of sides."""

    sides: int = 6  # number of sides

    def skip(self, cfg: object) -> str | None:
        """Refuse a combination that makes no sense."""
        return "a die needs at least two sides" if self.sides < 2 else None
