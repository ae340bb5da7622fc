import numpy as np
import pytest

from baselines.pinn_pde.fields import FunctionField, central_weights
from baselines.pinn_pde.problem import Box, Evaluation, PDEProblem, Setting
from tests.pinn_pde.conftest import PROBLEMS, make

H = 4e-4  # against a front of 4 nu = 0.013


def interior(problem: PDEProblem, count: int = 200, h: float = H) -> np.ndarray:
    """Points that the stencil does not carry out of the domain."""
    domain, margin = problem.domain(), 5 * h
    shrunk = Box(domain.names, tuple(a + margin for a in domain.low), tuple(b - margin for b in domain.high))
    return shrunk.sample(count, np.random.default_rng(0))


def test_the_reference_satisfies_its_equation(problem: PDEProblem) -> None:
    points = interior(problem)
    if problem.name == "burgers":
        points[:50, 0] *= 0.02  # into the front
    field = FunctionField(problem, problem.reference().values, points, H)
    second = field("u", problem.domain().names[0], problem.domain().names[0])
    for residual in problem.residual(field):
        assert residual.shape == (len(points), 1)
        assert np.abs(residual).max() < 1e-6 * max(1.0, np.abs(second).max() * getattr(problem, "nu", 1.0))


def test_a_wrong_solution_does_not(problem: PDEProblem) -> None:
    points = interior(problem)
    wrong = FunctionField(problem, lambda p: problem.reference().values(p) + p[:, :1] ** 2, points, H)
    assert max(np.abs(residual).max() for residual in problem.residual(wrong)) > 1e-2


def test_the_reference_satisfies_its_conditions(problem: PDEProblem) -> None:
    domain, generator = problem.domain(), np.random.default_rng(1)
    for condition in problem.conditions():
        coordinates = [len(domain.names) - 1] if condition.on == "initial" else range(len(domain.names) - domain.time)
        for j in coordinates:
            for end in [domain.low[j]] if condition.on == "initial" else [domain.low[j], domain.high[j]]:
                points = domain.sample(50, generator)
                points[:, j] = end
                i = problem.outputs.index(condition.output)
                expected = problem.reference().values(points)[:, i : i + 1]
                np.testing.assert_allclose(condition.value(points), expected, atol=1e-12)


@pytest.mark.parametrize("name", [name for name in PROBLEMS if make(name).observations(0) is not None])
def test_observations_depend_on_the_seed_alone_and_scatter_as_stated(name: str) -> None:
    problem = make(name)
    data, again, other = problem.observations(3), problem.observations(3), problem.observations(4)
    assert data is not None and again is not None and other is not None
    np.testing.assert_array_equal(data.values, again.values)
    assert not np.array_equal(data.values, other.values)
    noise = data.values - problem.reference().values(data.points)
    assert noise.shape == (len(data.points), 1)
    assert 0.7 * data.noise < noise.std() < 1.3 * data.noise


@pytest.mark.parametrize("keys", [{"nu": 0.1}, {"nu": 1.0}])
def test_burgers_reference_follows_the_viscosity(keys: dict[str, float]) -> None:
    problem = make("burgers", **keys)
    field = FunctionField(problem, problem.reference().values, interior(problem, h=2e-3), 2e-3)
    assert np.abs(problem.residual(field)[0]).max() < 1e-7


def test_central_weights_are_exact_for_polynomials() -> None:
    nodes = np.arange(-4, 5)
    for order in (1, 2, 3):
        for degree in range(9):
            exact = np.prod(np.arange(degree, degree - order, -1)) if degree == order else 0.0
            assert central_weights(order) @ nodes.astype(float) ** degree == pytest.approx(exact, abs=1e-7)


def test_mixed_derivatives_of_a_function_field() -> None:
    problem = make("poisson2d")
    points = problem.domain().sample(20, np.random.default_rng(0))
    field = FunctionField(problem, lambda p: np.exp(p[:, :1]) * np.sin(p[:, 1:]), points, 1e-2)
    exact = np.exp(points[:, :1]) * np.cos(points[:, 1:])
    np.testing.assert_allclose(field("u", "x", "y"), exact, rtol=1e-10)
    np.testing.assert_allclose(field("u", "x", "y", "x"), exact, rtol=1e-7)


