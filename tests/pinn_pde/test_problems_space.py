"""The elliptic and flow problems: references in their equations, hard conditions, energies, solvers, claims."""

from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from baselines.pinn_pde.fields import FunctionField
from baselines.pinn_pde.metrics import relative_l2
from baselines.pinn_pde.problem import Condition, Evaluation, Function, PDEProblem, Setting
from baselines.pinn_pde.references import Reference
from tests.pinn_pde.conftest import make

ELLIPTIC = ["poisson2d", "poisson_holes", "poisson_lshape", "helmholtz", "poisson_nd"]
FLOWS = ["kovasznay", "taylor_green", "cavity"]
SPACE = ELLIPTIC + FLOWS
OF_THE_REFERENCE = {f"pinn.{name}.reference" for name in SPACE}


class Points(dict[str, Any]):
    """Coordinates by name, for numpy or torch."""

    def __init__(self, names: tuple[str, ...], points: Any, xp: Any) -> None:
        super().__init__({name: points[:, j : j + 1] for j, name in enumerate(names)})
        self.xp = xp


@cache
def solved_reference(name: str) -> Reference:
    return make(name).reference()


def inner(problem: PDEProblem, count: int = 150, margin: float = 6e-3) -> np.ndarray:
    """Points that difference stencils carry neither out of the domain nor into a singular corner."""
    domain = problem.domain()
    points = domain.sample(3 * count, np.random.default_rng(0))
    signs = np.array(np.meshgrid(*[[-1.0, 1.0]] * min(3, points.shape[1]))).reshape(min(3, points.shape[1]), -1).T
    for sign in signs:
        shift = np.pad(sign, (0, points.shape[1] - len(sign)), mode="edge") * margin
        points = points[domain.inside(points + shift)]
    if problem.name == "poisson_lshape":
        points = points[np.linalg.norm(points, axis=1) > 0.15]
    if problem.name == "cavity":
        points = points[(points[:, 1] < 0.8) & (np.abs(points - 0.5).max(axis=1) < 0.47)]
    return points[:count]


def evaluation(problem: PDEProblem, predict: Function | None = None) -> Evaluation:
    """The reference, or a function, handed in as if a method had found it."""
    points, reference = problem.evaluation_points(), solved_reference(problem.name)
    whole = len(points) == np.prod(problem.grid) and len(problem.grid) == points.shape[1]
    axes = problem.domain().axes(problem.grid) if whole else []
    predict = predict or reference.values
    return Evaluation(axes, points, reference.values(points), predict(points), predict, {}, [])


def verdicts(problem: PDEProblem, predict: Function | None, trained: bool = True, method: str = "lm") -> dict[str, str]:
    found = evaluation(problem, predict)
    error = relative_l2(found.prediction, found.reference)
    metrics = {"judged_l2": error, "reference_error": solved_reference(problem.name).error, **problem.measure(found)}
    return {c.id: c.verdict for c in problem.claims(metrics, Setting(trained, "float64", method))}


@pytest.mark.parametrize("name", SPACE)
def test_the_reference_satisfies_its_equation_and_a_wrong_one_does_not(name: str) -> None:
    problem = make(name)
    points, values = inner(problem), solved_reference(name).values
    field = FunctionField(problem, values, points, 1e-3)
    second = field(problem.outputs[0], *problem.domain().names[:1] * 2)
    bound = {"cavity": 3e-4}.get(name, 1e-6) * max(1.0, float(np.abs(second).max()))
    for residual in problem.residual(field):
        assert residual.shape == (len(points), 1)
        assert np.abs(residual).max() < bound
    wrong = FunctionField(problem, lambda p: values(p) + 0.1 * p[:, :1] ** 2, points, 1e-3)
    assert max(float(np.abs(residual).max()) for residual in problem.residual(wrong)) > 1e-2


@pytest.mark.parametrize("name", SPACE)
def test_the_reference_satisfies_its_conditions(name: str) -> None:
    problem, generator = make(name), np.random.default_rng(1)
    domain, reference = problem.domain(), solved_reference(name)
    for condition in problem.conditions():
        assert isinstance(condition, Condition)
        if condition.on == "points":
            assert condition.points is not None
            points = condition.points
        else:
            points = (domain.sample_boundary if condition.on == "boundary" else domain.sample_initial)(300, generator)
        if condition.where:
            points = points[condition.where(points)]
        assert len(points)
        expected = reference.values(points)[:, [problem.outputs.index(condition.output)]]
        np.testing.assert_allclose(condition.value(points), expected, atol=1e-12)


