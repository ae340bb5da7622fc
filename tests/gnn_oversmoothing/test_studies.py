"""Training, the claims of the studies, and the data set on disk."""

import dataclasses
import math
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from baselines.common import app, compose, plotting
from baselines.common.errors import UserError
from baselines.common.record import RunView
from baselines.common.terminal import Terminal
from baselines.gnn_oversmoothing import depth_study, figures
from baselines.gnn_oversmoothing.datasets import cora, karate
from baselines.gnn_oversmoothing.depth_study import DepthResult, bound_ratio
from baselines.gnn_oversmoothing.models.gcn import Model
from baselines.gnn_oversmoothing.studies.depth import Study
from baselines.gnn_oversmoothing.training import Fit, accuracy, adam, train

TOPIC = "gnn_oversmoothing"


def small_run(results: Path, *overrides: str) -> RunView:
    view = app.execute(compose.resolve(TOPIC, [f"results={results}", *overrides]), Terminal(compact=True))
    assert view is not None
    return view


def config(**changes: object) -> SimpleNamespace:
    base = dict(seed=0, hidden=8, ends="linear", dropout=0.0, model=Model(), device="cpu", dtype="float64", epochs=200)
    return SimpleNamespace(**(base | changes))


@pytest.fixture
def task() -> depth_study.Task:
    return karate.Dataset().load(config()).to(torch.device("cpu"), torch.float64)


def test_training_keeps_the_first_best_validation_epoch(task: depth_study.Task) -> None:
    torch.manual_seed(0)
    network = depth_study.build(config(), task, 2)
    p = task.graph.propagation(torch.float64)
    fit = train(network, task, p, adam(network, 0.01, 0.0, "all"), 60)
    assert fit.losses[-1] < 0.5 * fit.losses[0] and len(fit.losses) == 60
    network.eval()
    logits = network(task.features, p)
    assert accuracy(logits, task, task.validation) == fit.validation_accuracy
    assert accuracy(logits, task, task.test) == fit.test_accuracy
    torch.manual_seed(0)
    again = depth_study.build(config(), task, 2)
    shorter = train(again, task, p, adam(again, 0.01, 0.0, "all"), fit.best_epoch - 1)
    assert shorter.validation_accuracy < fit.validation_accuracy


def test_penalty_on_the_first_map_only(task: depth_study.Task) -> None:
    network = depth_study.build(config(), task, 3)
    groups = adam(network, 0.01, 5e-4, "first").param_groups
    assert [group["weight_decay"] for group in groups] == [5e-4, 0.0]
    assert groups[0]["params"] == list(network.encoder.parameters())
    assert sum(len(group["params"]) for group in groups) == len(list(network.parameters()))
    assert len(adam(network, 0.01, 5e-4, "all").param_groups) == 1


def test_bound_holds_for_random_weights_and_can_fail(task: depth_study.Task) -> None:
    torch.manual_seed(0)
    decay = float(depth_study.spectra.decay_eigenvalues(task.graph.adjacency())[0])
    result = depth_study.inspect_layers(depth_study.build(config(), task, 8), task, 8, Fit())
    ratio = bound_ratio([result], decay)
    assert ratio is not None and 0.01 < ratio <= 1.0
    broken = dataclasses.replace(result, energy_factors=[0.01 * factor for factor in result.energy_factors])
    assert bound_ratio([broken], decay) > 1.0
    biased = depth_study.build(config(model=Model(bias=True)), task, 2)
    assert bound_ratio([depth_study.inspect_layers(biased, task, 2, Fit())], decay) is None


def results_with(accuracies: dict[int, float]) -> list[DepthResult]:
    layer = {"rayleigh_quotient": 0.0, "normalised_energy": 0.0}
    return [
        DepthResult(depth, Fit(test_accuracy=score), [layer] * (depth + 1), [None] * depth, 0)
        for depth, score in accuracies.items()
    ]


def verdicts(model: str, accuracies: dict[int, float], epochs: int, scored: int) -> dict[str, str]:
    nodes = torch.arange(1000) % 2
    task = SimpleNamespace(
        name="cSBM", labels=nodes, test=torch.arange(1000) < scored, graph=SimpleNamespace(num_nodes=1000)
    )
    cfg = SimpleNamespace(model=SimpleNamespace(name=model), epochs=epochs)
    found = depth_study.claims(cfg, task, results_with(accuracies), 0.9, 1.0)
    return {claim.id: claim.verdict for claim in found}


