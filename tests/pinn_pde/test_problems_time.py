"""Time-dependent forward problems: references, hard conditions, classical solvers, physics, published files."""

from itertools import pairwise
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from baselines.pinn_pde.fields import FunctionField
from baselines.pinn_pde.metrics import relative_l2
from baselines.pinn_pde.problem import Condition, Evaluation, Function, PDEProblem, Periodic, Setting
from tests.pinn_pde.conftest import make

TIME = ["burgers", "heat", "wave", "convection", "reaction", "allen_cahn", "schroedinger"]
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *[(name, {}) for name in TIME if name != "schroedinger"],  # its solution has no second derivative
    ("schroedinger", {"half_width": 15.0}),
    ("wave", {"beta": 4, "c": 1.5}),
    ("wave", {"beta": 1}),
    ("heat", {"n": 2, "alpha": 0.1}),
    ("reaction", {"rho": 2.0}),
    ("allen_cahn", {"diffusivity": 1e-3}),
]


class Places:
    """Points as numpy coordinates."""

    xp: ModuleType = np

    def __init__(self, problem: PDEProblem, points: np.ndarray) -> None:
        self.names, self.points = problem.domain().names, points

    def __getitem__(self, coordinate: str) -> np.ndarray:
        j = self.names.index(coordinate)
        return self.points[:, j : j + 1]


def hard(problem: PDEProblem) -> Function:
    """The ansatz around an arbitrary smooth function that has the period of the domain."""
    domain, ansatz = problem.domain(), problem.ansatz()
    length = domain.high[0] - domain.low[0]

    def values(points: np.ndarray) -> np.ndarray:
        places = Places(problem, points)
        angle = 2 * np.pi * (points[:, :1] - domain.low[0]) / length
        network = 1.0 + 0.3 * np.sin(angle) + np.cos(angle + points[:, 1:])
        parts = [ansatz[output] for output in problem.outputs]
        return np.concatenate([part.particular(places) + part.factor(places) * network for part in parts], axis=1)

    return values


def violation(problem: PDEProblem, condition: Condition | Periodic, predict: Function) -> float:
    """Largest violation of a condition by a solution, derivatives by one-sided differences."""
    domain, h = problem.domain(), 1e-6
    points = domain.sample(40, np.random.default_rng(1))
    i = problem.outputs.index(condition.output)
    if isinstance(condition, Periodic):
        ends = [points.copy(), points.copy()]
        ends[0][:, 0], ends[1][:, 0] = domain.low[0], domain.high[0]
        values = [predict(end)[:, i] for end in ends]
        found = np.abs(values[1] - values[0]).max()
        if 1 in condition.orders:
            inner = [predict(end + np.array([s * h, 0.0]))[:, i] for end, s in zip(ends, (1, -1), strict=True)]
            slopes = [(inner[0] - values[0]) / h, (values[1] - inner[1]) / h]
            found = max(found, 1e-3 * np.abs(slopes[1] - slopes[0]).max())
        return float(found)
    if condition.on == "initial":
        points[:, -1] = domain.low[-1]
    else:
        points[:, 0] = np.where(points[:, 0] > 0.5 * (domain.low[0] + domain.high[0]), domain.high[0], domain.low[0])
    value = predict(points)[:, i : i + 1]
    if condition.derivative:
        assert condition.derivative == ("t",)
        value = (predict(points + np.array([0.0, h]))[:, i : i + 1] - value) / h - condition.value(points)
        return 1e-3 * float(np.abs(value).max())
    return float(np.abs(value - condition.value(points)).max())