def test_every_edge_point_of_the_four_holes_has_one_condition() -> None:
    problem = make("poisson_holes")
    points = problem.domain().sample_boundary(500, np.random.default_rng(0))
    conditions = [c for c in problem.conditions() if isinstance(c, Condition) and c.where]
    masks = np.array([c.where(points) for c in conditions if c.where])
    np.testing.assert_array_equal(masks.sum(axis=0), 1)


@pytest.mark.parametrize("name", [name for name in SPACE if make(name).ansatz()])
def test_hard_conditions_hold_for_any_network(name: str) -> None:
    import torch

    problem, generator = make(name), np.random.default_rng(2)
    domain = problem.domain()
    conditions = {c.name: c for c in problem.conditions() if isinstance(c, Condition)}
    for output, ansatz in problem.ansatz().items():
        inside = domain.sample(200, generator)
        assert np.abs(ansatz.factor(Points(domain.names, inside, np))).min() > 0  # free inside
        for replaced in ansatz.replaces:
            condition = conditions[replaced]
            assert condition.output == output
            points = (domain.sample_boundary if condition.on == "boundary" else domain.sample_initial)(300, generator)
            if condition.where:
                points = points[condition.where(points)]
            at = Points(domain.names, points, np)
            found = ansatz.particular(at) + ansatz.factor(at) * 7.0
            np.testing.assert_allclose(found, condition.value(points), atol=1e-12)
        tensors, arrays = Points(domain.names, torch.from_numpy(inside), torch), Points(domain.names, inside, np)
        for part in (ansatz.particular, ansatz.factor):
            np.testing.assert_allclose(part(tensors).numpy(), part(arrays), rtol=1e-12, atol=1e-14)


def test_the_l_shape_has_a_hard_condition_without_the_singularity_too() -> None:
    problem = make("poisson_lshape", corner=False)
    points = problem.domain().sample_boundary(200, np.random.default_rng(0))
    np.testing.assert_allclose(problem.ansatz()["u"].factor(Points(("x", "y"), points, np)), 0.0, atol=1e-12)


@pytest.mark.parametrize("name", ["poisson2d", "poisson_holes", "poisson_lshape", "poisson_nd"])
def test_the_reference_has_the_least_energy(name: str) -> None:
    keys = {"d": 4} if name == "poisson_nd" else {}
    problem = make(name, **keys)
    points = problem.domain().sample(3000, np.random.default_rng(0))
    keep = np.ones(len(points), dtype=bool)
    for shift in 5e-3 * np.concatenate([np.eye(points.shape[1]), -np.eye(points.shape[1])]):
        keep &= problem.domain().inside(points + shift)
    points, reference = points[keep], problem.reference().values

    def bump(p: np.ndarray) -> np.ndarray:
        """Zero on the edge: the hard factor, or the product of distances to the faces."""
        if problem.ansatz():
            return np.asarray(problem.ansatz()["u"].factor(Points(problem.domain().names, p, np)))
        return 16.0 * np.prod(4 * p * (1 - p), axis=1, keepdims=True)

    def energy(amount: float) -> float:
        field = FunctionField(problem, lambda p: reference(p) + amount * bump(p), points, 1e-3)
        density = problem.energy(field)
        assert density is not None and density.shape == (len(points), 1)
        return float(np.mean(density))

    at = [energy(a) for a in (-0.2, 0.0, 0.2)]
    assert at[1] < at[0] and at[1] < at[2]
    # a parabola whose vertex is the reference, up to the noise of the sampled integral
    vertex = 0.2 * 0.5 * (at[0] - at[2]) / (at[0] + at[2] - 2 * at[1])
    assert abs(vertex) < 0.1


@pytest.mark.parametrize("name", [name for name in SPACE if name != "poisson_nd"])
def test_the_classical_solver_converges_to_the_reference(name: str) -> None:
    problem = make(name)
    points = problem.evaluation_points()[::7]
    exact = solved_reference(name).values(points)
    judged = [problem.outputs.index(output) for output in problem.judged or problem.outputs]
    errors, unknowns = [], []
    for resolution in problem.resolutions:
        solved = problem.classical(resolution, [])
        assert solved is not None
        errors.append(relative_l2(solved.predict(points)[:, judged], exact[:, judged]))
        unknowns.append(solved.degrees_of_freedom)
    assert all(fine < 0.6 * coarse for coarse, fine in pairwise(errors)), errors
    assert all(fine > coarse for coarse, fine in pairwise(unknowns))
    final = {"poisson_lshape": 1e-5, "cavity": 1e-4, "taylor_green": 2e-5, "helmholtz": 1e-9}
    assert errors[-1] < final.get(name, 1e-11)


