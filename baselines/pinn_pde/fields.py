"""A plain function as a `Field`: put a reference, or any formula, into a problem's residual."""

from __future__ import annotations

from itertools import product
from math import factorial, prod
from types import ModuleType
from typing import Any

import numpy as np

from baselines.pinn_pde.problem import Function, PDEProblem

REACH = 4  # neighbours on each side


def central_weights(order: int, reach: int = REACH) -> np.ndarray:
    r"""Weights $w$ with $\sum_k w_k f(k h) / h^m \approx f^{(m)}(0)$, $k = -r, \dots, r$.

    They differentiate polynomials up to degree $2 r$ exactly.

    Args:
        order: m.
        reach: r.

    Returns:
        Weights, [2 r + 1].
    """
    nodes = np.arange(-reach, reach + 1, dtype=np.float64)
    moments = np.zeros(2 * reach + 1)
    moments[order] = factorial(order)
    return np.linalg.solve(np.vander(nodes, increasing=True).T, moments)


class FunctionField:
    """Derivatives of a function of numpy arrays by central differences of high order.

    Args:
        problem: gives the names of coordinates and outputs.
        function: [N, d] -> [N, outputs]; evaluated up to `4 h` away from the points.
        points: [N, d].
        h: spacing; small against the scale of the function, large against rounding.
        unknowns: values of the equation's unknowns, the true ones unless given.
    """

    xp: ModuleType = np

    def __init__(
        self,
        problem: PDEProblem,
        function: Function,
        points: np.ndarray,
        h: float = 1e-3,
        unknowns: dict[str, float] | None = None,
    ) -> None:
        self._names, self._outputs = problem.domain().names, problem.outputs
        self._function, self._points, self._h = function, points, h
        self._unknowns = {u.name: u.true for u in problem.unknowns()} if unknowns is None else unknowns

    def __getitem__(self, coordinate: str) -> np.ndarray:
        """Values of a coordinate, [N, 1]."""
        j = self._names.index(coordinate)
        return self._points[:, j : j + 1]

    def __call__(self, output: str, *inputs: str) -> np.ndarray:
        """An output or a derivative of it, [N, 1]."""
        i = self._outputs.index(output)
        orders = {self._names.index(name): inputs.count(name) for name in set(inputs)}
        weights = {j: central_weights(order) for j, order in orders.items()}
        total: Any = 0.0
        for steps in product(range(-REACH, REACH + 1), repeat=len(orders)):
            factor = prod(float(weights[j][k + REACH]) for j, k in zip(orders, steps, strict=True))
            if factor:
                shifted = self._points.copy()
                for j, k in zip(orders, steps, strict=True):
                    shifted[:, j] += k * self._h
                total = total + factor * self._function(shifted)[:, i : i + 1]
        return np.asarray(total / self._h ** len(inputs))

    def unknown(self, name: str) -> float:
        """Value of an unknown."""
        return self._unknowns[name]
