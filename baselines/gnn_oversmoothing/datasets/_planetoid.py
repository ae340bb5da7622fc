"""Citation graphs with the public split of Planetoid."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch_geometric.datasets import Planetoid

    from baselines.gnn_oversmoothing.graphs import Task

SOURCE = "https://github.com/kimiyoung/planetoid/raw/master/data"


def folder(name: str) -> str:
    """Return the folder of the raw files inside the data folder."""
    return f"graphs/Planetoid/{name}/raw"


def planetoid(data_dir: str, name: str, sha256: dict[str, str]) -> Planetoid:
    """Return PyG's dataset made from the checked raw files.

    PyG pickles its processed form beside the raw files and loads it unseen; here it is made afresh in a temporary
    folder from files whose SHA-256 is known, so `data_dir` may be read-only and nothing unknown is unpickled.

    Args:
        data_dir: folder of all data sets.
        name: "Cora" or "CiteSeer".
        sha256: digest by file name.

    Raises:
        UserError: if the files are neither in `data_dir` nor to be downloaded, or differ from the published ones.
    """
    import io
    import shutil
    import tempfile
    from contextlib import redirect_stderr
    from pathlib import Path

    from torch_geometric.datasets import Planetoid

    from baselines.gnn_oversmoothing.datasets._files import checked_folder

    raw = checked_folder(data_dir, name, folder(name), sha256, {file: f"{SOURCE}/{file}" for file in sha256})
    with tempfile.TemporaryDirectory() as temporary, redirect_stderr(io.StringIO()):  # PyG reports to stderr
        shutil.copytree(raw, Path(temporary) / name / "raw")
        return Planetoid(temporary, name, split="public")


def task(data_dir: str, name: str, sha256: dict[str, str], normalise: bool) -> Task:
    """Return the public split as a task.

    Args:
        data_dir: folder of all data sets.
        name: "Cora" or "CiteSeer".
        sha256: digest by file name.
        normalise: whether the features of a node are divided by their sum; nodes without words keep zeros.
    """
    from torch_geometric.transforms import NormalizeFeatures

    from baselines.gnn_oversmoothing.graphs import Graph, Task
    from baselines.gnn_oversmoothing.sparse import from_dense

    data = planetoid(data_dir, name, sha256)[0]
    data = NormalizeFeatures()(data) if normalise else data
    return Task(
        name,
        Graph.from_edges(data.edge_index, data.num_nodes),
        from_dense(data.x),
        data.y,
        data.train_mask,
        data.val_mask,
        data.test_mask,
    )
