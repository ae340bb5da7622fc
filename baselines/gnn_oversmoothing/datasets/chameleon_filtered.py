"""``dataset=chameleon_filtered``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from baselines.gnn_oversmoothing.graphs import Task

FOLDER = "graphs/HeterophilousGraphsNpz"
SOURCE = "https://github.com/yandex-research/heterophilous-graphs/raw/main/data/chameleon_filtered.npz"
SHA256 = {
    "chameleon_filtered.npz": "bf46f07e1fb5249280447e5fe3100f3e82fc4b93ad1e13ffcfdec924b6ac0bb5",
}


@dataclass
class Dataset:
    """Wikipedia pages on chameleons without duplicates, heterophilous: 890 pages, 2325 features, 5 classes.

    8854 links, taken as undirected.  In the unfiltered graph many pages occur in both the training and the test nodes.
    One of ten fixed splits of about 48/32/20 %.

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
        return task(cfg.data_dir, "Chameleon (filtered)", FOLDER, SOURCE, SHA256, split)
