"""From a config to a task, a network, and a trained network: what all studies that train have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from baselines.common.compute import subseed, torch_device, torch_dtype
from baselines.gnn_oversmoothing.config import Config
from baselines.gnn_oversmoothing.graphs import Task
from baselines.gnn_oversmoothing.network import DeepGNN
from baselines.gnn_oversmoothing.operators import Operators
from baselines.gnn_oversmoothing.training import Fit, adam, train


def load(cfg: Config) -> tuple[Task, Operators]:
    """Return the dataset on its rewired graph, and the operators of that graph."""
    task: Task = cfg.dataset.load(cfg)
    task = replace(task, graph=cfg.rewiring.rewire(task.graph, cfg.seed))
    task = task.to(torch_device(cfg), torch_dtype(cfg))
    return task, Operators(task.graph, torch_dtype(cfg))


def build(cfg: Config, task: Task, depth: int) -> DeepGNN:
    """Return the untrained network of `depth` graph layers around the model of `cfg`.

    Its weights depend on the run's seed and the depth only.
    """
    if cfg.ends == "linear":
        widths = [cfg.hidden] * (depth + 1)
    else:
        widths = [task.num_features, *[cfg.hidden] * (depth - 1), task.num_classes]
    torch.manual_seed(subseed(cfg.seed, "network", depth))
    network = DeepGNN(
        cfg.model.layers(widths),
        width=cfg.hidden if cfg.ends == "linear" else None,
        num_features=task.num_features,
        num_classes=task.num_classes,
        dropout=cfg.dropout,
        relu=cfg.model.relu,
        residual=cfg.model.residual,
        norms=[cfg.norm.layer(width) for width in widths[1:]],
        readout=cfg.model.readout(depth, cfg.hidden),
        complete_last=cfg.rewiring.complete_last,
    )
    return network.to(device=torch_device(cfg), dtype=torch_dtype(cfg))


def fit(
    cfg: Config,
    network: DeepGNN,
    task: Task,
    operators: Operators,
    on_epoch: Callable[[float], None] = lambda loss: None,
) -> Fit:
    """Train the network with the recipe of `cfg`."""
    optimizer = adam(network, cfg.learning_rate, cfg.weight_decay, cfg.decay_on)
    return train(
        network,
        task,
        operators,
        optimizer,
        cfg.epochs,
        patience=cfg.patience,
        sample=cfg.drop.sample,
        on_epoch=on_epoch,
    )
