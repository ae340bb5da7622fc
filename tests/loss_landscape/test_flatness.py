"""Comparing trainings: on curves made by hand, on linear regression, and when the claims fail."""

import math

import numpy as np
import pytest

from baselines.common import compose, compute
from baselines.common.claims import FAILS, HOLDS, NOT_MEASURED
from baselines.common.errors import Diverged, UserError
from baselines.common.record import Record
from baselines.loss_landscape.flatness import Training, common_loss, log_slope
from baselines.loss_landscape.probes.flatness import Probe
from baselines.loss_landscape.run import run as work


def training(start=1.0, end=0.1, sharpness=4.0, steps=1000) -> Training:
    """Loss falls linearly, sharpness is constant."""
    measured = list(range(0, steps + 1, 10))
    return Training(np.linspace(start, end, steps + 1).tolist(), measured, [sharpness] * len(measured))


def test_smooth_is_a_trailing_mean():
    one = Training(losses=[4.0, 2.0, 0.0, 6.0])
    assert one.smooth(2).tolist() == [4.0, 3.0, 1.0, 3.0]
    assert one.smooth(1).tolist() == one.losses
    assert one.smooth(9).tolist() == [4.0, 3.0, 2.0, 3.0]


def test_sharpness_at_a_loss():
    one = training()
    one.sharpness = [float(step) for step in one.steps]
    loss = one.losses[480]
    assert one.arrival(loss, 1) == 480
    assert one.sharpness_at(loss, 1) == 480
    assert one.sharpness_at(loss, 41) == pytest.approx(500, abs=6)  # the trailing mean arrives 20 steps later
    assert one.sharpness_at(0.05, 10) is None
    assert Training([2.0, 1.0, 0.5], [0], [3.0]).sharpness_at(0.5, 1) is None


def test_common_loss_is_that_of_the_slower():
    fast, slow = training(end=0.1), training(end=0.3)
    assert common_loss([fast, slow], 1) == pytest.approx(0.3)
    assert fast.arrival(common_loss([fast, slow], 1), 1) == pytest.approx(778, abs=1)


def test_settled_and_reaches():
    one = training()
    one.sharpness = [1.0 if step < 500 else 5.0 for step in one.steps]
    assert one.settled == 5.0 and one.reaches(5.0) and not one.reaches(5.1)
    one.diverged = True
    assert math.isnan(one.settled) and not one.reaches(0.0)


def test_slope():
    lrs = [0.1, 0.3, 0.9]
    assert log_slope(lrs, [2 / lr for lr in lrs]) == pytest.approx(-1)
    assert log_slope(lrs, [3 * lr**-0.5 for lr in lrs]) == pytest.approx(-0.5)
    with pytest.raises(ValueError, match="two different abscissas"):
        log_slope([1.0, 1.0], [2.0, 3.0])


def record_of(resolved, folder) -> Record:
    compute.prepare(resolved.cfg)
    known = {name: getattr(resolved, name) for name in ("topic", "key", "config", "choices")}
    return Record(folder, known | {"seed": resolved.cfg.seed, "environment": {}, "code": {}})


def test_linear_regression_has_one_sharpness(tmp_path):
    """Without hidden layers the Hessian is X'X / N: every training measures the same, exactly known value."""
    overrides = ["probe=flatness", "budget=smoke", "network.depth=0", "probe.two_over_eta=[20]", "probe.betas=[0,0.5]"]
    resolved = compose.resolve("loss_landscape", [*overrides, "probe.sam_two_over_eta=20"])
    one = record_of(resolved, tmp_path)
    outcome = work(resolved.cfg, one)
    from sklearn.datasets import load_digits

    pixels = load_digits().data[:100]
    pixels = (pixels - pixels.mean(axis=0)) / (pixels.std(axis=0) + 1e-3)
    design = np.hstack([pixels, np.ones((100, 1))])
    exact = float(np.linalg.eigvalsh(design.T @ design / 100)[-1])
    for name in ("momentum_0", "momentum_0.5", "batch_16"):
        assert outcome.metrics[f"{name}_ratio_20"] == pytest.approx(exact / 20, rel=1e-3)
    assert outcome.metrics["sam_ratio_0.1"] == pytest.approx(1, rel=1e-3)
    assert 0 < outcome.metrics["momentum_0_accuracy_20"] <= 1
    assert {claim.verdict for claim in outcome.claims} == {NOT_MEASURED}


def test_divergence_of_one_is_kept_and_of_all_ends_the_run(tmp_path):
    smoke = ["probe=flatness", "budget=smoke", "probe.betas=[0]", "probe.batches=[]", "probe.rhos=[]"]
    some = compose.resolve("loss_landscape", [*smoke, "probe.two_over_eta=[0.02,4]"])
    one = record_of(some, tmp_path)
    outcome = work(some.cfg, one)
    assert outcome.metrics["diverged"] == 1
    assert "momentum_0_ratio_0.02" not in outcome.metrics and "momentum_0_ratio_4" in outcome.metrics
    none = compose.resolve("loss_landscape", [*smoke, "probe.two_over_eta=[0.02]"])
    with pytest.raises(Diverged, match="every training diverged"):
        work(none.cfg, record_of(none, tmp_path))


def verdicts(slope=-1.0, flat=0.5, **probe) -> dict[str, str]:
    """Claims on trainings made by hand: sharpness eta^slope at the edges, and SAM `flat` times descent."""
    made = Probe(**({"betas": [0.0, 0.9], "rhos": [0.1], "batches": []} | probe))
    trainings = {
        ("momentum", beta, level): training(sharpness=level * (level / 3.0) ** (-1 - slope) + 1e-9)
        for beta in made.betas
        for level in made.two_over_eta
    }
    level = made.sam_two_over_eta
    for rho in made.rhos:
        trainings["sam", rho, level] = training(sharpness=flat * trainings["momentum", 0.0, level].sharpness[0])
    claims = made._claims(trainings, "by hand")
    return {claim.id.removeprefix("landscape.flatness."): claim.verdict for claim in claims}


def test_claims():
    assert verdicts() == {"slope.0": HOLDS, "sam.0.1": HOLDS}
    assert verdicts(slope=-1.2)["slope.0"] == FAILS
    assert verdicts(flat=0.7)["sam.0.1"] == FAILS
    assert set(verdicts(steps=500).values()) == {NOT_MEASURED}


def test_sam_is_claimed_against_descent_at_its_edge_only():
    assert "sam.0.02" not in verdicts(rhos=[0.02, 0.1])
    assert verdicts(sam_two_over_eta=4.0, two_over_eta=[3.0, 4.0, 6.0], slope=-0.7)["sam.0.1"] == NOT_MEASURED


def test_edges_that_are_not_reached_do_not_count():
    assert verdicts(slope=-0.7)["slope.0"] == NOT_MEASURED  # only the first step size is at its edge


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("probe.betas=[1]", "probe.betas must be at least 0 and below 1"),
        ("probe.batches=[0]", "probe.batches must be positive integers"),
        ("probe.two_over_eta=[]", "must not be empty"),
        ("probe.rhos=[-1]", "probe.rhos must be positive"),
        ("probe.sam_two_over_eta=0", "probe.sam_two_over_eta must be positive"),
    ],
)
def test_wrong_keys(override, message):
    with pytest.raises(UserError, match=message):
        compose.resolve("loss_landscape", ["probe=flatness", override])


def test_a_mini_batch_larger_than_the_data_is_refused():
    resolved = compose.resolve("loss_landscape", ["probe=flatness", "probe.batches=[600]"])
    assert "larger than the 500 examples" in (resolved.cfg.probe.skip(resolved.cfg) or "")
