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
from baselines.gnn_oversmoothing.operators import Operators

Sample = Callable[[Operators], Operators]


@dataclass
class Fit:
    """What training leaves.

    Attributes:
        best_epoch: first epoch (from 1) with the highest validation score; the network holds its weights.
        validation_score: score on the validation nodes at that epoch.
        test_score: score on the test nodes at that epoch.
        losses: training loss (cross-entropy, nats) of every epoch.
    """

    best_epoch: int = 0
    validation_score: float = -1.0
    test_score: float = 0.0
    losses: list[float] = field(default_factory=list)


def score(logits: Tensor, task: Task, nodes: Tensor) -> float:
    """Return the task's score of the masked nodes.

    Accuracy: the share of the nodes whose class is predicted.  ROC AUC: the probability that a node of class 1 has a
    larger logit difference than one of class 0.
    """
    if task.score == "roc_auc":
        from sklearn.metrics import roc_auc_score

        margin = (logits[nodes, 1] - logits[nodes, 0]).double()
        return float(roc_auc_score(task.labels[nodes].cpu().numpy(), margin.cpu().numpy()))
    return float((logits[nodes].argmax(dim=1) == task.labels[nodes]).double().mean())


def whole(operators: Operators) -> Operators:
    """Return the operators: every training step sees the whole graph."""
    return operators


def adam(network: DeepGNN, learning_rate: float, weight_decay: float, decay_on: str) -> torch.optim.Adam:
    """Return Adam with the L2 penalty on all parameters, or only on those of the first map (`decay_on="first"`)."""
    first = network.layers[0] if network.encoder is None else network.encoder
    penalised = list(first.parameters()) if decay_on == "first" else list(network.parameters())
    known = {id(parameter) for parameter in penalised}
    free = [parameter for parameter in network.parameters() if id(parameter) not in known]
    groups = [{"params": penalised, "weight_decay": weight_decay}, {"params": free, "weight_decay": 0.0}]
    return torch.optim.Adam([group for group in groups if group["params"]], lr=learning_rate, fused=True)


def train_step(network: DeepGNN, task: Task, operators: Operators, optimizer: torch.optim.Optimizer) -> Tensor:
    """Do one full-batch step and return its training loss (scalar, detached)."""
    network.train()
    optimizer.zero_grad()
    logits = network(task.features, operators)
    loss = F.cross_entropy(logits[task.train], task.labels[task.train])
    loss.backward()
    optimizer.step()
    return loss.detach()


def gradient_norms(network: DeepGNN, task: Task, operators: Operators) -> list[float]:
    """Return ||d loss / d X_l||_F for l = 0..L, without dropout.

    Small values at the first layers and larger ones at the last are vanishing gradients: training cannot reach the
    first layers, whatever the representations look like.
    """
    network.eval()
    states = network.states(task.features, operators)
    known = [state for state in states if isinstance(state, Tensor) and state.requires_grad]
    loss = F.cross_entropy(network.logits(states)[task.train], task.labels[task.train])
    gradients = torch.autograd.grad(loss, known, materialize_grads=True)
    norms = [float(gradient.double().norm()) for gradient in gradients]
    return [0.0] * (len(states) - len(known)) + norms


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
    operators: Operators,
    optimizer: torch.optim.Optimizer,
    epochs: int,
    *,
    patience: int = 0,
    sample: Sample = whole,
    on_epoch: Callable[[float], None] = lambda loss: None,
) -> Fit:
    """Train and keep the weights of the first epoch with the highest validation score.

    Args:
        network: trained in place.
        task: features, labels and splits; the test nodes are scored, never used to choose.
        operators: matrices of the graph.
        optimizer: of the network's parameters.
        epochs: most steps.
        patience: steps without a better validation score after which training ends; 0: never.
        sample: gives the operators of one training step (DropEdge).
        on_epoch: called with the training loss after every epoch.

    Returns:
        The chosen epoch, its scores and all losses.
    """
    fit, best = Fit(), {}
    with denormals_flushed():
        for epoch in range(1, epochs + 1):
            fit.losses.append(float(train_step(network, task, sample(operators), optimizer)))
            on_epoch(fit.losses[-1])
            network.eval()
            with torch.no_grad():
                logits = network(task.features, operators)
            validation = score(logits, task, task.validation)
            if validation > fit.validation_score:
                fit.best_epoch, fit.validation_score = epoch, validation
                fit.test_score = score(logits, task, task.test)
                best = copy.deepcopy(network.state_dict())
            elif patience and epoch - fit.best_epoch >= patience:
                break
    network.load_state_dict(best)
    return fit