def test_walks_converge_like_the_root_of_their_number() -> None:
    problem = make("poisson_nd")
    points = problem.evaluation_points()[:200]
    errors = []
    for resolution in (1, 16):
        solved = problem.classical(resolution, [])
        assert solved is not None
        errors.append(relative_l2(solved.predict(points), problem.reference().values(points)))
        np.testing.assert_array_equal(solved.predict(points[:5]), solved.predict(points[:5]))
    assert 2.5 < errors[0] / errors[1] < 6.5  # 4


def test_walks_to_the_evaluation_points_are_part_of_the_solution_s_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The solver does them, not the first question for values."""
    from baselines.pinn_pde.solvers import walks

    problem, calls = make("poisson_nd"), []

    def counted(points: np.ndarray, *rest: Any) -> np.ndarray:
        calls.append(len(points))
        return np.zeros((len(points), 1))

    monkeypatch.setattr(walks, "walk_on_spheres", counted)
    solved = problem.classical(4, [])
    assert solved is not None and calls == [1000]
    assert len(solved.predict(problem.evaluation_points())) == 1000 and calls == [1000]
    assert len(solved.predict(problem.evaluation_points()[:3])) == 3 and calls == [1000, 3]


@pytest.mark.parametrize("name", SPACE)
def test_claims_hold_for_the_reference(name: str) -> None:
    found = verdicts(make(name), None)
    assert set(found.values()) <= {"holds", "not measured"} and "holds" in found.values()


def spoiled(problem: PDEProblem) -> Function:
    """Too much, growing in time, lopsided, and not what the equation balances."""
    values, box = solved_reference(problem.name).values, problem.domain()
    low, high = np.array(box.low), np.array(box.high)

    def wrong(p: np.ndarray) -> np.ndarray:
        unit = (p - low) / (high - low)
        growth = 1.3 + 0.3 * unit[:, -1:] * box.time
        lopsided = 0.1 * unit[:, :1] * (unit[:, 1:2] > 0)
        return np.asarray(growth * values(p) - lopsided - 0.01 - 0.5 * ((unit - 0.5) ** 2).sum(axis=1, keepdims=True))

    return wrong


@pytest.mark.parametrize("name", SPACE)
def test_claims_fail_for_a_wrong_solution(name: str) -> None:
    found = verdicts(make(name), spoiled(make(name)))
    kept = {key: verdict for key, verdict in found.items() if key not in OF_THE_REFERENCE and verdict != "not measured"}
    assert kept and set(kept.values()) == {"fails"}, kept


@pytest.mark.parametrize("name", SPACE)
def test_claims_are_not_made_before_training(name: str) -> None:
    found = verdicts(make(name), spoiled(make(name)), trained=False)
    assert {v for key, v in found.items() if key not in OF_THE_REFERENCE} == {"not measured"}


def test_the_exponent_of_the_corner_is_claimed_for_graded_elements_alone() -> None:
    assert verdicts(make("poisson_lshape"), None, method="classical")["pinn.poisson_lshape.exponent"] == "holds"
    assert verdicts(make("poisson_lshape"), None)["pinn.poisson_lshape.exponent"] == "not measured"
    smooth = lambda p: 0.2 * (1 - p[:, :1] ** 2) * (1 - p[:, 1:] ** 2)  # noqa: E731
    assert verdicts(make("poisson_lshape"), smooth, method="classical")["pinn.poisson_lshape.exponent"] == "fails"


def test_the_cavity_shows_its_speed_and_judges_velocities() -> None:
    problem = make("cavity")
    np.testing.assert_allclose(problem.shown(np.array([[3.0, -4.0, 9.0]])), [5.0])
    assert problem.judged == ("u", "v") and make("kovasznay").judged == ()


def test_exact_flows_follow_the_viscosity() -> None:
    for name, nu in (("kovasznay", 0.1), ("taylor_green", 0.3)):
        problem = make(name, nu=nu)
        field = FunctionField(problem, problem.reference().values, inner(problem), 1e-3)
        assert max(float(np.abs(r).max()) for r in problem.residual(field)) < 1e-7


@pytest.mark.parametrize(
    ("name", "keys", "message"),
    [
        ("helmholtz", {"a1": 0}, "problem.a1"),
        ("helmholtz", {"k": float(np.pi / np.sqrt(2))}, "resonance"),
        ("poisson_lshape", {"grading": 0.5}, "problem.grading"),
        ("kovasznay", {"nu": 0.0}, "problem.nu"),
        ("taylor_green", {"nu": 2.0}, "problem.nu"),
        ("cavity", {"reynolds": 1000.0}, "problem.reynolds"),
        ("poisson_nd", {"d": 7}, "problem.d"),
    ],
)
def test_values_out_of_range_are_refused_in_one_line(name: str, keys: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        make(name, **keys)
    assert "\n" not in str(caught.value)
