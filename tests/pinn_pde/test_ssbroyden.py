"""SSBroyden on quadratics and Rosenbrock against scipy; resuming, failures, wrong options."""

import copy
import math

import numpy as np
import pytest
import scipy.optimize
import torch

from baselines.pinn_pde.optimizers import SSBroyden
from baselines.pinn_pde.optimizers.ssbroyden import UPDATES, symmetrize
from tests.pinn_pde.optimizer_cases import minimise, parameter, random, rosenbrock


@pytest.mark.parametrize("update", ["ssbroyden", "ssbfgs", "bfgs"])
@pytest.mark.parametrize("n", [2, 20])
def test_rosenbrock(update: str, n: int) -> None:
    x = parameter(np.full(n, -1.2) + 0.1 * np.cos(np.arange(n)))
    optimizer = minimise(rosenbrock, x, 15, update=update)
    torch.testing.assert_close(x.detach(), torch.ones(n, dtype=torch.float64), rtol=0, atol=1e-9)
    assert optimizer.status == "converged"
    assert optimizer.evaluations < 1.6 * optimizer.iterations + 30


def test_bfgs_needs_as_many_evaluations_as_scipys() -> None:
    start = np.full(30, -1.2) + 0.3 * np.sin(np.arange(30))
    theirs = scipy.optimize.minimize(
        scipy.optimize.rosen, start, jac=scipy.optimize.rosen_der, method="BFGS", options={"gtol": 1e-9}
    )
    x = parameter(start)
    ours = minimise(rosenbrock, x, 40, update="bfgs", tolerance_grad=1e-9)
    np.testing.assert_allclose(x.detach().numpy(), theirs.x, atol=1e-8)
    assert ours.evaluations <= 1.3 * theirs.nfev and ours.iterations <= 1.3 * theirs.nit


@pytest.mark.parametrize("update", ["ssbroyden", "ssbfgs", "bfgs"])
def test_an_ill_conditioned_quadratic_is_solved_in_some_n_iterations(update: str) -> None:
    n = 20
    q, _ = torch.linalg.qr(random(n, n))
    matrix = q @ torch.diag(torch.logspace(0, 6, n, dtype=torch.float64)) @ q.T
    x = parameter(random(n, seed=3).numpy())
    start = float(0.5 * x.detach() @ matrix @ x.detach())
    minimise(lambda x: 0.5 * x @ matrix @ x, x, 1, update=update, max_iter=15 * n)
    assert float(0.5 * x.detach() @ matrix @ x.detach()) < 1e-10 * start


def test_an_exact_line_search_ends_a_quadratic_in_n_iterations() -> None:
    """With exact steps all members of the class produce conjugate directions (Dixon's theorem)."""
    n = 6
    matrix = torch.diag(torch.logspace(0, 2, n, dtype=torch.float64))
    for update in UPDATES:
        x = parameter(np.ones(n))
        optimizer = minimise(
            lambda x: 0.5 * x @ matrix @ x, x, 1, update=update, max_iter=n, c1=1e-7, c2=1e-6, max_evaluations=60
        )
        assert float((x.detach() @ matrix @ x.detach()).sqrt()) < 1e-3, update
        if update == "bfgs":  # and the approximation becomes the inverse of the Hessian
            torch.testing.assert_close(
                optimizer.inverse_hessian @ matrix, torch.eye(n, dtype=torch.float64), rtol=0, atol=1e-2
            )


def test_definiteness_survives_a_thousand_iterations() -> None:
    x = parameter(np.full(50, -1.2) + 0.3 * np.sin(np.arange(50)))
    optimizer = minimise(lambda x: rosenbrock(x) + 1e-3 * (x**4).sum(), x, 40, max_iter=25, tolerance_grad=1e-9)
    symmetrize(optimizer.inverse_hessian)
    assert float(torch.linalg.eigvalsh(optimizer.inverse_hessian)[0]) > 0
    assert optimizer.status == "converged"


