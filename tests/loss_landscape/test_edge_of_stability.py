"""The probe: its claims can fail, divergence keeps the curves, the figure needs the record alone."""

from pathlib import Path

import numpy as np
import pytest

from baselines.common import app, compose, compute
from baselines.common.claims import FAILS, HOLDS, NOT_MEASURED
from baselines.common.errors import Diverged, UserError
from baselines.common.record import DIVERGED, DONE, Record, RunView, read
from baselines.common.terminal import Terminal
from baselines.loss_landscape import figures
from baselines.loss_landscape.config import Config
from baselines.loss_landscape.optimizers.gd import Optimizer
from baselines.loss_landscape.probes.edge_of_stability import Claims, Probe
from baselines.loss_landscape.run import run as work
from baselines.loss_landscape.trajectory import Trajectory

STEPS = 1000


def run(results: Path, *overrides: str) -> RunView:
    """A smoke run and its record, without the drawing that the application adds."""
    resolved = compose.resolve("loss_landscape", ["budget=smoke", f"results={results}", *overrides])
    compute.prepare(resolved.cfg)
    known = {name: getattr(resolved, name) for name in ("topic", "key", "config", "choices")}
    one = Record(resolved.folder, known | {"seed": resolved.cfg.seed, "environment": {}, "code": {}})
    one.start()
    try:
        one.finish(DONE, work(resolved.cfg, one))
    except Diverged as problem:
        one.finish(DIVERGED, error=str(problem))
    view = read(resolved.folder)
    assert view is not None
    return view


def at_the_edge(level=4.0, plateau=1.0, arrival=100, rises=True, long_run=-1.0) -> Trajectory:
    """A run made by hand: sharpness rises linearly from 1 to the level, then stays at `plateau` times the level."""
    steps = np.arange(0, STEPS + 1, 10)
    ramp = 1 + (level - 1) * steps / arrival
    sharpness = np.where(steps <= arrival, ramp, plateau * level)
    slope = np.where(np.arange(STEPS) < arrival, -1.0, long_run) / STEPS
    trend = 2 + np.concatenate([[0.0], np.cumsum(slope)])
    jumps = 0.1 * (-1.0) ** np.arange(STEPS + 1) * (np.arange(STEPS + 1) > arrival) if rises else 0.0
    one = Trajectory(f"edge_{level:g}", level, 2 / level, steps.tolist(), sharpness.tolist())
    one.losses = (trend + jumps).tolist()
    return one


def control(until=8.0, rate=(4.0 - 1) / 50) -> Trajectory:
    """A control whose sharpness rises by `rate` a unit of training time; it passes 4 at time 50 = 100 * 2/4."""
    level, steps = 20.0, np.arange(0, STEPS + 1, 20)
    sharpness = np.minimum(1 + rate * steps * 2 / level, until)
    losses = np.linspace(2, 1, STEPS + 1).tolist()
    return Trajectory("control", level, 2 / level, steps.tolist(), sharpness.tolist(), losses=losses)


def verdicts(edge: Trajectory, other: Trajectory | None = None, **probe) -> dict[str, str]:
    settings = Probe(**({"steps": STEPS, "control_steps": STEPS} | probe))
    optimizer = Optimizer(two_over_eta=edge.level)
    claims = Claims(settings, optimizer, [edge], other, "by hand").all()
    return {claim.id.removeprefix("landscape.gd."): claim.verdict for claim in claims}


def test_everything_holds_on_the_ideal_run():
    found = verdicts(at_the_edge(), control())
    assert found == dict.fromkeys(
        ["quadratic", "hover.4", "arrival.4", "sharpening", "stable", "not_monotone", "long_run"], HOLDS
    )


@pytest.mark.parametrize(
    ("edge", "other", "fails"),
    [
        (at_the_edge(plateau=0.97), control(), "hover.4"),
        (at_the_edge(plateau=1.06), control(), "hover.4"),
        (at_the_edge(arrival=120), control(), "arrival.4"),
        (at_the_edge(), control(until=3.9), "sharpening"),
        (at_the_edge(rises=False), control(), "not_monotone"),
        (at_the_edge(long_run=+1.0), control(), "long_run"),
    ],
)
def test_each_claim_can_fail_alone(edge, other, fails):
    assert {name for name, verdict in verdicts(edge, other).items() if verdict == FAILS} == {fails}


def test_stable_fails_if_a_step_below_the_edge_raises_the_loss():
    edge = at_the_edge()
    edge.losses[50] = 9.0
    assert verdicts(edge, control())["stable"] == FAILS


def test_a_wrong_formula_fails():
    edge = at_the_edge()
    wrong = Optimizer(two_over_eta=4.0)
    wrong.threshold = lambda lr: 1.9 / lr
    claim = Claims(Probe(), wrong, [edge], None, "by hand").quadratic()
    assert claim.verdict == FAILS and claim.measured == pytest.approx(2 / 1.9)


def test_too_short_a_run_measures_nothing_but_the_quadratic():
    found = verdicts(at_the_edge(), control(), steps=100, control_steps=100)
    assert {name for name, verdict in found.items() if verdict != NOT_MEASURED} == {"quadratic"}


