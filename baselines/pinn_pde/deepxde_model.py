"""DeepXDE behind one door: a `PDEProblem` becomes a `dde.Model`, through DeepXDE's public API.

The only module that imports deepxde. What DeepXDE 1.15 does behind the user's back is fenced in here, and each fence
has a test: the back end is chosen by an environment variable (otherwise a file appears in the home folder); its global
float type, default device, random state and L-BFGS options are set for one run and put back (`session`); L-BFGS obeys
its iteration limit and stops when it has converged; an optimizer instance that forgets the unknowns is refused.
"""

from __future__ import annotations

import contextlib
import io
import os
import random
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import torch

from baselines.pinn_pde.domain import Box, Disk
from baselines.pinn_pde.problem import Condition, Observations, PDEProblem, Periodic


def _import_deepxde() -> Any:
    """DeepXDE with the PyTorch back end, and torch's default device as it was before."""
    os.environ["DDE_BACKEND"] = "pytorch"
    device = torch.get_default_device()
    with contextlib.redirect_stderr(io.StringIO()):  # announces its back end
        import deepxde
    if deepxde.backend.backend_name != "pytorch":
        raise RuntimeError(f"deepxde was imported before with the back end {deepxde.backend.backend_name}")
    _set_device(device)  # with a GPU in sight it has made that the default for all of torch
    return deepxde


def _set_device(device: torch.device) -> None:
    """Change torch's default device, and leave no trace of it where it is the CPU (a default slows every call)."""
    if torch.get_default_device().type != device.type:
        torch.set_default_device(None if device.type == "cpu" else device)


dde = _import_deepxde()
LBFGS_MEMORY = 100  # DeepXDE's own default, `maxcor`
OnRow = Callable[[int, dict[str, float]], None]  # iteration, loss terms


@contextlib.contextmanager
def session(seed: int, device: torch.device | str = "cpu", dtype: str = "float64") -> Iterator[None]:
    """Set DeepXDE's global state for one run; put everything back afterwards.

    Args:
        seed: of Python's, numpy's and torch's global generators, from which DeepXDE draws points and weights.
        device: where tensors live.
        dtype: `float32` or `float64`; DeepXDE also makes it torch's default.
    """
    old_float, old_dtype, old_device = dde.config.default_float(), torch.get_default_dtype(), torch.get_default_device()
    old_options, old_seed = dict(dde.optimizers.LBFGS_options), dde.config.random_seed
    old_python, old_numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        try:
            _set_float(dtype)
            _set_device(torch.device(device))
            reseed(seed)
            yield
        finally:
            _set_float(old_float)
            torch.set_default_dtype(old_dtype)
            _set_device(old_device)
            dde.optimizers.LBFGS_options.clear()
            dde.optimizers.LBFGS_options.update(old_options)
            dde.config.random_seed = old_seed
            random.setstate(old_python)
            np.random.set_state(old_numpy)
            dde.grad.clear()  # cached Jacobians hold on to a graph


def _set_float(name: str) -> None:
    with contextlib.redirect_stdout(io.StringIO()):  # it prints the type
        dde.config.set_default_float(name)


def reseed(seed: int) -> None:
    """Start a new random stream for what DeepXDE draws next (numpy takes 32 bits)."""
    dde.config.set_random_seed(seed % 2**32)


def geometry(box: Box) -> Any:
    """The DeepXDE geometry of a box with its holes; of time alone where there is no space.

    Raises:
        ValueError: Holes in a domain that is not a plane one.
    """
    if not box.space:
        return dde.geometry.TimeDomain(box.low[-1], box.high[-1])
    s = box.space
    low, high = list(box.low[:s]), list(box.high[:s])
    if s == 1:
        space = dde.geometry.Interval(low[0], high[0])
    else:
        space = (dde.geometry.Rectangle if s == 2 else dde.geometry.Hypercube)(low, high)
    if box.without and s != 2:
        raise ValueError("holes are cut out of plane domains only")
    for hole in box.without:
        if isinstance(hole, Disk):
            space = dde.geometry.CSGDifference(space, dde.geometry.Disk(hole.center, hole.radius))
        else:
            space = dde.geometry.CSGDifference(space, dde.geometry.Rectangle(hole.low, hole.high))
    return dde.geometry.GeometryXTime(space, dde.geometry.TimeDomain(box.low[-1], box.high[-1])) if box.time else space


