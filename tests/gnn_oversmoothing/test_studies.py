"""Training, the claims of the studies, and the data set on disk."""

import dataclasses
import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from baselines.common import app, compose, plotting
from baselines.common.errors import UserError
from baselines.common.record import RunView
from baselines.common.terminal import Terminal
from baselines.gnn_oversmoothing import assembly, depth_claims, depth_study, figures
from baselines.gnn_oversmoothing.datasets import karate
from baselines.gnn_oversmoothing.depth_claims import bound_ratio
from baselines.gnn_oversmoothing.depth_study import DepthResult, Layers
from baselines.gnn_oversmoothing.drops import none as drops_none
from baselines.gnn_oversmoothing.graphs import Graph, Task
from baselines.gnn_oversmoothing.models.gcn import Model
from baselines.gnn_oversmoothing.network import DeepGNN
from baselines.gnn_oversmoothing.norms import none as norms_none
from baselines.gnn_oversmoothing.operators import Operators
from baselines.gnn_oversmoothing.pair_metrics import Pairs
from baselines.gnn_oversmoothing.rewirings import none as rewirings_none
from baselines.gnn_oversmoothing.studies.depth import Study
from baselines.gnn_oversmoothing.training import Fit, adam, score, train

TOPIC = "gnn_oversmoothing"


def small_run(results: Path, *overrides: str) -> RunView:
    view = app.execute(compose.resolve(TOPIC, [f"results={results}", *overrides]), Terminal(compact=True))
    assert view is not None
    return view


def config(**changes: object) -> SimpleNamespace:
    base = dict(seed=0, hidden=8, ends="linear", dropout=0.0, model=Model(), device="cpu", dtype="float64", epochs=200)
    base |= dict(learning_rate=0.01, weight_decay=0.0, decay_on="all", patience=0)
    base |= dict(norm=norms_none.Norm(), drop=drops_none.Drop(), rewiring=rewirings_none.Rewiring())
    return SimpleNamespace(**(base | changes))


@pytest.fixture
def task() -> Task:
    return karate.Dataset().load(config()).to(torch.device("cpu"), torch.float64)


@pytest.fixture
def operators(task: Task) -> Operators:
    return Operators(task.graph, torch.float64)


def test_training_keeps_the_first_best_validation_epoch(task: Task, operators: Operators) -> None:
    network = assembly.build(config(), task, 2)
    fit = train(network, task, operators, adam(network, 0.01, 0.0, "all"), 60)
    assert fit.losses[-1] < 0.5 * fit.losses[0] and len(fit.losses) == 60
    network.eval()
    logits = network(task.features, operators)
    assert score(logits, task, task.validation) == fit.validation_score
    assert score(logits, task, task.test) == fit.test_score
    again = assembly.build(config(), task, 2)
    shorter = train(again, task, operators, adam(again, 0.01, 0.0, "all"), fit.best_epoch - 1)
    assert shorter.validation_score < fit.validation_score


def test_patience_ends_training_without_changing_what_came_before(task: Task, operators: Operators) -> None:
    whole, short = (assembly.build(config(), task, 2) for _ in range(2))
    fit = train(whole, task, operators, adam(whole, 0.01, 0.0, "all"), 200)
    early = train(short, task, operators, adam(short, 0.01, 0.0, "all"), 200, patience=7)
    assert len(early.losses) == early.best_epoch + 7 < 200
    assert early.losses == fit.losses[: len(early.losses)]


def test_training_sees_the_sampled_graph_and_scoring_the_whole_one(task: Task, operators: Operators) -> None:
    empty = Operators(Graph(34, torch.zeros(2, 0, dtype=torch.long)), torch.float64)
    network = assembly.build(config(), task, 2)
    fit = train(network, task, operators, adam(network, 0.01, 0.0, "all"), 1, sample=lambda _: empty)
    before = assembly.build(config(), task, 2).train()
    loss = torch.nn.functional.cross_entropy(before(task.features, empty)[task.train], task.labels[task.train])
    assert fit.losses[0] == pytest.approx(float(loss.detach()))
    network.eval()
    assert fit.test_score == score(network(task.features, operators), task, task.test)


