"""``dataset=cycle``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from baselines.gnn_oversmoothing.graphs import Task

CLASSES = 2


@dataclass
class Dataset:
    """Cycle of n nodes, generated: regular, so both Dirichlet energies agree; its spectrum is known.

    P has the eigenvalues (1 + 2 cos(2 pi k / n)) / 3.  The labels are the two halves of the cycle, the features their
    unit vectors with Gaussian noise; 20 % of the nodes to train on, 20 % to choose the epoch.
    """

    nodes: int = 20  # number of nodes n
    features: int = 16  # number of features
    noise: float = 1.0  # standard deviation of the features

    def __post_init__(self) -> None:
        """Check the sizes."""
        from baselines.gnn_oversmoothing.datasets._synthetic import check

        if self.nodes < 5:
            raise ValueError(f"dataset.nodes must be at least 5; got {self.nodes}")
        check(self.features, CLASSES, self.noise)

    def load(self, cfg: Any) -> Task:
        """Return the task; features and split depend on the seed."""
        import numpy as np

        from baselines.gnn_oversmoothing.datasets._synthetic import task

        node = np.arange(self.nodes)
        edges = np.stack([node, (node + 1) % self.nodes], axis=1)
        return task("cycle", edges, CLASSES * node // self.nodes, self.features, self.noise, cfg.seed)
