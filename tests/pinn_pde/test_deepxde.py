"""The traps of DeepXDE 1.15 that `deepxde_model` and `deepxde_training` guard, each with its test."""

import contextlib
import io
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from baselines.pinn_pde.problem import Observations, PDEProblem
from tests.pinn_pde.conftest import make

deepxde_model = pytest.importorskip("baselines.pinn_pde.deepxde_model")
from baselines.pinn_pde.deepxde_model import PINN, DeepXDEField, dde, geometry, session  # noqa: E402
from baselines.pinn_pde.deepxde_training import (  # noqa: E402
    History,
    train_adam,
    train_lbfgs,
    train_with,
)
from baselines.pinn_pde.fields import FunctionField  # noqa: E402
from tests.pinn_pde.deepxde_cases import Rows, build, small  # noqa: E402


def test_the_back_end_is_pytorch_and_nothing_is_written_to_the_home_folder(tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DDE")} | {"HOME": str(tmp_path)}
    code = "from baselines.pinn_pde.deepxde_model import dde; print(dde.backend.backend_name)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment | {"PYTHONPATH": str(Path(__file__).parents[2]), "MPLCONFIGDIR": str(tmp_path / "mpl")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "pytorch\n" and "backend" not in done.stderr
    assert not (tmp_path / ".deepxde").exists()


def test_only_one_module_imports_deepxde() -> None:
    package = Path(deepxde_model.__file__).parent
    importing = [path.name for path in package.rglob("*.py") if "import deepxde\n" in path.read_text()]
    assert importing == ["deepxde_model.py"]


def test_a_session_puts_everything_back() -> None:
    def state() -> tuple[object, ...]:
        return (
            dde.config.default_float(),
            torch.get_default_dtype(),
            dict(dde.optimizers.LBFGS_options),
            dde.config.random_seed,
            random.getstate(),
            np.random.get_state()[1].tolist(),
            torch.get_rng_state().tolist(),
        )

    before = state()
    for dtype in ("float64", "float32"):
        with session(3, "cpu", dtype):
            assert dde.config.default_float() == dtype
            pinn, history, _ = build(small())
            train_adam(pinn, history, 2, 1e-3, 2)
            train_lbfgs(pinn, history, 4, 2)
            assert pinn.dtype == {"float64": torch.float64, "float32": torch.float32}[dtype]
        assert state() == before


def test_a_session_puts_everything_back_after_an_error() -> None:
    with pytest.raises(RuntimeError, match="stop"), session(3, "cpu", "float64"):
        raise RuntimeError("stop")
    assert dde.config.default_float() == "float32" and torch.get_default_dtype() == torch.float32


def test_nothing_is_printed(double: None) -> None:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        pinn, history, _ = build(small())
        train_adam(pinn, history, 2, 1e-3, 2)
        train_lbfgs(pinn, history, 4, 2)
    assert out.getvalue() == "" and err.getvalue() == ""


def test_deepxde_still_ignores_maxiter_which_is_why_train_lbfgs_sets_more() -> None:
    with session(0):
        dde.optimizers.set_LBFGS_options(maxiter=10)
        assert dde.optimizers.LBFGS_options["iter_per_step"] == 1000


@pytest.mark.parametrize(("iterations", "every"), [(10, 5), (13, 5), (11, 5), (4, 50)])
def test_lbfgs_obeys_its_limit(double: None, iterations: int, every: int) -> None:
    pinn, history, rows = build(small())
    assert train_lbfgs(pinn, history, iterations, every) == iterations
    assert pinn.model.opt.state_dict()["state"][0]["n_iter"] == iterations
    assert [row[0] for row in rows[:2]] == [0, min(iterations, every)]


def test_lbfgs_iterates_do_not_depend_on_the_rows(double: None) -> None:
    ends = []
    for every in (5, 30):
        pinn, history, _ = build(small())
        train_lbfgs(pinn, history, 30, every)
        ends.append(torch.cat([p.flatten() for p in pinn.parameters()]))
    assert torch.equal(*ends)


def test_lbfgs_refuses_rows_at_every_iteration(double: None) -> None:
    pinn, history, _ = build(small())
    with pytest.raises(ValueError, match="at least 2"):
        train_lbfgs(pinn, history, 10, 1)


def test_lbfgs_ends_when_it_has_converged(double: None) -> None:
    pinn, history, _ = build(small())
    done = train_lbfgs(pinn, history, 10_000, 20, gtol=1e-1)  # DeepXDE's loop would not end
    assert 0 < done < 10_000


def test_the_history_has_both_phases_and_the_lowest_loss_is_returned(double: None) -> None:
    pinn, history, rows = build(small())
    train_adam(pinn, history, 20, 1e-1, 5)  # a step so long that the loss goes up and down
    train_lbfgs(pinn, history, 10, 5)
    steps = [step for step, _ in rows]
    assert steps == [0, 5, 10, 15, 20, 25, 30]
    lowest = min(row["loss"] for _, row in rows)
    assert history.best_loss == lowest
    pinn.load(history.best_state)
    weighted = [w * v for w, v in zip(pinn.weights, losses(pinn), strict=True)]
    assert sum(weighted) == pytest.approx(lowest, rel=1e-10)


def losses(pinn: PINN) -> list[float]:
    """Mean squares of all terms, computed without DeepXDE's loss."""
    problem, x = pinn.problem, pinn.data.train_x_all
    terms = [float(np.mean(column**2)) for column in pinn.residual(x).T]
    for condition, bc in zip(problem.conditions(), pinn.data.bcs, strict=False):
        points = bc.collocation_points(x)
        terms.append(float(np.mean((pinn.predict(points) - condition.value(points)) ** 2)))
    for data in problem.observations(0):
        terms.append(float(np.mean((pinn.predict(data.points) - data.values) ** 2)))
    return terms


@pytest.mark.parametrize("name", ["heat", "poisson_inverse", "burgers"])
def test_loss_terms_are_weighted_mean_squares(double: None, name: str) -> None:
    pinn, history, rows = build(small(name))
    train_adam(pinn, history, 1, 1e-3, 1)
    expected = [w * v for w, v in zip(pinn.weights, losses(pinn), strict=True)]
    measured = [rows[-1][1][f"loss_{term}"] for term in pinn.terms]
    np.testing.assert_allclose(measured, expected, rtol=1e-10)


def test_the_monitor_points_are_the_ones_given(double: None) -> None:
    problem = small()
    fresh = problem.domain().sample(40, np.random.default_rng(0))
    pinn = PINN(problem, [8], monitor=fresh)
    rows: Rows = []
    train_adam(pinn, History(pinn, lambda i, row: rows.append((i, row))), 1, 1e-3, 1)
    assert rows[-1][1]["heldout"] == pytest.approx(float(np.mean(pinn.residual(fresh) ** 2)), rel=1e-10)


def test_training_points_are_inside_and_as_many_as_asked(double: None) -> None:
    problem = small("burgers", num_initial=30)
    pinn = PINN(problem, [8])
    x = pinn.points
    assert x.shape == (60, 2)
    assert np.all((x > problem.domain().low) & (x < problem.domain().high))


def test_adam_lbfgs_and_an_instance_move_the_unknown(double: None) -> None:
    problem = small("poisson_inverse")
    pinn, history, _ = build(problem)
    train_adam(pinn, history, 3, 1e-2, 3)
    after_adam = pinn.unknowns()["a"]
    assert after_adam != problem.unknowns()[0].initial
    train_lbfgs(pinn, history, 4, 2)
    after_lbfgs = pinn.unknowns()["a"]
    assert after_lbfgs != after_adam
    train_with(pinn, history, torch.optim.SGD(pinn.parameters(), lr=1e-6), 3, 3)
    assert pinn.unknowns()["a"] != after_lbfgs


def test_an_instance_without_the_unknown_is_refused(double: None) -> None:
    pinn, history, _ = build(small("poisson_inverse"))
    with pytest.raises(ValueError, match="does not hold a"):
        train_with(pinn, history, torch.optim.SGD(pinn.net.parameters(), lr=1e-3), 3, 3)


def test_observations_of_the_wrong_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="one column"):
        Observations(np.zeros((5, 2)), np.zeros(5), 0.1)