class DeepXDEField:
    """The network at a batch of points, as `baselines.pinn_pde.problem.Field` describes it.

    Args:
        problem: gives the names of coordinates and outputs.
        inputs: points, [N, d], with gradients.
        outputs: network values there, [N, outputs].
        unknowns: name to trainable scalar.
    """

    xp: ModuleType = torch

    def __init__(
        self, problem: PDEProblem, inputs: torch.Tensor, outputs: torch.Tensor, unknowns: dict[str, torch.Tensor]
    ) -> None:
        self._coordinates, self._outputs = problem.domain().names, problem.outputs
        self._x, self._y, self._unknowns = inputs, outputs, unknowns

    def __getitem__(self, coordinate: str) -> torch.Tensor:
        """Values of a coordinate, [N, 1]."""
        j = self._coordinates.index(coordinate)
        return self._x[:, j : j + 1]

    def __call__(self, output: str, *inputs: str) -> torch.Tensor:
        """An output or a derivative of it, [N, 1]."""
        i, j = self._outputs.index(output), [self._coordinates.index(name) for name in inputs]
        if not j:
            return self._y[:, i : i + 1]
        if len(j) == 1:
            return dde.grad.jacobian(self._y, self._x, i=i, j=j[0])
        if len(j) == 2:
            return dde.grad.hessian(self._y, self._x, component=i, i=j[0], j=j[1])
        return dde.grad.jacobian(self(output, *inputs[:-1]), self._x, i=0, j=j[-1])

    def unknown(self, name: str) -> torch.Tensor:
        """Current value of an unknown parameter, a scalar."""
        return self._unknowns[name]


