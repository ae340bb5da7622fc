"""``dataset=karate``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from baselines.gnn_oversmoothing.graphs import Task


@dataclass
class Dataset:
    """Zachary's karate club: 34 nodes, 78 edges, four communities; for tests and spectra.

    Features are the identity.  Trained on one member of each community (PyG's choice); of the others a third
    chooses the epoch and the rest is test: far too few for an accuracy to mean much.
    """

    def load(self, cfg: Any) -> Task:
        """Return the graph; only the split of validation and test depends on the seed."""
        import numpy as np
        import torch
        from torch_geometric.datasets import KarateClub

        from baselines.common.compute import numpy_generator
        from baselines.gnn_oversmoothing.graphs import Graph, Task

        club = KarateClub()[0]
        others = numpy_generator(cfg.seed, "split").permutation(np.flatnonzero(~club.train_mask.numpy()))
        validation, test = torch.zeros(2, 34, dtype=torch.bool)
        validation[others[:10]], test[others[10:]] = True, True
        graph = Graph.from_edges(club.edge_index, 34)
        return Task("karate club", graph, club.x, club.y, club.train_mask, validation, test)
