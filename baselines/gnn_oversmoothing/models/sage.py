"""``model=sage``."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

from baselines.gnn_oversmoothing.models._base import BaseModel

if TYPE_CHECKING:
    from baselines.gnn_oversmoothing.layers.base import GraphLayer


@dataclass
class Model(BaseModel):
    """GraphSAGE: a node and the mean of its neighbours have their own weights, X' = ReLU(X W + D^(-1) A X V).

    D^(-1) A X is zero for nodes without neighbours.  All neighbours are used, none are sampled, and rows are not scaled
    to length one.

    Source: Hamilton, Ying and Leskovec, Inductive Representation Learning on Large Graphs, NeurIPS 2017 (mean
    aggregator, with the concatenation written as a sum of two products).
    """

    name: ClassVar[str] = "GraphSAGE"
    any_width: ClassVar[bool] = True

    def layers(self, widths: list[int]) -> list[GraphLayer]:
        """Return one layer for each pair of neighbouring widths."""
        from baselines.gnn_oversmoothing.layers.sage import SAGELayer

        return [SAGELayer(before, after) for before, after in pairwise(widths)]
