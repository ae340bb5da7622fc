"""``study=neighbors_match``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from baselines.common.record import Outcome, Record

MODELS = ("GCN", "GIN", "GAT", "GGNN")


@dataclass
class Study:
    """Over-squashing: a tree's root must look up one of 2^r leaves (it has its own data and recipe).

    Tree-NeighborsMatch: the leaves carry keys and values, the root a key; the answer is the value of the leaf with that
    key.  r + 1 layers with residual and LayerNorm.  What counts is the training accuracy: the network has seen the
    answers and still cannot store them, because all values must pass two edges as one vector of fixed width.  The
    control puts a chain between the root and a tree of four leaves: the same distance without squashing.
    Not used: dataset, hidden, dropout, learning_rate, weight_decay, epochs, patience.

    Source: Alon and Yahav, On the Bottleneck of Graph Neural Networks and its Practical Implications, ICLR 2021.
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {"radii": [2], "chains": [2], "steps": 60},
        "paper": {
            "radii": [2, 3, 4, 5],
            "learning_rate": 1e-3,
            "steps": 800000,
            "plateau": 16000,
            "patience": 32000,
        },
    }

    radii: list[int] = field(default_factory=lambda: [2, 3, 4])  # depths r of the tree, rising
    chains: list[int] = field(default_factory=lambda: [1, 2, 4, 6])  # lengths of the chain of the control; may be empty
    chain_radius: int = 2  # depth of the tree at the end of the chain
    width: int = 32  # F
    permutations: int = 1000  # permutations of the values, each asked for every key
    train_share: float = 0.8  # share of the examples that is trained on
    batch_size: int = 1024  # examples of a step, rounded to whole permutations
    learning_rate: float = 3e-3  # step size of Adam (published: 1e-3, with up to 60 times the steps)
    steps: int = 10000  # most steps of Adam; training ends when all training examples are answered rightly
    plateau: int = 2000  # steps without a better training accuracy that halve the step size
    patience: int = 8000  # steps without a better training accuracy that end the training

    def __post_init__(self) -> None:
        """Check the sizes."""
        for key in ("radii", "chains"):
            values = getattr(self, key)
            if any(value < 1 for value in values) or sorted(set(values)) != list(values):
                raise ValueError(f"study.{key} must be rising numbers from 1, e.g. [2,3]; got {list(values)}")
        if not self.radii and not self.chains:
            raise ValueError(
                "study.radii and study.chains are both empty; name at least one tree, e.g. study.radii=[2]"
            )
        if max([*self.radii, self.chain_radius]) > 8:
            raise ValueError("study.radii and study.chain_radius may be at most 8: 2^8 leaves; e.g. [2,3,4]")
        for key in ("chain_radius", "width", "permutations", "batch_size", "steps", "plateau"):
            if getattr(self, key) < 1:
                raise ValueError(f"study.{key} must be at least 1; got {getattr(self, key)}")
        if self.patience < 1 or not self.learning_rate > 0.0:
            raise ValueError("study.patience must be at least 1 and study.learning_rate above 0")
        if not 0.0 < self.train_share <= 1.0:
            raise ValueError(f"study.train_share must be above 0 and at most 1; got {self.train_share}")

    def skip(self, cfg: Any) -> str | None:
        """Refuse what this study does not have."""
        if type(cfg.model).name not in MODELS:
            return f"study=neighbors_match has model=gcn, gin, gat and ggnn, as published; not {type(cfg.model).name}"
        if not hasattr(type(cfg.rewiring), "complete_last") or cfg.rewiring.name not in ("none", "fully adjacent"):
            return "study=neighbors_match has rewiring=none and fully_adjacent; the others do not keep the tree"
        if type(cfg.norm).__module__.rpartition(".")[2] != "none":
            return "study=neighbors_match has LayerNorm in every layer; use norm=none"
        if type(cfg.drop).__module__.rpartition(".")[2] != "none":
            return "study=neighbors_match trains on the whole tree; use drop=none"
        return None

    def run(self, cfg: Any, record: Record) -> Outcome:
        """Train every tree and every chain; compare with the published accuracies."""
        from baselines.gnn_oversmoothing.neighbors_match_study import run

        return run(cfg, record)
