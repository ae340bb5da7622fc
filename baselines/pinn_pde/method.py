"""What a method returns, whatever it is: a network trained through DeepXDE, a fit, a classical solver.

A method option has one verb, `solve(problem, observations, cfg, record) -> Solution`; the evaluation in `run.py` sees
nothing of it but the solution.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from baselines.pinn_pde.problem import Function


@dataclass(frozen=True)
class Solution:
    """An approximate solution that can be evaluated anywhere in the domain."""

    predict: Function
    """Points [N, d] to outputs [N, outputs]."""
    residual: Function
    """Points [N, d] to residuals [N, equations]."""
    points: np.ndarray
    """Collocation points inside the domain that the method used, [M, d]."""
    parameters: int
    """Number of fitted parameters, unknowns of the equation included."""
    trained: bool
    """Whether the method ran long enough for statements about its accuracy."""
    unknowns: dict[str, float] = field(default_factory=dict)
    """Recovered parameters of the equation."""
    metrics: dict[str, float] = field(default_factory=dict)
    """What the method itself reports: iterations, final loss, ..."""