class PINN:
    """A network, a problem and DeepXDE's model of both; build and train it inside `session`.

    Args:
        problem: what is solved.
        layers: widths of the hidden layers.
        activation: name that DeepXDE knows.
        observations: measurements, if any.
        monitor: fresh points [N, d] on which DeepXDE evaluates the test loss while it trains.
        point_seed: of the points that DeepXDE draws.
        network_seed: of the initial weights.
        device: where tensors live.
    """

    def __init__(
        self,
        problem: PDEProblem,
        layers: list[int],
        activation: str = "tanh",
        *,
        observations: list[Observations] | None = None,
        monitor: np.ndarray | None = None,
        point_seed: int = 0,
        network_seed: int = 0,
        device: torch.device | str = "cpu",
    ) -> None:
        self.problem = problem
        self.device = torch.device(device)
        self.evaluations = 0  # points at which the equations were evaluated for training
        self.sizes = {u.name: u.scale for u in problem.unknowns()}
        self.moved = {u.name: dde.Variable(u.initial / u.scale) for u in problem.unknowns()}
        conditions = self._conditions(observations or [])
        reseed(point_seed)
        self.data = self._data([bc for _, bc, _ in conditions])
        if monitor is not None:  # DeepXDE's own test points are an equidistant grid, or the training points
            self.data.test_x = np.vstack((self.data.train_x_bc, monitor)).astype(self.data.train_x.dtype)
        reseed(network_seed)
        d = len(problem.domain().names)
        self.net = dde.nn.FNN([d, *layers, len(problem.outputs)], activation, "Glorot normal")
        self.dtype = next(self.net.parameters()).dtype
        self.model = dde.Model(self.data, self.net)
        equations = self.residual(self.points[:1]).shape[1]
        self.terms = ["equation"] if equations == 1 else [f"equation_{i + 1}" for i in range(equations)]
        self.weights = [1.0] * equations + [weight for _, _, weight in conditions]
        self.terms += [name for name, _, _ in conditions]

    def _conditions(self, observations: list[Observations]) -> list[tuple[str, Any, float]]:
        """Name, DeepXDE condition and weight of each term besides the equations."""
        found = []
        for condition in self.problem.conditions():
            if isinstance(condition, Periodic):
                found += self._periodic(condition)
            else:
                found.append((condition.name, self._prescribed(condition), condition.weight))
        for data in observations:
            component = self.problem.outputs.index(data.output)
            bc = dde.icbc.PointSetBC(data.points, data.values, component=component)
            found.append((data.name, bc, data.weight))
        return found

    def _prescribed(self, condition: Condition) -> Any:
        """DeepXDE's condition for a value or a derivative, on a part of the boundary or on given points."""
        component = self.problem.outputs.index(condition.output)
        if condition.points is not None:
            values = condition.value(condition.points)
            if condition.derivative:
                return dde.icbc.PointSetOperatorBC(condition.points, values, self._derivative(condition))
            return dde.icbc.PointSetBC(condition.points, values, component=component)
        geom, start = geometry(self.problem.domain()), self.problem.domain().low[-1]

        def on_edge(point: np.ndarray, on: bool) -> bool:
            if condition.on == "initial":
                return bool(np.isclose(point[-1], start))
            return bool(on) and (condition.where is None or bool(condition.where(point[None])[0]))

        if condition.derivative:
            derivative, value = self._derivative(condition), condition.value
            return dde.icbc.OperatorBC(
                geom,
                lambda x, y, points: derivative(x, y, points) - self._tensor(value(x.detach().cpu().numpy())),
                on_edge,
            )
        if condition.on == "initial" and self.problem.domain().space:
            return dde.icbc.IC(geom, condition.value, lambda _, on: on, component=component)
        return dde.icbc.DirichletBC(geom, condition.value, on_edge, component=component)

    def _derivative(self, condition: Condition) -> Callable[[torch.Tensor, torch.Tensor, np.ndarray], torch.Tensor]:
        def derivative(inputs: torch.Tensor, outputs: torch.Tensor, _: np.ndarray) -> torch.Tensor:
            return DeepXDEField(self.problem, inputs, outputs, {})(condition.output, *condition.derivative)

        return derivative

    def _periodic(self, condition: Periodic) -> list[tuple[str, Any, float]]:
        """DeepXDE's periodic conditions, one for each order of derivative."""
        box = self.problem.domain()
        j, component = box.names.index(condition.coordinate), self.problem.outputs.index(condition.output)

        def at_an_end(point: np.ndarray, on: bool) -> bool:
            return bool(on) and bool(np.isclose(point[j], box.low[j]) or np.isclose(point[j], box.high[j]))

        return [
            (
                f"{condition.name}_{order}",
                dde.icbc.PeriodicBC(geometry(box), j, at_an_end, order, component=component),
                condition.weight,
            )
            for order in condition.orders
        ]

    def _data(self, conditions: list[Any]) -> Any:
        problem, geom = self.problem, geometry(self.problem.domain())
        sizes = {"num_domain": problem.num_domain, "num_boundary": problem.num_boundary}
        if problem.domain().time and problem.domain().space:
            return dde.data.TimePDE(geom, self._equation, conditions, num_initial=problem.num_initial, **sizes)
        return dde.data.PDE(geom, self._equation, conditions, **sizes)

    def _equation(self, inputs: torch.Tensor, outputs: torch.Tensor) -> list[torch.Tensor]:
        unknowns = {name: value * self.sizes[name] for name, value in self.moved.items()}
        if self.net.training:
            self.evaluations += len(inputs)
        return self.problem.residual(DeepXDEField(self.problem, inputs, outputs, unknowns))

    @property
    def points(self) -> np.ndarray:
        """The collocation points inside the domain, [num_domain, d]; DeepXDE puts those on the boundary first."""
        return self.data.train_x_all[-self.problem.num_domain :]

    def parameters(self) -> list[torch.Tensor]:
        """Everything that is trained, unknowns of the equation included: what an optimizer instance must hold."""
        return [*self.net.parameters(), *self.moved.values()]

    def unknowns(self) -> dict[str, float]:
        """Current values of the unknowns."""
        return {name: float(value.detach()) * self.sizes[name] for name, value in self.moved.items()}

    def predict(self, points: np.ndarray) -> np.ndarray:
        """Network values, [N, d] -> [N, outputs], float64; works outside `session` too."""
        with torch.no_grad():
            return self.net(self._tensor(points)).cpu().double().numpy()

    def residual(self, points: np.ndarray, chunk: int = 5000) -> np.ndarray:
        """Residuals, [N, d] -> [N, equations], float64; works outside `session` too."""
        parts = []
        for start in range(0, len(points), chunk):
            x = self._tensor(points[start : start + chunk]).requires_grad_()
            parts.append(torch.cat(self._equation(x, self.net(x)), dim=1).detach().cpu().double().numpy())
            dde.grad.clear()
        return np.concatenate(parts)

    def _tensor(self, points: np.ndarray) -> torch.Tensor:
        return torch.as_tensor(points, dtype=self.dtype, device=self.device)

    def state(self) -> list[torch.Tensor]:
        """A copy of everything trained."""
        return [parameter.detach().clone() for parameter in self.parameters()]

    def load(self, state: list[torch.Tensor]) -> None:
        """Put a copy made by `state` back."""
        with torch.no_grad():
            for parameter, value in zip(self.parameters(), state, strict=True):
                parameter.copy_(value)
