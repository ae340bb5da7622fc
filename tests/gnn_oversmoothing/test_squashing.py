"""The studies neighbors_match and graph_transfer: what they measure, claim and refuse."""

import math
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from baselines.common import app, compose, plotting
from baselines.common.errors import UserError
from baselines.common.record import RunView
from baselines.common.terminal import Terminal
from baselines.gnn_oversmoothing import figures, graph_transfer_study, neighbors_match_study
from baselines.gnn_oversmoothing.graph_transfer_study import Transfer
from baselines.gnn_oversmoothing.neighbors_match_study import Match
from baselines.gnn_oversmoothing.studies import graph_transfer, neighbors_match
from baselines.gnn_oversmoothing.tree_network import MatchFit
from baselines.gnn_oversmoothing.trees import MatchTree

TOPIC = "gnn_oversmoothing"


def small_run(results: Path, *overrides: str) -> RunView:
    view = app.execute(compose.resolve(TOPIC, [f"results={results}", *overrides]), Terminal(compact=True))
    assert view is not None
    return view


def asked_labels(view: RunView) -> set[str]:
    asked: set[str] = set()
    plotting.drawn(figures.draw, view, lambda label: asked.add(label) or label)
    return asked


def test_four_leaves_are_learnt_near_and_far(tmp_path: Path) -> None:
    """The control: a chain makes the way longer and not narrower."""
    view = small_run(tmp_path, "study=neighbors_match", "study.radii=[2]", "study.chains=[2]", "study.steps=3000")
    assert view.metrics["accuracy_radius_2"] == view.metrics["accuracy_chain_2"] == 1.0
    verdicts = {claim.id: claim.verdict for claim in view.claims}
    assert verdicts["gnn.squashing.gcn.r2"] == verdicts["gnn.squashing.gcn.chain"] == "holds"
    assert verdicts["gnn.squashing.gcn.r4"] == "not measured"
    assert view.curves["distance"].tolist() == [2, 4]
    assert view.curves["training_chain_2.accuracy"][-1] == 1.0
    assert asked_labels(view) <= set(figures.ZH)


def config(model: str, complete_last: bool = False) -> SimpleNamespace:
    option = import_module(f"baselines.gnn_oversmoothing.models.{model}").Model()
    study = SimpleNamespace(width=8, steps=100, chain_radius=2)
    rewiring = SimpleNamespace(complete_last=complete_last)
    return SimpleNamespace(seed=0, model=option, study=study, rewiring=rewiring, device="cpu", dtype="float64")


@pytest.mark.parametrize("complete_last", [False, True])
@pytest.mark.parametrize("model", ["gcn", "gin", "gat", "ggnn"])
def test_every_published_model_hears_every_leaf(model: str, complete_last: bool) -> None:
    tree = MatchTree(2, chain=1)
    network = neighbors_match_study.build(config(model, complete_last), tree)
    assert len({id(layer) for layer in network.layers}) == tree.distance + 1, "no layer shares its weights"
    values = torch.tensor([[0, 1, 2, 3], [0, 1, 3, 2]])
    logits = network(values).view(2, 4, 4)
    assert torch.isfinite(logits).all()
    assert (logits[0] - logits[1]).abs().amin() > 0.0, "two leaves exchanged their values: every root notices"
    logits.sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in network.parameters())


def test_fully_adjacent_layer_has_a_claim_of_its_own() -> None:
    for steps, verdict in ((100, "not measured"), (90, "fails")):  # 90 of 100: it had stopped rising
        match = Match(MatchTree(4), MatchFit([0.5], [0.6], steps), 0)
        (claim,) = neighbors_match_study.claims(config("gcn", complete_last=True), [match])
        assert claim.id == "gnn.squashing.gcn.fully_adjacent" and claim.verdict == verdict


def matched(name: str, accuracies: dict[tuple[int, int], float], steps: int, most: int) -> dict[str, str]:
    study = SimpleNamespace(steps=most, width=32, chain_radius=2)
    cfg = SimpleNamespace(model=SimpleNamespace(name=name), study=study, rewiring=SimpleNamespace(complete_last=False))
    matches = [Match(MatchTree(*size), MatchFit([value], [1.0], steps), 0) for size, value in accuracies.items()]
    return {claim.id: claim.verdict for claim in neighbors_match_study.claims(cfg, matches)}


