"""What a method is given and what it returns, whatever it is: a network, a fit, a classical solver.

A method option has one verb, `solve(case, cfg, record) -> Solution`; the evaluation in `run.py` sees nothing of it but
the solution.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from baselines.pinn_pde.problem import Function, Observations, PDEProblem


@dataclass(frozen=True)
class Case:
    """One problem with its data, ready to be solved."""

    problem: PDEProblem
    observations: list[Observations]
    error: Callable[[Function], float]
    """Relative L2 error of a solution [N, d] -> [N, outputs], for the history; never used to choose anything."""


@dataclass(frozen=True)
class Solution:
    """An approximate solution that can be evaluated anywhere in the domain."""

    predict: Function
    """Points [N, d] to outputs [N, outputs]."""
    residual: Function | None
    """Points [N, d] to residuals [N, equations]; None if the method has none to show."""
    points: np.ndarray
    """Collocation points inside the domain that the method used last, [M, d]; may be empty."""
    parameters: int
    """Number of fitted parameters, unknowns of the equation included."""
    trained: bool
    """Whether the method ran long enough for statements about its accuracy."""
    unknowns: dict[str, float] = field(default_factory=dict)
    """Recovered parameters of the equation."""
    standard_errors: dict[str, float] = field(default_factory=dict)
    """Standard errors of the unknowns, if the method gives any."""
    metrics: dict[str, float] = field(default_factory=dict)
    """What the method itself reports: iterations, final loss, ..."""
