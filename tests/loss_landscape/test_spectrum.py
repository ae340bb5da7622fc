"""The probe `spectrum`: its measurements against dense ones, its claims can fail, its figure needs the record alone."""

from pathlib import Path

import numpy as np
import pytest
import torch
from support import smoke

from baselines.common import compose
from baselines.common.claims import FAILS, HOLDS, NOT_MEASURED
from baselines.common.errors import UserError
from baselines.common.record import DIVERGED, RunView
from baselines.loss_landscape import figures
from baselines.loss_landscape.outliers import largest_gap, mean_cosine, shares
from baselines.loss_landscape.spectrum_claims import claims

MIXTURE = ("task=gaussian_mixture", "network.depth=1")


def run(results: Path, *overrides: str) -> RunView:
    return smoke("loss_landscape", results, "probe=spectrum", *overrides)


def test_largest_gap():
    assert largest_gap(np.array([9.0, 8.0, 7.0, 2.0, 1.9])) == (3, 3.5)
    assert largest_gap(np.array([9.0, 8.0, 7.0, 2.0, 0.1]), among=3) == (3, 3.5)
    assert largest_gap(np.array([3.0, 2.0, -1.0, -9.0])) == (1, 1.5)  # not where the sign changes
    with pytest.raises(ValueError, match="two positive"):
        largest_gap(np.array([1.0, -1.0]))


def test_shares():
    vectors = torch.eye(4, dtype=torch.float64)[:3]
    np.testing.assert_allclose(shares(vectors, torch.tensor([3.0, 0.0, 4.0, 0.0]).double()), [0.6, 0.6, 1.0])
    np.testing.assert_allclose(shares(vectors, torch.tensor([0.0, 0.0, 0.0, 1.0]).double()), [0.0, 0.0, 0.0])


def test_mean_cosine():
    inputs = torch.tensor([[1.0, 0.0], [3.0, 0.0], [0.0, 2.0], [-1.0, 0.0]])
    assert mean_cosine(inputs, torch.tensor([0, 0, 1, 1])) == pytest.approx(1 / 5**0.5, rel=1e-6)
    assert mean_cosine(inputs[:3], torch.tensor([0, 0, 1])) == pytest.approx(0, abs=1e-7)


@pytest.fixture(scope="module")
def mixture(tmp_path_factory: pytest.TempPathFactory) -> RunView:
    folder = tmp_path_factory.mktemp("spectrum")
    return run(folder, *MIXTURE, "probe.lanczos_steps=100", "probe.starts=20")


def test_measurements_agree_with_the_exact_spectrum(mixture):
    exact, metrics = mixture.curves["eigenvalues"], mixture.metrics
    assert len(exact) == metrics["parameters"] and np.all(np.diff(exact) <= 0)
    assert metrics["top_error_kept"] < 1e-10 and metrics["copies_kept"] == 1
    assert metrics["copies_first_plain"] >= 2
    assert metrics["kolmogorov"] < 0.02 and metrics["density_mass"] == pytest.approx(1, abs=1e-6)
    assert metrics["trace_exact"] == pytest.approx(exact.sum())
    assert metrics["curvlinops_difference"] < 1e-12
    assert metrics["gap_after"] == largest_gap(exact)[0]
    assert np.all(np.diff(mixture.curves["gradient_shares"]) >= 0)


def test_without_an_oracle_nothing_is_compared(tmp_path, mixture):
    view = run(tmp_path, *MIXTURE, "probe.lanczos_steps=100", "probe.starts=5", "probe.oracle=0")
    assert "eigenvalues" not in view.curves and "kolmogorov" not in view.metrics
    for metric in ("largest", "gradient_share", "gap_after", "trace_hutchinson"):
        assert view.metrics[metric] == pytest.approx(mixture.metrics[metric], rel=1e-8), metric
    measured = {claim.id.removeprefix("landscape.spectrum.") for claim in view.claims if claim.verdict != NOT_MEASURED}
    assert measured == {"product", "density.mass", "gauss_newton"}
    axes = figures.draw(view, lambda label: label)["figure"].axes
    assert axes[2].get_title() == "Largest Ritz values"


def test_batch_norm_and_real_targets_run(tmp_path):
    assert run(tmp_path, *MIXTURE, "network.batch_norm=true").metrics["curvlinops_difference"] < 1e-10
    view = run(tmp_path, "task=curve1d", "network.depth=1")
    assert "accuracy" not in view.metrics and view.metrics["outputs"] == 1
    assert figures.draw(view, lambda label: label)["figure"].axes[1].get_title().startswith("The largest gap")


def test_divergence_is_reported(tmp_path):
    from unittest import mock

    from baselines.common import app
    from baselines.common.terminal import Terminal

    run_of = compose.resolve(
        "loss_landscape", ["probe=spectrum", "budget=smoke", f"results={tmp_path}", "probe.learning_rate=1e200"]
    )
    with mock.patch.object(app, "pictures", return_value=[]):
        view = app.execute(run_of, Terminal(compact=True))
    assert view is not None and view.status == DIVERGED
    assert "smaller probe.learning_rate" in (view.error or "") and len(view.curves["training.loss"]) >= 1