@pytest.mark.parametrize(("name", "keys"), VARIANTS)
def test_the_reference_satisfies_its_equation(name: str, keys: dict[str, Any]) -> None:
    problem, h = make(name, **keys), 4e-4
    domain = problem.domain()
    count = 30 if name in ("allen_cahn", "schroedinger") else 200  # series of thousands of terms, off their grid
    points = np.random.default_rng(0).uniform(np.add(domain.low, 0.01), np.subtract(domain.high, 0.01), (count, 2))
    if name in ("burgers", "allen_cahn"):  # into the front; the kink of Allen-Cahn is gone
        points[: count // 4, 0] *= 0.02
        points[:, 1] = 0.1 + 0.85 * points[:, 1]
    field = FunctionField(problem, problem.reference().values, points, h)
    for residual in problem.residual(field):
        assert residual.shape == (count, 1)
        assert np.abs(residual).max() < (1e-5 if name == "schroedinger" else 1e-6)


@pytest.mark.parametrize("name", TIME)
def test_the_reference_satisfies_its_conditions(name: str) -> None:
    problem = make(name)
    reference = problem.reference()
    kinks = {"allen_cahn": 2e-4, "schroedinger": 2e-4}  # truncated series of a kink, 0.1 of its slope at worst
    for condition in problem.conditions():
        assert violation(problem, condition, reference.values) < kinks.get(name, 1e-6), condition.name


@pytest.mark.parametrize("name", TIME)
def test_hard_conditions_hold_for_any_network_and_nothing_else_does(name: str) -> None:
    problem = make(name)
    ansatz = problem.ansatz()
    assert set(ansatz) == set(problem.outputs)
    replaced = {condition for part in ansatz.values() for condition in part.replaces}
    names = {condition.name for condition in problem.conditions()}
    assert replaced <= names
    for condition in problem.conditions():  # also periodicity, because the function is periodic
        if name == "reaction" and isinstance(condition, Periodic):
            assert condition.orders == (0,)
        assert violation(problem, condition, hard(problem)) < 1e-5, condition.name
    different = [
        violation(problem, c, lambda p: problem.reference().values(p) + 0.1 + p[:, 1:]) for c in problem.conditions()
    ]
    assert max(different) >= 0.05


@pytest.mark.parametrize("name", ["allen_cahn", "schroedinger"])
def test_hard_initial_values_lose_their_kink(name: str) -> None:
    """For t > 0 the ansatz has no slope at the ends; at t = 0 it has that of the initial values."""
    problem = make(name)
    places = Places(
        problem, np.array([[problem.domain().high[0] - s, t] for t in (0.0, 0.5, 0.9) for s in (1e-4, 0.0)])
    )
    slope = [2.0, 2.0 * np.tanh(5.0) / np.cosh(5.0)][name == "schroedinger"]
    for output in problem.outputs:
        values = problem.ansatz()[output].particular(places).reshape(3, 2)
        slopes = (values[:, 0] - values[:, 1]) / 1e-4
        expected = slope if output == "u" else 0.0
        np.testing.assert_allclose(slopes, [expected, 0.0, 0.0], atol=2e-2 * slope)


@pytest.mark.parametrize("name", TIME)
def test_hard_conditions_are_the_same_in_torch_and_have_finite_derivatives(name: str) -> None:
    import torch

    from baselines.pinn_pde.jets import PointCoordinates

    problem = make(name)
    domain = problem.domain()
    corners = np.array([[x, t] for x in (domain.low[0], domain.high[0]) for t in (domain.low[1], domain.high[1])])
    points = np.vstack([domain.sample(20, np.random.default_rng(0)), corners])
    columns = [torch.tensor(points[:, j : j + 1], requires_grad=True) for j in (0, 1)]
    for part in problem.ansatz().values():
        for formula in (part.particular, part.factor):
            value = formula(PointCoordinates(domain.names, columns))
            np.testing.assert_allclose(value.detach().numpy(), formula(Places(problem, points)), atol=1e-13)
            for column in columns:
                (slope,) = torch.autograd.grad(value.sum(), column, create_graph=True, allow_unused=True)
                if slope is not None and slope.requires_grad:
                    (second,) = torch.autograd.grad(slope.sum(), column, retain_graph=True, allow_unused=True)
                    assert second is None or torch.isfinite(second).all()


FINEST = {
    "burgers": 1e-8,
    "heat": 1e-12,
    "wave": 1e-11,
    "convection": 1e-12,
    "reaction": 1e-9,
    "allen_cahn": 2e-6,
    "schroedinger": 1e-5,
}


@pytest.mark.parametrize("name", TIME)
def test_the_classical_solver_converges(name: str) -> None:
    problem = make(name)
    resolutions = problem.resolutions[:4] if name in ("burgers", "allen_cahn", "schroedinger") else problem.resolutions
    points = problem.evaluation_points()[::7]
    exact = problem.reference().values(points)
    found = [problem.classical(resolution, []) for resolution in resolutions]
    assert all(solver is not None for solver in found)
    errors = [relative_l2(solver.predict(points), exact) for solver in found if solver is not None]
    assert all(later < max(earlier, 1e-11) for earlier, later in pairwise(errors)), errors
    assert errors[-1] < FINEST[name]
    assert found[0].degrees_of_freedom < found[-1].degrees_of_freedom  # type: ignore[union-attr]


def evaluated(problem: PDEProblem, solution: Function, scale: float = 1.0) -> dict[str, float]:
    points, reference = problem.evaluation_points(), problem.reference()
    evaluation = Evaluation(
        axes=problem.domain().axes(problem.grid),
        points=points,
        reference=reference.values(points),
        prediction=scale * solution(points),
        predict=lambda p: scale * solution(p),
        unknowns={},
        observations=[],
    )
    return {"judged_l2": abs(scale - 1.0), "reference_error": reference.error, **problem.measure(evaluation)}


@pytest.mark.parametrize("name", TIME)
def test_physics_holds_for_the_solution_and_fails_for_another(name: str) -> None:
    problem = make(name)
    values = problem.reference().values
    right, wrong = evaluated(problem, values), evaluated(problem, values, 1.2)
    verdicts = {c.id: c.verdict for c in problem.claims(right, Setting(True, "float64"))}
    verdicts.pop("pinn.burgers.front_error", None)  # no error to share
    assert verdicts and set(verdicts.values()) == {"holds"}
    about_reference = {f"pinn.{name}.reference", "pinn.heat.energy"}  # a multiple decays at the same rate
    failed = {c.id: c.verdict for c in problem.claims(wrong, Setting(True, "float64")) if c.id not in about_reference}
    assert failed and set(failed.values()) == {"fails"}
    before = {c.id: c.verdict for c in problem.claims(wrong, Setting(False, "float64")) if c.id not in about_reference}
    assert set(before.values()) == {"not measured"}


def test_accuracy_of_the_first_order_recipe_is_claimed_for_that_method_only() -> None:
    for name, dtype in (("burgers", "float32"), ("heat", "float64")):
        problem = make(name)
        metrics = evaluated(problem, problem.reference().values)
        for method, verdict in (("adam_lbfgs", "holds"), ("lm", "not measured")):
            found = {c.id: c.verdict for c in problem.claims(metrics, Setting(True, dtype, method))}
            assert found[f"pinn.{name}.accuracy"] == verdict


def test_what_problems_measure() -> None:
    """Closed forms for solutions that are wrong in a known way."""
    wave = make("wave")
    still = evaluated(wave, lambda p: np.sin(np.pi * p[:, :1]) + 0.5 * np.sin(5 * np.pi * p[:, :1]))
    assert still["energy_error"] < 1e-8 and still["return_error"] < 1e-12  # all energy is potential
    slow = evaluated(wave, lambda p: np.sin(np.pi * p[:, :1]) * np.cos(2 * np.pi * p[:, 1:]))
    assert slow["energy_error"] == pytest.approx(1 - 1 / 7.25, abs=1e-6)
    convection = make("convection")
    faded = evaluated(convection, lambda p: np.exp(-p[:, 1:]) * np.sin(p[:, :1]) + 0.01)
    assert faded["final_amplitude"] == pytest.approx(np.sqrt(np.exp(-2) + 2e-4), rel=1e-3)
    assert faded["largest_total"] == pytest.approx(0.02 * np.pi, rel=1e-6)
    reaction = make("reaction")
    assert evaluated(reaction, lambda p: 0 * p[:, :1] + 0.4)["half_width"] == 0.0
    assert evaluated(reaction, lambda p: 0 * p[:, :1] + 0.6)["half_width"] == pytest.approx(np.pi)
    box = evaluated(reaction, lambda p: 1.5 - np.abs(p[:, :1] - np.pi))
    assert box["half_width"] == pytest.approx(1.0) and box["out_of_bounds"] == pytest.approx(np.pi - 1.5)
    front = evaluated(make("allen_cahn"), lambda p: np.tanh(50 * (p[:, :1] - 0.5)))
    assert front["interface_slope"] == pytest.approx(50, rel=1e-3)
    schroedinger = make("schroedinger")
    shrunk = evaluated(
        schroedinger, lambda p: np.concatenate([2 / np.cosh(p[:, :1]), 0 * p[:, 1:]], axis=1) * (1 - p[:, 1:] / 4)
    )
    assert shrunk["mass_error"] == pytest.approx(1 - (1 - np.pi / 8) ** 2, rel=1e-3)
    assert shrunk["peak"] == pytest.approx(2 * (1 - np.pi / 16))


def test_the_modulus_is_shown() -> None:
    assert make("schroedinger").shown(np.array([[3.0, 4.0], [0.0, -1.0]])).tolist() == [5.0, 1.0]


@pytest.mark.parametrize(
    ("name", "keys", "message"),
    [
        ("wave", {"c": 0.0}, "problem.c"),
        ("wave", {"beta": 0}, "problem.beta"),
        ("convection", {"beta": -1.0}, "problem.beta"),
        ("reaction", {"rho": 9.0}, "fills the domain"),
        ("allen_cahn", {"diffusivity": 1e-6}, "problem.diffusivity"),
        ("schroedinger", {"half_width": 2.0}, "problem.half_width"),
    ],
)
def test_values_out_of_range_are_refused(name: str, keys: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(name, **keys)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "modes", "steps"), [("allen_cahn", 16384, 800), ("schroedinger", 4096, 6400)])
def test_the_bar_covers_a_much_finer_reference(name: str, modes: int, steps: int) -> None:
    import importlib

    module = importlib.import_module(f"baselines.pinn_pde.problems.{name}")
    problem = make(name)
    reference, points = problem.reference(), problem.evaluation_points()
    key = problem.diffusivity if name == "allen_cahn" else problem.half_width  # type: ignore[attr-defined]
    finer = module._solution.__wrapped__(key, modes, steps)(points)
    finer = finer[:, None] if name == "allen_cahn" else np.stack([finer.real, finer.imag], axis=1)
    assert 0.05 * reference.error < relative_l2(reference.values(points), finer) < reference.error


