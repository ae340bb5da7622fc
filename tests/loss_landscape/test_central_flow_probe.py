"""The probe of the central flow: claims that can fail, divergence, the figure, the table."""

from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch
from support import smoke

from baselines.common import compose
from baselines.common.claims import FAILS, HOLDS, NOT_MEASURED
from baselines.common.errors import UserError
from baselines.common.record import DIVERGED, RunView
from baselines.loss_landscape import central_flow, figures
from baselines.loss_landscape.flow_comparison import CURVES, Comparison, Curve
from baselines.loss_landscape.objective import Objective
from baselines.loss_landscape.probes.central_flow import claims
from benchmarks.tables.central_flow import Table


def run(results: Path, *overrides: str) -> RunView:
    """A smoke run and its record."""
    return smoke("loss_landscape", results, "probe=central_flow", *overrides)


def by_hand(loss=(1.0, 1.01, 0.7), sharpness=(1.01, 1.0, 2.0), distance=(0.1, 0.9)) -> Comparison:
    steps = list(range(0, 1001, 10))
    curves = {
        name: Curve([value] * 1001, [1] * 1001, steps, [0.5] * 10 + [height] * 91)
        for name, value, height in zip(CURVES, loss, sharpness, strict=True)
    }
    curves["central"].distances, curves["stable"].distances = ([value] * 101 for value in distance)
    return Comparison(curves)


def verdicts(rule: str, found: Comparison | None) -> dict[str, str]:
    return {claim.id.rpartition(".")[2]: claim.verdict for claim in claims(rule, "by hand", found)}


@pytest.mark.parametrize("rule", ["gd", "rmsprop"])
def test_everything_holds_where_the_flow_is_right(rule):
    found = by_hand()
    assert found.due and set(verdicts(rule, found).values()) == {HOLDS}
    assert set(verdicts(rule, None).values()) == {NOT_MEASURED}


@pytest.mark.parametrize(
    ("found", "fails"),
    [
        (by_hand(loss=(1.0, 1.035, 0.7)), "loss"),
        (by_hand(loss=(1.0, 0.98, 0.91)), "stable_loss"),
        (by_hand(sharpness=(0.97, 1.0, 2.0)), "sharpness"),
        (by_hand(sharpness=(1.06, 1.0, 2.0)), "sharpness"),
        (by_hand(sharpness=(1.01, 1.03, 2.0)), "flow_sharpness"),
        (by_hand(distance=(0.1, 0.39)), "distance"),
    ],
)
def test_each_claim_can_fail_alone(found, fails):
    assert {name for name, verdict in verdicts("gd", found).items() if verdict == FAILS} == {fails}


def test_a_stable_flow_below_the_edge_measures_nothing():
    assert not by_hand(sharpness=(0.9, 0.9, 0.9)).due


@pytest.mark.parametrize("rule", ["gd", "rmsprop"])
def test_below_the_edge_both_flows_are_the_same_curve(tmp_path, rule):
    """With a small step size nothing is critical, and the optimizer follows gradient flow."""
    view = run(tmp_path, f"probe.rule={rule}", f"probe.lr={0.05 if rule == 'gd' else 1e-4}")
    assert view.metrics["critical_most"] == 0
    np.testing.assert_allclose(view.curves["central_loss.loss"], view.curves["stable_loss.loss"], rtol=1e-12)
    assert abs(view.metrics["loss_error_central"]) < 0.02
    assert {claim.verdict for claim in view.claims} == {NOT_MEASURED}


def test_the_optimizer_of_a_run_is_the_one_of_its_first_losses(tmp_path):
    view = run(tmp_path, "probe.warmup=0", "probe.lr=0.1", "seed=3")
    task = compose.resolve("loss_landscape", ["probe=central_flow", "budget=smoke", "seed=3"]).cfg
    objective = task.task.build(task)
    losses = []
    for _ in range(5):
        losses.append(objective.loss().item())
        objective.assign(objective.vector() - 0.1 * objective.gradient())
    np.testing.assert_allclose(view.curves["optimizer_loss.loss"][:5], losses, rtol=1e-12)


def test_a_step_size_far_beyond_the_edge_is_reported(tmp_path):
    view = run(tmp_path, "probe.lr=1000")
    assert view.status == DIVERGED and "smaller step size" in (view.error or "")


def test_divergence_keeps_the_curves(tmp_path):
    """After some steps the weights are made not to be numbers."""
    calls, original = [0], central_flow.loss_and_gradient

    def poisoned(objective: Objective, w: torch.Tensor) -> tuple[float, torch.Tensor]:
        calls[0] += 1
        return original(objective, w if calls[0] < 40 else w * float("nan"))

    with mock.patch.object(central_flow, "loss_and_gradient", poisoned):
        view = run(tmp_path)
    assert view.status == DIVERGED and view.error == "the loss is nan"
    assert 0 < len(view.curves["optimizer_loss.loss"]) < 31


def test_figure_is_a_function_of_the_record(tmp_path):
    view = run(tmp_path)
    left, middle, right, *_ = figures.draw(view, lambda label: label)["figure"].axes
    assert [axis.get_xlabel() for axis in (left, middle, right)] == ["step"] * 3
    line = next(line for line in left.lines if line.get_label() == "central flow")
    np.testing.assert_array_equal(line.get_ydata(), view.curves["central.sharpness_over_edge"])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("probe.rule=adam", "probe.rule must be one of gd, rmsprop"),
        ("probe.beta2=1", "probe.beta2 must be between 0 and 1"),
        ("probe.steps=0", "probe.steps must be at least 1"),
        ("optimizer=sgd", "does not look at the optimizer"),
    ],
)
def test_wrong_keys(override, message):
    with pytest.raises(UserError, match=message):
        compose.resolve("loss_landscape", ["probe=central_flow", override])


@pytest.mark.parametrize(("override", "word"), [("activation=relu", "third"), ("batch_norm=true", "batch norm")])
def test_networks_without_third_derivatives_are_refused(override, word):
    cfg = compose.resolve("loss_landscape", ["probe=central_flow", f"network.{override}"]).cfg
    assert word in (cfg.probe.skip(cfg) or "")


def test_the_table_has_a_row_for_each_setting_and_its_claim_can_fail(tmp_path):
    views = [run(tmp_path, f"seed={seed}") for seed in (0, 1)] + [run(tmp_path, "probe.rule=rmsprop")]
    table = Table()
    sheet = table.sheet(views)
    assert [row[:2] for row in sheet.rows] == [["GD", "0.5"], ["RMSprop", "0.0005"]]
    assert len(table.figure(views, lambda label: label).axes) == 2
    assert table.claims(views)[0].verdict == NOT_MEASURED
    better = {"loss_error_central": 0.01, "loss_error_stable": -0.3, "distance_central": 0.1, "distance_stable": 1.0}
    for view in views:
        view.config["probe"]["steps"] = 800
        view.metrics |= better
    assert table.claims(views)[0].verdict == HOLDS
    views[0].metrics["loss_error_central"] = -0.31
    assert table.claims(views)[0].verdict == FAILS


@pytest.mark.slow
@pytest.mark.parametrize(("rule", "lr"), [("gd", 0.5), ("rmsprop", 0.001)])
def test_central_flow(tmp_path, rule, lr):
    """The phenomenon itself on 200 digits: every claim holds."""
    size = ["task.examples=200", "network.width=32", "probe.steps=600", "probe.warmup=20"]
    view = run(tmp_path, f"probe.rule={rule}", f"probe.lr={lr}", *size)
    assert {claim.verdict for claim in view.claims} == {HOLDS}
    assert view.metrics["critical_most"] >= 2
