"""``dataset=cora``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from torch_geometric.datasets import Planetoid

    from baselines.gnn_oversmoothing.graphs import Task

FOLDER = "graphs/Planetoid/Cora/raw"
SOURCE = "https://github.com/kimiyoung/planetoid/tree/master/data"
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
        from torch_geometric.transforms import NormalizeFeatures

        from baselines.gnn_oversmoothing.graphs import Graph, Task
        from baselines.gnn_oversmoothing.sparse import from_dense

        data = planetoid(cfg.data_dir)[0]
        data = NormalizeFeatures()(data) if self.normalise else data
        return Task(
            "Cora",
            Graph.from_edges(data.edge_index, data.num_nodes),
            from_dense(data.x),
            data.y,
            data.train_mask,
            data.val_mask,
            data.test_mask,
        )


def planetoid(data_dir: str) -> Planetoid:
    """Return PyG's Cora from the checked raw files; download them into `data_dir` if they are not there.

    PyG pickles its processed form beside the raw files and loads it unseen; here it is made afresh in a temporary
    folder from files whose SHA-256 is known, so `data_dir` may be read-only and nothing unknown is unpickled.
    """
    import io
    import shutil
    import tempfile
    from contextlib import redirect_stderr
    from pathlib import Path

    from torch_geometric.datasets import Planetoid

    from baselines.common.data import require

    raw = Path(data_dir).expanduser() / FOLDER
    if not all((raw / name).is_file() for name in SHA256):
        _download(raw)
    for name, digest in SHA256.items():
        require(data_dir, f"{FOLDER}/{name}", source=f"{SOURCE}/{name}", sha256=digest)
    with tempfile.TemporaryDirectory() as folder, redirect_stderr(io.StringIO()):  # PyG reports to stderr
        shutil.copytree(raw, Path(folder) / "Cora" / "raw")
        return Planetoid(folder, "Cora", split="public")


def _download(raw: Path) -> None:
    """Fetch the raw files from where PyG's ``Planetoid`` fetches them.

    Raises:
        UserError: If that fails; it says which files, from where, and where to put them.
    """
    import shutil
    import tempfile

    from torch_geometric.data import download_url
    from torch_geometric.datasets import Planetoid

    from baselines.common.errors import UserError

    try:
        with tempfile.TemporaryDirectory() as folder:
            for name in SHA256:
                download_url(f"{Planetoid.url}/{name}", folder, log=False)
            raw.mkdir(parents=True, exist_ok=True)
            for name in SHA256:
                shutil.copyfile(f"{folder}/{name}", raw / name)
    except OSError as problem:  # offline, refused, or a read-only folder
        raise UserError(
            f"the Cora files are missing and could not be downloaded ({problem}); get {', '.join(SHA256)} "
            f"from {SOURCE} and put them into {raw} "
            "(another folder: data_dir=FOLDER or the environment variable BASELINES_DATA)"
        ) from problem
