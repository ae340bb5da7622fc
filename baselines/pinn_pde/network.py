r"""A fully connected network with everything that is known beforehand built in, and jets of its outputs.

$$u = A(x) + B(x) \, N(\gamma(x))$$

$\gamma$ is fixed: coordinates scaled to $[-1, 1]$, cosine and sine of a periodic one, random Fourier features if asked.
$A$ and $B$ satisfy conditions exactly (`problem.ansatz`); without them $A = 0$, $B = 1$. Only $N$ is trained, so the
jets of $\gamma$, $A$ and $B$ are computed once for each set of points.

Source of the Fourier features: Tancik et al., NeurIPS 2020.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch

from baselines.pinn_pde.jets import ACTIVATIONS, Activation, JetField, Layout, PointCoordinates, jet_of, product
from baselines.pinn_pde.problem import Ansatz, PDEProblem, Periodic


def periods(problem: PDEProblem) -> dict[str, float]:
    """Coordinates in which every output and its slope are periodic, with their periods."""
    domain, found = problem.domain(), {}
    for j, name in enumerate(domain.names):
        jumps = [c for c in problem.conditions() if isinstance(c, Periodic) and c.coordinate == name]
        covered = {c.output for c in jumps if 1 in c.orders}  # a solution may have a kink where only values agree
        if covered >= set(problem.outputs):
            found[name] = domain.high[j] - domain.low[j]
    return found


@dataclass(frozen=True)
class Prepared:
    """A set of points with the jets that do not change in training."""

    points: torch.Tensor  # [N, d]
    layout: Layout
    features: torch.Tensor  # [K, N, F]
    particular: torch.Tensor | None  # [K, N, outputs]
    factor: torch.Tensor | None  # [K, N, outputs]


class JetNetwork(torch.nn.Module):
    """Fully connected network whose outputs come with their first and second derivatives.

    Args:
        problem: gives names, domain, periodic coordinates and the ansatz.
        layers: widths of the hidden layers.
        activation: `tanh` or `sin`.
        hard: build in the conditions of `problem.ansatz()` and periodicity.
        fourier: number of random frequencies; 0 for none.
        fourier_scale: standard deviation of the frequencies, in half periods over the domain.
        generator: of the initial weights (Glorot normal) and the frequencies.
        dtype: of everything.
        device: where tensors live.

    Raises:
        ValueError: The activation is unknown.
    """

    frequencies: torch.Tensor

    def __init__(
        self,
        problem: PDEProblem,
        layers: list[int],
        activation: str = "tanh",
        *,
        hard: bool = True,
        fourier: int = 0,
        fourier_scale: float = 1.0,
        generator: torch.Generator | None = None,
        dtype: torch.dtype = torch.float64,
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__()
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}; got {activation!r}")
        self.activation, self.problem = activation, problem
        self.domain, self.outputs = problem.domain(), problem.outputs
        self.periods = periods(problem) if hard else {}
        self.ansatz: dict[str, Ansatz] = problem.ansatz() if hard else {}
        self.hidden = list(layers)
        base = len(self.domain.names) + len(self.periods)
        frequencies = torch.randn(base, fourier, generator=generator, dtype=torch.float64) * fourier_scale * math.pi
        self.frequencies = frequencies.to(device, dtype)  # [base, fourier], never trained
        sizes = [2 * fourier or base, *layers, len(self.outputs)]
        self.weights, self.biases = torch.nn.ParameterList(), torch.nn.ParameterList()
        for fan_in, fan_out in pairwise(sizes):
            weight = torch.randn(fan_out, fan_in, generator=generator, dtype=torch.float64)
            weight *= math.sqrt(2.0 / (fan_in + fan_out))
            self.weights.append(torch.nn.Parameter(weight.to(device, dtype)))
            self.biases.append(torch.nn.Parameter(torch.zeros(fan_out, device=device, dtype=dtype)))

    @property
    def satisfied(self) -> set[str]:
        """Names of the conditions that hold for any weights."""
        names = {name for ansatz in self.ansatz.values() for name in ansatz.replaces}
        periodic = (c for c in self.problem.conditions() if isinstance(c, Periodic) and c.coordinate in self.periods)
        return names | {condition.name for condition in periodic}

    def prepare(self, points: np.ndarray, layout: Layout) -> Prepared:
        """Everything at these points that training does not change.

        Args:
            points: [N, d].
            layout: derivatives wanted.
        """
        x = torch.as_tensor(points, dtype=self.weights[0].dtype, device=self.weights[0].device)
        names = self.domain.names
        features = jet_of(self._features, names, x, layout)
        if not self.ansatz:
            return Prepared(x, layout, features, None, None)
        particular, factor = [], []
        for output in self.outputs:
            ansatz = self.ansatz.get(output)
            particular.append(jet_of(ansatz.particular if ansatz else lambda _: 0.0, names, x, layout))
            factor.append(jet_of(ansatz.factor if ansatz else lambda _: 1.0, names, x, layout))
        return Prepared(x, layout, features, torch.cat(particular, 2), torch.cat(factor, 2))

    def _features(self, points: PointCoordinates) -> torch.Tensor:
        """What the first layer sees, [N, F]."""
        columns = []
        for j, name in enumerate(self.domain.names):
            low, high = self.domain.low[j], self.domain.high[j]
            if name in self.periods:
                angle = 2.0 * math.pi * (points[name] - low) / self.periods[name]
                columns += [torch.cos(angle), torch.sin(angle)]
            else:
                columns.append(2.0 * (points[name] - low) / (high - low) - 1.0)
        scaled = torch.cat(columns, dim=1)
        if not self.frequencies.shape[1]:
            return scaled
        angle = scaled @ self.frequencies
        return torch.cat([torch.cos(angle), torch.sin(angle)], dim=1)

    def jet(self, at: Prepared, tape: list[tuple[torch.Tensor, torch.Tensor]] | None = None) -> torch.Tensor:
        """Outputs with their derivatives, [K, N, outputs].

        Args:
            at: prepared points.
            tape: if given, receives (input, output) of each linear layer, both [K, N, width].
        """
        a = at.features
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            if number:
                a = Activation.apply(a, self.activation, at.layout)
            z = a @ weight.T
            z = torch.cat([z[:1] + bias, z[1:]]) if len(z) > 1 else z + bias
            if tape is not None:
                tape.append((a, z))
            a = z
        if at.factor is not None and at.particular is not None:
            a = at.particular + product(at.factor, a, at.layout)
        return a

    def field(self, at: Prepared, jet: torch.Tensor, unknowns: dict[str, torch.Tensor]) -> JetField:
        """A jet of this network as the field that a residual reads."""
        return JetField(self.domain.names, self.outputs, at.points, jet, at.layout, unknowns)

    def predict(self, points: np.ndarray, chunk: int = 20_000) -> np.ndarray:
        """Outputs, [N, d] -> [N, outputs], float64."""
        return self.derivative(points, (), chunk)

    def derivative(self, points: np.ndarray, key: tuple[int, ...], chunk: int = 20_000) -> np.ndarray:
        """A derivative of all outputs, [N, d] -> [N, outputs], float64."""
        layout, parts = Layout.of([key]), []
        with torch.no_grad():
            for start in range(0, len(points), chunk):
                at = self.prepare(points[start : start + chunk], layout)
                parts.append(self.jet(at)[layout.index(key)].cpu().double().numpy())
        return np.concatenate(parts) if parts else np.empty((0, len(self.outputs)))
