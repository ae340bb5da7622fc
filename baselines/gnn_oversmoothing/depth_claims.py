"""The claims of study `depth`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from baselines.common.claims import Claim
from baselines.gnn_oversmoothing.config import Config
from baselines.gnn_oversmoothing.graphs import Task

if TYPE_CHECKING:
    from baselines.gnn_oversmoothing.depth_study import DepthResult

ROUNDING = 1e-24  # Rayleigh quotients below this are rounding error of float64
DEEP = 64
TRAINED_EPOCHS = 200  # fewer are too few for claims about scores
SCORED_NODES = 100  # fewer test nodes are too few for claims about scores
SIGMAS = 3.0


def bound_ratio(results: list[DepthResult], decay: float) -> float | None:
    """Return max over layers of E_sym(X_l) / (lambda^2 s_l^2 E_sym(X_{l-1})), or None without such a layer.

    The networks are the trained ones.  Layers whose energy is rounding error are left out.
    """
    ratios = []
    for r in results:
        layers = r.after.layers
        for before, after, factor in zip(layers[:-1], layers[1:], r.energy_factors, strict=True):
            if factor is not None and before["rayleigh_quotient"] * decay**2 > ROUNDING:
                bound = decay**2 * factor * before["normalised_energy"]
                if bound > 0.0:
                    ratios.append(after["normalised_energy"] / bound)
    return max(ratios, default=None)


def largest_class_share(task: Task) -> float:
    """Return the share of the nodes that belong to the largest class: the accuracy of knowing nothing else."""
    return float(torch.bincount(task.labels).max()) / task.graph.num_nodes


def claims(cfg: Config, task: Task, results: list[DepthResult], decay: float) -> list[Claim]:
    """Return the claims that concern this model; those outside their conditions are not measured."""
    score = {r.depth: r.fit.test_score for r in results}
    scored = int(task.test.sum())
    enough = cfg.epochs >= TRAINED_EPOCHS and scored >= SCORED_NODES and task.score == "accuracy"
    deep = score.get(DEEP) if enough else None
    gain = score[DEEP] - score[2] if enough and {2, DEEP} <= score.keys() else None
    plain = all(choice == "none" for choice in remedies(cfg).values())
    name, found = cfg.model.name, []
    if plain and any(factor is not None for r in results for factor in r.energy_factors):
        found.append(bound_claim(name, task, bound_ratio(results, decay)))
    if plain and cfg.model.prediction == "collapse":
        found.append(collapse_claim(name, task, scored, deep))
    elif plain and cfg.model.prediction == "depth":
        found.append(depth_claim(name, task, scored, gain))
    else:
        found.append(no_gain_claim(" + ".join([name, *named(cfg)]), task, scored, gain))
    known = getattr(cfg.dataset, "feature_accuracy", None)
    if known is not None and not cfg.model.uses_graph:
        best = max(score.values()) if enough else None
        found.append(features_claim(name, task, scored, known(), best))
    return found


def remedies(cfg: Config) -> dict[str, str]:
    """Return the names of the chosen normalisation, dropping and rewiring; "none" where there is none."""
    chosen = {"norm": cfg.norm, "drop": cfg.drop, "rewiring": cfg.rewiring}
    return {group: type(option).__module__.rpartition(".")[2] for group, option in chosen.items()}


def named(cfg: Config) -> list[str]:
    """Return the chosen normalisation, dropping and rewiring without the absent ones."""
    return [choice for choice in remedies(cfg).values() if choice != "none"]


def slug(name: str) -> str:
    """Return a model's name as it stands in the identity of a claim."""
    return "".join(letter for letter in name.lower().replace(" + ", "_") if letter.isalnum() or letter == "_")


def bound_claim(name: str, task: Task, ratio: float | None) -> Claim:
    """No layer keeps more energy than the bound allows."""
    return Claim(
        id=f"gnn.{slug(name)}.bound",
        statement=f"In every layer of every trained {name} on {task.name} "
        "E_sym(X_l) <= lambda^2 s_l^2 E_sym(X_(l-1)), s_l the largest singular value of W_l "
        "(largest ratio of the two sides)",
        predicted=1.0,
        low=None,
        high=1.0 + 1e-9,
        measured=ratio,
        source="Cai and Wang 2020, arXiv 2006.13318; layers without bias; proof in docs/gnn_oversmoothing.md",
    )


def collapse_claim(name: str, task: Task, scored: int, measured: float | None) -> Claim:
    """A deep network without remedy knows no more about the labels than their shares."""
    share = largest_class_share(task)
    return Claim(
        id=f"gnn.{slug(name)}.collapse",
        statement=f"{name} with {DEEP} layers is no better than chance on {task.name}: at most the share "
        f"{share:.3g} of the largest class, within three standard errors of {scored} test nodes",
        predicted=share,
        low=None,
        high=share + SIGMAS * math.sqrt(share * (1.0 - share) / max(scored, 1)),
        measured=measured,
        source="rank-one limit of P^L X, which carries degrees only; binomial error of the test accuracy",
    )


def depth_claim(name: str, task: Task, scored: int, measured: float | None) -> Claim:
    """A network made to be deep loses nothing with depth."""
    return Claim(
        id=f"gnn.{slug(name)}.depth",
        statement=f"{name} with {DEEP} layers is as accurate as with 2 on {task.name}: the difference "
        f"is above minus two standard errors of {scored} test nodes",
        predicted=0.0,
        low=-_two_errors(scored),
        high=None,
        measured=measured,
        source=f"what the paper of {name} says of depth; binomial error of a difference",
    )


def no_gain_claim(name: str, task: Task, scored: int, measured: float | None) -> Claim:
    """Without a reason to the contrary, 64 layers are no better than two."""
    return Claim(
        id=f"gnn.{slug(name)}.no_gain",
        statement=f"{name} with {DEEP} layers is no more accurate than with 2 on {task.name}: the difference "
        f"is below two standard errors of {scored} test nodes",
        predicted=None,
        low=None,
        high=_two_errors(scored),
        measured=measured,
        source="over-smoothing: depth costs accuracy where two layers see enough; binomial error of a difference",
    )


def features_claim(name: str, task: Task, scored: int, best: float, measured: float | None) -> Claim:
    """Without the graph nobody beats the best classifier of the features."""
    return Claim(
        id=f"gnn.{slug(name)}.features",
        statement=f"{name}, which does not see the graph, is at no depth more accurate on {task.name} than the best "
        f"classifier of the features, {best:.3g}, within three standard errors of {scored} test nodes",
        predicted=best,
        low=None,
        high=best + SIGMAS * math.sqrt(best * (1.0 - best) / max(scored, 1)),
        measured=measured,
        source="Phi(sqrt(mu / gamma)): the classifier that knows the direction u; docs/gnn_oversmoothing.md",
    )


def _two_errors(scored: int) -> float:
    """Two standard errors of a difference of two accuracies: 2 sqrt(2 q (1 - q) / n) is largest at q = 1/2."""
    return math.sqrt(2.0 / max(scored, 1))
