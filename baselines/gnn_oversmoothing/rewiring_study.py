"""Study `rewiring`: what a rewiring does to the graph, and what that does to a model trained on it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.special import stdtrit

from baselines.common.claims import Claim
from baselines.common.compute import numpy_generator
from baselines.common.errors import UserError
from baselines.common.record import Outcome, Record, Tick
from baselines.gnn_oversmoothing import assembly
from baselines.gnn_oversmoothing.config import Config
from baselines.gnn_oversmoothing.curvature import balanced_forman, ollivier, undirected_edges
from baselines.gnn_oversmoothing.graphs import Task
from baselines.gnn_oversmoothing.network import parameter_count
from baselines.gnn_oversmoothing.resistance import spectral_gap, total_effective_resistance
from baselines.gnn_oversmoothing.rewiring import random_edges
from baselines.gnn_oversmoothing.rewirings.none import Rewiring as Untouched

MOST_NODES = 5000  # the dense pseudo-inverse of a larger Laplacian takes minutes
ROUNDING = 1e-9  # relative error of a total resistance

FloatArray = NDArray[np.float64]
Quantities = dict[str, FloatArray]


def run(cfg: Config, record: Record) -> Outcome:
    """For every seed: measure and train on the graph as it is and on the rewired one, from the same weights."""
    rows: list[dict[str, float]] = []
    with record.progress(2 * cfg.study.repeats * cfg.epochs, "training") as tick:
        for seed in range(cfg.seed, cfg.seed + cfg.study.repeats):
            task, row, parameters = one_seed(replace(cfg, seed=seed), record, tick)
            rows.append(row)
    found = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    record.save(seed=np.arange(cfg.seed, cfg.seed + cfg.study.repeats), **found)
    metrics = {"score_gain": float(found["score_gain"].mean())}
    if cfg.study.repeats > 1:
        metrics |= dict(zip(("score_gain_low", "score_gain_high"), interval(found["score_gain"]), strict=True))
    metrics |= {name: float(values.mean()) for name, values in found.items() if name != "score_gain"}
    return Outcome(metrics, claims(cfg, task, found), parameters)


def one_seed(cfg: Config, record: Record, tick: Tick) -> tuple[Task, dict[str, float], int]:
    """Return the rewired task, everything measured with one seed, and the number of parameters."""
    before, scores_before, _ = trained(replace(cfg, rewiring=Untouched()), record, tick, "before")
    after, scores_after, parameters = trained(cfg, record, tick, "after")
    old, new = before.graph.adjacency(), after.graph.adjacency()
    added, removed = (int((difference > 0).nnz / 2) for difference in (new - old, old - new))
    row = {"score_gain": scores_after["score"] - scores_before["score"]}
    for name, scores in (("before", scores_before), ("after", scores_after)):
        row |= {f"{key}_{name}": value for key, value in scores.items()}
    row["largest_class_share"] = float(torch.bincount(after.labels[after.test]).max() / after.test.sum())
    row |= {"edges_added": float(added), "edges_removed": float(removed)}
    with record.timed("structure"):
        control = random_edges(old, added, numpy_generator(cfg.seed, "control"))
        transport = cfg.rewiring.name == "BORF"
        measured = {"before": structure(old, after, transport)}
        measured["after"] = structure(new, after, transport) if added + removed else measured["before"]
        measured["control"] = structure(control, after, transport) if added else measured["before"]
    for key in measured["before"]:
        row |= {f"{key}_{name}": values[key] for name, values in measured.items()}
    record.save(
        **{f"forman_before_seed_{cfg.seed}": np.sort(balanced_forman(old))},
        **{f"forman_after_seed_{cfg.seed}": np.sort(balanced_forman(new))},
    )
    return after, row, parameters


def trained(cfg: Config, record: Record, tick: Tick, name: str) -> tuple[Task, dict[str, float], int]:
    """Rewire, build and train; weights and dropout depend on the seed only.

    Returns:
        The task on its rewired graph, the scores at the best validation epoch, and the number of parameters.

    Raises:
        UserError: If the graph is too large for its dense pseudo-inverse.
    """
    with record.timed(f"rewiring_{name}"):
        task, operators = assembly.load(cfg)
    if task.graph.num_nodes > MOST_NODES:
        raise UserError(
            f"study=rewiring needs a dense matrix of {task.graph.num_nodes} rows for the resistance; use a dataset "
            f"with at most {MOST_NODES} nodes"
        )

    def on_epoch(loss: float) -> None:
        record.log(f"training_{name}_seed_{cfg.seed}", loss=loss)
        tick(1, seed=cfg.seed, loss=loss)

    network = assembly.build(cfg, task, cfg.study.depth)
    with record.timed("training"):
        fit = assembly.fit(cfg, network, task, operators, on_epoch)
    tick(cfg.epochs - len(fit.losses))
    return task, {"score": fit.test_score, "validation": fit.validation_score}, parameter_count(network)


def structure(adjacency: sparse.csr_array, task: Task, transport: bool) -> dict[str, float]:
    """Return what a rewiring may change: spectral gap, resistance, curvature, homophily (edges within a class)."""
    i, j = undirected_edges(adjacency)
    labels, forman = task.labels.cpu().numpy(), balanced_forman(adjacency)
    found = {
        "spectral_gap": spectral_gap(adjacency),
        "total_resistance": total_effective_resistance(adjacency),
        "homophily": float((labels[i] == labels[j]).mean()),
        "forman_min": float(forman.min()),
        "forman_mean": float(forman.mean()),
        "edges": float(i.size),
        "components": float(connected_components(adjacency, directed=False)[0]),
    }
    return found | ({"ollivier_min": float(ollivier(adjacency).min())} if transport else {})


def interval(values: FloatArray) -> tuple[float, float]:
    """Return the 95 % t-interval of a mean."""
    half = float(stdtrit(values.size - 1, 0.975) * values.std(ddof=1)) / math.sqrt(values.size)
    return float(values.mean()) - half, float(values.mean()) + half


def claims(cfg: Config, task: Task, found: Quantities) -> list[Claim]:
    """Return what holds for every rewiring, and the objective of this one; the worst seed counts."""
    name, removed = cfg.rewiring.name, bool(found["edges_removed"].any())
    ratio = found["total_resistance_after"] / found["total_resistance_before"]
    general = [
        Claim(
            id="gnn.rewiring.components",
            statement=f"{name} joins and splits no connected components of {task.name} (change of their number)",
            predicted=0.0,
            low=0.0,
            high=0.0,
            measured=float(np.abs(found["components_after"] - found["components_before"]).max()),
            source="construction; an edge of positive curvature is no bridge",
        ),
        Claim(
            id="gnn.rewiring.rayleigh",
            statement=f"{name} does not raise the total effective resistance of {task.name} if it removes no edge "
            "(after / before, largest)",
            predicted=None,
            low=None,
            high=1.0 + ROUNDING,
            measured=None if removed else float(ratio.max()),
            source="Rayleigh's monotonicity law: a new edge raises no resistance",
        ),
    ]
    if cfg.rewiring.complete_last and cfg.model.name == "GCN" and cfg.norm.layer(1) is None:
        general.append(constant_claim(task, found))
    return general + [c for c in objectives(task, found) if c.id.startswith(f"gnn.{name.lower()}.")]


def constant_claim(task: Task, found: Quantities) -> Claim:
    """A GCN whose last layer sees the complete graph gives all nodes the same class."""
    known = task.score == "accuracy"
    return Claim(
        id="gnn.fully_adjacent.constant",
        statement=f"GCN with a fully adjacent last layer is no better than one class for all nodes of {task.name} "
        "(accuracy - largest share of a class among the test nodes, largest)",
        predicted=None,
        low=None,
        high=1e-6,
        measured=float((found["score_after"] - found["largest_class_share"]).max()) if known else None,
        source="P of the complete graph with self-loops is 1 1^T / N, so all rows of P X W are equal",
    )


def objectives(task: Task, found: Quantities) -> list[Claim]:
    """Return the claim of every rewiring that has an objective; the control is random edges in the same number."""

    def gain(quantity: str, reference: str) -> float | None:
        if f"{quantity}_after" not in found:
            return None
        return float((found[f"{quantity}_after"] - found[f"{quantity}_{reference}"]).min())

    return [
        Claim(
            id="gnn.fosr.gap",
            statement=f"FoSR does not lower the spectral gap of {task.name} (after - before, smallest)",
            predicted=None,
            low=0.0,
            high=None,
            measured=gain("spectral_gap", "before"),
            source="Karhadkar et al., ICLR 2023; to first order the gap rises",
        ),
        Claim(
            id="gnn.fosr.control",
            statement=f"FoSR raises the spectral gap of {task.name} more than as many random edges do "
            "(FoSR - random, smallest)",
            predicted=None,
            low=0.0,
            high=None,
            measured=gain("spectral_gap", "control"),
            source="Karhadkar et al., ICLR 2023",
        ),
        Claim(
            id="gnn.gtr.control",
            statement=f"GTR leaves {task.name} with less total effective resistance than as many random edges (ratio, "
            "largest)",
            predicted=None,
            low=None,
            high=1.0,
            measured=float((found["total_resistance_after"] / found["total_resistance_control"]).max()),
            source="Black et al., ICML 2023: greedy maximum in every step",
        ),
        Claim(
            id="gnn.sdrf.curvature",
            statement=f"SDRF raises the lowest Balanced Forman curvature of {task.name} (after - before, smallest)",
            predicted=None,
            low=0.0,
            high=None,
            measured=gain("forman_min", "before"),
            source="Topping et al., ICLR 2022, Alg. 1; not guaranteed: a new edge has a curvature, too",
        ),
        Claim(
            id="gnn.borf.curvature",
            statement=f"BORF raises the lowest Ollivier-Ricci curvature of {task.name} (after - before, smallest)",
            predicted=None,
            low=0.0,
            high=None,
            measured=gain("ollivier_min", "before"),
            source="Nguyen et al., ICML 2023; not guaranteed: a new edge raises the degrees of its ends",
        ),
    ]
