"""``dataset=grid``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from baselines.gnn_oversmoothing.graphs import Task

CLASSES = 4


@dataclass
class Dataset:
    """Two-dimensional grid of nodes, generated: edges to the right and below, four quadrants as classes.

    The features are the unit vectors of the quadrants with Gaussian noise; 20 % of the nodes to train on, 20 % to
    choose the epoch.
    """

    rows: int = 10  # number of rows
    columns: int = 10  # number of columns
    periodic: bool = False  # join opposite sides (a torus, which is regular)
    features: int = 16  # number of features
    noise: float = 1.0  # standard deviation of the features

    def __post_init__(self) -> None:
        """Check the sizes."""
        from baselines.gnn_oversmoothing.datasets._synthetic import check

        if min(self.rows, self.columns) < 3:
            raise ValueError(f"dataset.rows and dataset.columns must be at least 3; got {self.rows}, {self.columns}")
        check(self.features, CLASSES, self.noise)

    def load(self, cfg: Any) -> Task:
        """Return the task; features and split depend on the seed."""
        import numpy as np

        from baselines.gnn_oversmoothing.datasets._synthetic import task

        node = np.arange(self.rows * self.columns).reshape(self.rows, self.columns)
        right, below = np.roll(node, -1, axis=1), np.roll(node, -1, axis=0)
        ends = slice(None) if self.periodic else slice(-1)
        across = np.stack([node[:, ends], right[:, ends]], axis=-1).reshape(-1, 2)
        down = np.stack([node[ends], below[ends]], axis=-1).reshape(-1, 2)
        half = (2 * np.arange(self.rows) // self.rows)[:, None], 2 * np.arange(self.columns) // self.columns
        labels = (2 * half[0] + half[1]).ravel()
        name = "torus" if self.periodic else "grid"
        return task(name, np.concatenate([across, down]), labels, self.features, self.noise, cfg.seed)
