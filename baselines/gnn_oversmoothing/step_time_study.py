"""Study `step_time`: a training step with sparse operators against PyG's layers on an edge list, side by side."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.nn import GCN2Conv, GCNConv

from baselines.common.claims import Claim
from baselines.common.compute import subseed, torch_device, torch_dtype
from baselines.common.record import Outcome, Record
from baselines.gnn_oversmoothing.batched import BatchedGCN, batched_task
from baselines.gnn_oversmoothing.config import Config
from baselines.gnn_oversmoothing.graphs import Task
from baselines.gnn_oversmoothing.layers.base import GraphLayer
from baselines.gnn_oversmoothing.network import DeepGNN, parameter_count
from baselines.gnn_oversmoothing.operators import Operators
from baselines.gnn_oversmoothing.sparse import SparseOperator
from baselines.gnn_oversmoothing.training import train_step

LARGE_GRAPH = 1000  # nodes; on smaller graphs the time is Python's, not arithmetic
TARGETS = {2: 0.35, 16: 0.75, 64: 0.75}  # this suite's step over PyG's, at most
BATCHED_SEEDS = 5

Step = Callable[[], Tensor]


class PlainPyG(nn.Module):
    """L PyG layers on dense features and an edge list, as in PyG's examples gcn.py and gcn2_cora.py.

    Args:
        model: "GCN" (the first and last layer change the width) or "GCNII" (between two linear maps).
        widths: features, hidden width, classes.
        depth: number of graph layers L.
        dropout: probability of dropping an entry.
        cached: whether the layers keep the normalised edges (the examples' plain form does not).
        alpha: share of the first representation (GCNII).
        theta: how much of the weight matrix a layer takes (GCNII).
    """

    def __init__(
        self,
        model: str,
        widths: tuple[int, int, int],
        depth: int,
        dropout: float,
        cached: bool,
        alpha: float = 0.1,
        theta: float = 0.5,
    ) -> None:
        """Create the layers."""
        super().__init__()
        features, hidden, classes = widths
        self.dropout, self.linears = dropout, nn.ModuleList()
        convs: list[nn.Module]
        if model == "GCN":
            steps = [features, *[hidden] * (depth - 1), classes]
            convs = [GCNConv(a, b, cached=cached) for a, b in pairwise(steps)]
        else:
            self.linears.extend([nn.Linear(features, hidden), nn.Linear(hidden, classes)])
            convs = [GCN2Conv(hidden, alpha, theta, layer, cached=cached) for layer in range(1, depth + 1)]
        self.convs = nn.ModuleList(convs)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        """Return the logits [N, C]."""
        if not self.linears:
            for conv in self.convs[:-1]:
                x = conv(F.dropout(x, self.dropout, self.training), edge_index).relu()
            logits: Tensor = self.convs[-1](F.dropout(x, self.dropout, self.training), edge_index)
            return logits
        first = x = self.linears[0](F.dropout(x, self.dropout, self.training)).relu()
        for conv in self.convs:
            x = conv(F.dropout(x, self.dropout, self.training), first, edge_index).relu()
        last: Tensor = self.linears[1](F.dropout(x, self.dropout, self.training))
        return last


def sparse_copy(reference: PlainPyG, cfg: Config, task: Task, depth: int, dropout: float) -> DeepGNN:
    """Return the suite's network with the reference's weights."""
    is_gcn = not reference.linears
    if is_gcn:
        from baselines.gnn_oversmoothing.layers.gcn import GCNLayer

        widths = [task.num_features, *[cfg.study.width] * (depth - 1), task.num_classes]
        layers: list[GraphLayer] = [GCNLayer(a, b, bias=True) for a, b in pairwise(widths)]
    else:
        layers = cfg.model.layers([cfg.study.width] * (depth + 1))
    network = DeepGNN(
        layers,
        width=None if is_gcn else cfg.study.width,
        num_features=task.num_features,
        num_classes=task.num_classes,
        dropout=dropout,
        relu=True,
    )
    pairs: list[tuple[Any, Any]] = list(zip(network.layers, reference.convs, strict=True))
    for layer, conv in pairs:
        layer.linear.weight.data = (conv.lin.weight.T if is_gcn else conv.weight1).data.clone().contiguous()
        if is_gcn:
            layer.bias.data = conv.bias.data.clone()
    ends: list[tuple[Any, Any]] = list(zip((network.encoder, network.decoder), reference.linears, strict=False))
    for ours, linear in ends:
        ours.weight.data, ours.bias.data = linear.weight.data.T.contiguous().clone(), linear.bias.data.clone()
    return network.to(device=torch_device(cfg), dtype=next(reference.parameters()).dtype)


def steps_of(cfg: Config, task: Task, depth: int, dropout: float, dtype: torch.dtype) -> dict[str, Step]:
    """Return one training step of each implementation, all from the same weights, with the same optimizer."""
    device = torch_device(cfg)
    task = task.to(device, dtype)
    torch.manual_seed(subseed(cfg.seed, "network", depth))
    widths = (task.num_features, cfg.study.width, task.num_classes)
    options = {} if cfg.model.name == "GCN" else {"alpha": cfg.model.alpha, "theta": cfg.model.theta}
    plain, cached = (
        PlainPyG(cfg.model.name, widths, depth, dropout, cached, **options).to(device, dtype)
        for cached in (False, True)
    )
    cached.load_state_dict(plain.state_dict())
    ours = sparse_copy(plain, cfg, task, depth, dropout)
    operators, optimizer = Operators(task.graph, dtype), _optimizer(cfg, ours)
    return {
        "plain": _reference_step(plain, task, _optimizer(cfg, plain)),
        "cached": _reference_step(cached, task, _optimizer(cfg, cached)),
        "sparse": lambda: train_step(ours, task, operators, optimizer),
    }


def _optimizer(cfg: Config, network: nn.Module) -> torch.optim.Adam:
    return torch.optim.Adam(network.parameters(), lr=cfg.learning_rate, weight_decay=cfg.weight_decay)


def _reference_step(network: PlainPyG, task: Task, optimizer: torch.optim.Optimizer) -> Step:
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


def batched_steps(cfg: Config, task: Task, depth: int) -> dict[str, Step]:
    """Return one training step of `BATCHED_SEEDS` networks: one after the other, and all in one batched network."""
    device, dtype = torch_device(cfg), torch_dtype(cfg)
    sizes = (task.num_features, cfg.study.width, task.num_classes)
    batched = BatchedGCN(BATCHED_SEEDS, sizes, depth, cfg.dropout).to(device, dtype)
    operators, p, features = Operators(task.graph, dtype), *batched_task(task, BATCHED_SEEDS, dtype)
    singles = [batched.single(seed, cfg.dropout) for seed in range(BATCHED_SEEDS)]
    optimizers = [_optimizer(cfg, network) for network in singles]
    optimizer = _optimizer(cfg, batched)

    def one_by_one() -> Tensor:
        losses = [train_step(network, task, operators, own) for network, own in zip(singles, optimizers, strict=True)]
        return torch.stack(losses).sum()

    def together() -> Tensor:
        optimizer.zero_grad()
        loss = batched.loss(features, p, task)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return {"one_by_one": one_by_one, "together": together}


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
    """Compare the losses without dropout, then time alternating blocks with dropout, at every depth."""
    device = torch_device(cfg)
    task = cfg.dataset.load(cfg).to(device, torch_dtype(cfg))
    metrics: dict[str, float] = {}
    with record.progress(cfg.study.blocks * len(cfg.study.depths), "timing") as tick:
        for depth in cfg.study.depths:
            losses = {
                name: [float(step()) for _ in range(cfg.study.compared_steps)]
                for name, step in steps_of(cfg, task, depth, 0.0, torch.float64).items()
            }
            record.save(**{f"{name}_loss_depth_{depth}": values for name, values in losses.items()})
            difference = np.abs(np.subtract(losses["plain"], losses["sparse"])).max()
            metrics[f"loss_difference_depth_{depth}"] = float(difference)
            steps = steps_of(cfg, task, depth, cfg.dropout, torch_dtype(cfg))
            if cfg.model.name == "GCN":
                steps |= batched_steps(cfg, task, depth)
            repeats = max(1, 2 * cfg.study.steps // depth)
            times: dict[str, list[float]] = {name: [] for name in steps}
            for step in steps.values():
                seconds(step, repeats, device)  # warm-up
            with record.timed("timing"):
                for _ in range(cfg.study.blocks):
                    for name, step in steps.items():
                        times[name].append(seconds(step, repeats, device))
                    tick(1, depth=depth, ratio=times["sparse"][-1] / times["plain"][-1])
            record.save(**{f"{name}_step_depth_{depth}_s": values for name, values in times.items()})
            median = {name: float(np.median(values)) for name, values in times.items()}
            metrics |= {f"{name}_step_ms_depth_{depth}": 1e3 * value for name, value in median.items()}
            metrics[f"sparse_over_plain_depth_{depth}"] = median["sparse"] / median["plain"]
            metrics[f"sparse_over_cached_depth_{depth}"] = median["sparse"] / median["cached"]
            if "together" in median:
                metrics[f"together_over_one_by_one_depth_{depth}"] = median["together"] / median["one_by_one"]
    record.save(depth=cfg.study.depths)
    widths = (task.num_features, cfg.study.width, task.num_classes)
    parameters = parameter_count(PlainPyG(cfg.model.name, widths, cfg.study.depths[-1], cfg.dropout, cached=False))
    return Outcome(metrics, claims(cfg, task, metrics), parameters)


def claims(cfg: Config, task: Task, metrics: dict[str, float]) -> list[Claim]:
    """Return the claims: the same function, and a bound on the time at depths with a target."""
    large = task.graph.num_nodes >= LARGE_GRAPH and isinstance(task.features, SparseOperator)
    name, found = cfg.model.name, []
    for depth in cfg.study.depths:
        network = f"{depth}-layer {name} of width {cfg.study.width}"
        found.append(
            Claim(
                id=f"gnn.step_time.{name.lower()}.same_losses",
                statement=f"On {task.name} the {network} has the same losses with sparse operators as with PyG's "
                f"layers on an edge list, over {cfg.study.compared_steps} steps in float64 without dropout (largest "
                "difference, nats)",
                predicted=0.0,
                low=None,
                high=1e-9,
                measured=metrics[f"loss_difference_depth_{depth}"],
                source="same function; rounding of float64",
            )
        )
        target = TARGETS.get(depth)
        if target is not None:
            found.append(
                Claim(
                    id=f"gnn.step_time.{name.lower()}.ratio",
                    statement=f"On {task.name} a training step of the {network} with sparse operators takes at most "
                    f"{target} of the time of PyG's layers on an edge list (ratio of medians)",
                    predicted=None,
                    low=None,
                    high=target,
                    measured=metrics[f"sparse_over_plain_depth_{depth}"] if large else None,
                    source="this project, study=step_time",
                )
            )
    return found
