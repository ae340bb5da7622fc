"""Study `depth`: one model trained at several depths, measured layer by layer, against the spectral gap."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import numpy as np
import torch

from baselines.common.claims import Claim
from baselines.common.compute import numpy_generator, subseed, torch_device, torch_dtype
from baselines.common.record import Outcome, Record
from baselines.gnn_oversmoothing import spectra
from baselines.gnn_oversmoothing.config import Config
from baselines.gnn_oversmoothing.graphs import Graph, Task
from baselines.gnn_oversmoothing.metrics import measure
from baselines.gnn_oversmoothing.network import DeepGNN, parameter_count, representations
from baselines.gnn_oversmoothing.sparse import SparseOperator
from baselines.gnn_oversmoothing.training import Fit, adam, train

PROBE_COLUMNS = 16  # columns of the random matrix that is propagated to measure the linear rate
RATE_LAYERS = 64  # earliest layer from which the linear rate is measured
MOST_LAYERS = 4096  # a graph that needs more layers to reach its rate is not measured
SECOND_MODE = 1e-3  # energy of the second mode relative to the first where the measurement starts
TOLERANCE = 0.01  # of the linear rate
NO_DECAY = 1e-12  # a smaller lambda is rounding error of zero: one layer removes all energy
ROUNDING = 1e-24  # Rayleigh quotients below this are rounding error of float64
COLLAPSE_DEPTH = 64
TRAINED_EPOCHS = 200  # shorter training is too short for claims about accuracy
SCORED_NODES = 100  # fewer test nodes are too few for claims about accuracy


@dataclass
class DepthResult:
    """One trained network.

    Attributes:
        depth: number of graph layers L.
        fit: what training left.
        layers: metrics of X_0, ..., X_L.
        energy_factors: s_l^2 of the energy bound for l = 1..L, None where there is no bound.
        parameters: number of trained parameters.
    """

    depth: int
    fit: Fit
    layers: list[dict[str, float]]
    energy_factors: list[float | None]
    parameters: int


def build(cfg: Config, task: Task, depth: int) -> DeepGNN:
    """Return the untrained network of `depth` graph layers around the model of `cfg`."""
    if cfg.ends == "linear":
        widths = [cfg.hidden] * (depth + 1)
    else:
        widths = [task.num_features, *[cfg.hidden] * (depth - 1), task.num_classes]
    layers = [cfg.model.layer(i + 1, widths[i], widths[i + 1]) for i in range(depth)]
    network = DeepGNN(
        layers,
        width=cfg.hidden if cfg.ends == "linear" else None,
        num_features=task.num_features,
        num_classes=task.num_classes,
        dropout=cfg.dropout,
        relu=cfg.model.relu,
    )
    return network.to(device=torch_device(cfg), dtype=torch_dtype(cfg))


def run(cfg: Config, record: Record) -> Outcome:
    """Train every depth, measure every layer, compare with the predictions."""
    device, dtype = torch_device(cfg), torch_dtype(cfg)
    task = cfg.dataset.load(cfg).to(device, dtype)
    p = task.graph.propagation(dtype)
    with record.timed("spectrum"):
        decay, rate = linear_rate(task.graph, cfg.seed)
    results = []
    with record.progress(sum(cfg.study.depths) * cfg.epochs, "training") as tick:
        for depth in cfg.study.depths:

            def on_epoch(loss: float, depth: int = depth) -> None:
                record.log(f"training_depth_{depth}", loss=loss)
                tick(depth, depth=depth, loss=loss)

            with record.timed("training"):
                torch.manual_seed(subseed(cfg.seed, "network", depth))
                network = build(cfg, task, depth)
                optimizer = adam(network, cfg.learning_rate, cfg.weight_decay, cfg.decay_on)
                fit = train(network, task, p, optimizer, cfg.epochs, on_epoch)
            with record.timed("measuring"):
                results.append(inspect_layers(network, task, depth, fit))
    save_curves(record, task, results, float(decay[0]))
    metrics = summary(results) | {"spectral_lambda": float(decay[0])}
    if rate is not None:
        metrics["linear_rate_ratio"] = rate
    return Outcome(metrics, claims(cfg, task, results, float(decay[0]), rate), results[-1].parameters)


def linear_rate(graph: Graph, seed: int) -> tuple[np.ndarray, float | None]:
    """Return the two leading moduli of P and the measured slope of log E_sym(P^l X) divided by 2 log(lambda).

    X is Gaussian; the slope is taken over the layers a..2a, a the layer from which the second mode is below
    `SECOND_MODE`; None if that is deeper than `MOST_LAYERS`.
    """
    adjacency = graph.adjacency()
    decay = spectra.decay_eigenvalues(adjacency, 2)
    start = max(float(RATE_LAYERS), spectra.layers_to_rate(decay, SECOND_MODE))
    if start > MOST_LAYERS or decay[0] < NO_DECAY:
        return decay, None
    first = math.ceil(start)
    x = numpy_generator(seed, "linear").standard_normal((graph.num_nodes, PROBE_COLUMNS))
    measured = spectra.slope(spectra.linear_decay(adjacency, x, 2 * first), first, 2 * first)
    return decay, measured / (2.0 * math.log(decay[0]))


def inspect_layers(network: DeepGNN, task: Task, depth: int, fit: Fit) -> DepthResult:
    """Measure X_0, ..., X_L of a trained network.

    They are recomputed in float64 from the trained weights, so that small energies are not rounding error.
    """
    exact = copy.deepcopy(network).double()
    p: SparseOperator = task.graph.propagation(torch.float64)
    states = representations(exact, task.features.to(dtype=torch.float64), p)
    return DepthResult(
        depth,
        fit,
        [measure(x, task.graph) for x in states],
        [layer.energy_factor() for layer in network.layers],  # type: ignore[operator]
        parameter_count(network),
    )


def save_curves(record: Record, task: Task, results: list[DepthResult], decay: float) -> None:
    """Store accuracies [D] and layer metrics [D, L_max + 1] (NaN beyond a network's depth)."""
    record.save(
        depth=[r.depth for r in results],
        test_accuracy=[r.fit.test_accuracy for r in results],
        validation_accuracy=[r.fit.validation_accuracy for r in results],
        best_epoch=[r.fit.best_epoch for r in results],
        spectral_lambda=decay,
        largest_class_share=largest_class_share(task),
    )
    for name in results[0].layers[0]:
        table = np.full((len(results), results[-1].depth + 1), np.nan)
        for row, result in zip(table, results, strict=True):
            row[: result.depth + 1] = [layer[name] for layer in result.layers]
        record.save(**{f"layer_{name}": table})


def summary(results: list[DepthResult]) -> dict[str, float]:
    """Return the accuracies and the metrics of the last representation, by depth."""
    metrics: dict[str, float] = {}
    for r in results:
        metrics[f"accuracy_depth_{r.depth}"] = r.fit.test_accuracy
    for name in ("energy", "normalised_energy", "rayleigh_quotient", "effective_rank"):
        for r in results:
            metrics[f"{name}_depth_{r.depth}"] = r.layers[-1][name]
    return metrics


def bound_ratio(results: list[DepthResult], decay: float) -> float | None:
    """Return max over layers of E_sym(X_l) / (lambda^2 s_l^2 E_sym(X_{l-1})), or None without such a layer.

    Layers whose energy is rounding error are left out.
    """
    ratios = []
    for r in results:
        for before, after, factor in zip(r.layers[:-1], r.layers[1:], r.energy_factors, strict=True):
            if factor is not None and before["rayleigh_quotient"] * decay**2 > ROUNDING:
                bound = decay**2 * factor * before["normalised_energy"]
                if bound > 0.0:
                    ratios.append(after["normalised_energy"] / bound)
    return max(ratios, default=None)


def largest_class_share(task: Task) -> float:
    """Return the share of the nodes that belong to the largest class: the accuracy of knowing nothing else."""
    return float(torch.bincount(task.labels).max()) / task.graph.num_nodes


def claims(cfg: Config, task: Task, results: list[DepthResult], decay: float, rate: float | None) -> list[Claim]:
    """Return the claims that concern this model; those outside their conditions are not measured."""
    by_depth = {r.depth: r.fit.test_accuracy for r in results}
    scored = int(task.test.sum())
    enough = cfg.epochs >= TRAINED_EPOCHS and scored >= SCORED_NODES
    found = [linear_claim(task, rate)]
    if cfg.model.name in ("GCN", "SGC"):
        found.append(bound_claim(cfg, task, bound_ratio(results, decay)))
    if cfg.model.name == "GCN":
        found.append(collapse_claim(task, scored, by_depth.get(COLLAPSE_DEPTH) if enough else None))
    if cfg.model.name == "GCNII":
        both = enough and {2, COLLAPSE_DEPTH} <= by_depth.keys()
        found.append(depth_claim(task, scored, by_depth[COLLAPSE_DEPTH] - by_depth[2] if both else None))
    return found


def linear_claim(task: Task, rate: float | None) -> Claim:
    """The energy of linear propagation decays at the rate of the spectral gap."""
    return Claim(
        id="gnn.linear.rate",
        statement=f"On {task.name} log E_sym of linear propagation falls by 2 log(lambda) per layer in the end "
        "(measured slope / predicted slope, from the layer where the second mode is 1000 times weaker)",
        predicted=1.0,
        low=1.0 - TOLERANCE,
        high=1.0 + TOLERANCE,
        measured=rate,
        source="lambda = max(|lambda_2|, |lambda_N|) of P by Lanczos; docs/gnn_oversmoothing.md",
    )


def bound_claim(cfg: Config, task: Task, ratio: float | None) -> Claim:
    """No layer keeps more energy than the bound allows."""
    return Claim(
        id=f"gnn.{cfg.model.name.lower()}.bound",
        statement=f"In every layer of every trained {cfg.model.name} on {task.name} "
        "E_sym(X_l) <= lambda^2 s_l^2 E_sym(X_(l-1)), s_l the largest singular value of W_l "
        "(largest ratio of the two sides)",
        predicted=1.0,
        low=None,
        high=1.0 + 1e-9,
        measured=ratio,
        source="Cai and Wang 2020, arXiv 2006.13318; layers without bias; proof in docs/gnn_oversmoothing.md",
    )


def collapse_claim(task: Task, scored: int, measured: float | None) -> Claim:
    """A deep GCN knows no more about the labels than their shares."""
    share = largest_class_share(task)
    return Claim(
        id="gnn.gcn.collapse",
        statement=f"GCN with {COLLAPSE_DEPTH} layers is no better than chance on {task.name}: at most the share "
        f"{share:.3g} of the largest class, within three standard errors of {scored} test nodes",
        predicted=share,
        low=None,
        high=share + 3.0 * math.sqrt(share * (1.0 - share) / scored),
        measured=measured,
        source="rank-one limit of P^L X, which carries degrees only; binomial error of the test accuracy",
    )


def depth_claim(task: Task, scored: int, measured: float | None) -> Claim:
    """GCNII loses nothing with depth."""
    return Claim(
        id="gnn.gcnii.depth",
        statement=f"GCNII with {COLLAPSE_DEPTH} layers is as accurate as with 2 on {task.name}: the difference "
        f"is above minus two standard errors of {scored} test nodes",
        predicted=0.0,
        low=-math.sqrt(2.0 / scored),  # 2 sqrt(2 q (1 - q) / n) is largest at q = 1/2
        high=None,
        measured=measured,
        source="Chen et al., ICML 2020 (accuracy does not fall with depth); binomial error of a difference",
    )