@pytest.mark.parametrize("n", [3, 12])
def test_interrupted_and_resumed_equals_uninterrupted_bit_for_bit(n: int) -> None:
    start = np.full(n, -1.2) + 0.1 * np.cos(np.arange(n))

    def run(steps: int, x: torch.nn.Parameter, state: dict[str, object] | None) -> dict[str, object]:
        optimizer = SSBroyden([x], max_iter=7)
        if state is not None:
            optimizer.load_state_dict(copy.deepcopy(state))

        def closure() -> torch.Tensor:
            optimizer.zero_grad()
            value = rosenbrock(x)
            value.backward()
            return value

        for _ in range(steps):
            optimizer.step(closure)
        return copy.deepcopy(optimizer.state_dict())

    whole = parameter(start)
    expected = run(4, whole, None)["state"][0]  # type: ignore[index]
    first = parameter(start)
    state = run(2, first, None)
    second = parameter(first.detach().numpy().copy())
    measured = run(2, second, state)["state"][0]  # type: ignore[index]
    assert torch.equal(whole, second)
    assert torch.equal(expected.pop("inverse_hessian"), measured.pop("inverse_hessian"))
    assert expected == measured and expected["iterations"] == 28


def test_a_changed_objective_is_noticed_at_the_next_step() -> None:
    x, target = parameter([0.0, 0.0]), [torch.tensor([1.0, 2.0], dtype=torch.float64)]
    optimizer = SSBroyden([x], max_iter=30)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        value = ((x - target[0]) ** 2 * torch.tensor([1.0, 50.0], dtype=torch.float64)).sum()
        value.backward()
        return value

    optimizer.step(closure)
    assert optimizer.status == "converged"
    target[0] = torch.tensor([-3.0, 5.0], dtype=torch.float64)
    loss = optimizer.step(closure)
    assert float(loss) == pytest.approx(16 + 450)
    torch.testing.assert_close(x.detach(), target[0], rtol=0, atol=1e-8)


def test_parameters_of_many_shapes_move_and_those_without_gradient_stay() -> None:
    a, b, c = parameter(random(2, 3).numpy()), parameter(0.5), parameter([1.0, 2.0])
    optimizer = SSBroyden([a, b, c], max_iter=50)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        value = ((a - 2) ** 2).sum() + (b - 3) ** 4
        value.backward()
        return value

    for _ in range(3):
        optimizer.step(closure)
    torch.testing.assert_close(a.detach(), torch.full((2, 3), 2.0, dtype=torch.float64), rtol=0, atol=1e-4)
    assert float(b.detach()) == pytest.approx(3, abs=1e-2) and c.tolist() == [1.0, 2.0]


def test_a_loss_that_is_not_finite_stops_and_leaves_the_parameters() -> None:
    x = parameter([1.0, 2.0])
    optimizer = minimise(lambda x: (x * math.nan).sum(), x, 1)
    assert optimizer.status == "not finite" and x.tolist() == [1.0, 2.0] and optimizer.iterations == 0


def test_a_gradient_that_lies_ends_in_a_failed_line_search_not_in_a_loop() -> None:
    class Lie(torch.autograd.Function):
        @staticmethod
        def forward(ctx: object, x: torch.Tensor) -> torch.Tensor:
            return x.clone()

        @staticmethod
        def backward(ctx: object, g: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
            return -g

    x = parameter([1.0, 2.0])
    optimizer = minimise(lambda x: Lie.apply(x).square().sum(), x, 1, max_evaluations=6)
    assert optimizer.status == "line search failed" and x.tolist() == [1.0, 2.0]
    assert optimizer.evaluations <= 13


def test_a_step_without_curvature_changes_nothing_but_a_counter() -> None:
    x = parameter([0.0, 0.0])
    optimizer = minimise(lambda x: -x.sum(), x, 1, max_iter=1)  # linear: y = 0
    assert optimizer.state[x]["skipped"] == optimizer.iterations == 1 and optimizer.state[x]["fresh"]
    assert torch.equal(optimizer.inverse_hessian, torch.eye(2, dtype=torch.float64))


@pytest.mark.parametrize(
    ("options", "message"),
    [({"update": "sr1"}, "one of"), ({"max_iter": 0}, "at least 1"), ({"c1": 0.95}, "c1 < c2")],
)
def test_wrong_options_of_ssbroyden_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SSBroyden([parameter([1.0])], **options)  # type: ignore[arg-type]


def test_several_groups_or_types_are_refused() -> None:
    a, b = parameter([1.0]), torch.nn.Parameter(torch.ones(1))
    with pytest.raises(ValueError, match="one group"):
        SSBroyden([{"params": [a]}, {"params": [parameter([2.0])]}])
    with pytest.raises(ValueError, match="one dtype"):
        SSBroyden([a, b])