def test_box() -> None:
    box = Box(("x", "t"), (-1.0, 0.0), (1.0, 2.0), time=True)
    grid = box.grid((3, 2))
    assert grid.tolist() == [[-1, 0], [-1, 2], [0, 0], [0, 2], [1, 0], [1, 2]]
    points = box.sample(1000, np.random.default_rng(0))
    assert points.min(axis=0) == pytest.approx([-1, 0], abs=0.02)
    assert points.max(axis=0) == pytest.approx([1, 2], abs=0.02)


@pytest.mark.parametrize(
    ("name", "keys", "message"),
    [
        ("burgers", {"nu": 0.0}, "problem.nu"),
        ("burgers", {"num_domain": 0}, "num_domain"),
        ("poisson2d", {"k": 0}, "problem.k"),
        ("heat", {"alpha": -1.0}, "problem.alpha"),
        ("poisson_inverse", {"noise": -0.1}, "problem.noise"),
        ("poisson_inverse", {"diffusivity": 0.0}, "problem.diffusivity"),
        ("poisson_inverse", {"noise": 5.0}, "less noise"),
    ],
)
def test_values_out_of_range_are_refused_in_one_line(name: str, keys: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        make(name, **keys)
    assert "\n" not in str(caught.value)


def exact_evaluation(problem: PDEProblem, scale: float = 1.0) -> Evaluation:
    """The reference itself (or a multiple) handed in as if a method had found it."""
    domain, reference = problem.domain(), problem.reference()
    values = reference.values(domain.grid(problem.grid)).reshape(*problem.grid, 1)
    unknowns = {u.name: u.true * scale for u in problem.unknowns()}
    return Evaluation(
        domain.axes(problem.grid),
        values,
        scale * values,
        lambda points: scale * reference.values(points),
        unknowns,
        problem.observations(0),
    )


def verdicts(problem: PDEProblem, scale: float, error: float, trained: bool = True) -> dict[str, str]:
    metrics = {"judged_l2": error, "reference_error": 1e-14, **problem.measure(exact_evaluation(problem, scale))}
    return {claim.id: claim.verdict for claim in problem.claims(metrics, Setting(trained, "float64"))}


def test_claims_hold_for_the_exact_solution(problem: PDEProblem) -> None:
    found = verdicts(problem, 1.0, 1e-12)
    efficiency = found.pop("pinn.poisson_inverse.efficiency", None)  # the truth is not the least-squares fit
    found.pop("pinn.burgers.front_error", None)  # an exact solution has no error to share
    assert set(found.values()) == {"holds"} and efficiency in (None, "fails")


def test_claims_fail_for_a_wrong_solution(problem: PDEProblem) -> None:
    found = verdicts(problem, 1.2, 0.2)
    found.pop("pinn.burgers.reference", None)  # speaks of the reference, not of the solution
    found.pop("pinn.heat.energy", None)  # a multiple of a solution decays at the same rate
    found.pop("pinn.poisson_inverse.noise", None)
    assert found and set(found.values()) == {"fails"}


def test_claims_on_accuracy_are_not_made_before_training(problem: PDEProblem) -> None:
    found = verdicts(problem, 1.2, 0.2, trained=False)
    found.pop("pinn.burgers.reference", None)
    assert found and set(found.values()) == {"not measured"}


@pytest.mark.parametrize("name", ["heat", "poisson2d"])
def test_three_digits_are_claimed_in_double_precision_only(name: str) -> None:
    problem = make(name)
    metrics = {"judged_l2": 0.5, "reference_error": 1e-15, **problem.measure(exact_evaluation(problem))}
    found = {c.id: c.verdict for c in problem.claims(metrics, Setting(True, "float32"))}
    assert found[f"pinn.{name}.accuracy"] == "not measured"


def test_heat_energy_claim_fails_for_another_diffusivity() -> None:
    problem, other = make("heat"), make("heat", alpha=0.45)
    metrics = {"judged_l2": 0.0, **problem.measure(exact_evaluation(other))}
    assert {c.id: c.verdict for c in problem.claims(metrics, Setting(True, "float64"))}["pinn.heat.energy"] == "fails"
