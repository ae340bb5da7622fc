"""Tables of pinn_pde on made-up records: statistics, targets, times, coverage, labels."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from baselines.common import compose, options, plotting
from baselines.common.record import RunView
from benchmarks import tables
from benchmarks.sheet import Estimate
from benchmarks.tables import (
    _pinn,
    pinn_accuracy,
    pinn_intervals,
    pinn_inverse,
    pinn_side_by_side,
    pinn_work_precision,
)

NAMES = [name for name in tables.names() if name.startswith("pinn_")]


def view(
    problem: str,
    method: str,
    errors: Sequence[float],
    *,
    seed: int = 0,
    seconds: Sequence[float] | None = None,
    heldout: int = 20000,
    dtype: str = "float64",
    keys: dict[str, Any] | None = None,
    method_keys: dict[str, Any] | None = None,
    **metrics: float,
) -> RunView:
    """A record with this history of errors, one row a second unless said otherwise."""
    times = np.array(seconds if seconds is not None else np.arange(len(errors)), dtype=float)
    base = {"judged_l2": errors[-1], "reference_error": 1e-15, "iterations": 6000.0, "resolution": 1.0}
    base["degrees_of_freedom"] = 100.0
    return RunView(
        folder=Path(),
        topic="pinn_pde",
        key="key",
        status="done",
        config={
            "problem": {"beta": 5} | (keys or {}) if problem == "wave" else keys or {},
            "method": method_keys or {},
            "heldout_points": heldout,
            "dtype": dtype,
        },
        choices={"problem": problem, "method": method},
        seed=seed,
        metrics=base | metrics,
        claims=[],
        cost={"training_s": float(times[-1]), "parameters": 100.0},
        environment={},
        code={},
        started="",
        ended=None,
        error=None,
        curves={
            "history.elapsed_s": times,
            "history.evaluations": 1000.0 * (1.0 + times),
            "history.error": np.array(errors, dtype=float),
        },
    )


def three(problem: str, method: str, errors: Sequence[float], **more: Any) -> list[RunView]:
    return [view(problem, method, errors, seed=seed, **more) for seed in range(3)]


def verdicts(views: list[RunView]) -> dict[str, str]:
    return {claim.id: claim.verdict for claim in pinn_accuracy.Table().claims(views)}


def test_a_cell_is_a_geometric_mean_with_the_median_time() -> None:
    views = [view("heat", "lm", [1.0, error]) for error in (1e-4, 1e-6)] + [view("heat", "classical", [1e-12])]
    row = pinn_accuracy.Table().sheet(views).rows[0]
    assert isinstance(row[2], Estimate) and row[2].value == pytest.approx(1e-5)
    assert row[2].text.endswith("(n=2), 1 s") and row[3] == "lm" and row[1] is None


@pytest.mark.parametrize(("error", "expected"), [(9e-6, "holds"), (2e-5, "fails")])
def test_a_target_can_be_missed(error: float, expected: str) -> None:
    assert verdicts(three("burgers", "ssbroyden", [1.0, error]))["pinn.target.burgers.pinn"] == expected


def test_targets_need_three_full_runs() -> None:
    few = three("burgers", "lm", [1.0, 1e-6])[:2]
    short = three("burgers", "lm", [1.0, 1e-6], heldout=1000)
    for views in (few, short, []):
        assert set(verdicts(views).values()) == {"not measured"}


def test_the_time_limit_is_a_claim_of_its_own() -> None:
    quick, slow = ([1.0, 1e-8], [0.0, 8.0]), ([1.0, 1e-8], [0.0, 80.0])
    for (errors, seconds), expected in ((quick, "holds"), (slow, "fails")):
        found = verdicts(three("poisson2d", "lm", errors, seconds=seconds))
        assert found["pinn.target.poisson2d.pinn"] == "holds"
        assert found["pinn.target.poisson2d.pinn.seconds"] == expected
    never = verdicts(three("poisson2d", "lm", [1.0, 1e-3]))
    assert never["pinn.target.poisson2d.pinn.seconds"] == "fails"


def test_both_waves_have_their_own_row() -> None:
    views = [view("wave", "rfm", [1e-6], keys={"beta": beta}) for beta in (4, 5)]
    assert [row[0] for row in pinn_accuracy.Table().sheet(views).rows] == ["wave, c = 2, β = 5", "wave, c = 2, β = 4"]


def test_elements_with_equal_unknowns_are_interpolated() -> None:
    """Error 1 / n: a network of 100 parameters stands against 1e-2."""
    elements = [
        view("poisson_lshape", "classical", [1.0 / n], degrees_of_freedom=float(n), resolution=float(n))
        for n in (10, 1000)
    ]
    claims = {c.id: c for c in pinn_accuracy.Table().claims(elements + three("poisson_lshape", "lm", [1.0, 3e-2]))}
    assert claims["pinn.target.poisson_lshape.pinn"].measured == pytest.approx(3.0)


@pytest.mark.parametrize(("front", "expected"), [(2e-2, "holds"), (2e-3, "fails")])
def test_the_front_against_the_worse_smooth_problem(front: float, expected: str) -> None:
    views = [view("burgers", "adam_lbfgs", [front])]
    views += [view(problem, "adam_lbfgs", [error]) for problem, error in (("heat", 1e-3), ("poisson2d", 5e-4))]
    assert verdicts(views)["pinn.front_is_hard"] == expected


def test_work_is_read_from_the_history_and_not_from_the_best_so_far() -> None:
    run = view("heat", "lm", [1.0, 1e-5, 1e-2, 1e-4, 1e-4])
    assert _pinn.error_at(run, 2.5) == 1e-2 and _pinn.error_at(run, 99.0) == 1e-4
    assert _pinn.error_at(run, -1.0) is None
    assert _pinn.work_to_reach(run, 1e-3) == 3.0  # below at 1 s already, but not for good
    assert _pinn.work_to_reach(run, 1e-4, "evaluations") == 4000.0
    assert _pinn.work_to_reach(run, 1e-6) == np.inf
    assert _pinn.middle([1.0, np.inf, 2.0]) == 2.0 and _pinn.middle([1.0, np.inf, np.inf]) is None


def test_the_course_is_the_median_with_the_range_of_the_seeds() -> None:
    runs = [view("heat", "lm", [1.0, error, error]) for error in (1e-2, 1e-3, 1e-5)]
    found = _pinn.course(runs, "elapsed_s")
    assert found is not None
    work, middle, low, high = found
    assert work[0] == pytest.approx(1.0) and work[-1] == pytest.approx(2.0)
    assert (middle == 1e-3).all() and (low == 1e-5).all() and (high == 1e-2).all()
    assert _pinn.course([view("heat", "rfm", [1e-8])], "elapsed_s") is None


def test_a_classical_level_is_reached_by_the_cheapest_resolution() -> None:
    views = [
        view("heat", "classical", [error], seconds=[time], resolution=time * 100)
        for error, time in ((1e-3, 0.01), (1e-5, 0.02), (1e-9, 0.04))
    ]
    row = pinn_work_precision.Table().sheet(views).rows[0]
    assert row[2:6] == [0.01, 0.02, 0.04, 0.04]


def test_side_by_side_compares_the_same_seeds_at_the_same_time() -> None:
    recipe = three("burgers", "adam_lbfgs", [1.0, 0.1, 0.05], seconds=[0.0, 40.0, 90.0], dtype="float32")
    ours = three("burgers", "ssbroyden", [1.0, 1e-4, 1e-6], seconds=[0.0, 20.0, 70.0])
    assert pinn_side_by_side.ratios(recipe + ours, 60.0) == pytest.approx([1000.0] * 3)
    assert pinn_side_by_side.ratios(recipe + ours, 10.0) == [1.0] * 3
    (claim,) = pinn_side_by_side.Table().claims(recipe + ours)
    assert claim.measured == pytest.approx(1000.0) and claim.verdict == "holds"
    (claim,) = pinn_side_by_side.Table().claims(recipe + ours[:2])
    assert claim.verdict == "not measured"


def lorenz(seed: int, method: str, off: tuple[float, float, float], noise: float = 0.05, **keys: Any) -> RunView:
    """Estimates this many standard errors of 0.1 off the truth."""
    found: dict[str, Any] = {}
    for name, true, far in zip(("sigma", "rho", "beta"), (10.0, 15.0, 8.0 / 3.0), off, strict=True):
        found |= {name: true + 0.1 * far, f"{name}_standard_error": 0.1, f"{name}_error": abs(0.1 * far / true)}
    small = {"iterations": 80, "depth": 1, "width": 24, "points": 150} if method == "lm" else {}
    return view("lorenz", method, [1e-3], seed=seed, keys={"noise": noise}, method_keys=small | keys, **found)


def test_the_error_of_several_parameters_is_their_root_mean_square() -> None:
    run = lorenz(0, "lm", (1.0, 0.0, 2.0))
    expected = np.sqrt(np.mean(np.square([0.01, 0.0, 0.2 / (8.0 / 3.0)])))
    assert pinn_inverse.parameter_error(run) == pytest.approx(expected)
    assert pinn_inverse.covered(run) == [True, True, False]
    assert pinn_inverse.parameter_error(view("poisson_field", "lm", [3e-2], keys={"noise": 0.1})) == 3e-2


def poisson(seed: int, method: str, off: float) -> RunView:
    small = {"iterations": 60, "depth": 1, "width": 16, "points": 300} if method == "lm" else {}
    found: dict[str, Any] = {"a": 2.0 + 0.1 * off, "a_standard_error": 0.1, "a_error": abs(0.05 * off)}
    return view("poisson_inverse", method, [1e-2], seed=seed, keys={"noise": 0.05}, method_keys=small, **found)


@pytest.mark.parametrize(("missed", "expected"), [(8, "holds"), (0, "fails"), (20, "fails")])
def test_coverage_counts_all_intervals(missed: int, expected: str) -> None:
    """80 intervals: 8 that miss are a tenth, none is too sure, 20 are too many."""
    views = [lorenz(seed, "lm", (0.0, 0.5, 1.0)) for seed in range(20)]
    views += [poisson(seed, "lm", 2.0 if seed < missed else 0.3) for seed in range(20)]
    network, classical = pinn_inverse.Table().claims(views)[:2]
    assert network.measured == pytest.approx(1.0 - missed / 80) and network.verdict == expected
    assert classical.verdict == "not measured"
    assert pinn_inverse.Table().claims(views[1:])[0].verdict == "not measured"  # 19 draws of one problem


def test_draws_with_a_small_network_stay_out_of_the_noise_curve() -> None:
    views = [lorenz(0, "lm", (0.0, 0.0, 1.0)), lorenz(0, "lm", (0.0, 0.0, 3.0), width=20)]
    assert [len(f(views, "lorenz", "network")) for f in (pinn_inverse.curve, pinn_inverse.drawn)] == [1, 1]


def test_a_seed_that_two_purposes_share_counts_once() -> None:
    """The classical draws for the coverage are part of the noise curve."""
    views = [lorenz(seed, "classical", (0.0, 0.0, 1.0)) for seed in (0, 0, 1)]
    assert [len(f(views, "lorenz", "classical")) for f in (pinn_inverse.curve, pinn_inverse.drawn)] == [2, 2]
    (row,) = pinn_inverse.Table().sheet(views).rows
    assert isinstance(row[2], Estimate) and row[2].n == 2 and row[3] == "100 (6 of 6)"


def made_up() -> list[RunView]:
    """A record of every kind for every table."""
    views = []
    for row in _pinn.ROWS:
        keys = {"beta": int(row.keys[0].split("=")[1])} if row.keys else {}
        for method in ("lm", "adam_lbfgs"):
            views += three(row.problem, method, [1.0, 1e-3, 1e-6], keys=keys)
        views += [view(row.problem, m, [1e-8], seconds=[0.1], keys=keys) for m in ("rfm", "classical")]
    for noise in pinn_inverse.NOISE:
        for method in ("lm", "classical"):
            views += [lorenz(seed, method, (1.0, 2.0, 0.5), noise, width=20) for seed in range(3)]
    views += [lorenz(seed, "lm", (1.0, 2.0, 0.5)) for seed in range(20)]
    return views


def draws(a: float, bar: float, error: float, outliers: float = 0.0, robust: str = "none") -> list[RunView]:
    """Twenty records of the ensemble, or of the network with gross errors."""
    keys = {"noise": 0.05, "outliers": outliers}
    settings = {"iterations": 60, "depth": 1, "width": 16, "points": 300, "robust": robust}
    method = "lm" if outliers else "ensemble"
    metrics = {"a": a, "a_error": error, "a_standard_error": bar}
    return [
        view("poisson_inverse", method, [error], seed=seed, keys=keys, method_keys=settings, **metrics)
        for seed in range(20)
    ]


def test_intervals_cover_and_a_robust_loss_is_worth_a_factor() -> None:
    table = pinn_intervals.Table()
    views = draws(2.01, 0.02, 5e-3) + draws(2.8, 0.1, 0.4, 0.1) + draws(2.01, 0.1, 5e-3, 0.1, "student")
    rows = {row[0]: row for row in table.sheet(views).rows}
    assert rows["ensemble of 5 networks, perturbed data"][2] == "100 (20 of 20)"
    assert rows["ensemble of 5 networks, perturbed data"][3] == f"{1.645 * 0.02:.3g}"
    assert "network, Student" in rows and rows["network, squares"][2] is None
    assert [claim.verdict for claim in table.claims(views)] == ["holds", "holds"]
    wrong = draws(2.2, 0.02, 0.1) + draws(2.2, 0.1, 0.1, 0.1) + draws(2.2, 0.1, 0.1, 0.1, "student")
    assert [claim.verdict for claim in table.claims(wrong)] == ["fails", "fails"]
    asked: set[str] = set()

    def text(label: str) -> str:
        asked.add(label)
        return label

    plotting.drawn(table.figure, views, text)
    assert asked <= set(table.ZH), asked - set(table.ZH)


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"pinn_intervals"}))
def test_figures_have_chinese_words_for_all_labels(name: str) -> None:
    asked: set[str] = set()

    def text(label: str) -> str:
        asked.add(label)
        return label

    table = tables.load(name)
    own = {"pinn_inverse": lambda v: "noise" in v.config["problem"], "pinn_side_by_side": _is_burgers}
    views = [v for v in made_up() if own.get(name, lambda v: "noise" not in v.config["problem"])(v)]
    figure = plotting.drawn(table.figure, views, text)
    assert figure.axes and asked and asked <= set(table.ZH), asked - set(table.ZH)
    assert table.sheet(views).rows


def _is_burgers(run: RunView) -> bool:
    return run.choices["problem"] == "burgers" and run.choices["method"] in ("lm", "adam_lbfgs")


def test_tables_share_runs_and_the_smoke_suite_is_small() -> None:
    precision = {tuple(run) for run in _pinn.precision_runs("standard")}
    assert {tuple(run) for run in _pinn.accuracy_runs("standard")} < precision
    smoke = {tuple(run) for name in NAMES for run in tables.load(name).runs("smoke")}
    assert len(smoke) <= 26


def test_smoke_runs_compose_and_named_options_exist() -> None:
    for run in {tuple(run) for name in NAMES for run in tables.load(name).runs("smoke")}:
        compose.resolve("pinn_pde", [*run, "budget=smoke"])
    known = options.groups("pinn_pde")
    wanted = {key for name in NAMES for run in tables.load(name).runs("standard") for key in run}
    for group in ("problem", "method"):
        assert {key.partition("=")[2] for key in wanted if key.startswith(f"{group}=")} <= set(known[group])
