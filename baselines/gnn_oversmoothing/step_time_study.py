"""Study `step_time`: a training step with sparse operators against PyG's ``GCNConv(edge_index)``, side by side."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.nn import GCNConv

from baselines.common.claims import Claim
from baselines.common.compute import subseed, torch_device, torch_dtype
from baselines.common.record import Outcome, Record
from baselines.gnn_oversmoothing.config import Config
from baselines.gnn_oversmoothing.graphs import Task
from baselines.gnn_oversmoothing.layers import GCNLayer
from baselines.gnn_oversmoothing.network import DeepGNN, parameter_count
from baselines.gnn_oversmoothing.sparse import SparseOperator
from baselines.gnn_oversmoothing.training import train_step

LARGE_GRAPH = 1000  # nodes; on smaller graphs the time is Python's, not arithmetic

Step = Callable[[], Tensor]


class ReferenceGCN(nn.Module):
    """The network of PyG's example gcn.py: two ``GCNConv`` layers on dense features and an edge list.

    Args:
        widths: features, hidden width, classes.
        dropout: probability of dropping an entry.
        cached: whether the layers keep the normalised edges (the example does not).
    """

    def __init__(self, widths: tuple[int, int, int], dropout: float, cached: bool) -> None:
        """Create both layers."""
        super().__init__()
        self.conv1 = GCNConv(widths[0], widths[1], cached=cached)
        self.conv2 = GCNConv(widths[1], widths[2], cached=cached)
        self.dropout = dropout

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        """Return the logits [N, C]."""
        x = F.dropout(x, self.dropout, self.training)
        x = self.conv1(x, edge_index).relu()
        x = F.dropout(x, self.dropout, self.training)
        out: Tensor = self.conv2(x, edge_index)
        return out


def sparse_gcn(reference: ReferenceGCN, widths: tuple[int, int, int], dropout: float) -> DeepGNN:
    """Return the suite's network with the reference's weights."""
    layers = [GCNLayer(widths[0], widths[1], bias=True), GCNLayer(widths[1], widths[2], bias=True)]
    for layer, conv in zip(layers, (reference.conv1, reference.conv2), strict=True):
        layer.linear.weight.data = conv.lin.weight.data.T.clone()
        layer.bias.data = conv.bias.data.clone()  # type: ignore[union-attr]
    return DeepGNN(layers, width=None, num_features=widths[0], num_classes=widths[2], dropout=dropout, relu=True)


def steps_of(cfg: Config, task: Task, dropout: float) -> dict[str, Step]:
    """Return one training step of each implementation, all from the same weights, with the same optimizer."""
    device, dtype = torch_device(cfg), torch_dtype(cfg)
    torch.manual_seed(subseed(cfg.seed, "network"))
    widths = (task.num_features, cfg.study.width, task.num_classes)
    plain = ReferenceGCN(widths, dropout, cached=False).to(device, dtype)
    cached = ReferenceGCN(widths, dropout, cached=True).to(device, dtype)
    cached.load_state_dict(plain.state_dict())
    ours = sparse_gcn(plain, widths, dropout).to(device, dtype)
    p = task.graph.propagation(dtype)
    ours_optimizer = _optimizer(cfg, ours.layers[0], ours.layers[1])
    return {
        "plain": _reference_step(plain, task, _optimizer(cfg, plain.conv1, plain.conv2)),
        "cached": _reference_step(cached, task, _optimizer(cfg, cached.conv1, cached.conv2)),
        "sparse": lambda: train_step(ours, task, p, ours_optimizer),
    }


def _optimizer(cfg: Config, first: nn.Module, second: nn.Module) -> torch.optim.Adam:
    groups = [
        {"params": list(first.parameters()), "weight_decay": cfg.weight_decay},
        {"params": list(second.parameters()), "weight_decay": 0.0},
    ]
    return torch.optim.Adam(groups, lr=cfg.learning_rate)


def _reference_step(network: ReferenceGCN, task: Task, optimizer: torch.optim.Optimizer) -> Step:
    x = task.features.dense() if isinstance(task.features, SparseOperator) else task.features

    def step() -> Tensor:
        network.train()
        optimizer.zero_grad()
        logits = network(x, task.graph.edge_index)
        loss = F.cross_entropy(logits[task.train], task.labels[task.train])
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def seconds(step: Step, repeats: int, device: torch.device) -> float:
    """Return the time of one step, averaged over a block.

    On a CPU this is the processor time of this process, so that other programs count little; on a GPU wall time.
    """
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        clock = time.perf_counter
    else:
        clock = time.process_time
    begin = clock()
    for _ in range(repeats):
        step()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return (clock() - begin) / repeats


def run(cfg: Config, record: Record) -> Outcome:
    """Compare the losses without dropout, then time alternating blocks with dropout."""
    device = torch_device(cfg)
    task = cfg.dataset.load(cfg).to(device, torch_dtype(cfg))
    losses = {
        name: [float(step()) for _ in range(cfg.study.compared_steps)]
        for name, step in steps_of(cfg, task, dropout=0.0).items()
    }
    difference = float(np.abs(np.subtract(losses["plain"], losses["sparse"])).max())
    steps = steps_of(cfg, task, cfg.dropout)
    times: dict[str, list[float]] = {name: [] for name in steps}
    for step in steps.values():
        seconds(step, cfg.study.steps, device)  # warm-up
    with record.progress(cfg.study.blocks, "timing") as tick, record.timed("timing"):
        for _ in range(cfg.study.blocks):
            for name, step in steps.items():
                times[name].append(seconds(step, cfg.study.steps, device))
            tick(1, ratio=times["plain"][-1] / times["sparse"][-1])
    record.save(**{f"{name}_loss": values for name, values in losses.items()})
    record.save(**{f"{name}_step_s": values for name, values in times.items()})
    median = {name: float(np.median(values)) for name, values in times.items()}
    metrics = {f"{name}_step_ms": 1e3 * value for name, value in median.items()}
    metrics |= {"plain_over_sparse": median["plain"] / median["sparse"]}
    metrics |= {"cached_over_sparse": median["cached"] / median["sparse"], "loss_difference": difference}
    widths = (task.num_features, cfg.study.width, task.num_classes)
    parameters = parameter_count(ReferenceGCN(widths, cfg.dropout, cached=False))
    return Outcome(metrics, claims(cfg, task, metrics), parameters)


def claims(cfg: Config, task: Task, metrics: dict[str, float]) -> list[Claim]:
    """Return the claims: the same function, at most half of the time."""
    large = task.graph.num_nodes >= LARGE_GRAPH and isinstance(task.features, SparseOperator)
    return [
        Claim(
            id="gnn.step_time.same_losses",
            statement=f"On {task.name} the sparse 2-layer GCN and PyG's GCNConv(edge_index) have the same losses over "
            f"{cfg.study.compared_steps} steps without dropout (largest difference, nats)",
            predicted=0.0,
            low=None,
            high=1e-5,
            measured=metrics["loss_difference"],
            source="same function; float32 rounding",
        ),
        Claim(
            id="gnn.step_time.ratio",
            statement=f"On {task.name} a training step of PyG's 2-layer GCNConv(edge_index) takes at least twice the "
            "time of the same step with sparse features and a precomputed CSR matrix (ratio of medians)",
            predicted=None,
            low=2.0,
            high=None,
            measured=metrics["plain_over_sparse"] if large else None,
            source="this project, study=step_time",
        ),
    ]
