"""``dataset=minesweeper``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from baselines.gnn_oversmoothing.graphs import Task

FOLDER = "graphs/HeterophilousGraphDataset/minesweeper/raw"
SOURCE = "https://github.com/yandex-research/heterophilous-graphs/raw/main/data/minesweeper.npz"
SHA256 = {
    "minesweeper.npz": "e664c8dacf1e8ac466c2c09ed4b237bd2c5541f47a6eae9c6092cb87f16412b3",
}


@dataclass
class Dataset:
    """Minesweeper on a 100 x 100 grid, find the mines (ROC AUC): 10000 cells, 39402 edges, 7 features.

    A fifth of the cells has a mine; neighbours are the up to eight cells around.  Features, one-hot: the number of
    mines among the neighbours (0, 1, 2, 3, 4, more) or, for half of the cells, that it is hidden.  One of ten fixed
    splits of 50/25/25 %.

    Source: Platonov et al., A Critical Look at the Evaluation of GNNs under Heterophily, ICLR 2023.
    """

    split: int = -1  # fixed split, 0 to 9; -1 takes the seed modulo 10

    def __post_init__(self) -> None:
        """Check the split."""
        if not -1 <= self.split <= 9:
            raise ValueError(f"dataset.split must lie between 0 and 9, or be -1 for the seed's; got {self.split}")

    def load(self, cfg: Any) -> Task:
        """Return the task; only the split depends on the seed.

        Raises:
            UserError: If the file is neither in `data_dir` nor to be downloaded, or differs from the published one.
        """
        from baselines.gnn_oversmoothing.datasets._heterophilous import task

        split = cfg.seed % 10 if self.split < 0 else self.split
        return task(cfg.data_dir, "Minesweeper", FOLDER, SOURCE, SHA256, split, score="roc_auc")