def test_an_edge_that_should_have_been_reached_counts_against_the_claim():
    """The control passes 4 early, the run itself never does: hovering is measured, and fails."""
    low = at_the_edge(plateau=0.5)
    low.sharpness = (0.5 * np.array(low.sharpness)).tolist()
    assert verdicts(low, control())["hover.4"] == FAILS


def test_an_edge_out_of_reach_is_not_measured():
    low = at_the_edge()
    low.sharpness = [2.0] * len(low.sharpness)
    assert verdicts(low, control(until=3.0))["hover.4"] == NOT_MEASURED
    assert verdicts(low)["hover.4"] == NOT_MEASURED


def test_divergence_keeps_the_curves_of_every_step_size(tmp_path):
    view = run(tmp_path, "optimizer.two_over_eta=[0.05,4]")
    assert view.status == DIVERGED
    assert view.error is not None and view.error.startswith("2/eta = 0.05: the loss is")
    exploded = view.curves["edge_0.05_loss.loss"]
    assert len(exploded) < 101
    assert exploded[-1] > 1e6 * exploded[0] or not np.isfinite(exploded[-1])
    assert len(view.curves["edge_4_loss.loss"]) == 101


@pytest.mark.parametrize(("share", "stable"), [(1.01, True), (0.9, False)])
def test_linear_regression(tmp_path, share, stable):
    """Without hidden layers the loss is quadratic: the sharpness is constant and known, and 2/eta alone decides."""
    exact = design_sharpness(100)
    level = float(f"{share * exact:g}")
    view = run(tmp_path, "task.depth=0", "probe.control=0", f"optimizer.two_over_eta={level}")
    np.testing.assert_allclose(view.curves[f"edge_{level:g}.sharpness"], exact, rtol=1e-5)
    losses = view.curves[f"edge_{level:g}_loss.loss"]
    assert np.all(np.diff(losses) < 0) == stable
    assert (losses[-1] > losses[0]) != stable


def design_sharpness(examples: int) -> float:
    """Largest eigenvalue of X'X / N for standardised digits with a column of ones for the bias."""
    from sklearn.datasets import load_digits

    pixels = load_digits().data[:examples]
    pixels = (pixels - pixels.mean(axis=0)) / (pixels.std(axis=0) + 1e-3)
    design = np.hstack([pixels, np.ones((examples, 1))])
    return float(np.linalg.eigvalsh(design.T @ design / examples)[-1])


def test_several_eigenvalues_are_ordered(tmp_path):
    view = run(tmp_path, "probe.eigenvalues=3", "probe.control=0", "optimizer.two_over_eta=4")
    first, second, third = (view.curves[f"edge_4.{name}"] for name in ("sharpness", "eigenvalue_2", "eigenvalue_3"))
    assert np.all(first >= second) and np.all(second >= third)
    assert "control.sharpness" not in view.curves


def test_figure_is_a_function_of_the_record(tmp_path):
    view = run(tmp_path, "optimizer.two_over_eta=[3,4.5]")
    figure = figures.draw(view, lambda label: label)["figure"]
    left, middle, right = figure.axes
    heights = {
        float(line.get_ydata()[0]) for line in left.lines if line.get_linestyle() == "--" and len(line.get_xdata())
    }
    assert heights == {3.0, 4.5}
    assert all(axis.get_xlabel() and axis.get_ylabel() for axis in (left, middle, right))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("probe.steps=0", "probe.steps must be at least 1"),
        ("probe.control=1", "probe.control must be 0"),
        ("probe.tol=2", "probe.tol must be between 0 and 1"),
        ("optimizer.two_over_eta=[]", "optimizer.two_over_eta must be a positive number or a list"),
    ],
)
def test_wrong_keys(override, message):
    with pytest.raises(UserError, match=message):
        compose.resolve("loss_landscape", [override])


def test_tolerance_out_of_reach_of_single_precision_is_refused():
    assert "out of reach of dtype=float32" in (Probe(tol=1e-6).skip(Config(dtype="float32")) or "")
    assert Probe(tol=1e-6).skip(Config()) is None and Probe().skip(Config(dtype="float32")) is None


def test_single_precision_agrees(tmp_path):
    double, single = (
        run(tmp_path, f"dtype={dtype}", "optimizer.two_over_eta=4", "probe.control=0")
        for dtype in ("float64", "float32")
    )
    assert single.metrics["start_sharpness"] == pytest.approx(double.metrics["start_sharpness"], rel=1e-5)
    np.testing.assert_allclose(single.curves["edge_4_loss.loss"], double.curves["edge_4_loss.loss"], rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_edge_of_stability(tmp_path, seed):
    """The phenomenon itself, at the default size."""
    resolved = compose.resolve("loss_landscape", [f"seed={seed}", f"results={tmp_path}"])
    view = app.execute(resolved, Terminal(compact=True))
    assert view is not None
    assert [claim.id for claim in view.claims if claim.verdict != HOLDS] == []
