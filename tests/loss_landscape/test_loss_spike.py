"""Adam's spikes on a quadratic: against torch's Adam, against quadrature, and when the claims fail."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.integrate import quad

from baselines.common import compose, compute
from baselines.common.claims import FAILS, HOLDS, NOT_MEASURED
from baselines.common.errors import UserError
from baselines.common.record import DONE, Record, read
from baselines.loss_landscape import figures, loss_spike
from baselines.loss_landscape.preconditioner import preconditioner
from baselines.loss_landscape.probes.loss_spike import Probe, claims
from baselines.loss_landscape.run import run as work

ROWS = [(0.15, 0.9), (0.1, 0.95), (0.01, 0.99)]


@pytest.mark.parametrize("beta1", [0.0, 0.9])
@pytest.mark.parametrize("curvature", [1.0, 7.0])
def test_it_is_the_adam_of_torch(beta1, curvature):
    x = torch.ones(1, dtype=torch.float64)
    optimizer = torch.optim.Adam([x], lr=0.1, betas=(beta1, 0.95), eps=1e-8)
    found = loss_spike.adam_on_quadratic(0.1, 0.95, 60, curvature=curvature, beta1=beta1)
    edge = 2 * (1 + beta1) / ((1 - beta1) * 0.1)
    for step in range(60):
        assert found.log_x[step] == pytest.approx(math.log(abs(x.item())), abs=1e-6)
        x.grad = curvature * x
        optimizer.step()
        diagonal = preconditioner(optimizer)
        assert diagonal is not None
        assert found.ratio[step] == pytest.approx(curvature / diagonal.item() / edge, rel=1e-9)
        assert found.log_v[step] == pytest.approx(math.log(optimizer.state[x]["exp_avg_sq"].item()), rel=1e-9)


def test_numbers_of_the_notes():
    """Crossing at the 42nd and 1007th step (41 and 1006 when counted from zero), spike soon after."""
    for (lr, beta2), crossing, onset in zip(ROWS, (42, 93, 1007), (49, 103, 1029), strict=True):
        run = loss_spike.adam_on_quadratic(lr, beta2, 2 * crossing)
        assert (run.crossing, run.onset()) == (crossing, onset)


@pytest.mark.parametrize(("lr", "beta2"), ROWS)
def test_formulas(lr, beta2):
    run = loss_spike.adam_on_quadratic(lr, beta2, 1800)
    assert run.freed and run.crossing and run.comeback
    formula = loss_spike.crossing_step(math.exp(run.log_v[run.freed - 1]), run.freed, lr, beta2)
    assert run.crossing == math.ceil(formula)
    returned = formula + loss_spike.comeback_lag(beta2, formula - run.freed)
    assert run.comeback == pytest.approx(returned, abs=max(2, 0.01 * returned))


def test_crossing_formula_on_a_preconditioner_that_only_decays():
    """Exact: v_t = V beta^t, bias correction and eps included, at the real number t."""
    v, step, lr, beta2, a, eps = 0.3, 7, 0.02, 0.97, 3.0, 1e-3
    t = loss_spike.crossing_step(v, step, lr, beta2, curvature=a, eps=eps)
    root = math.sqrt(v * beta2 ** (t - step) / (1 - beta2**t))
    assert a / (root + eps) == pytest.approx(2 / lr, rel=1e-12)


@pytest.mark.parametrize(("beta2", "waited"), [(0.9, 20.0), (0.99, 700.0), (0.999, 1e5)])
def test_comeback_against_quadrature(beta2, waited):
    half_rate = -math.log(beta2) / 2
    end = half_rate * waited
    parts = [(0.0, min(end, math.log(2)))] + ([(math.log(2), min(end, 40.0))] if end > math.log(2) else [])
    fall = sum(quad(lambda c: -math.log(abs(1 - 2 * math.exp(-c))), *part, limit=200)[0] for part in parts)
    d = half_rate * loss_spike.comeback_lag(beta2, waited)
    assert quad(lambda c: math.log(2 * math.exp(c) - 1), 0, d)[0] == pytest.approx(fall, rel=1e-6)
    if waited == 1e5:
        assert d == pytest.approx(1.8402, abs=1e-4)


def test_below_the_range_of_double_precision():
    """With beta2 = 0.999 plain numbers underflow to zero, where they stay; the logarithm comes back."""
    run = loss_spike.adam_on_quadratic(0.01, 0.999, 12_000)
    assert run.log_x.min() / math.log(10) < -2000
    assert run.crossing == 7456 and run.onset() == 7525
    assert run.log_x[8000:].max() > -10


def test_no_crossing_while_the_gradient_stays():
    """A step size so small that x has hardly moved: v does not decay, and there is nothing to report."""
    run = loss_spike.adam_on_quadratic(1e-4, 0.9, 200)
    assert run.crossing is run.onset() is run.freed is run.comeback is None


def test_spikes_of_a_curve():
    losses = np.array([8, 4, 2, 1, 2, 4, 8, 4, 1.1, 1.0, 0.9, 2, 1.5, 3, 0.5])
    assert loss_spike.spike_onsets(losses) == [3, 12]
    assert loss_spike.spike_onsets(losses, factor=10) == []
    assert loss_spike.spike_onsets(np.linspace(2, 1, 50)) == []


def test_looking_back():
    steps, ratios = np.array([0, 10, 20, 30]), np.array([0.5, 1.5, 0.9, 0.9])
    at = np.array([5, 10, 25, 29, 30, 45])
    assert loss_spike.beyond_before(at, steps, ratios, 20).tolist() == [False, True, True, True, False, False]


QUADRATIC = {"crossing": 42, "crossing_formula": 41.3, "onset": 49, "lag_formula": 6.6, "comeback": 69}
QUADRATIC |= {"comeback_formula": 68.9, "crossing_shift": 0, "decay_time": 1.1}
NETWORK = {"network_spikes": 9, "network_preceded": 1.0, "network_spikes_before": 0.0}


def verdicts(quadratic=QUADRATIC, network=NETWORK, **probe) -> dict[str, str]:
    made = claims(Probe(lrs=0.15, beta2s=0.9, **probe), [quadratic], network, "by hand")
    return {claim.id.removeprefix("landscape.loss_spike."): claim.verdict for claim in made}


@pytest.mark.parametrize(
    ("quadratic", "network", "fails"),
    [
        ({"crossing_formula": 40.5}, {}, {"crossing"}),
        ({"onset": 42}, {}, {"precedes", "growth"}),
        ({"onset": 60}, {}, {"lag", "growth"}),
        ({"comeback": 80}, {}, {"comeback"}),
        ({"crossing_shift": 1}, {}, {"curvature"}),
        ({}, {"network_preceded": 0.8}, {"network.preceded"}),
        ({}, {"network_spikes_before": 1.0}, {"network.quiet"}),
    ],
)
def test_each_claim_can_fail(quadratic, network, fails):
    assert set(verdicts().values()) == {HOLDS}
    found = verdicts(QUADRATIC | quadratic, NETWORK | network)
    assert {name for name, verdict in found.items() if verdict == FAILS} == fails


def test_what_is_not_measured():
    few = verdicts(network=NETWORK | {"network_spikes": 2})
    short = verdicts(network_steps=100)
    assert few["network.preceded"] == short["network.preceded"] == short["network.quiet"] == NOT_MEASURED
    assert verdicts(QUADRATIC | {"decay_time": 0.5})["comeback"] == NOT_MEASURED


def test_figure_of_a_single_setting(tmp_path: Path):
    """One value instead of a list, as the command line gives it."""
    overrides = ["probe=loss_spike", "budget=smoke", "probe.lrs=0.05", "probe.beta2s=0.9", f"results={tmp_path}"]
    resolved = compose.resolve("loss_landscape", overrides)
    compute.prepare(resolved.cfg)
    known = {name: getattr(resolved, name) for name in ("topic", "key", "config", "choices")}
    one = Record(resolved.folder, known | {"seed": 0, "environment": {}, "code": {}})
    one.start()
    one.finish(DONE, work(resolved.cfg, one))
    view = read(resolved.folder)
    assert view is not None and view.metrics["crossing_0.05_0.9"] == 78
    figure = figures.draw(view, lambda label: label)["figure"]
    assert [axis.get_ylabel() for axis in figure.axes].count("preconditioned curvature / threshold") == 2


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("probe.lrs=[0.1,0.2]", "must have the same length; got 2 and 4"),
        ("probe.lrs=[0.1,0.2,0.3,0.9]", "above 0 and at most 0.5"),
        ("probe.network_beta2=1", "probe.network_beta2 must be from 0.5 to 0.9999"),
        ("probe.network_lr=0", "probe.network_lr must be positive"),
        ("optimizer=adam", "does not look at the optimizer"),
    ],
)
def test_wrong_keys(override, message, tmp_path: Path):
    with pytest.raises(UserError, match=message):
        compose.resolve("loss_landscape", ["probe=loss_spike", override, f"results={tmp_path}"])
