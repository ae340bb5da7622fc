"""Labels, noisy features and a random split for a generated graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from baselines.gnn_oversmoothing.graphs import Task

TRAIN, VALIDATION = 0.2, 0.2  # shares of the nodes; the rest is test


def check(features: int, classes: int, noise: float) -> None:
    """Check the keys that the generated graphs share.

    Raises:
        ValueError: if a value is out of range.
    """
    if features < classes:
        raise ValueError(f"dataset.features must be at least the number of classes {classes}; got {features}")
    if not noise >= 0.0:
        raise ValueError(f"dataset.noise must be at least 0; got {noise}")


def task(name: str, edges: np.ndarray, labels: np.ndarray, features: int, noise: float, seed: int) -> Task:
    """Return a task whose features are x_i = e_(y_i) + noise z_i, z standard normal, e the unit vectors.

    Args:
        name: how tables and figures call the dataset.
        edges: [m, 2].
        labels: y, [N].
        features: number of features F, at least the number of classes.
        noise: standard deviation.
        seed: of features and split.
    """
    import torch

    from baselines.common.compute import numpy_generator
    from baselines.gnn_oversmoothing.graphs import Graph, Task, random_split

    nodes = len(labels)
    x = np.eye(features)[labels] + noise * numpy_generator(seed, "features").standard_normal((nodes, features))
    train, validation, test = map(
        torch.from_numpy, random_split(nodes, (TRAIN, VALIDATION), numpy_generator(seed, "split"))
    )
    graph = Graph.from_edges(torch.from_numpy(edges.T.copy()), nodes)
    return Task(name, graph, torch.from_numpy(x), torch.from_numpy(labels), train, validation, test)
