"""``study=step_time``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from baselines.common.record import Outcome, Record


@dataclass
class Study:
    """Time of a training step: sparse operators against PyG's layers on an edge list.

    The models are GCN and GCNII.  The reference is the network of PyG's examples with the same sizes, on dense
    features.  Blocks of steps alternate between the implementations in one process.  For GCN also five seeds trained
    together in one batched network against one after the other.
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {"depths": [2, 4], "blocks": 3, "steps": 2, "compared_steps": 5}
    }

    depths: list[int] = field(default_factory=lambda: [2, 16, 64])  # numbers of graph layers, from 2
    width: int = 64  # hidden width
    blocks: int = 7  # timed blocks for each implementation
    steps: int = 10  # training steps in a block at depth 2; deeper blocks have fewer, of the same length
    compared_steps: int = 10  # steps without dropout over which the losses are compared

    def __post_init__(self) -> None:
        """Check the counts."""
        for key in ("width", "blocks", "steps", "compared_steps"):
            if getattr(self, key) < 1:
                raise ValueError(f"study.{key} must be at least 1; got {getattr(self, key)}")
        if not self.depths or min(self.depths) < 2:
            raise ValueError(f"study.depths must be numbers from 2, e.g. [2,16]; got {list(self.depths)}")

    def skip(self, cfg: Any) -> str | None:
        """Refuse models that PyG's examples do not have, and what only training knows."""
        name = type(cfg.model).name
        if name not in ("GCN", "GCNII"):
            return f"study=step_time compares with PyG's GCNConv and GCN2Conv; use model=gcn or model=gcnii, not {name}"
        return None

    def run(self, cfg: Any, record: Record) -> Outcome:
        """Compare losses, then time the steps side by side."""
        from baselines.gnn_oversmoothing.step_time_study import run

        return run(cfg, record)
