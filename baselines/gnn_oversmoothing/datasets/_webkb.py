"""Web pages of one university (WebKB) with the ten splits of Geom-GCN."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from baselines.gnn_oversmoothing.graphs import Task

SOURCE = "https://github.com/graphdml-uiuc-jlu/geom-gcn/raw/master"
EDGES, NODES = "out1_graph_edges.txt", "out1_node_feature_label.txt"


def folder(name: str) -> str:
    """Return the folder of the raw files inside the data folder."""
    return f"graphs/WebKB/{name.lower()}/raw"


@dataclass
class WebKB:
    """Pages of one university with one of ten fixed splits.

    About 48 % of the pages to train on, 32 % to choose the epoch and 20 % to test (the files are named 0.6_0.2).  Links
    are made undirected and links of a page to itself are dropped.

    Source: Pei et al., Geom-GCN: Geometric Graph Convolutional Networks, ICLR 2020 (data and splits).
    """

    NAME: ClassVar[str]
    SHA256: ClassVar[dict[str, str]]

    normalise: bool = True  # divide the features of a node by their sum
    split: int = -1  # fixed split, 0 to 9; -1 takes the seed modulo 10

    def __post_init__(self) -> None:
        """Check the split."""
        if not -1 <= self.split <= 9:
            raise ValueError(f"dataset.split must lie between 0 and 9, or be -1 for the seed's; got {self.split}")

    def load(self, cfg: Any) -> Task:
        """Return the task; only the split depends on the seed.

        Raises:
            UserError: If the files are neither in `data_dir` nor to be downloaded, or differ from the published ones.
        """
        split = cfg.seed % 10 if self.split < 0 else self.split
        return task(cfg.data_dir, self.NAME, self.SHA256, split, self.normalise)


def task(data_dir: str, name: str, sha256: dict[str, str], split: int, normalise: bool) -> Task:
    """Return the task with one of the fixed splits.

    Args:
        data_dir: folder of all data sets.
        name: "Cornell", "Texas" or "Wisconsin".
        sha256: digest by file name.
        split: 0 to 9.
        normalise: whether the features of a node are divided by their sum.

    Raises:
        UserError: if the files are neither in `data_dir` nor to be downloaded, or differ from the published ones.
    """
    import numpy as np
    import torch

    from baselines.gnn_oversmoothing.datasets._files import checked_folder
    from baselines.gnn_oversmoothing.graphs import Graph, Task
    from baselines.gnn_oversmoothing.sparse import from_dense

    urls = {
        file: f"{SOURCE}/splits/{file}" if file.endswith(".npz") else f"{SOURCE}/new_data/{name.lower()}/{file}"
        for file in sha256
    }
    raw = checked_folder(data_dir, name, folder(name), sha256, urls)
    lines = (raw / NODES).read_text(encoding="utf-8").splitlines()[1:]  # node, features, label; nodes in order
    columns = [line.split("\t") for line in lines]
    words = np.array([np.fromstring(features, np.float32, sep=",") for _, features, _ in columns])
    if normalise:
        words /= np.maximum(words.sum(axis=1, keepdims=True), 1.0)
    edges = np.loadtxt(raw / EDGES, dtype=np.int64, skiprows=1)
    with np.load(raw / f"{name.lower()}_split_0.6_0.2_{split}.npz", allow_pickle=False) as masks:
        parts = ("train_mask", "val_mask", "test_mask")
        train, validation, test = (torch.from_numpy(masks[part].astype(bool)) for part in parts)
    return Task(
        name,
        Graph.from_edges(torch.from_numpy(edges.T), len(lines)),
        from_dense(torch.from_numpy(words)),
        torch.tensor([int(label) for _, _, label in columns]),
        train,
        validation,
        test,
    )
