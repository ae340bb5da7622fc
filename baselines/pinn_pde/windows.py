"""Time marching: a problem cut into time windows, each of which starts where the solution of the one before ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from baselines.pinn_pde.domain import Box
from baselines.pinn_pde.problem import (
    Array,
    Condition,
    Field,
    Function,
    Observations,
    PDEProblem,
    Periodic,
    Unknown,
)
from baselines.pinn_pde.references import Reference

Derivative = Callable[[np.ndarray, tuple[int, ...]], np.ndarray]
"""Points [N, d] and a derivative (coordinate indices) -> [N, outputs]."""


def edges(problem: PDEProblem, count: int) -> np.ndarray:
    """Ends of the windows, [count + 1].

    Raises:
        ValueError: The problem has no time but is to be cut.
    """
    domain = problem.domain()
    if count > 1 and not domain.time:
        raise ValueError(f"problem {problem.name} has no time to cut into {count} windows")
    return np.linspace(domain.low[-1], domain.high[-1], count + 1)


@dataclass
class Window(PDEProblem):
    """A problem between two times, with initial values taken from an earlier solution.

    It keeps the equation, the conditions on the boundary and the unknowns. It has no ansatz, because that one holds the
    initial values of the whole problem.
    """

    whole: PDEProblem | None = None
    start: float = 0.0
    end: float = 1.0
    previous: Derivative | None = None

    @property
    def _problem(self) -> PDEProblem:
        assert self.whole is not None
        return self.whole

    @property
    def outputs(self) -> tuple[str, ...]:  # type: ignore[override]
        """Those of the whole problem."""
        return self._problem.outputs

    @property
    def name(self) -> str:
        """That of the whole problem."""
        return self._problem.name

    def domain(self) -> Box:
        """The slab between the two times."""
        box = self._problem.domain()
        return replace(box, low=(*box.low[:-1], self.start), high=(*box.high[:-1], self.end))

    def residual(self, field: Field) -> list[Array]:
        """That of the whole problem."""
        return self._problem.residual(field)

    def conditions(self) -> list[Condition | Periodic]:
        """Those of the whole problem, the initial ones with the values of the earlier solution."""
        return [self._carried(condition) for condition in self._problem.conditions()]

    def _carried(self, condition: Condition | Periodic) -> Condition | Periodic:
        if self.previous is None or isinstance(condition, Periodic) or condition.on != "initial":
            return condition
        previous, output = self.previous, self.outputs.index(condition.output)
        key = tuple(self.domain().names.index(name) for name in condition.derivative)
        return replace(condition, value=lambda points: previous(points, key)[:, output : output + 1])

    def unknowns(self) -> list[Unknown]:
        """Those of the whole problem."""
        return self._problem.unknowns()

    def reference(self) -> Reference:
        """That of the whole problem."""
        return self._problem.reference()


def within(observations: list[Observations], start: float, end: float, last: bool) -> list[Observations]:
    """The observations made in [start, end), or [start, end] in the last window."""
    found = []
    for data in observations:
        time = data.points[:, -1]
        chosen = (time >= start) & ((time <= end) if last else (time < end))
        if chosen.any():
            found.append(replace(data, points=data.points[chosen], values=data.values[chosen]))
    return found


def joined(ends: np.ndarray, parts: Sequence[Function]) -> Function:
    """One function of all times from one function a window.

    Args:
        ends: [windows + 1].
        parts: one for each finished window; later times are answered by the last of them.
    """

    def whole(points: np.ndarray) -> np.ndarray:
        number = np.clip(np.searchsorted(ends, points[:, -1], side="right") - 1, 0, len(parts) - 1)
        found = {k: parts[k](points[number == k]) for k in np.unique(number)}
        values = np.empty((len(points), next(iter(found.values())).shape[1]))
        for k, part in found.items():
            values[number == k] = part
        return values

    return whole
