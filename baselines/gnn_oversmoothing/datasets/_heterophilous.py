"""Graphs of Platonov et al.: one npz file each, with ten fixed splits."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from baselines.gnn_oversmoothing.graphs import Task

SPARSE_BELOW = 0.1  # share of non-zero features below which they are kept sparse


def task(
    data_dir: str,
    name: str,
    folder: str,
    source: str,
    sha256: dict[str, str],
    split: int,
    score: str = "accuracy",
) -> Task:
    """Return the task with one of the fixed splits.

    Args:
        data_dir: folder of all data sets.
        name: how tables and figures call the dataset.
        folder: of the file inside `data_dir`.
        source: address of the file.
        sha256: digest by file name; one file.
        split: 0 to 9.
        score: "accuracy" or "roc_auc".

    Raises:
        UserError: if the file is neither in `data_dir` nor to be downloaded, or differs from the published one.
    """
    import numpy as np
    import torch

    from baselines.gnn_oversmoothing.datasets._files import checked_folder
    from baselines.gnn_oversmoothing.graphs import Graph, Task
    from baselines.gnn_oversmoothing.sparse import from_dense

    (file,) = sha256
    raw = checked_folder(data_dir, name, folder, sha256, {file: source})
    with np.load(raw / file, allow_pickle=False) as stored:
        features, labels = torch.from_numpy(stored["node_features"]), torch.from_numpy(stored["node_labels"])
        edges = torch.from_numpy(stored["edges"].T.copy())
        parts = ("train_masks", "val_masks", "test_masks")
        train, validation, test = (torch.from_numpy(stored[part][split]) for part in parts)
    sparse = float((features != 0).double().mean()) < SPARSE_BELOW
    return Task(
        name,
        Graph.from_edges(edges, len(labels)),
        from_dense(features) if sparse else features,
        labels,
        train,
        validation,
        test,
        score,
    )