GOOD = {
    "curvlinops_difference": 1e-15,
    "top_error_kept": 1e-14,
    "copies_kept": 1.0,
    "copies_first_plain": 4.0,
    "density_mass": 1.0,
    "kolmogorov": 0.005,
    "trace_error_hutchinson": 0.01,
    "trace_error_hutch_plus_plus": 0.01,
    "trace_error_xtrace": 0.01,
    "gauss_newton_lowest": 0.0,
    "class_mean_cosine": 0.01,
    "gap_after": 5.0,
    "gradient_share": 0.999,
}


def verdicts(metrics: dict[str, float], *overrides: str) -> dict[str, str]:
    cfg = compose.resolve("loss_landscape", ["probe=spectrum", *MIXTURE, *overrides]).cfg
    return {claim.id.removeprefix("landscape.spectrum."): claim.verdict for claim in claims(cfg, metrics)}


def test_everything_holds_on_ideal_numbers():
    assert set(verdicts(GOOD).values()) == {HOLDS}


@pytest.mark.parametrize(
    ("metric", "bad", "claim"),
    [
        ("curvlinops_difference", 1e-8, "product"),
        ("top_error_kept", 1e-5, "lanczos.top"),
        ("copies_kept", 2.0, "lanczos.copies"),
        ("copies_kept", 0.0, "lanczos.copies"),
        ("copies_first_plain", 1.0, "lanczos.ghosts"),
        ("density_mass", 0.99, "density.mass"),
        ("kolmogorov", 0.03, "density.kolmogorov"),
        ("trace_error_hutchinson", 0.04, "trace.hutchinson"),
        ("trace_error_hutch_plus_plus", 0.04, "trace.hutch_plus_plus"),
        ("trace_error_xtrace", 0.04, "trace.xtrace"),
        ("gauss_newton_lowest", -1e-3, "gauss_newton"),
        ("gap_after", 4.0, "outliers.gap"),
        ("gradient_share", 0.98, "outliers.gradient"),
    ],
)
def test_each_claim_can_fail_alone(metric, bad, claim):
    assert {name for name, verdict in verdicts(GOOD | {metric: bad}).items() if verdict == FAILS} == {claim}


@pytest.mark.parametrize(
    "overrides", [["task=digits"], ["network.depth=2"], ["network.batch_norm=true"], ["probe.steps=20"]]
)
def test_outliers_are_judged_where_they_are_clean(overrides):
    found = verdicts(GOOD, *overrides)
    assert found["outliers.gap"] == found["outliers.gradient"] == NOT_MEASURED


def test_the_gap_needs_classes_at_right_angles():
    found = verdicts(GOOD | {"class_mean_cosine": 0.3, "gap_after": 1.0})
    assert found["outliers.gap"] == NOT_MEASURED and found["outliers.gradient"] == HOLDS


def test_exact_comparisons_need_double_precision():
    found = verdicts(GOOD, "dtype=float32")
    assert found["lanczos.top"] == found["product"] == found["density.kolmogorov"] == NOT_MEASURED


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("probe.steps=0", "probe.steps must be at least 1"),
        ("probe.lanczos_steps=10", "probe.lanczos_steps must be at least 25"),
        ("probe.trace_products=20", "probe.trace_products must be a multiple of 6"),
        ("probe.repeats=1", "probe.repeats must be at least 2"),
        ("probe.learning_rate=0", "probe.learning_rate must be positive"),
        ("optimizer=adam", "does not look at the optimizer"),
    ],
)
def test_wrong_keys(override, message):
    with pytest.raises(UserError, match=message):
        compose.resolve("loss_landscape", ["probe=spectrum", override])


def test_orthogonal_clouds(tmp_path):
    cfg = compose.resolve("loss_landscape", ["probe=spectrum", *MIXTURE, "task.orthogonal=true"]).cfg
    objective = cfg.task.build(cfg)
    labels = objective.targets.argmax(dim=1)
    assert mean_cosine(objective.inputs, labels) < 0.02
    centres = torch.stack([objective.inputs[labels == c].mean(dim=0) for c in range(5)])
    assert centres.norm(dim=1).numpy() == pytest.approx(np.full(5, 2.0), abs=0.1)
    with pytest.raises(UserError, match=r"task\.dimensions of at least 5"):
        compose.resolve("loss_landscape", ["task=gaussian_mixture", "task.orthogonal=true", "task.dimensions=4"])


@pytest.mark.slow
@pytest.mark.parametrize("classes", [5, 8])
def test_one_outlier_a_class(tmp_path, classes):
    """The phenomenon itself, at the default size."""
    from unittest import mock

    from baselines.common import app
    from baselines.common.terminal import Terminal

    overrides = ["probe=spectrum", *MIXTURE, "task.orthogonal=true", f"task.classes={classes}", "seed=1"]
    with mock.patch.object(app, "pictures", return_value=[]):
        view = app.execute(compose.resolve("loss_landscape", [*overrides, f"results={tmp_path}"]), Terminal())
    assert view is not None
    assert [claim.id for claim in view.claims if claim.verdict != HOLDS] == []