def test_claims_hold_fail_and_abstain() -> None:
    collapse = "gnn.gcn.collapse"
    assert verdicts("GCN", {2: 0.9, 64: 0.52}, 200, 600)[collapse] == "holds"
    assert verdicts("GCN", {2: 0.9, 64: 0.70}, 200, 600)[collapse] == "fails"
    assert verdicts("GCN", {2: 0.9, 8: 0.52}, 200, 600)[collapse] == "not measured"
    assert verdicts("GCN", {2: 0.9, 64: 0.70}, 10, 600)[collapse] == "not measured"
    assert verdicts("GCN", {2: 0.9, 64: 0.70}, 200, 20)[collapse] == "not measured"
    depth = "gnn.gcnii.depth"
    assert verdicts("GCNII", {2: 0.9, 64: 0.89}, 200, 600)[depth] == "holds"
    assert verdicts("GCNII", {2: 0.9, 64: 0.80}, 200, 600)[depth] == "fails"
    assert verdicts("GCNII", {4: 0.9, 64: 0.80}, 200, 600)[depth] == "not measured"


def test_linear_rate_holds_and_is_not_measured_without_a_gap(task: depth_study.Task) -> None:
    decay, rate = depth_study.linear_rate(task.graph, seed=0)
    assert 2 * math.log(decay[0]) == pytest.approx(-0.21931, abs=2e-5)
    assert rate == pytest.approx(1.0, abs=1e-3)
    cycle = torch.stack([torch.arange(20), (torch.arange(20) + 1) % 20])  # each eigenvalue of a cycle is double
    assert depth_study.linear_rate(depth_study.Graph.from_edges(cycle, 20), 0)[1] is None


def test_sgc_decays_at_the_rate_of_the_gap(tmp_path: Path) -> None:
    view = small_run(tmp_path, "model=sgc", "dataset=karate", "study.depths=[64]", "epochs=1", "dtype=float64")
    energy = view.curves["layer_normalised_energy"][0]
    assert math.log(energy[64] / energy[32]) / 32 == pytest.approx(-0.21931, rel=0.01)
    assert view.metrics["accuracy_depth_64"] == view.curves["test_accuracy"][0]
    ratio = next(claim for claim in view.claims if claim.id == "gnn.sgc.bound")
    assert ratio.verdict == "holds" and 0.99 < ratio.measured <= 1.0 + 1e-9, "linear layers reach the bound"


def test_step_time_compares_the_same_function(tmp_path: Path) -> None:
    view = small_run(tmp_path, "study=step_time", "dataset=karate", "budget=smoke")
    same, ratio = view.claims
    assert same.id == "gnn.step_time.same_losses" and same.verdict == "holds"
    assert ratio.verdict == "not measured", "the graph is too small for a time to mean anything"
    assert set(view.curves["plain_step_s"] > 0) == {True} and view.curves["sparse_step_s"].size == 3
    asked: list[str] = []
    plotting.drawn(figures.draw, view, lambda label: asked.append(label) or label)
    assert set(asked) <= set(figures.ZH)


def test_impossible_combinations_say_why(tmp_path: Path) -> None:
    for overrides, reason in (
        (["study=step_time", "model=sgc"], "use model=gcn"),
        (["model=gcnii", "ends=graph"], "use ends=linear"),
        (["study.depths=[4,2]"], "must be rising"),
        (["dropout=1"], "dropout must be"),
        (["dataset.phi=3"], "dataset.phi must"),
    ):
        with pytest.raises(UserError, match=reason):
            small_run(tmp_path, *overrides)
    with pytest.raises(ValueError, match="rising"):
        Study(depths=[])


def test_cora_offline_says_what_to_get(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch_geometric.data

    def offline(*args: object, **kwargs: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(torch_geometric.data, "download_url", offline)
    with pytest.raises(UserError, match=r"missing.*ind\.cora\.allx.*kimiyoung/planetoid.*Planetoid/Cora/raw"):
        cora.planetoid(str(tmp_path / "data"))
    assert not (tmp_path / "data").exists()


@pytest.mark.data
def test_cora_is_the_public_split_and_checked(data_dir: str, tmp_path: Path) -> None:
    loaded = cora.Dataset().load(SimpleNamespace(data_dir=data_dir))
    masks = (loaded.train, loaded.validation, loaded.test)
    assert [int(mask.sum()) for mask in masks] == [140, 500, 1000]
    assert (loaded.graph.num_nodes, loaded.graph.edge_index.shape[1]) == (2708, 10556)
    assert (loaded.num_features, loaded.num_classes) == (1433, 7)
    sums = loaded.features.dense().sum(dim=1)
    torch.testing.assert_close(sums, torch.ones(2708))
    copy = tmp_path / cora.FOLDER
    shutil.copytree(Path(data_dir) / cora.FOLDER, copy, copy_function=shutil.copyfile)
    (copy / "ind.cora.y").write_bytes(b"something else")
    with pytest.raises(UserError, match="not the expected file"):
        cora.planetoid(str(tmp_path))


@pytest.mark.data
def test_cora_recipe_is_accurate(data_dir: str, tmp_path: Path) -> None:
    view = small_run(tmp_path, "experiment=cora_gcn", f"data_dir={data_dir}")
    assert 0.79 < view.metrics["accuracy_depth_2"] < 0.84