def test_derivatives_of_the_network_match_differences(double: None, problem: PDEProblem) -> None:
    pinn = PINN(problem, [8, 8], observations=problem.observations(0), network_seed=4)
    x = problem.domain().sample(20, np.random.default_rng(0))
    inputs = torch.as_tensor(x).requires_grad_()
    start = {u.name: u.initial for u in problem.unknowns()}
    field = DeepXDEField(problem, inputs, pinn.net(inputs), {name: torch.tensor(v) for name, v in start.items()})
    differences = FunctionField(problem, pinn.predict, x, 1e-2, unknowns=start)
    first, last = problem.domain().names[0], problem.domain().names[-1]
    for output in problem.outputs:
        for names in ((), (first,), (last,), (first, first), (first, last)):
            exact = field(output, *names).detach().numpy()
            np.testing.assert_allclose(exact, differences(output, *names), rtol=1e-6, atol=1e-7)
    dde.grad.clear()
    np.testing.assert_allclose(pinn.residual(x), np.hstack(problem.residual(differences)), rtol=1e-6, atol=1e-7)


def test_predictions_do_not_need_the_session() -> None:
    with session(0, "cpu", "float64"):
        pinn = PINN(small(), [8])
        x = pinn.points
        inside = pinn.predict(x), pinn.residual(x)
    outside = pinn.predict(x), pinn.residual(x)
    np.testing.assert_array_equal(inside[0], outside[0])
    np.testing.assert_array_equal(inside[1], outside[1])
    np.testing.assert_allclose(pinn.residual(x, chunk=7), inside[1], rtol=1e-12)


def test_geometry_has_the_problem_s_boundary_and_start() -> None:
    geom = geometry(make("burgers").domain())
    x = np.array([[-1.0, 0.5], [0.0, 0.0], [0.3, 0.4], [0.2, 1.0]])
    assert geom.on_boundary(x).tolist() == [True, False, False, False]
    assert geom.on_initial(x).tolist() == [False, True, False, False]
    square = geometry(make("poisson2d").domain())
    assert square.on_boundary(np.array([[0.0, 0.3], [0.5, 0.5], [0.2, 1.0]])).tolist() == [True, False, True]


def test_seeds_of_points_and_weights_are_separate(double: None) -> None:
    def build_with(points: int, network: int) -> tuple[np.ndarray, torch.Tensor]:
        pinn = PINN(small("poisson2d"), [8], point_seed=points, network_seed=network)
        return pinn.data.train_x_all, pinn.net.linears[0].weight.detach()

    x1, w1 = build_with(1, 5)
    x2, w2 = build_with(2, 5)
    _, w3 = build_with(1, 6)
    assert torch.equal(w1, w2) and not torch.equal(w1, w3)
    assert x1.shape == x2.shape
