"""Second-order methods inside DeepXDE: SSBroyden, Levenberg-Marquardt on its residuals, NysNewton-CG."""

import contextlib
import io
from typing import Any

import numpy as np
import pytest
import torch

deepxde_model = pytest.importorskip("baselines.pinn_pde.deepxde_model")
from baselines.pinn_pde.deepxde_model import dde, session  # noqa: E402
from baselines.pinn_pde.deepxde_training import (  # noqa: E402
    StoredResiduals,
    compile_lm,
    residual_vector,
    train_adam,
    train_lm,
    train_nncg,
    train_with,
)
from baselines.pinn_pde.optimizers import SSBroyden  # noqa: E402
from tests.pinn_pde.deepxde_cases import build, small  # noqa: E402


def test_an_instance_sees_loss_and_gradient_and_each_step_is_counted(double: None) -> None:
    class Descent(torch.optim.Optimizer):
        """What a later second-order method looks like to DeepXDE."""

        def __init__(self, parameters: list[torch.Tensor]) -> None:
            super().__init__(parameters, {})
            self.losses: list[float] = []

        def step(self, closure) -> torch.Tensor:  # type: ignore[override]
            loss = closure()
            self.losses.append(float(loss.detach()))
            with torch.no_grad():
                for p in self.param_groups[0]["params"]:
                    p -= 1e-3 * p.grad
            return loss

    pinn, history, rows = build(small())
    optimizer = Descent(pinn.parameters())
    train_with(pinn, history, optimizer, 6, 2)
    assert [step for step, _ in rows] == [0, 2, 4, 6] and len(optimizer.losses) == 6
    assert optimizer.losses[0] == pytest.approx(rows[0][1]["loss"]) and optimizer.losses[-1] < optimizer.losses[0]


def poisson_example() -> Any:
    """DeepXDE's documented first example, `Poisson_Dirichlet_1d`, with a smaller network: -u'' = pi^2 sin(pi x)."""
    dde.config.set_random_seed(0)

    def equation(x: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
        return -dde.grad.hessian(u, x) - np.pi**2 * torch.sin(np.pi * x)

    def solution(x: np.ndarray) -> np.ndarray:
        return np.asarray(np.sin(np.pi * x))

    geom = dde.geometry.Interval(-1, 1)
    edge = dde.icbc.DirichletBC(geom, solution, lambda _, on: on)
    data = dde.data.PDE(geom, equation, edge, 32, 2, solution=solution, num_test=100)
    return dde.Model(data, dde.nn.FNN([1, 20, 20, 1], "tanh", "Glorot uniform"))


def error_of(model: Any) -> float:
    x = np.linspace(-1, 1, 301)[:, None]
    return float(np.linalg.norm(model.predict(x) - np.sin(np.pi * x)) / np.linalg.norm(np.sin(np.pi * x)))


@pytest.fixture(scope="module")
def adam_error() -> float:
    """Error of the example after 400 steps of Adam."""
    with session(0, "cpu", "float64"):
        model = poisson_example()
        model.compile("adam", lr=1e-3, verbose=0)
        model.train(iterations=400, display_every=400, verbose=0)
        return error_of(model)


def test_deepxde_s_own_example_with_ssbroyden(double: None, adam_error: float) -> None:
    model = poisson_example()
    optimizer = SSBroyden(model.net.parameters(), max_iter=20)
    model.compile(optimizer, verbose=0)
    model.train(iterations=15, display_every=5, verbose=0)
    assert optimizer.iterations <= 300 and optimizer.evaluations < 400  # no more losses than Adam had
    assert error_of(model) < 1e-2 * adam_error


def test_deepxde_s_own_example_with_levenberg_marquardt(double: None, adam_error: float) -> None:
    model = poisson_example()
    optimizer = compile_lm(model)
    model.train(iterations=40, display_every=10, verbose=0)
    assert optimizer.evaluations < 400
    assert error_of(model) < 1e-2 * adam_error


@pytest.mark.parametrize("name", ["heat", "poisson_inverse"])
def test_the_residual_vector_squares_to_deepxde_s_loss_and_its_jacobian_to_the_gradient(
    double: None, name: str
) -> None:
    pinn, history, rows = build(small(name))
    optimizer = train_lm(pinn, history, 2, 1)
    r, jacobian = optimizer._jacobian()
    _, terms = pinn.model.outputs_losses_train(pinn.model.train_state.X_train, None, None)
    loss = terms.sum()
    assert float((r @ r).detach()) == pytest.approx(float(loss.detach()), rel=1e-12)
    gradient = torch.cat([g.reshape(-1) for g in torch.autograd.grad(loss, pinn.parameters())])
    torch.testing.assert_close(2 * jacobian.T @ r.detach(), gradient, rtol=1e-9, atol=1e-12)
    assert rows[-1][1]["loss"] < rows[0][1]["loss"]


def test_the_residual_vector_weighs_its_terms(double: None) -> None:
    model, stored = poisson_example(), StoredResiduals()
    weights = [2.0, 50.0]
    model.compile("adam", lr=1e-3, loss=stored, loss_weights=weights, verbose=0)
    model.train(iterations=0, verbose=0)
    r = residual_vector(model, stored)().detach()
    domain, edge = r[:-2], r[-2:]
    x = model.data.train_x_all
    assert len(r) == len(x) + 2
    assert float(edge @ edge) == pytest.approx(50 * float(np.mean(model.predict(np.array([[-1.0], [1.0]])) ** 2)))
    equation = model.predict(x, operator=model.data.pde)
    assert float(domain @ domain) == pytest.approx(2 * float(np.mean(equation**2)))


def test_second_order_methods_recover_the_unknown(double: None) -> None:
    problem = small("poisson_inverse")
    start, true = problem.unknowns()[0].initial, problem.unknowns()[0].true
    pinn, history, _ = build(problem)
    train_lm(pinn, history, 25, 25)
    after_lm = pinn.unknowns()["a"]
    pinn, history, _ = build(problem)
    optimizer = SSBroyden(pinn.parameters(), max_iter=20)
    train_with(pinn, history, optimizer, 15, 15)
    for found in (after_lm, pinn.unknowns()["a"]):
        assert abs(found - true) < 0.2 * abs(start - true)  # the observations are noisy


def test_nncg_lowers_the_loss_silently_and_puts_its_options_back(double: None) -> None:
    before = dict(dde.optimizers.config.NNCG_options)
    pinn, history, rows = build(small())
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        train_adam(pinn, history, 100, 1e-2, 100)
        unsolved = train_nncg(pinn, history, 10, 5, rank=10, cg_iterations=5)
    assert out.getvalue() == "" and dde.optimizers.config.NNCG_options == before
    assert [step for step, _ in rows] == [0, 100, 105, 110] and unsolved == 10
    assert rows[-1][1]["loss"] < 0.8 * rows[1][1]["loss"]


def test_nncg_refuses_unknowns(double: None) -> None:
    pinn, history, _ = build(small("poisson_inverse"))
    with pytest.raises(ValueError, match="cannot move unknowns"):
        train_nncg(pinn, history, 2, 1)