def test_roc_auc_is_the_probability_of_the_right_order(task: Task) -> None:
    binary = dataclasses.replace(task, labels=task.labels % 2, score="roc_auc")
    logits = torch.randn(34, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    margin = (logits[:, 1] - logits[:, 0])[task.test]
    ones, zeros = (margin[binary.labels[task.test] == label] for label in (1, 0))
    expected = float((ones[:, None] > zeros[None, :]).double().mean())
    assert score(logits, binary, task.test) == pytest.approx(expected)


def test_penalty_on_the_first_map_only(task: Task) -> None:
    network = assembly.build(config(), task, 3)
    groups = adam(network, 0.01, 5e-4, "first").param_groups
    assert [group["weight_decay"] for group in groups] == [5e-4, 0.0]
    assert groups[0]["params"] == list(network.encoder.parameters())
    assert sum(len(group["params"]) for group in groups) == len(list(network.parameters()))
    assert len(adam(network, 0.01, 5e-4, "all").param_groups) == 1


def result_of(network: DeepGNN, task: Task, depth: int) -> DepthResult:
    pairs = Pairs.of(task.graph, task.labels, task.features)
    measured = depth_study.inspect_layers(network, task, pairs)
    factors = [layer.energy_factor() if network.is_plain else None for layer in network.layers]
    return DepthResult(depth, Fit(), measured, measured, factors, 0)


def test_bound_holds_for_random_weights_and_can_fail(task: Task) -> None:
    decay = float(depth_study.spectra.decay_eigenvalues(task.graph.adjacency())[0])
    result = result_of(assembly.build(config(), task, 8), task, 8)
    ratio = bound_ratio([result], decay)
    assert ratio is not None and 0.01 < ratio <= 1.0
    broken = dataclasses.replace(result, energy_factors=[0.01 * factor for factor in result.energy_factors])
    assert bound_ratio([broken], decay) > 1.0
    biased = assembly.build(config(model=Model(bias=True)), task, 2)
    assert bound_ratio([result_of(biased, task, 2)], decay) is None


def results_with(scores: dict[int, float]) -> list[DepthResult]:
    measured = Layers([{"rayleigh_quotient": 0.0, "normalised_energy": 0.0}] * 65, {})
    return [
        DepthResult(depth, Fit(test_score=value), measured, measured, [None] * 64, 0) for depth, value in scores.items()
    ]


def verdicts(model: str, scores: dict[int, float], epochs: int, scored: int) -> dict[str, str]:
    nodes = torch.arange(1000) % 2
    task = SimpleNamespace(
        name="cSBM",
        labels=nodes,
        test=torch.arange(1000) < scored,
        graph=SimpleNamespace(num_nodes=1000),
        score="accuracy",
    )
    run = compose.resolve(TOPIC, [f"model={model}", f"epochs={epochs}"])
    return {claim.id: claim.verdict for claim in depth_claims.claims(run.cfg, task, results_with(scores), 0.9)}


def test_claims_hold_fail_and_abstain() -> None:
    collapse = "gnn.gcn.collapse"
    assert verdicts("gcn", {2: 0.9, 64: 0.52}, 200, 600)[collapse] == "holds"
    assert verdicts("gcn", {2: 0.9, 64: 0.70}, 200, 600)[collapse] == "fails"
    assert verdicts("gcn", {2: 0.9, 8: 0.52}, 200, 600)[collapse] == "not measured"
    assert verdicts("gcn", {2: 0.9, 64: 0.70}, 10, 600)[collapse] == "not measured"
    assert verdicts("gcn", {2: 0.9, 64: 0.70}, 200, 20)[collapse] == "not measured"
    depth = "gnn.gcnii.depth"
    assert verdicts("gcnii", {2: 0.9, 64: 0.89}, 200, 600)[depth] == "holds"
    assert verdicts("gcnii", {2: 0.9, 64: 0.80}, 200, 600)[depth] == "fails"
    assert verdicts("gcnii", {4: 0.9, 64: 0.80}, 200, 600)[depth] == "not measured"
    assert verdicts("sage", {2: 0.7, 64: 0.9}, 200, 600)["gnn.graphsage.no_gain"] == "fails"
    assert verdicts("mlp", {2: 0.99}, 200, 600)["gnn.mlp.features"] == "fails"
    assert verdicts("mlp", {2: 0.7}, 200, 600)["gnn.mlp.features"] == "holds"


def test_sgc_decays_at_the_rate_of_the_gap(tmp_path: Path) -> None:
    view = small_run(tmp_path, "model=sgc", "dataset=karate", "study.depths=[64]", "epochs=1", "dtype=float64")
    energy = view.curves["layer_normalised_energy"][0]
    assert math.log(energy[64] / energy[32]) / 32 == pytest.approx(-0.21931, rel=0.01)
    assert view.metrics["accuracy_depth_64"] == view.curves["test_score"][0]
    ratio = next(claim for claim in view.claims if claim.id == "gnn.sgc.bound")
    assert ratio.verdict == "holds" and 0.99 < ratio.measured <= 1.0 + 1e-9, "linear layers reach the bound"


@pytest.mark.parametrize("model", ["gcn", "gcnii"])
def test_step_time_compares_the_same_function(tmp_path: Path, model: str) -> None:
    view = small_run(tmp_path, "study=step_time", f"model={model}", "dataset=karate", "budget=smoke")
    same, ratio, deeper = view.claims
    assert same.id == deeper.id == f"gnn.step_time.{model}.same_losses" and same.verdict == deeper.verdict == "holds"
    assert ratio.verdict == "not measured", "the graph is too small for a time to mean anything"
    assert set(view.curves["plain_step_depth_2_s"] > 0) == {True} and view.curves["sparse_step_depth_4_s"].size == 3
    assert ("together_over_one_by_one_depth_2" in view.metrics) == (model == "gcn")


@pytest.mark.parametrize("overrides", [["study=step_time", "budget=smoke"], ["budget=smoke"]])
def test_figures_have_only_known_labels(tmp_path: Path, overrides: list[str]) -> None:
    asked: list[str] = []
    view = small_run(tmp_path, "dataset=karate", *overrides)
    plotting.drawn(figures.draw, view, lambda label: asked.append(label) or label)
    assert asked and set(asked) <= set(figures.ZH)


def test_impossible_combinations_say_why(tmp_path: Path) -> None:
    for overrides, reason in (
        (["study=step_time", "model=sgc"], "use model=gcn or"),
        (["model=gcnii", "ends=graph"], "use ends=linear"),
        (["study.depths=[4,2]"], "must be rising"),
        (["dropout=1"], "dropout must be"),
        (["dataset.phi=3"], "dataset.phi must"),
    ):
        with pytest.raises(UserError, match=reason):
            small_run(tmp_path, *overrides)
    with pytest.raises(ValueError, match="rising"):
        Study(depths=[])


@pytest.mark.data
def test_cora_recipe_is_accurate(data_dir: str, tmp_path: Path) -> None:
    view = small_run(tmp_path, "experiment=cora_gcn", f"data_dir={data_dir}")
    assert 0.79 < view.metrics["accuracy_depth_2"] < 0.84
