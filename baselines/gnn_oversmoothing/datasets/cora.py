"""``dataset=cora``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch_geometric.datasets import Planetoid

    from baselines.gnn_oversmoothing.graphs import Task

FOLDER = "graphs/Planetoid/Cora/raw"
SHA256 = {
    "ind.cora.allx": "9419ba2f26f5c35243db64aba110e0f35a04851609e0dc5433450676ca6b8543",
    "ind.cora.ally": "2b998f5cc7fedc86e7f97ca2498f47a1ffc1462c29e2d578b23bf3f62b6e7d71",
    "ind.cora.graph": "58f13302f39dde8852dad6fe6d15b89b077b6d7f837626bce671ef80344b383d",
    "ind.cora.test.index": "297ce89af2b51a6a194181c7dbe1796c6a1cf9cd9349a88383b1b1e227867875",
    "ind.cora.tx": "b9afbaa4a400df991f6f02ef677e1e44da55ffc04801fd02f9e673987829226a",
    "ind.cora.ty": "41f5ac76596a1699cc33f53084a2419e92961c42bb75f36fc38e616d348532ad",
    "ind.cora.x": "23cfa55d91c6f624233f5eb7b6e3f141f1bd2b2ae39608a63cf5d084bb27baab",
    "ind.cora.y": "94465c14eb53e04ca262198dcbb2521ee8af60fb3f3d546cd6ca24a511b0e7d1",
}


@dataclass
class Dataset:
    """Cora citation graph, public split: 2708 papers, 1433 words, 7 classes.

    140 nodes to train on, 500 to choose the epoch, 1000 to test.  Read by PyG's ``Planetoid``.

    Source: Yang, Cohen and Salakhutdinov, Revisiting Semi-Supervised Learning with Graph Embeddings, ICML 2016.
    """

    normalise: bool = True  # divide the features of a node by their sum

    def load(self, cfg: Any) -> Task:
        """Return the task; it does not depend on the seed.

        Raises:
            UserError: If the files are neither in `data_dir` nor to be downloaded, or differ from the published ones.
        """
        from baselines.gnn_oversmoothing.datasets._planetoid import task

        return task(cfg.data_dir, "Cora", SHA256, self.normalise)


def planetoid(data_dir: str) -> Planetoid:
    """Return PyG's Cora from the checked raw files."""
    from baselines.gnn_oversmoothing.datasets import _planetoid

    return _planetoid.planetoid(data_dir, "Cora", SHA256)
