"""The study `propagation`: its oracles on generated graphs, the published slopes, and its claims."""

import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from baselines.common import app, compose
from baselines.common.errors import UserError
from baselines.common.record import DONE, RunView
from baselines.common.terminal import Terminal
from baselines.gnn_oversmoothing.datasets.texas import Dataset
from baselines.gnn_oversmoothing.propagation_study import narrowed


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all tests: a run that several of them look at is done once."""
    return tmp_path_factory.mktemp("results")


def study(results: Path, *overrides: str) -> RunView:
    run = compose.resolve("gnn_oversmoothing", ["study=propagation", f"results={results}", *overrides])
    view = app.execute(run, Terminal(compact=True))
    assert view is not None and view.status == DONE, view
    return view


def claims(view: RunView) -> dict[str, float | None]:
    assert all(claim.verdict != "fails" for claim in view.claims), view.claims
    return {claim.id.removeprefix("gnn.propagation."): claim.measured for claim in view.claims}


# The measured table of the notes: lambda, slopes over layers 32..64 and 64..128, with Gaussian features.
SLOPES = [
    ("cycle", 0.96737, -0.06643, -0.06635),
    ("karate", 0.89614, -0.21932, -0.21931),
    ("grid", 0.97785, None, -0.04579),
]


@pytest.mark.parametrize("name,decay,early,late", SLOPES)
def test_slopes_of_small_graphs(name: str, decay: float, early: float | None, late: float, results: Path) -> None:
    view = study(results, f"dataset={name}")
    assert view.metrics["spectral_lambda"] == pytest.approx(decay, abs=5e-6)
    assert view.metrics["slope_64_128"] == pytest.approx(late, rel=0.02)
    if early is not None:
        assert view.metrics["slope_32_64"] == pytest.approx(early, rel=0.01)
    found = claims(view)
    assert found["rate"] == pytest.approx(1.0, abs=0.01)
    assert found["heat"] == pytest.approx(1.0, abs=0.01)
    assert found["window"] is not None


def test_both_energies_agree_on_regular_graphs_only(results: Path) -> None:
    cycle = study(results, "dataset=cycle", "dataset.nodes=12")
    torus = study(results, "dataset=grid", "dataset.periodic=true", "dataset.rows=5", "dataset.columns=4")
    karate = study(results, "dataset=karate")
    for view in (cycle, torus):
        assert claims(view)["regular"] is not None and "survey_limit" not in claims(view)
        assert view.metrics["energy_ratio_64"] == pytest.approx(view.metrics["normalised_energy_ratio_64"], rel=1e-9)
    assert "regular" not in claims(karate)
    assert claims(karate)["survey_limit"] == pytest.approx(1.0, abs=1.1e-3)
    assert karate.metrics["energy_ratio_128"] > 1e3 * karate.metrics["normalised_energy_ratio_128"]


def test_identity_features_give_the_expected_limit(results: Path) -> None:
    """The features of the karate club are the identity: the mean over Gaussian X, exactly."""
    view = study(results, "dataset=karate", "study.features=dataset")
    assert view.metrics["energy_ratio_limit"] == pytest.approx(view.metrics["energy_ratio_limit_gaussian"], rel=1e-12)
    assert view.metrics["energy_ratio_64"] == pytest.approx(6.2e-3, rel=0.01)


def test_curves_follow_the_bound_and_end_at_rank_one(results: Path) -> None:
    view = study(results, "dataset=karate")
    energy, layer = view.curves["layer_normalised_energy"], view.curves["layer"]
    bound = 2.0 * math.log(view.metrics["spectral_lambda"])
    assert (np.log(energy / energy[0]) <= bound * layer + 1e-9).all()
    assert view.curves["layer_effective_rank"][-1] == pytest.approx(1.0, abs=1e-4)
    assert abs(view.curves["heat_log_energy"][0]) < 1e-12 and (np.diff(view.curves["heat_log_energy"]) < 0.0).all()


def test_fewer_layers_measure_less(results: Path) -> None:
    view = study(results, "dataset=karate", "study.layers=20", "study.most_layers=20")
    assert not any(name.startswith("slope") for name in view.metrics)
    assert {claim.verdict for claim in view.claims} == {"not measured"}


def test_a_graph_of_components_survives(results: Path) -> None:
    whole = study(results, "dataset.degree=2.5", "study.largest_component=false", "budget=smoke")
    part = study(results, "dataset.degree=2.5", "budget=smoke")
    assert whole.metrics["nodes"] == 200.0 > part.metrics["nodes"]
    assert whole.metrics["spectral_lambda"] >= part.metrics["spectral_lambda"] - 1e-12
    claims(whole)


def test_wrong_keys_are_refused(results: Path) -> None:
    for override, reason in (
        ("study.layers=1", "layers must be at least 2"),
        ("study.features=words", "must be one of gaussian, dataset; got words"),
        ("study.columns=0", "columns must be at least 1"),
        ("rewiring=fully_adjacent", "no last layer to make fully adjacent"),
    ):
        with pytest.raises(UserError, match=reason):
            study(results, override)


def test_narrowed_features_keep_energies() -> None:
    x = np.random.default_rng(0).standard_normal((5, 40))
    y = narrowed(x)
    assert y.shape == (5, 5)
    np.testing.assert_allclose(y @ y.T, x @ x.T, atol=1e-12)


@pytest.mark.data
def test_survey_energy_of_texas_grows(data_dir: str, results: Path) -> None:
    """Against a dense computation: more energy after 64 layers than before, in one definition only."""
    view = study(results, "dataset=texas", "study.features=dataset", f"data_dir={data_dir}")
    task = Dataset().load(SimpleNamespace(data_dir=data_dir, seed=0))
    a, x = task.graph.adjacency().toarray(), task.features.dense().double().numpy()
    scale = np.diag(1.0 / np.sqrt(a.sum(axis=1) + 1.0))
    p, laplacian = scale @ (a + np.eye(183)) @ scale, np.diag(a.sum(axis=1)) - a
    y = np.linalg.matrix_power(p, 64) @ x
    survey = np.sum(y * (laplacian @ y)) / np.sum(x * (laplacian @ x))
    normalised = np.sum(y * (y - p @ y)) / np.sum(x * (x - p @ x))
    assert view.metrics["spectral_lambda"] == pytest.approx(0.95957, abs=5e-6)
    assert view.metrics["energy_ratio_64"] == pytest.approx(survey, rel=1e-9) and survey > 1.4
    assert view.metrics["normalised_energy_ratio_64"] == pytest.approx(normalised, rel=1e-6) and normalised < 3e-6
    assert claims(view)["survey_limit"] == pytest.approx(1.0, abs=1.1e-3)


@pytest.mark.slow
@pytest.mark.data
def test_cora_does_not_reach_its_rate(data_dir: str, results: Path) -> None:
    found = study(results, "dataset=cora", f"data_dir={data_dir}")
    assert found.metrics["slope_64_128"] / found.metrics["predicted_slope"] > 3.0
    assert found.metrics["layers_to_rate"] > 128
    assert claims(found)["reached"] > 1.01  # type: ignore[operator]
