"""The table of thresholds, from records made by hand."""

from pathlib import Path

import numpy as np
import pytest

from baselines.common.claims import FAILS, HOLDS, NOT_MEASURED, Claim
from baselines.common.record import RunView
from benchmarks.tables.thresholds import OPTIMIZERS, Table

STEPS = 2000


def record(optimizer="gd", value=4.0, *, ratio=1.01, crossing=100, takes=0.02, degree=0, peak=20.0, seed=0) -> RunView:
    """A run that ends at `ratio` times its edge; a measurement takes `takes` seconds, a gradient a thousandth."""
    steps = np.arange(0, STEPS + 1, 100)
    name, on = f"edge_{value:g}", np.arange(STEPS + 1) % 100 == 0
    sharpness = np.full(len(steps), ratio * value)
    sharpness[-1] = peak if degree else sharpness[-1]
    curves = {
        f"{name}.step": steps, f"{name}.time": steps * 0.5, f"{name}.sharpness": sharpness,
        f"{name}.edge": np.full(len(steps), value),
        f"{name}_loss.curvature_s": np.where(on, takes, 0.0), f"{name}_loss.gradient_s": np.full(STEPS + 1, 1e-3),
    }  # fmt: skip
    metrics = {f"{key}_{value:g}": ratio for key in ("hover_ratio", "hover_min", "hover_max", "sharpness_eta_half")} | {
        f"hvp_per_measurement_{value:g}": 15.0
    }
    if crossing is not None:
        metrics[f"crossing_step_{value:g}"] = float(crossing)
    if optimizer == "sgd":
        metrics[f"batch_ratio_{value:g}"] = 0.7
    hover = Claim(f"landscape.{optimizer}.hover.{value:g}", "by hand", 1.0, 0.95, 1.05, ratio, "by hand")
    task = "chebyshev" if degree else "digits"
    return RunView(
        folder=Path("nowhere"), topic="loss_landscape", key="", status="done",
        config={"probe": {"steps": STEPS}, "task": {"degree": degree}},
        choices={"optimizer": optimizer, "task": task}, seed=seed, metrics=metrics,
        claims=[] if optimizer == "sgd" else [hover], cost={f"{name}_s": 3.0}, environment={}, code={}, started="",
        ended="", error=None, curves=curves,
    )  # fmt: skip


def everyone(**keys):
    return [record(name, seed=seed, **keys) for name in OPTIMIZERS for seed in range(2)]


def verdicts(views):
    return {claim.id.removeprefix("landscape.thresholds."): claim.verdict for claim in Table().claims(views)}


def test_one_row_an_optimizer_with_the_verdict_of_the_mean():
    views = [record(ratio=0.94), record(ratio=0.98, seed=1), record("adam", ratio=1.2), record("sgd", ratio=0.4)]
    sheet = Table().sheet(views)
    rows = [dict(zip(sheet.columns, row, strict=True)) for row in sheet.rows]
    assert [row["optimizer"] for row in rows] == ["gradient descent", "Adam", "mini-batches"]
    assert [row["verdict"] for row in rows] == ["✓ holds", "✗ fails", "–"]
    assert rows[0]["lowest … highest"] == "0.940 … 0.980" and rows[0]["η"] == 0.5
    assert rows[0]["in gradients"] == "20"
    assert rows[1]["sharpness × η/2"] == "–" and rows[2]["batch sharpness × η/2"].value == 0.7


def test_every_claim_holds_and_fails():
    polynomials = [record(degree=degree, peak=10.0 * degree) for degree in (3, 4, 5)]
    ideal = dict.fromkeys(["arrivals", "cost", "cost_others", "chebyshev.4_3", "chebyshev.5_4"], HOLDS)
    assert verdicts(everyone() + polynomials) == ideal
    late = [*everyone(), *polynomials, record("sam", value=9.0, crossing=1500)]
    assert verdicts(late) == ideal | {"arrivals": FAILS}
    assert verdicts([*everyone(), *polynomials, record("sam", value=9.0, crossing=None)])["arrivals"] == FAILS
    assert verdicts(everyone(takes=0.031) + polynomials) == ideal | {"cost": FAILS, "cost_others": FAILS}
    swapped = [record(degree=degree, peak=peak) for degree, peak in ((3, 20.0), (4, 15.0), (5, 30.0))]
    assert verdicts(everyone() + swapped) == ideal | {"chebyshev.4_3": FAILS}


def test_short_runs_measure_nothing():
    short = record()
    short.config["probe"]["steps"] = 100
    assert set(verdicts([short]).values()) == {NOT_MEASURED}


@pytest.mark.parametrize("degrees", [(), (3, 4, 5)])
def test_figure(degrees):
    figure = Table().figure(everyone() + [record(degree=degree) for degree in degrees], lambda label: label)
    assert len(figure.axes) == (3 if degrees else 2)
    left = figure.axes[0]
    assert len(left.get_yticks()) == len(OPTIMIZERS)
    assert all(axis.get_title() and axis.get_xlabel() for axis in figure.axes)


def test_runs():
    smoke, standard = Table().runs("smoke"), Table().runs("standard")
    assert smoke == [["seed=0"]]
    assert len(standard) == 3 * (len(OPTIMIZERS) + 3) + 1
    assert [Table().available(run, "nowhere") for run in standard] == [True] * 30 + [False]
