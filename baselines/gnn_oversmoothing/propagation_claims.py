"""Claims of the study `propagation`: what the spectrum of P says about P^l X."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from baselines.common.claims import Claim
from baselines.gnn_oversmoothing import spectra
from baselines.gnn_oversmoothing.graphs import Graph

WINDOWS = ((32, 64), (64, 128))  # layers between which slopes are reported
NARROW = 256  # X with more columns is wide
TOLERANCE = 0.01  # of a rate
ERRORS = 3.0  # standard errors in a band
ROUNDED_SLOPE = 1e-6  # rounding error of a slope, relative to the rate
EXACT = 1e-9  # relative rounding error allowed where a formula is exact

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Setting:
    """What is propagated, and what the spectrum of P says about it.

    Attributes:
        name: of the dataset.
        graph: N nodes.
        adjacency: A, [N, N].
        x: X, [N, F].
        probe: what is propagated far and whose rank is measured: X, or random combinations of its columns if X is
            wide, [N, K].
        gaussian: whether X is standard normal.
        moduli: leading moduli of the eigenvalues of P other than 1, falling.
        rates: smallest eigenvalues of I - P other than 0, rising.
        values: all eigenvalues of P other than 1, or None for a large graph.
    """

    name: str
    graph: Graph
    adjacency: sparse.csr_array
    x: FloatArray
    probe: FloatArray
    gaussian: bool
    moduli: FloatArray
    rates: FloatArray
    values: FloatArray | None

    @property
    def wide(self) -> bool:
        """Whether X has so many columns that a probe takes its place."""
        return self.x.shape[1] > NARROW

    @property
    def matrix(self) -> str:
        """How statements call what is propagated far."""
        kind = "Gaussian X" if self.gaussian else "X the features"
        return f"X {self.probe.shape[1]} random combinations of the features" if self.wide else kind

    @property
    def rate(self) -> float:
        """2 log(lambda), the slope of log E_sym in the end."""
        return 2.0 * math.log(self.moduli[0])


@dataclass(frozen=True)
class Floor:
    """Where the survey's energy stops.

    Attributes:
        measured: E(P^l X) / E(X).
        predicted: its limit in closed form.
        layer: l.
        error: largest relative distance that is left at l.
    """

    measured: float
    predicted: float
    layer: int
    error: float


def is_regular(graph: Graph) -> bool:
    """Whether all nodes have the same degree: the two energies are then proportional."""
    return bool((graph.degree == graph.degree[0]).all())


def rate_claim(setting: Setting, slope: float | None) -> Claim:
    """The energy decays at the rate of the spectral gap in the end."""
    return Claim(
        id="gnn.propagation.rate",
        statement=f"On {setting.name} log E_sym of P^l X ({setting.matrix}) falls by 2 log(lambda) per "
        "layer in the end (measured slope / predicted slope, from the layer where the next mode is 1000 times weaker)",
        predicted=1.0,
        low=1.0 - TOLERANCE,
        high=1.0 + TOLERANCE,
        measured=None if slope is None else slope / setting.rate,
        source="lambda = max(|lambda_2|, |lambda_N|) of P; docs/gnn_oversmoothing.md",
    )


def spectrum_claims(setting: Setting, values: FloatArray, slope: float | None) -> list[Claim]:
    """All eigenvalues predict the slope between two layers, and so whether the rate is reached there."""
    first, last = WINDOWS[-1]
    logs = spectra.expected_decay(values, np.array([first, last], dtype=float))
    predicted = float(logs[1] - logs[0]) / (last - first) / setting.rate
    error = spectra.slope_error(values, first, last, setting.x.shape[1]) / abs(setting.rate)
    measured = None if slope is None else slope / setting.rate
    window = Claim(
        id="gnn.propagation.window",
        statement=f"On {setting.name} the slope of log E_sym over layers {first} to {last}, divided by 2 log(lambda), "
        f"is what all eigenvalues of P predict for Gaussian X (within {ERRORS:.0f} standard errors of the draw)",
        predicted=predicted,
        low=predicted - ERRORS * error - ROUNDED_SLOPE,
        high=predicted + ERRORS * error + ROUNDED_SLOPE,
        measured=measured,
        source="mean and variance of sum_k (1 - lambda_k) lambda_k^(2l) chi_k; docs/gnn_oversmoothing.md",
    )
    if abs(predicted - 1.0 - TOLERANCE) <= ERRORS * error:
        return [window]  # the eigenvalues do not decide
    reached = predicted <= 1.0 + TOLERANCE
    verb, than = ("is reached", "at most") if reached else ("is not reached", "more than")
    return [
        window,
        Claim(
            id="gnn.propagation.reached",
            statement=f"On {setting.name} the rate 2 log(lambda) {verb} within {last} layers: the slope over layers "
            f"{first} to {last} is {than} {TOLERANCE:.0%} steeper (slope / rate; all eigenvalues of P predict which)",
            predicted=predicted,
            low=None if reached else 1.0 + TOLERANCE,
            high=1.0 + TOLERANCE if reached else None,
            measured=measured,
            source="sum_k (1 - lambda_k) lambda_k^(2l); docs/gnn_oversmoothing.md",
        ),
    ]


def limit_claim(setting: Setting, floor: Floor | None) -> Claim:
    """The survey's energy does not vanish: its limit is known in closed form."""
    error = EXACT if floor is None else floor.error
    return Claim(
        id="gnn.propagation.survey_limit",
        statement=f"On {setting.name} the survey's energy of P^l X ({setting.matrix}) stops at that of the projection "
        "on sqrt(d_i + 1) (measured / predicted, where the rest has decayed)",
        predicted=1.0,
        low=1.0 - error,
        high=1.0 + error,
        measured=None if floor is None else floor.measured / floor.predicted,
        source="limit b b^T X, and sqrt(E) is a seminorm; docs/gnn_oversmoothing.md",
    )


def heat_claim(setting: Setting, slope: float | None) -> Claim:
    """The heat equation decays with twice the smallest eigenvalue, not with its square."""
    rate = float(setting.rates[0])
    return Claim(
        id="gnn.propagation.heat",
        statement=f"On {setting.name} log E_sym of x' = -(I - P) x falls by 2 lambda_1 per unit of time in the end "
        "(measured / predicted)",
        predicted=1.0,
        low=1.0 - TOLERANCE,
        high=1.0 + TOLERANCE,
        measured=None if slope is None else slope / (-2.0 * rate),
        source="lambda_1 the smallest eigenvalue of I - P other than 0; docs/gnn_oversmoothing.md",
    )


def regular_claim(setting: Setting, curves: dict[str, FloatArray]) -> Claim:
    """On a regular graph the two energies are the same up to a constant."""
    degree, nodes = float(setting.graph.degree[0]), setting.graph.num_nodes
    factor = 2.0 * (degree + 1.0) / nodes
    # differences of rows lose a share eps / sqrt(E_sym / ||X||^2) of their digits as X becomes smooth
    exact = curves["layer_rayleigh_quotient"] > (10.0 * np.finfo(np.float64).eps / EXACT) ** 2
    ratio = curves["layer_energy"][exact] / (factor * curves["layer_normalised_energy"][exact])
    return Claim(
        id="gnn.propagation.regular",
        statement=f"On {setting.name}, where every node has {degree:.0f} neighbours, E = 2 (d + 1) / N E_sym in every "
        "layer (largest relative deviation where rounding is smaller)",
        predicted=0.0,
        low=None,
        high=EXACT,
        measured=float(np.max(np.abs(ratio - 1.0))),
        source="definitions; docs/gnn_oversmoothing.md",
    )
