"""Paths and barriers, and the probe's claims, which can fail."""

from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch
from torch import nn

from baselines.common import app, compose
from baselines.common.claims import FAILS, HOLDS, NOT_MEASURED
from baselines.common.errors import UserError
from baselines.common.record import RunView
from baselines.common.terminal import Terminal
from baselines.loss_landscape import curves
from baselines.loss_landscape.config import Config
from baselines.loss_landscape.networks.mlp import Network
from baselines.loss_landscape.objective import Objective
from baselines.loss_landscape.optimizers.gd import Optimizer
from baselines.loss_landscape.probes.connectivity import Probe, _claims
from baselines.loss_landscape.tasks.digits import Task


def smoke(results: Path, *overrides: str) -> RunView:
    """A smoke run without its figures."""
    options = ["budget=smoke", "probe=connectivity", f"results={results}", *overrides]
    with mock.patch.object(app, "pictures", return_value=[]):
        view = app.execute(compose.resolve("loss_landscape", options), Terminal(compact=True))
    assert view is not None
    return view


def ring(width=2) -> Objective:
    """A model whose loss is (|w|^2 - 1)^2: its minima are a circle, connected by curves and not by lines."""

    class Ring(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.ones(width, dtype=torch.float64))

        def forward(self, x):
            return (self.w.square().sum() - 1) * x

    ones = torch.ones(4, 1, dtype=torch.float64)
    return Objective(Ring(), ones, 0 * ones, lambda outputs, targets: (outputs - targets).square().mean())


A, B = (torch.tensor(v, dtype=torch.float64) for v in ([1.0, 0.0], [0.0, 1.0]))
T = torch.linspace(0, 1, 41, dtype=torch.float64)


def test_line_on_a_ring():
    """At the middle |w|^2 = 1/2, so the loss is 1/4: the barrier between two points a quarter of a turn apart."""
    losses = curves.losses_on_line(ring(), A, B, T)
    t = T.numpy()
    np.testing.assert_allclose(losses, (2 * t * (1 - t)) ** 2, atol=1e-14)
    assert curves.barrier(losses, t) == pytest.approx(0.25) == curves.excess(losses)


def test_barrier_is_measured_from_the_interpolation_and_excess_from_the_worse_end():
    t, losses = np.array([0.0, 0.5, 1.0]), np.array([0.0, 3.0, 4.0])
    assert curves.barrier(losses, t) == 1.0 and curves.excess(losses) == 0.0
    assert curves.barrier(np.array([1.0, 0.2, 1.0]), t) == 0.0


def test_bezier_ends_and_tangent():
    bend = torch.tensor([2.0, 3.0], dtype=torch.float64)
    assert torch.equal(curves.bezier(A, bend, B, 0.0), A) and torch.equal(curves.bezier(A, bend, B, 1.0), B)
    slope = (curves.bezier(A, bend, B, 1e-6) - A) / 1e-6
    torch.testing.assert_close(slope, 2 * (bend - A), rtol=1e-5, atol=1e-5)
    one = ring()
    points = torch.stack([curves.bezier(A, bend, B, t) for t in T.tolist()])
    np.testing.assert_allclose(curves.losses_on_bezier(one, A, bend, B, T), one.losses_at(points), rtol=1e-12)


def test_the_bend_finds_the_way_round():
    one = ring()
    steps = curves.train_bend(one, A, B, steps=800, lr=0.02, batch=2, generator=torch.Generator().manual_seed(0))
    losses, bends = zip(*((loss, bend.clone()) for loss, bend in steps), strict=True)
    assert len(losses) == 800
    assert curves.excess(curves.losses_on_bezier(one, A, bends[-1], B, T)) < 0.01
    assert torch.equal(one.vector(), torch.ones(2, dtype=torch.float64))
    # by symmetry the best bend lies on the diagonal, near the tangents' crossing (1, 1)
    np.testing.assert_allclose(bends[-1], [0.93, 0.93], atol=0.1)


def test_a_bend_that_diverges():
    steps = curves.train_bend(ring(), A, B, steps=50, lr=1e200, batch=2, generator=torch.Generator().manual_seed(0))
    with pytest.raises(FloatingPointError, match="the loss on the curve is"):
        list(steps)


def test_smoke_run(tmp_path):
    view = smoke(tmp_path)
    assert view.status == "done"
    assert [claim.verdict for claim in view.claims] == [HOLDS, HOLDS, NOT_MEASURED, NOT_MEASURED]
    assert view.metrics["distance_matched"] < view.metrics["distance"]
    assert np.all(np.diff(view.curves["matching.similarity"]) >= 0)
    train = view.curves["path_train_matched_loss"]
    np.testing.assert_allclose(train[[0, -1]], view.curves["path_train_naive_loss"][[0, -1]], rtol=1e-12)


@pytest.mark.parametrize(
    "overrides",
    [
        ["network.activation=relu", "task.loss=cross_entropy", "dtype=float32"],
        ["network.batch_norm=true"],
        ["task=curve1d"],
    ],
)
def test_other_settings(tmp_path, overrides):
    view = smoke(tmp_path, *overrides)
    assert view.status == "done" and [claim.verdict for claim in view.claims[:2]] == [HOLDS, HOLDS]


def claims(wide=True, **metrics) -> list[str]:
    cfg = Config(probe=Probe(), task=Task(), network=Network(), optimizer=Optimizer())
    good = {"function_change_float32": 1e-7, "function_change_float64": 1e-15}
    good |= {"matched_over_naive": 0.1, "train_excess_bezier": 0.01}
    return [claim.verdict for claim in _claims(cfg, Probe(), good | metrics, wide)]


@pytest.mark.parametrize(
    ("number", "metric", "value"),
    [
        (0, "function_change_float32", 2e-5),
        (1, "function_change_float64", 1e-11),
        (2, "matched_over_naive", 0.31),
        (3, "train_excess_bezier", 0.06),
    ],
)
def test_each_claim_can_fail_alone(number, metric, value):
    assert claims() == [HOLDS] * 4
    assert claims(**{metric: value}) == [FAILS if i == number else HOLDS for i in range(4)]
    assert claims(wide=False)[2:] == [NOT_MEASURED] * 2


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["probe.epochs=0"], "probe.epochs must be at least 1"),
        (["probe.points=2"], "probe.points must be at least 3"),
        (["probe.lr=0"], "probe.lr must be positive"),
    ],
)
def test_wrong_keys(overrides, message):
    with pytest.raises(UserError, match=message):
        compose.resolve("loss_landscape", ["probe=connectivity", *overrides])


@pytest.mark.parametrize(
    ("override", "reason"), [("network=cnn", "take network=mlp"), ("network.depth=0", "needs hidden units")]
)
def test_networks_without_units_to_match_are_refused(override, reason):
    cfg = compose.resolve("loss_landscape", ["probe=connectivity", override]).cfg
    assert reason in cfg.probe.skip(cfg)


@pytest.mark.slow
def test_wide_relu_networks_on_all_digits(tmp_path):
    """The phenomenon at a size that needs no download: matching removes nine tenths of the barrier."""
    options = ["task.examples=1500", "task.loss=cross_entropy", "network.width=256", "network.activation=relu"]
    view = smoke(tmp_path, *options, "dtype=float32", "probe.epochs=20", "probe.bend_steps=600", "probe.points=21")
    assert view.metrics["train_barrier_naive"] > 0.1
    assert view.metrics["matched_over_naive"] < 0.3
    assert view.metrics["train_excess_bezier"] < 0.05
