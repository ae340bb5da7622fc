from pathlib import Path

import pytest

from baselines.common.record import RunView
from benchmarks.sheet import Estimate
from benchmarks.tables.pinn_baseline import PROBLEMS, Table
from tests.pinn_pde.conftest import PROBLEMS as FOUND


def view(problem: str, error: float, floor: float = 1e-15, **metrics: float) -> RunView:
    base = {
        "judged_l2": max(error, 3 * floor),
        "max_error": error,
        "reference_error": floor,
        "at_floor": float(error < 3 * floor),
        "residual_ratio": 1.5,
        "iterations": 6000.0,
    }
    return RunView(
        folder=Path(),
        topic="pinn_pde",
        key="key",
        status="done",
        config={},
        choices={"problem": problem, "method": "adam_lbfgs"},
        seed=0,
        metrics=base | metrics,
        claims=[],
        cost={"training_s": 10.0},
        environment={},
        code={},
        started="",
        ended=None,
        error=None,
    )


def test_a_row_is_a_geometric_mean_and_the_parameter_only_where_there_is_one() -> None:
    views = [view("heat", 1e-3), view("heat", 1e-5), view("poisson_inverse", 1e-2, diffusivity_error=0.02)]
    sheet = Table().sheet(views)
    assert [row[0] for row in sheet.rows] == ["heat", "poisson_inverse"]
    error, parameter = sheet.rows[0][2], sheet.rows[1][4]
    assert isinstance(error, Estimate) and error.value == pytest.approx(1e-4) and error.n == 2
    assert isinstance(parameter, Estimate) and parameter.value == pytest.approx(0.02)
    assert sheet.rows[0][4] is None


def test_a_score_below_three_bars_is_not_printed_as_a_score() -> None:
    sheet = Table().sheet([view("burgers", 2e-6, floor=1e-6)])
    assert sheet.rows[0][2] == "at the reference's floor, < 3.0e-06"


@pytest.mark.parametrize(("front", "verdict"), [(2e-2, "holds"), (2e-3, "fails")])
def test_the_claim_across_runs_can_fail(front: float, verdict: str) -> None:
    views = [view("burgers", front), view("heat", 1e-3), view("poisson2d", 5e-4)]
    assert [claim.verdict for claim in Table().claims(views)] == [verdict]


def test_the_claim_across_runs_needs_trained_runs_of_all_three() -> None:
    short = [view(name, 0.5, iterations=100.0) for name in ("burgers", "heat", "poisson2d")]
    assert [claim.verdict for claim in Table().claims(short)] == ["not measured"]
    assert [claim.verdict for claim in Table().claims([view("burgers", 0.1)])] == ["not measured"]


def test_methods_share_seeds_and_problems_exist() -> None:
    runs = Table().runs("standard")
    assert len(runs) == 12 and set(PROBLEMS) <= set(FOUND)
    assert len(Table().runs("smoke")) == 4 and len(Table().runs("paper")) == 20


def test_the_figure_is_drawn_from_records_alone() -> None:
    figure = Table().figure([view(name, 1e-3) for name in PROBLEMS], lambda label: label)
    assert figure is not None and len(figure.axes) == 2
