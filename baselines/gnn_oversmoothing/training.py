"""Full-batch training of one network, the same for every model; the epoch is chosen on the validation nodes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional as F

from baselines.gnn_oversmoothing.graphs import Task
from baselines.gnn_oversmoothing.network import DeepGNN
from baselines.gnn_oversmoothing.sparse import SparseOperator


@dataclass
class Fit:
    """What training leaves.

    Attributes:
        best_epoch: first epoch (from 1) with the highest validation accuracy; the network holds its weights.
        validation_accuracy: accuracy on the validation nodes at that epoch.
        test_accuracy: accuracy on the test nodes at that epoch.
        losses: training loss (cross-entropy, nats) of every epoch.
    """

    best_epoch: int = 0
    validation_accuracy: float = -1.0
    test_accuracy: float = 0.0
    losses: list[float] = field(default_factory=list)


def accuracy(logits: Tensor, task: Task, nodes: Tensor) -> float:
    """Return the share of the masked nodes whose class is predicted."""
    return float((logits[nodes].argmax(dim=1) == task.labels[nodes]).double().mean())


def adam(network: DeepGNN, learning_rate: float, weight_decay: float, decay_on: str) -> torch.optim.Adam:
    """Return Adam with the L2 penalty on all parameters, or only on those of the first map (`decay_on="first"`)."""
    first = network.layers[0] if network.encoder is None else network.encoder
    penalised = list(first.parameters()) if decay_on == "first" else list(network.parameters())
    known = {id(parameter) for parameter in penalised}
    free = [parameter for parameter in network.parameters() if id(parameter) not in known]
    groups = [{"params": penalised, "weight_decay": weight_decay}, {"params": free, "weight_decay": 0.0}]
    return torch.optim.Adam([group for group in groups if group["params"]], lr=learning_rate, fused=True)


def train_step(network: DeepGNN, task: Task, p: SparseOperator, optimizer: torch.optim.Optimizer) -> Tensor:
    """Do one full-batch step and return its training loss (scalar, detached)."""
    network.train()
    optimizer.zero_grad()
    logits = network(task.features, p)
    loss = F.cross_entropy(logits[task.train], task.labels[task.train])
    loss.backward()
    optimizer.step()
    return loss.detach()


@contextmanager
def denormals_flushed() -> Iterator[None]:
    """Treat numbers below the smallest normal float as zero.

    Weight decay shrinks a collapsed deep network until its entries are denormal, which a CPU computes up to a hundred
    times slower.
    """
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def train(
    network: DeepGNN,
    task: Task,
    p: SparseOperator,
    optimizer: torch.optim.Optimizer,
    epochs: int,
    on_epoch: Callable[[float], None] = lambda loss: None,
) -> Fit:
    """Train and keep the weights of the first epoch with the highest validation accuracy.

    Args:
        network: trained in place.
        task: features, labels and splits; the test nodes are scored, never used to choose.
        p: propagation matrix.
        optimizer: of the network's parameters.
        epochs: number of steps.
        on_epoch: called with the training loss after every epoch.

    Returns:
        The chosen epoch, its accuracies and all losses.
    """
    fit, best = Fit(), {}
    with denormals_flushed():
        for epoch in range(1, epochs + 1):
            fit.losses.append(float(train_step(network, task, p, optimizer)))
            on_epoch(fit.losses[-1])
            network.eval()
            with torch.no_grad():
                logits = network(task.features, p)
            validation = accuracy(logits, task, task.validation)
            if validation > fit.validation_accuracy:
                fit.best_epoch, fit.validation_accuracy = epoch, validation
                fit.test_accuracy = accuracy(logits, task, task.test)
                best = copy.deepcopy(network.state_dict())
    network.load_state_dict(best)
    return fit