def stored(data_dir: str, name: str, sha256: str) -> Any:
    from scipy.io import loadmat

    from baselines.common.data import require

    path = require(data_dir, f"pde/{name}", source="see the table of sources", sha256=sha256)
    return np.loadtxt(path, comments="%") if name.endswith(".dat") else loadmat(path)


def against(problem: PDEProblem, x: np.ndarray, t: np.ndarray, values: np.ndarray) -> float:
    """Relative difference of a file's values [X, T] from the reference."""
    points = np.stack([a.ravel() for a in np.meshgrid(x.ravel(), t.ravel(), indexing="ij")], axis=1)
    ours = problem.reference().values(points)
    return relative_l2(values.reshape(-1), ours[:, 0] + 1j * ours[:, 1] if ours.shape[1] == 2 else ours[:, 0])


AC_FILES = [
    ("raissi/AC.mat", "266e97eedd9ef543d7f6d370fa5f06388761aa7da2b97e476562dcf1d644a175", "tt", "uu", 1.16e-5),
    ("jaxpi2/allen_cahn.mat", "ce640f188e334520f636d3d650cae6056a92a486546d40889bff93610bdbfa71", "t", "usol", 1.57e-5),
]


@pytest.mark.data
@pytest.mark.parametrize(("name", "sha256", "time", "values", "accuracy"), AC_FILES)
def test_public_allen_cahn_files_are_worse_than_the_reference(
    data_dir: str, name: str, sha256: str, time: str, values: str, accuracy: float
) -> None:
    file = stored(data_dir, name, sha256)
    u = file[values] if file[values].shape[0] == 512 else file[values].T
    assert against(make("allen_cahn"), file["x"], file[time], u) == pytest.approx(accuracy, rel=0.05)
    middle = np.abs(file["x"].ravel()) <= 0.99  # without the kink
    assert against(make("allen_cahn"), file["x"].ravel()[middle], file[time], u[middle]) < 1e-6


