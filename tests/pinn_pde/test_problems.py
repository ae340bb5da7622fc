import numpy as np
import pytest

from baselines.pinn_pde.fields import FunctionField, central_weights
from baselines.pinn_pde.problem import Box, Evaluation, PDEProblem, Periodic, Setting
from tests.pinn_pde.conftest import PROBLEMS, make

H = 4e-4  # against a front of 4 nu = 0.013
INVERSE = [name for name in PROBLEMS if make(name).unknowns() or make(name).observations(0)]


def interior(problem: PDEProblem, count: int = 200, h: float = H) -> np.ndarray:
    """Points that the stencil does not carry out of the domain."""
    domain, margin = problem.domain(), 5 * h
    shrunk = Box(domain.names, tuple(a + margin for a in domain.low), tuple(b - margin for b in domain.high))
    return shrunk.sample(count, np.random.default_rng(0))


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


@pytest.mark.parametrize("name", INVERSE)
def test_observations_depend_on_the_seed_alone_and_scatter_as_stated(name: str) -> None:
    problem = make(name)
    reference = problem.reference()
    for data, again, other in zip(*(problem.observations(seed) for seed in (3, 3, 4)), strict=True):
        np.testing.assert_array_equal(data.values, again.values)
        assert not np.array_equal(data.values, other.values)
        output = problem.outputs.index(data.output)
        noise = data.values - reference.values(data.points)[:, output : output + 1]
        bar = 4.0 / np.sqrt(2.0 * len(noise))  # four standard deviations of a standard deviation
        assert (1.0 - bar) * data.noise < noise.std() < (1.0 + bar) * data.noise


def test_every_condition_has_a_name_that_the_figures_can_show(problem: PDEProblem) -> None:
    names = [condition.name for condition in problem.conditions()]
    assert len(set(names)) == len(names) and all(names)
    for condition in problem.conditions():
        assert condition.output in problem.outputs
        if isinstance(condition, Periodic):
            assert condition.coordinate in problem.domain().names


def test_heat_energy_claim_fails_for_another_diffusivity() -> None:
    problem, other = make("heat"), make("heat", alpha=0.45)
    points, reference = problem.evaluation_points(), other.reference()
    values = reference.values(points)
    axes = problem.domain().axes(problem.grid)
    evaluation = Evaluation(axes, points, values, values, reference.values, {}, [])
    metrics = {"judged_l2": 0.0, **problem.measure(evaluation)}
    claims = {claim.id: claim.verdict for claim in problem.claims(metrics, Setting(True, "float64"))}
    assert claims["pinn.heat.energy"] == "fails"
