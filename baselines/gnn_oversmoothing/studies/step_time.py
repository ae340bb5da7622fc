"""``study=step_time``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from baselines.common.record import Outcome, Record


@dataclass
class Study:
    """Time of a training step: sparse operators against PyG's GCNConv(edge_index).

    The model is the 2-layer GCN.  The reference is the network of PyG's example gcn.py with the same sizes, on
    dense features.  Blocks of steps alternate between the implementations in one process.
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {"smoke": {"blocks": 3, "steps": 2, "compared_steps": 5}}

    width: int = 16  # hidden width, as in the example
    blocks: int = 9  # timed blocks for each implementation
    steps: int = 10  # training steps in a block
    compared_steps: int = 20  # steps without dropout over which the two losses are compared

    def __post_init__(self) -> None:
        """Check the counts."""
        for key in ("width", "blocks", "steps", "compared_steps"):
            if getattr(self, key) < 1:
                raise ValueError(f"study.{key} must be at least 1; got {getattr(self, key)}")

    def skip(self, cfg: Any) -> str | None:
        """Refuse models other than GCN, which the example does not have."""
        name = type(cfg.model).name
        return None if name == "GCN" else f"study=step_time compares GCN with PyG's example; use model=gcn, not {name}"

    def run(self, cfg: Any, record: Record) -> Outcome:
        """Compare losses, then time the steps side by side."""
        from baselines.gnn_oversmoothing.step_time_study import run

        return run(cfg, record)
