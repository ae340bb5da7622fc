"""A claim: a statement with a predicted value, a band and a source, measured in a run."""

import math
from dataclasses import asdict, dataclass
from typing import Any

HOLDS, FAILS, NOT_MEASURED = "holds", "fails", "not measured"


@dataclass(frozen=True)
class Claim:
    """One checked statement.

    The verdict is `holds` if `low <= measured <= high`, `fails` if it is outside the band or not finite, and
    `not measured` if `measured` is None, which is how a run says that its sizes do not allow the check.

    Raises:
        ValueError: If the claim has no band at all (such a claim could not fail) or an empty one.
    """

    id: str
    """Stable dotted name, for example `eos.hovering`."""
    statement: str
    """One sentence, with the numbers of the setting in it."""
    predicted: float | None
    """Value given by the formula or by the publication."""
    low: float | None
    """Lower end of the band; None leaves this side open."""
    high: float | None
    """Upper end of the band; None leaves this side open."""
    measured: float | None
    """Value found in the run."""
    source: str
    """Formula, or paper and equation, that the prediction comes from."""

    def __post_init__(self) -> None:
        if self.low is None and self.high is None:
            raise ValueError(f"claim {self.id} has no band, so it could not fail")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"claim {self.id} has an empty band: {self.low} > {self.high}")

    @property
    def verdict(self) -> str:
        """`holds`, `fails` or `not measured`."""
        return verdict(self.measured, self.low, self.high)

    def as_dict(self) -> dict[str, Any]:
        """All fields and the verdict, ready for JSON."""
        return asdict(self) | {"verdict": self.verdict}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> "Claim":
        """The claim that `as_dict` stored; the verdict is computed again, not believed."""
        return cls(**{key: value for key, value in stored.items() if key != "verdict"})


def verdict(measured: float | None, low: float | None, high: float | None) -> str:
    """Compare a measured value with its band."""
    if measured is None:
        return NOT_MEASURED
    inside = (low is None or measured >= low) and (high is None or measured <= high)
    return HOLDS if inside and math.isfinite(measured) else FAILS


def band(low: float | None, high: float | None) -> str:
    """The band as a reader writes it: `0.98 … 1.05`, `≤ 2`, `≥ 0`."""
    if low is None:
        return f"≤ {high:.4g}"
    if high is None:
        return f"≥ {low:.4g}"
    return f"{low:.4g} … {high:.4g}"
