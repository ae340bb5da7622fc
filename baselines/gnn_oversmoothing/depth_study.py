"""Study `depth`: one model trained at several depths, measured layer by layer, before and after training."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from baselines.common.record import Outcome, Record
from baselines.gnn_oversmoothing import assembly, spectra
from baselines.gnn_oversmoothing.config import Config
from baselines.gnn_oversmoothing.depth_claims import claims, largest_class_share
from baselines.gnn_oversmoothing.graphs import Task
from baselines.gnn_oversmoothing.metrics import measure
from baselines.gnn_oversmoothing.network import DeepGNN, parameter_count
from baselines.gnn_oversmoothing.operators import Operators
from baselines.gnn_oversmoothing.pair_metrics import Pairs, measure_pairs
from baselines.gnn_oversmoothing.training import Fit, gradient_norms

SUMMARISED = ("energy", "normalised_energy", "rayleigh_quotient", "effective_rank")


@dataclass
class Layers:
    """What was measured in one network, trained or not.

    Attributes:
        layers: metrics of X_0, ..., X_L.
        read: metrics of what the decoder sees: X_L, or what a readout makes of all layers.
    """

    layers: list[dict[str, float]]
    read: dict[str, float]


@dataclass
class DepthResult:
    """One network.

    Attributes:
        depth: number of graph layers L.
        fit: what training left.
        before: its representations before training.
        after: those of the best epoch.
        energy_factors: s_l^2 of the energy bound for l = 1..L, None where there is no bound.
        parameters: number of trained parameters.
    """

    depth: int
    fit: Fit
    before: Layers
    after: Layers
    energy_factors: list[float | None]
    parameters: int


def run(cfg: Config, record: Record) -> Outcome:
    """Train every depth, measure every layer, compare with the predictions."""
    task, operators = assembly.load(cfg)
    with record.timed("spectrum"):
        decay = spectra.decay_eigenvalues(task.graph.adjacency(), 1)
    factor = float(decay[0]) if decay.size else 0.0
    pairs = Pairs.of(task.graph, task.labels, task.features)
    results = []
    with record.progress(sum(cfg.study.depths) * cfg.epochs, "training") as tick:
        for depth in cfg.study.depths:

            def on_epoch(loss: float, depth: int = depth) -> None:
                record.log(f"training_depth_{depth}", loss=loss)
                tick(depth, depth=depth, loss=loss)

            network = assembly.build(cfg, task, depth)
            with record.timed("measuring"):
                before = inspect_layers(network, task, pairs)
            with record.timed("training"):
                fit = assembly.fit(cfg, network, task, operators, on_epoch)
            tick(depth * (cfg.epochs - len(fit.losses)))
            with record.timed("measuring"):
                after = inspect_layers(network, task, pairs)
            factors = [layer.energy_factor() if network.is_plain else None for layer in network.layers]  # type: ignore[operator]
            results.append(DepthResult(depth, fit, before, after, factors, parameter_count(network)))
    save_curves(record, task, results, factor)
    metrics = summary(task, results) | {"spectral_lambda": factor}
    return Outcome(metrics, claims(cfg, task, results, factor), results[-1].parameters)


def inspect_layers(network: DeepGNN, task: Task, pairs: Pairs) -> Layers:
    """Measure X_0, ..., X_L of a network, and the gradients of the training loss that reach them.

    Everything is computed anew in float64 from the weights, so that small energies are not rounding error.
    """
    exact = copy.deepcopy(network).double()
    operators = Operators(task.graph, torch.float64)
    task = task.to(task.labels.device, torch.float64)
    gradients = gradient_norms(exact, task, operators)
    with torch.no_grad():
        states = exact.states(task.features, operators)
        read = exact.read(states)
    layers = [
        measure_all(dense(state), task, pairs) | {"gradient_norm": gradient}
        for state, gradient in zip(states, gradients, strict=True)
    ]
    return Layers(layers, layers[-1] if exact.readout is None else measure_all(read, task, pairs))


def measure_all(x: Tensor, task: Task, pairs: Pairs) -> dict[str, float]:
    """Return every metric of representations X [N, F]."""
    return measure(x, task.graph) | measure_pairs(x, pairs)


def dense(state: object) -> Tensor:
    """Return a representation as a dense matrix; only features can be sparse."""
    return state if isinstance(state, Tensor) else state.dense()  # type: ignore[attr-defined]


def save_curves(record: Record, task: Task, results: list[DepthResult], decay: float) -> None:
    """Store scores [D] and layer metrics [D, L_max + 1] (NaN beyond a network's depth), before and after training."""
    record.save(
        depth=[r.depth for r in results],
        test_score=[r.fit.test_score for r in results],
        validation_score=[r.fit.validation_score for r in results],
        best_epoch=[r.fit.best_epoch for r in results],
        epochs=[len(r.fit.losses) for r in results],
        spectral_lambda=decay,
        chance=0.5 if task.score == "roc_auc" else largest_class_share(task),
    )
    deepest = max(r.depth for r in results)
    for prefix, measured in (("layer", "after"), ("untrained_layer", "before")):
        for name in results[0].after.layers[0]:
            table = np.full((len(results), deepest + 1), np.nan)
            for row, result in zip(table, results, strict=True):
                row[: result.depth + 1] = [layer[name] for layer in getattr(result, measured).layers]
            record.save(**{f"{prefix}_{name}": table})
    for name in results[0].after.read:
        record.save(**{f"read_{name}": [r.after.read.get(name, np.nan) for r in results]})


def summary(task: Task, results: list[DepthResult]) -> dict[str, float]:
    """Return the scores, and the metrics of what the decoder sees, by depth."""
    metrics = {f"{task.score}_depth_{r.depth}": r.fit.test_score for r in results}
    for name in SUMMARISED:
        metrics |= {f"{name}_depth_{r.depth}": r.after.read[name] for r in results}
    return metrics
