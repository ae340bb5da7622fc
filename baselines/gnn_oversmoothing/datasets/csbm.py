"""``dataset=csbm``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from baselines.gnn_oversmoothing.graphs import Task


@dataclass
class Dataset:
    """Contextual stochastic block model, generated: two classes, seen in edges and features.

    Source: Deshpande et al., NeurIPS 2018; phi as in Chien et al., ICLR 2021 (GPR-GNN).
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {"nodes": 200, "features": 80},
        "paper": {"nodes": 5000, "features": 2000},
    }

    nodes: int = 1000  # number of nodes n
    features: int = 400  # number of features p
    degree: float = 5.0  # mean degree d
    epsilon: float = 3.25  # signal above the detection threshold
    phi: float = 0.5  # where the signal is: 0 in the features, 1 in edges within classes, -1 in edges between
    train: float = 0.2  # share of nodes trained on
    validation: float = 0.2  # share of nodes that choose the epoch; the rest is test

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.nodes < 10 or self.features < 1:
            raise ValueError(
                f"dataset.nodes must be at least 10 and dataset.features at least 1; got {self.nodes}, {self.features}"
            )
        if not -1.0 <= self.phi <= 1.0:
            raise ValueError(f"dataset.phi must lie between -1 and 1; got {self.phi}")
        if not self.epsilon >= -1.0:
            raise ValueError(f"dataset.epsilon must be at least -1; got {self.epsilon}")
        if not 0.0 < self.degree < self.nodes / 2:
            raise ValueError(f"dataset.degree must lie above 0 and below half the nodes; got {self.degree}")
        needed = (1.0 + self.epsilon) * math.sin(self.phi * math.pi / 2.0) ** 2  # else an edge rate is negative
        if self.degree < needed:
            raise ValueError(
                f"dataset.degree must be at least (1 + epsilon) sin(phi pi / 2)^2 = {needed:.3g}; got {self.degree}"
            )
        if self.train <= 0.0 or self.validation <= 0.0 or self.train + self.validation >= 1.0:
            raise ValueError(
                "dataset.train and dataset.validation must be above 0 and leave nodes to test; "
                f"got {self.train} and {self.validation}"
            )

    def feature_accuracy(self) -> float:
        """Return the accuracy that no classifier of the features alone exceeds."""
        from baselines.gnn_oversmoothing.csbm import feature_accuracy

        return feature_accuracy(self.phi, self.epsilon, self.nodes / self.features)

    def load(self, cfg: Any) -> Task:
        """Draw graph, features and split from the run's seed, the same for every model."""
        import torch

        from baselines.common.compute import numpy_generator
        from baselines.gnn_oversmoothing.csbm import sample_csbm
        from baselines.gnn_oversmoothing.graphs import Graph, Task, random_split

        generator = numpy_generator(cfg.seed, "csbm")
        sample = sample_csbm(self.nodes, self.features, self.degree, self.epsilon, self.phi, generator)
        shares = (self.train, self.validation)
        masks = map(torch.from_numpy, random_split(self.nodes, shares, numpy_generator(cfg.seed, "split")))
        train, validation, test = masks
        return Task(
            "cSBM",
            Graph.from_edges(torch.from_numpy(sample.edges), self.nodes),
            torch.from_numpy(sample.features),
            torch.from_numpy(sample.labels),
            train,
            validation,
            test,
        )
