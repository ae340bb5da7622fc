"""``study=graph_transfer``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from baselines.common.record import Outcome, Record


@dataclass
class Study:
    """Over-squashing: a label travels across ring, crossed ring and clique-path (own data and recipe).

    A target node must read the class of a source node at distance d with d layers.  Measured are the accuracy and the
    sensitivity ||d x_v^(L) / d x_u^(0)|| before and after training, beside its bound (P^L)_vu prod s_l, the effective
    resistance between the two nodes and the spectral gap.
    Not used: dataset, dropout, learning_rate, weight_decay, epochs, patience.

    Source: Di Giovanni et al., On Over-Squashing in Message Passing Neural Networks, ICML 2023.
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {"distances": [3, 4], "steps": 20},
        "paper": {"distances": [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15], "steps": 8000},
    }

    distances: list[int] = field(default_factory=lambda: [3, 4, 5, 6, 8, 10, 12])  # distances d, rising, from 3
    num_classes: int = 5  # classes; one example each
    steps: int = 500  # most steps of Adam; training ends when all classes are read with certainty
    learning_rate: float = 1e-3  # step size of Adam
    certainty: float = 0.01  # training loss in nats that ends the training

    def __post_init__(self) -> None:
        """Check the sizes."""
        rising = all(a < b for a, b in zip(self.distances, self.distances[1:], strict=False))
        if not self.distances or min(self.distances) < 3 or not rising:
            raise ValueError(f"study.distances must be rising numbers from 3, e.g. [3,4,6]; got {list(self.distances)}")
        if self.num_classes < 2 or self.steps < 1:
            raise ValueError("study.num_classes must be at least 2 and study.steps at least 1")
        if not self.learning_rate > 0.0 or not self.certainty >= 0.0:
            raise ValueError("study.learning_rate must be above 0 and study.certainty at least 0")

    def skip(self, cfg: Any) -> str | None:
        """Refuse what would change the graphs or cannot carry a message."""
        if type(cfg.rewiring).__module__.rpartition(".")[2] != "none":
            return "study=graph_transfer compares three given graphs; use rewiring=none"
        if type(cfg.drop).__module__.rpartition(".")[2] != "none":
            return "study=graph_transfer trains on the whole graph; use drop=none"
        if cfg.ends != "linear":
            return "study=graph_transfer measures between encoder and decoder; use ends=linear"
        return None

    def run(self, cfg: Any, record: Record) -> Outcome:
        """Train on every graph and compare sensitivities with their bounds."""
        from baselines.gnn_oversmoothing.graph_transfer_study import run

        return run(cfg, record)
