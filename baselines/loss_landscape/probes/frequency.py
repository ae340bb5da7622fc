"""Xu et al. (2019): a network learns low frequencies first; Jacobi's iteration does the opposite."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from baselines.common import compute
from baselines.common.claims import Claim
from baselines.common.config import check_at_least, check_choice
from baselines.common.errors import Diverged
from baselines.common.record import Outcome, Record

if TYPE_CHECKING:
    from baselines.loss_landscape.config import Config

XU = "Xu et al. 2019 (arXiv:1901.06523), abstract"
ACTIVATIONS = ("tanh", "gelu", "silu", "elu", "softplus", "relu")
ENOUGH_STEPS = 1000  # of the network; a shorter run has not come to the high frequencies


@dataclass
class Probe:
    """Frequency principle: a network learns low frequencies first, Jacobi's iteration high ones.

    Target sin x + sin 2x + ... + sin Kx; e_k = relative error of the k-th Fourier coefficient. Beside it, Jacobi's
    iteration for -u'' = f with the same sum as solution, whose errors shrink by cos(k pi/(n+1)) exactly.
    Xu, Zhang, Luo, Xiao and Ma (2019), arXiv:1901.06523.
    """

    USES: ClassVar[tuple[str, ...]] = ()
    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {"width": 20, "steps": 60, "points": 15},
        "paper": {"width": 200, "steps": 5000},
    }

    frequencies: int = 5  # K
    examples: int = 200  # equally spaced points of [-pi, pi), all of them the batch
    width: int = 100  # units of each hidden layer
    depth: int = 2  # hidden layers
    activation: str = "tanh"  # tanh, gelu, silu, elu, softplus or relu
    lr: float = 1e-3  # step size of Adam
    steps: int = 2000  # steps of Adam
    level: float = 0.1  # a frequency is learned when its relative error is below this
    points: int = 63  # inner points n of the Poisson problem

    def __post_init__(self) -> None:
        """Check the keys."""
        for key in ("width", "depth", "steps"):
            check_at_least(f"probe.{key}", getattr(self, key), 1)
        check_at_least("probe.frequencies", self.frequencies, 2)
        check_at_least("probe.examples", self.examples, 2 * self.frequencies + 1)
        check_at_least("probe.points", self.points, 2 * self.frequencies + 1)
        check_choice("probe.activation", self.activation, ACTIVATIONS)
        if not 0 < self.level < 1:
            raise ValueError(f"probe.level must be between 0 and 1; got {self.level}")
        if not self.lr > 0:
            raise ValueError(f"probe.lr must be positive; got {self.lr}")

    def run(self, cfg: "Config", record: Record) -> Outcome:
        """Train the network, then iterate."""
        from baselines.loss_landscape.frequency import first_below, inversions, jacobi_errors, jacobi_factors, settled
        from baselines.loss_landscape.frequency import jacobi_steps as predicted_steps

        with record.timed("network"):
            errors, rates, size = self._network(cfg, record)
        learned = first_below(errors, self.level)
        predicted = predicted_steps(self.points, self.frequencies, self.level)
        with record.timed("jacobi"):
            iterated = jacobi_errors(self.points, self.frequencies, int(predicted.max()))
        solved = first_below(iterated, self.level)
        before, after = iterated[:-1], iterated[1:]
        wrong = np.abs(after / before - jacobi_factors(self.points, self.frequencies))
        gap = float(wrong[before > self.level].max())  # later the errors come near rounding, and so their ratios
        record.save(
            **{
                "network.relative_error": errors,
                "network.steps_to_level": learned,
                "network.tangent_rate": rates,
                "jacobi.relative_error": iterated,
                "jacobi.steps_to_level": solved,
                "jacobi.predicted_steps": predicted,
            }
        )
        metrics = {
            "network_inversions": float(inversions(learned)),
            "network_settled_inversions": float(inversions(settled(errors, self.level))),
            "tangent_inversions": float(inversions(-rates)),
            "jacobi_inversions": float(inversions(-solved)),
            "jacobi_factor_error": gap,
            "jacobi_steps_error": float(np.abs(solved - predicted).max()),
        }
        for k in range(self.frequencies):
            metrics |= {f"network_steps_{k + 1}": learned[k]} if np.isfinite(learned[k]) else {}
            metrics |= {f"tangent_rate_{k + 1}": rates[k], f"jacobi_steps_{k + 1}": solved[k]}
        return Outcome({name: float(value) for name, value in metrics.items()}, self._claims(metrics), size)

    def _network(self, cfg: "Config", record: Record) -> tuple[np.ndarray, np.ndarray, int]:
        """Relative errors [steps + 1, K], rates of the tangent kernel at the start [K], number of parameters."""
        import torch

        from baselines.loss_landscape.frequency import grid, relative_errors, sines, tangent_rates
        from baselines.loss_landscape.layers import mlp
        from baselines.loss_landscape.objective import Objective
        from baselines.loss_landscape.train import train

        device, dtype = compute.torch_device(cfg), compute.torch_dtype(cfg)
        x = grid(self.examples)
        modes = sines(x, self.frequencies)
        target = modes.sum(axis=0)
        widths = [1, *[self.width] * self.depth, 1]
        model = mlp(widths, self.activation, compute.torch_generator(cfg.seed, "init"), dtype).to(device)
        inputs = torch.as_tensor(x, dtype=dtype, device=device)[:, None]
        rates = tangent_rates(model, inputs, torch.as_tensor(modes, dtype=dtype, device=device))
        objective = Objective(model, inputs, torch.as_tensor(target, dtype=dtype, device=device)[:, None])
        optimizer = torch.optim.Adam(objective.parameters, lr=self.lr)
        errors = []

        def look() -> None:
            with torch.no_grad():
                outputs = model(inputs)[:, 0].cpu().numpy().astype(float)
            errors.append(relative_errors(outputs, target, self.frequencies))

        with record.progress(self.steps, "network") as tick:
            try:
                for loss in train(objective, optimizer, self.steps):
                    look()
                    tick(1, loss=loss)
            except FloatingPointError as problem:
                record.save(**{"network.relative_error": np.array(errors)})
                raise Diverged(str(problem)) from problem
        look()
        return np.array(errors), rates.cpu().numpy().astype(float), objective.size

    def _claims(self, metrics: dict[str, float]) -> list[Claim]:
        k, enough = self.frequencies, self.steps >= ENOUGH_STEPS
        network = f"tanh network 1-{'-'.join([str(self.width)] * self.depth)}-1".replace("tanh", self.activation)
        target = f"sin x + ... + sin {k}x"
        order = "pairs of frequencies in the wrong order"
        return [
            Claim(
                id="landscape.frequency.network",
                statement=f"the network learns low frequencies first: {order}, by the step at which the relative"
                f" error is first below {self.level:g} ({target}, {network}, Adam {self.lr:g}, {self.steps} steps)",
                predicted=0.0,
                low=None,
                high=0.0,
                measured=metrics["network_inversions"] if enough else None,
                source=f"frequency principle: {XU}",
            ),
            Claim(
                id="landscape.frequency.tangent",
                statement=f"the tangent kernel at the start predicts that order: {order}, by its rates"
                f" ({target}, {network})",
                predicted=0.0,
                low=None,
                high=0.0,
                measured=metrics["tangent_inversions"] if enough else None,
                source="linearised training, docs/training_dynamics.md; Jacot et al. 2018 (arXiv:1806.07572)",
            ),
            Claim(
                id="landscape.frequency.jacobi",
                statement=f"Jacobi's iteration solves for high frequencies first: {order}"
                f" (Poisson problem, {self.points} points, k = 1 ... {k})",
                predicted=0.0,
                low=None,
                high=0.0,
                measured=metrics["jacobi_inversions"],
                source="factors cos(k pi/(n+1)), docs/training_dynamics.md",
            ),
            Claim(
                id="landscape.frequency.factors",
                statement="each of its iterations multiplies the error at frequency k by cos(k pi/(n+1)): largest"
                f" difference while that error is above {self.level:g} ({self.points} points, k = 1 ... {k})",
                predicted=0.0,
                low=None,
                high=1e-12,
                measured=metrics["jacobi_factor_error"],
                source="eigenvalues of the iteration, docs/training_dynamics.md",
            ),
        ]
