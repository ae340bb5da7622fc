"""The picture of a run: every kind of record, labels, the alarm, images with holes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from baselines.common import plotting
from baselines.common.record import RunView
from baselines.pinn_pde import figures
from baselines.pinn_pde.figures import solution, training, unknowns, words
from baselines.pinn_pde.problem import PDEProblem
from tests.pinn_pde.conftest import make

N = 21


def history(rows: int, **more: np.ndarray) -> dict[str, np.ndarray]:
    work = np.arange(rows, dtype=float)
    falling = 10.0**-work
    base = {"iteration": 10 * work, "elapsed_s": work, "error": falling, "loss_equation": falling, "heldout": falling}
    return {f"history.{name}": values for name, values in (base | more).items()}


def view(
    problem: str, curves: dict[str, np.ndarray], method: dict[str, Any] | None = None, **metrics: float
) -> RunView:
    return RunView(
        folder=Path(),
        topic="pinn_pde",
        key="key",
        status="done",
        config={"problem": {}, "method": method or {}},
        choices={"problem": problem, "method": "lm"},
        seed=0,
        metrics={"relative_l2": 1e-3, "at_floor": 0.0, "reference_error": 1e-15} | metrics,
        claims=[],
        cost={},
        environment={},
        code={},
        started="",
        ended=None,
        error=None,
        curves=curves,
    )


def shown(problem: str) -> dict[str, np.ndarray]:
    """Reference and a solution 1 % larger, as `run.py` saves them."""
    picture = make(problem).picture()
    axes = [np.linspace(axis[0], axis[-1], N) for axis in picture.axes]
    if len(axes) == 1:
        exact = np.cos(axes[0])
    else:
        x, y = np.meshgrid(*axes, indexing="ij")
        exact = np.sin(x) * np.cos(y) + 0.1
        inside = make(problem).domain().inside(np.stack([x.ravel(), y.ravel()], axis=1))
        exact[~inside.reshape(exact.shape)] = np.nan
    return {
        "coordinates": np.array(picture.names),
        "reference": exact,
        "prediction": 1.01 * exact,
        "collocation_points": np.full((5, len(axes)), 0.5),
        **{f"axis_{i}": axis for i, axis in enumerate(axes)},
    }


OBSERVED = {"observation_points": np.full((4, 2), 0.5), "observation_values": np.ones((4, 1))}
VIEWS = {
    "plane": view("poisson2d", shown("poisson2d") | history(5)),
    "time": view("burgers", shown("burgers") | history(5), {"adam_iterations": 20}),
    "holes": view("poisson_holes", shown("poisson_holes") | history(5)),
    "corner": view("poisson_lshape", shown("poisson_lshape") | history(5), at_floor=1.0),
    "at_once": view("helmholtz", shown("helmholtz") | history(1)),
    "no_history": view("poisson2d", shown("poisson2d")),
    "diverged": view("burgers", history(3)),
    "several_unknowns": view(
        "burgers_inverse",
        shown("burgers_inverse")
        | OBSERVED
        | history(5, lambda1=np.linspace(0.5, 1, 5), nu=np.linspace(0.01, 0.003, 5)),
        lambda1=0.99,
        lambda1_standard_error=0.01,
        lambda1_classical=1.001,
        nu=3.2e-3,
    ),
    "line": view(
        "lorenz",
        shown("lorenz") | {name: values[:, :1] for name, values in OBSERVED.items()} | history(4),
        sigma=10.1,
        sigma_standard_error=0.1,
        rho=15.0,
        beta=2.7,
    ),
    "line_at_once": view("lorenz", shown("lorenz") | history(1), sigma=10.1, rho=15.0, beta=2.7),
}


def drawn(run: RunView, lang: str = "en") -> tuple[Figure, set[str]]:
    translate, used = plotting.translator(lang, figures.ZH)
    asked: set[str] = set()

    def text(label: str) -> str:
        asked.add(label)
        return translate(label)

    return plotting.drawn(figures.draw, run, text, lang=used)["figure"], asked


@pytest.mark.parametrize("name", VIEWS)
def test_every_kind_of_record_is_drawn_with_translated_words_inside_the_figure(name: str) -> None:
    figure, asked = drawn(VIEWS[name])
    assert asked and asked <= set(figures.ZH), asked - set(figures.ZH)
    figure.draw_without_rendering()
    width, height = figure.bbox.width, figure.bbox.height
    for axis in _axes(figure):
        box = axis.get_tightbbox()
        assert box is not None
        assert box.x0 > -1 and box.y0 > -1 and box.x1 < width + 1 and box.y1 < height + 1, axis.get_title()
        legend = axis.get_legend()
        if legend is not None:
            assert legend.get_window_extent().x0 > axis.get_window_extent().x0 - 12, "a legend leaves its panel"


def _axes(figure: Any) -> list[Any]:
    return [*figure.axes, *(axis for part in figure.subfigs for axis in part.axes)]


def test_the_alarm_is_marked_where_fresh_and_training_points_part() -> None:
    apart = history(5, heldout=np.array([1.0, 0.1, 0.1, 0.1, 0.1]))
    for curves, method, expected in (
        (apart, {}, True),
        (history(5), {}, False),
        (apart, {"weighting": "ntk"}, False),  # weights make the training loss another quantity
    ):
        _, asked = drawn(view("burgers", shown("burgers") | curves, method))
        assert ("alarm: they part" in asked) == expected


def test_terms_of_one_kind_are_added() -> None:
    one = np.ones(3)
    run = view("burgers", history(3, loss_periodic_0=one, loss_periodic_1=2 * one, loss_boundary_u=one))
    found = training.terms(run)
    assert list(found) == ["equation", "periodic", "boundary"]
    assert (found["periodic"] == 3.0).all()


def test_the_residual_on_fresh_points_is_summed_over_the_equations() -> None:
    """Three equations with residual 1: the loss begins at 3, the mean over all is 1."""
    run = view("kovasznay", history(2, loss_equation=np.array([3.1, 0.3]), heldout=np.array([1.0, 0.1])))
    np.testing.assert_allclose(training.heldout(run), [3.0, 0.3])


def test_values_outside_the_domain_become_means_of_neighbours_and_the_others_stay() -> None:
    values = np.arange(25.0).reshape(5, 5)
    values[1:4, 1:4] = np.nan
    filled = solution._filled(values)
    known = np.isfinite(values)
    assert np.array_equal(filled[known], values[known]) and np.isfinite(filled).all()
    assert filled[1, 1] == pytest.approx((1.0 + 5.0) / 2) and filled.min() == 0.0 and filled.max() == 24.0


def test_every_loss_term_of_every_problem_has_a_name(problem: PDEProblem) -> None:
    kinds = {condition.name.partition("_")[0] for condition in problem.conditions()}
    assert kinds <= set(training.TERMS), kinds - set(training.TERMS)


def test_names_become_symbols() -> None:
    names = {
        "lambda1": r"$\lambda_{1}$",
        "kf": "$k_{f}$",
        "nu": r"$\nu$",
        "D": "$D$",
        "x10": "$x_{10}$",
        "Ca": "$C_{a}$",
    }
    assert {name: words.math(name) for name in names} == names


def test_truth_is_that_of_the_problem_and_only_recovered_unknowns_count() -> None:
    assert unknowns.of(VIEWS["several_unknowns"]) == pytest.approx({"lambda1": 1.0, "nu": 0.01 / np.pi})
    assert unknowns.of(VIEWS["plane"]) == {}
