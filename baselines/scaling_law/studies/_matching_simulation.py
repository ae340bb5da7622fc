"""The matching study's simulations: exact by eigendecomposition, one row of every array a draw."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch

from baselines.scaling_law import flow_simulation, simulate
from baselines.scaling_law.frontier import draw_features, online_flow
from baselines.scaling_law.matching_law import Array, Task
from baselines.scaling_law.spectrum import Spectrum, power_law
from baselines.scaling_law.stopping import draw_data, kernel_flow
from baselines.scaling_law.studies._matching_theory import TIMES, Curves

if TYPE_CHECKING:
    from baselines.scaling_law.studies.matching import Study

Generators = Callable[..., torch.Generator]


class Simulation:
    """Draws for one study.

    Args:
        study: Sizes and tasks.
        predicted: Of `at_simulated_sizes`: where to look.
        generators: Makes the generator of a named stream.
        device: Where to compute.
        dtype: Of the computation.
    """

    def __init__(
        self, study: "Study", predicted: Curves, generators: Generators, device: torch.device, dtype: torch.dtype
    ) -> None:
        self.study, self.predicted, self.generators = study, predicted, generators
        self.place = device, dtype

    def spectrum(self, task: Task, size: int) -> Spectrum:
        """As many modes as the size asks for."""
        return power_law(self.study.ratio * size, task.decay, task.signal_decay)

    def frontier(self, draw: int) -> Curves:
        """Errors of online flow at every budget and number of features of the ladder.  Shape [C, P]."""
        return {"ladder": self._online("hard", "", draw)}

    def easy_frontier(self, draw: int) -> Curves:
        """The same for the easy task."""
        return {"ladder_easy": self._online("easy", "_easy", draw)}

    def _online(self, which: str, suffix: str, draw: int) -> Array:
        ladder, compute = self.study.ladder, self.predicted[f"predicted.online{suffix}_compute"]
        spectrum = self.spectrum(self.study.tasks[which], ladder[-1])
        drawn = draw_features([spectrum], ladder[-1], self.generators(f"ladder{suffix}", draw), *self.place)
        return np.stack([online_flow(drawn, p, compute / p)[0][0] for p in ladder], axis=1)

    def easy(self, draw: int) -> Curves:
        """Errors of the easy task with limited features, and with limited data.  Shapes [P] and [N]."""
        easy = self.study.tasks["easy"]

        def interpolated(size: int, generator: torch.Generator) -> Array:
            return kernel_flow(draw_data([self.spectrum(easy, size)], size, generator, *self.place), [np.inf]).test[0]

        data = self._ladder(self.study.easy_samples, interpolated, "data_easy", draw)
        return {"parameters_easy": self._projected(easy, "parameters_easy", draw), "data_easy": data[:, 0]}

    def hard(self, draw: int) -> Curves:
        """Hard task: limited features; limited data without noise, and around the optimal time with it."""
        task, noise = self.study.tasks["hard"], self.study.noise
        stops = dict(zip(self.study.samples, self.predicted["predicted.stopping_t"], strict=True))

        def curves(size: int, generator: torch.Generator) -> Array:
            drawn = draw_data([self.spectrum(task, size)], size, generator, *self.place)
            flow = kernel_flow(drawn, np.append(stops[size] * TIMES, np.inf))
            error, gradient = flow.test[0] + noise * flow.test_noise, flow.gradient[0] + noise * flow.gradient_noise
            return np.concatenate([error[:-1], gradient[:-1], flow.test[0, -1:]])

        found = self._ladder(self.study.samples, curves, "data_hard", draw)  # [N, 2 T + 1]
        return {
            "parameters_hard": self._projected(task, "parameters_hard", draw),
            "noisy_error": found[:, : len(TIMES)],
            "noisy_gradient": found[:, len(TIMES) : -1],
            "data_hard": found[:, -1],
        }

    def _projected(self, task: Task, stream: str, draw: int) -> Array:
        """Errors of the best function of p features.  Shape [P]."""

        def one(size: int, generator: torch.Generator) -> Array:
            return online_flow(
                draw_features([self.spectrum(task, size)], size, generator, *self.place), size, [np.inf]
            )[0]

        return self._ladder(self.study.features, one, stream, draw)[:, 0, 0]

    def optima(self, draw: int) -> Curves:
        """Error and squared gradient norm at the optimal (p, n, t) of full-batch flow.  Shapes [B]."""
        task, rows = self.study.tasks["hard"], []
        sizes = zip(*(self.predicted[f"predicted.optima_{name}"] for name in "pnt"), strict=True)
        for index, (p, n, t) in enumerate(sizes):
            spectrum = self.spectrum(task, int(max(p, n)))
            drawn = simulate.draw(spectrum, int(n), int(p), self.generators("optima", draw, index), *self.place)
            flow, _ = flow_simulation.components(drawn, int(n), int(p), [t])
            rows.append((flow.test[0], flow.gradient[0]))
        error, gradient = np.array(rows).T
        return {"optima_error": error, "optima_gradient": gradient}

    def _ladder(self, sizes: list[int], one: Callable[[int, torch.Generator], Array], stream: str, draw: int) -> Array:
        """As many draws of each size as fit into the largest, averaged.  Shape [sizes, ...]."""
        return np.stack(
            [
                np.mean([one(size, self.generators(stream, draw, size, i)) for i in range(sizes[-1] // size)], axis=0)
                for size in sizes
            ]
        )