def test_match_claims_hold_fail_and_abstain() -> None:
    learnt = {(2, 0): 1.0, (3, 0): 0.995, (4, 0): 0.7, (2, 6): 1.0}
    assert set(matched("GCN", learnt, 200000, 200000).values()) == {"holds"}
    worse = {(2, 0): 0.9, (3, 0): 0.5, (4, 0): 0.4, (2, 6): 0.8}
    assert set(matched("GCN", worse, 200000, 200000).values()) == {"fails"}
    assert set(matched("GCN", worse, 100, 100).values()) == {"not measured"}, "training was cut off"
    assert matched("GCN", worse, 100, 200)["gnn.squashing.gcn.r3"] == "fails", "training had ended by itself"
    cut = matched("GCN", worse, 10_000, 10_000)
    assert cut["gnn.squashing.gcn.r3"] == "fails" and cut["gnn.squashing.gcn.r4"] == "not measured", (
        "r = 4 takes longer"
    )
    assert matched("GAT", learnt, 200000, 200000)["gnn.squashing.gat.r4"] == "fails", "GAT is published with 1.0"


def test_transfer_measures_what_it_says(tmp_path: Path) -> None:
    view = small_run(tmp_path, "study=graph_transfer", "study.distances=[3,6]", "study.steps=30", "hidden=16")
    verdicts = {claim.id: claim.verdict for claim in view.claims}
    assert verdicts["gnn.transfer.gcn.bound"] == verdicts["gnn.transfer.closed_forms"] == "holds"
    assert verdicts["gnn.transfer.published_forms"] == "fails", "two of the three printed forms are not those powers"
    assert verdicts["gnn.transfer.gcn.hardest"] == "not measured", "30 steps are too few"
    assert 0.0 < view.metrics["bound_ratio"] < 1.0
    curves = view.curves
    assert (curves["untrained"] < curves["untrained_bound"]).all() and (curves["trained"] > 0.0).all()
    assert curves["operator_entry"][1].tolist() == pytest.approx([2 / 3**3, 2 / 3**6])
    assert curves["resistance"][1].tolist() == pytest.approx([1.5, 3.0])
    assert curves["spectral_gap"][1].tolist() == pytest.approx([1 - math.cos(math.pi / d) for d in (3, 6)])
    assert asked_labels(view) <= set(figures.ZH)


def test_there_is_no_bound_for_other_models(tmp_path: Path) -> None:
    small = ["study=graph_transfer", "budget=smoke", "study.distances=[3]", "study.steps=2"]
    view = small_run(tmp_path, *small, "model=gin")
    assert view.claims[0].id == "gnn.transfer.gin.bound" and view.claims[0].verdict == "not measured"
    assert np.isnan(view.curves["trained_bound"]).all() and np.isfinite(view.curves["trained"]).all()


def results_of(*accuracies: float) -> list[Transfer]:
    return [Transfer(value, 1, 1.0, 1.0, 2.0, 4.0, 0) for value in accuracies]


def test_solved_distance_ends_at_the_first_failure() -> None:
    assert graph_transfer_study.solved_distance([3, 5, 8], results_of(1.0, 0.8, 1.0)) == 3
    assert graph_transfer_study.solved_distance([3, 5, 8], results_of(1.0, 1.0, 1.0)) == 8
    assert graph_transfer_study.solved_distance([3], results_of(0.6)) == 0
    assert graph_transfer_study.bound_ratio({"ring": results_of(1.0)}) == 0.5


def test_impossible_combinations_say_why(tmp_path: Path) -> None:
    for overrides, reason in (
        (["study=neighbors_match", "model=sgc"], "model=gcn, gin, gat and ggnn"),
        (["study=neighbors_match", "drop=dropedge"], "drop=none"),
        (["study=neighbors_match", "rewiring=fosr"], "rewiring=none and fully_adjacent"),
        (["study=neighbors_match", "study.radii=[3,2]"], "must be rising"),
        (["study=neighbors_match", "study.radii=[9]"], "at most 8"),
        (["study=graph_transfer", "rewiring=fully_adjacent"], "use rewiring=none"),
        (["study=graph_transfer", "study.distances=[2]"], "from 3"),
    ):
        with pytest.raises(UserError, match=reason):
            small_run(tmp_path, *overrides)
    with pytest.raises(ValueError, match="at least one tree"):
        neighbors_match.Study(radii=[], chains=[])
    with pytest.raises(ValueError, match="train_share"):
        neighbors_match.Study(train_share=0.0)
    with pytest.raises(ValueError, match="num_classes"):
        graph_transfer.Study(num_classes=1)
