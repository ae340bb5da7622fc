"""Study `neighbors_match`: training accuracy against the depth of the tree, with chains as control."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from baselines.common.claims import Claim
from baselines.common.compute import numpy_generator, subseed, torch_device, torch_dtype, torch_generator
from baselines.common.record import Outcome, Record
from baselines.gnn_oversmoothing.config import Config
from baselines.gnn_oversmoothing.network import parameter_count
from baselines.gnn_oversmoothing.tree_network import MatchFit, TreeNetwork, train
from baselines.gnn_oversmoothing.trees import MatchTree, information_bits, permutations

HARD_RADIUS = 4  # from here on not every model is published to fit all examples
PUBLISHED = {  # training accuracy at r = 2, 3, 4, 5: README of tech-srl/bottleneck
    "GGNN": (1.0, 1.0, 1.0, 0.60),
    "GAT": (1.0, 1.0, 1.0, 0.41),
    "GIN": (1.0, 1.0, 0.77, 0.29),
    "GCN": (1.0, 1.0, 0.70, 0.19),
}
SPREAD = 0.12  # GCN at r = 4: 0.70 published, 0.58 in a re-run by others (issue 7 of the repository)
SOLVED = 0.99  # training accuracy that counts as all
ENOUGH_STEPS, ENOUGH_HARD_STEPS = 10_000, 100_000  # fewer do not decide what can be learnt, below and from r = 4


@dataclass
class Match:
    """One trained network.

    Attributes:
        tree: its graph.
        fit: what training left.
        parameters: number of trained parameters.
    """

    tree: MatchTree
    fit: MatchFit
    parameters: int

    @property
    def name(self) -> str:
        """Name of the curves and metrics."""
        return f"chain_{self.tree.chain}" if self.tree.chain else f"radius_{self.tree.radius}"


def build(cfg: Config, tree: MatchTree) -> TreeNetwork:
    """Return the untrained network; every layer has weights of its own."""
    torch.manual_seed(subseed(cfg.seed, "network", tree.radius, tree.chain))
    width = cfg.study.width
    layers = [cfg.model.layers([width, width])[0] for _ in range(tree.distance + 1)]
    network = TreeNetwork(layers, tree, width, cfg.rewiring.complete_last)
    return network.to(device=torch_device(cfg), dtype=torch_dtype(cfg))


def run(cfg: Config, record: Record) -> Outcome:
    """Train all trees and chains."""
    study = cfg.study
    trees = [MatchTree(radius) for radius in study.radii]
    trees += [MatchTree(study.chain_radius, chain) for chain in study.chains]
    matches = []
    with record.progress(len(trees) * study.steps, "training") as tick:
        for tree in trees:
            match = train_tree(cfg, record, tree, tick)
            tick(max(0, study.steps - match.fit.steps))
            matches.append(match)
    save_curves(record, cfg, matches)
    metrics = {f"accuracy_{match.name}": match.fit.best for match in matches}
    metrics |= {f"steps_{match.name}": float(match.fit.steps) for match in matches}
    for match in matches:
        if study.train_share < 1.0:
            metrics[f"test_accuracy_{match.name}"] = match.fit.test_accuracy
    return Outcome(metrics, claims(cfg, matches), matches[-1].parameters)


def train_tree(cfg: Config, record: Record, tree: MatchTree, tick: object) -> Match:
    """Draw the examples and train one network; data and weights have random streams of their own."""
    study = cfg.study
    random = numpy_generator(cfg.seed, "match", tree.radius)
    values = permutations(tree.radius, study.permutations, random)
    mask = random.random(values.shape) < study.train_share
    network = build(cfg, tree)
    name = Match(tree, MatchFit(), 0).name

    def on_epoch(steps: int, loss: float, accuracy: float) -> None:
        record.log(f"training_{name}", loss=loss, accuracy=accuracy)
        tick(steps, tree=name, accuracy=accuracy)  # type: ignore[operator]

    with record.timed(f"training_{name}"):
        fit = train(
            network,
            torch.from_numpy(values).to(torch_device(cfg)),
            torch.from_numpy(mask).to(torch_device(cfg)),
            torch_generator(cfg.seed, "order", tree.radius),
            steps=study.steps,
            batch_size=study.batch_size,
            learning_rate=study.learning_rate,
            plateau=study.plateau,
            patience=study.patience,
            on_epoch=on_epoch,
        )
    return Match(tree, fit, parameter_count(network))


def save_curves(record: Record, cfg: Config, matches: list[Match]) -> None:
    """Store accuracies and what the tree asks of a vector, by tree."""
    radii = np.array([match.tree.radius for match in matches])
    published = PUBLISHED[cfg.model.name] if not cfg.rewiring.complete_last else ()
    known = dict(zip(range(2, 6), published, strict=False))
    record.save(
        radius=radii,
        chain=[match.tree.chain for match in matches],
        distance=[match.tree.distance for match in matches],
        accuracy=[match.fit.best for match in matches],
        test_accuracy=[match.fit.test_accuracy for match in matches],
        published=[known.get(m.tree.radius, np.nan) if not m.tree.chain else np.nan for m in matches],
        guess=[1.0 / match.tree.num_keys for match in matches],
        information_bits=[information_bits(radius) for radius in radii],
        width=cfg.study.width,
    )


def claims(cfg: Config, matches: list[Match]) -> list[Claim]:
    """Return the claims about this model; those about sizes that were not trained are not measured."""
    accuracy = {(m.tree.radius, m.tree.chain): m.fit.best for m in matches}
    ended = {(m.tree.radius, m.tree.chain): _settled(cfg, m) for m in matches}
    if cfg.rewiring.complete_last:
        key = (HARD_RADIUS, 0)
        return [_adjacent_claim(cfg, accuracy[key] if ended.get(key) else None)]
    found = [_radius_claim(cfg, radius, accuracy, ended) for radius in (2, 3, 4)]
    chains = [value for (_, chain), value in accuracy.items() if chain]
    whole = all(ended[key] for key in accuracy if key[1])
    found.append(_chain_claim(cfg, min(chains) if chains and whole else None))
    return found


def _settled(cfg: Config, match: Match) -> bool:
    """Whether training ended because all was learnt or nothing rose any more, or lasted long enough to judge."""
    enough = ENOUGH_HARD_STEPS if match.tree.radius >= HARD_RADIUS else ENOUGH_STEPS
    return match.fit.best == 1.0 or match.fit.steps < cfg.study.steps or match.fit.steps >= enough


def _radius_claim(
    cfg: Config, radius: int, accuracy: dict[tuple[int, int], float], ended: dict[tuple[int, int], bool]
) -> Claim:
    name, published = cfg.model.name, PUBLISHED[cfg.model.name][radius - 2]
    solved = published == 1.0
    measured = accuracy[radius, 0] if ended.get((radius, 0)) else None
    return Claim(
        id=f"gnn.squashing.{name.lower()}.r{radius}",
        statement=f"{name} of width {cfg.study.width} fits Tree-NeighborsMatch of depth {radius} as published "
        "(highest training accuracy of an epoch)",
        predicted=published,
        low=SOLVED if solved else published - SPREAD,
        high=None if solved else published + SPREAD,
        measured=measured,
        source="Alon and Yahav, ICLR 2021, README of the repository; band: the re-run in its issue 7 differs by 0.12",
    )


def _adjacent_claim(cfg: Config, measured: float | None) -> Claim:
    name = cfg.model.name
    return Claim(
        id=f"gnn.squashing.{name.lower()}.fully_adjacent",
        statement=f"With a fully adjacent last layer {name} fits Tree-NeighborsMatch of depth {HARD_RADIUS} "
        "(highest training accuracy of an epoch)",
        predicted=1.0,
        low=SOLVED,
        high=None,
        measured=measured,
        source="Alon and Yahav, ICLR 2021, section 4: the last layer has no bottleneck",
    )


def _chain_claim(cfg: Config, worst: float | None) -> Claim:
    name = cfg.model.name
    return Claim(
        id=f"gnn.squashing.{name.lower()}.chain",
        statement=f"{name} fits a tree of depth {cfg.study.chain_radius} behind chains of all lengths tried: distance "
        "alone is no obstacle (lowest training accuracy over the chains)",
        predicted=1.0,
        low=SOLVED,
        high=None,
        measured=worst,
        source="Alon and Yahav, ICLR 2021, control experiment",
    )