@pytest.mark.data
def test_public_schroedinger_files_agree_with_the_reference(data_dir: str) -> None:
    file = stored(data_dir, "raissi/NLS.mat", "1558a845646b84747a961a467b3ee10aa4ff3812c8b23c425b85c75ed1127c81")
    assert against(make("schroedinger"), file["x"], file["tt"], file["uu"]) < 2.5e-5
    file = stored(data_dir, "urban/NLS.mat", "8b63aabf3c0e6bdc7c1af8d1b02c43bccac8d363b842a8aeb4a0a365984ca30e")
    x, t = (file[name].ravel() for name in ("x", "t"))
    h = file["usol"] if file["usol"].shape == (len(x), len(t)) else file["usol"].T
    assert against(make("schroedinger", half_width=15.0), x, t, h) < 3e-9
    top = np.cosh(3 * x)[:, None] + 3 * np.exp(4j * t) * np.cosh(x)[:, None]
    line = 4 * np.exp(0.5j * t) * top / ((np.cosh(4 * x) + 4 * np.cosh(2 * x))[:, None] + 3 * np.cos(4 * t))
    assert relative_l2(h, line) == pytest.approx(3.1e-7, rel=0.05)  # what the box changes, not an error of the file


@pytest.mark.data
def test_a_public_burgers_file_is_no_reference(data_dir: str) -> None:
    table = stored(
        data_dir, "pinnacle/burgers1d.dat", "3b6d31d895022b397330091ace59220167f0918c2ed616ed2ae5b1458eede5eb"
    )
    assert table.shape == (101, 12)
    error = against(make("burgers"), table[:, 0], np.linspace(0, 1, 11), table[:, 1:])
    assert error == pytest.approx(1.33e-2, rel=0.02)
