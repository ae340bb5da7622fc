"""Ordinary differential equations for several parameter values at once: trajectories and their sensitivities."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Slope = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""States [B, S] and parameters [B, P] to derivatives [B, S]."""


class Trajectories:
    """Solutions for a batch of parameters, all advanced with the same steps, readable at any time.

    Args:
        slope: right-hand side, independent of time.
        start: initial state, [S].
        parameters: [B, P].
        low: first time.
        high: last time.
        rtol: relative tolerance of a step.
        atol: absolute tolerance of a step.

    Raises:
        ArithmeticError: the integration failed.

    Source: E. Hairer, S. P. Norsett, G. Wanner, Solving Ordinary Differential Equations I (Springer 1993), DOP853 with
    its continuous extension of order 7.
    """

    def __init__(
        self,
        slope: Slope,
        start: np.ndarray,
        parameters: np.ndarray,
        low: float,
        high: float,
        rtol: float = 1e-12,
        atol: float = 1e-12,
    ) -> None:
        from scipy.integrate import solve_ivp

        self.shape = (len(parameters), len(start))
        states = np.tile(start, (self.shape[0], 1))

        def flat(_: float, y: np.ndarray) -> np.ndarray:
            return slope(y.reshape(self.shape), parameters).ravel()

        with np.errstate(over="ignore", invalid="ignore"):  # a trial step too large for stability is refused and cut
            found = solve_ivp(flat, (low, high), states.ravel(), "DOP853", dense_output=True, rtol=rtol, atol=atol)
        if not found.success:
            raise ArithmeticError(f"the integration stopped at t = {found.t[-1]:g}: {found.message}")
        self._solution = found.sol
        self.steps = len(found.t) - 1

    def __call__(self, times: np.ndarray) -> np.ndarray:
        """States at times [T] in any order, [B, S, T]; times outside extend the first or last step."""
        return np.asarray(self._solution(times)).reshape(*self.shape, len(times))
