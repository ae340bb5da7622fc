"""``study=depth``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from baselines.common.record import Outcome, Record


@dataclass
class Study:
    """One model at several depths: score, Dirichlet energies, rank, gradients.

    Energies, ranks and gradients are measured per depth and per layer, before and after training; the decay of the
    energy stands beside the rate 2 log(lambda) that the spectral gap of P predicts.
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {"smoke": {"depths": [2, 4, 8]}}

    depths: list[int] = field(default_factory=lambda: [2, 4, 8, 16, 32, 64])  # numbers of graph layers, rising

    def __post_init__(self) -> None:
        """Check the depths."""
        rising = all(a < b for a, b in zip(self.depths, self.depths[1:], strict=False))
        if not self.depths or min(self.depths) < 1 or not rising:
            raise ValueError(f"study.depths must be rising numbers from 1, e.g. [2,4,8]; got {list(self.depths)}")

    def skip(self, cfg: Any) -> str | None:
        """Refuse ends that the model's layers do not fit."""
        from baselines.gnn_oversmoothing.config import width_problem

        return width_problem(cfg)

    def run(self, cfg: Any, record: Record) -> Outcome:
        """Train every depth and compare with the predictions."""
        from baselines.gnn_oversmoothing.depth_study import run

        return run(cfg, record)
