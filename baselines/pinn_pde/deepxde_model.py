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

from baselines.pinn_pde.problem import Box, Observations, PDEProblem


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
    """The DeepXDE geometry of a box."""
    space_low, space_high = (box.low[:-1], box.high[:-1]) if box.time else (box.low, box.high)
    shapes = {1: lambda a, b: dde.geometry.Interval(a[0], b[0]), 2: dde.geometry.Rectangle}
    space = shapes.get(len(space_low), dde.geometry.Hypercube)(space_low, space_high)
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
        observations: Observations | None = None,
        monitor: np.ndarray | None = None,
        point_seed: int = 0,
        network_seed: int = 0,
        device: torch.device | str = "cpu",
    ) -> None:
        self.problem = problem
        self.device = torch.device(device)
        self.unknowns = {u.name: dde.Variable(u.initial) for u in problem.unknowns()}
        conditions = self._conditions(observations)
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

    def _conditions(self, observations: Observations | None) -> list[tuple[str, Any, float]]:
        """Name, DeepXDE condition and weight of each term besides the equations."""
        geom, found = geometry(self.problem.domain()), []
        for condition in self.problem.conditions():
            kind = {"boundary": dde.icbc.DirichletBC, "initial": dde.icbc.IC}[condition.on]
            component = self.problem.outputs.index(condition.output)
            bc = kind(geom, condition.value, lambda _, on: on, component=component)
            found.append((condition.name, bc, condition.weight))
        if observations is not None:
            component = self.problem.outputs.index(observations.output)
            bc = dde.icbc.PointSetBC(observations.points, observations.values, component=component)
            found.append((observations.name, bc, observations.weight))
        return found

    def _data(self, conditions: list[Any]) -> Any:
        problem, geom = self.problem, geometry(self.problem.domain())
        sizes = {"num_domain": problem.num_domain, "num_boundary": problem.num_boundary}
        if problem.domain().time:
            return dde.data.TimePDE(geom, self._equation, conditions, num_initial=problem.num_initial, **sizes)
        return dde.data.PDE(geom, self._equation, conditions, **sizes)

    def _equation(self, inputs: torch.Tensor, outputs: torch.Tensor) -> list[torch.Tensor]:
        return self.problem.residual(DeepXDEField(self.problem, inputs, outputs, self.unknowns))

    @property
    def points(self) -> np.ndarray:
        """The collocation points inside the domain, [num_domain, d]; DeepXDE puts those on the boundary first."""
        return self.data.train_x_all[-self.problem.num_domain :]

    def parameters(self) -> list[torch.Tensor]:
        """Everything that is trained, unknowns of the equation included: what an optimizer instance must hold."""
        return [*self.net.parameters(), *self.unknowns.values()]

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
