"""Li et al. (2018): training by Pontryagin's maximum principle leaves the flat start where gradient descent stalls."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from baselines.common import compute
from baselines.common.claims import Claim
from baselines.common.config import check_at_least
from baselines.common.errors import Diverged
from baselines.common.record import Outcome, Record

if TYPE_CHECKING:
    import torch

    from baselines.loss_landscape.config import Config
    from baselines.loss_landscape.maximum_principle import ResidualNetwork

LI = "Li, Chen, Tai and E 2018 (JMLR 18, 165)"
CLAIMED = 50  # iterations after which the methods are compared
SPARSE = 10  # steps between two looks at SGD and Adam after as many steps as E-MSA has iterations
ZERO = 0.01  # a start is "at zero" if its weights are not larger


@dataclass
class Probe:
    """Maximum principle: E-MSA against SGD and Adam, from zero weights, on the sine problem.

    E-MSA maximises the augmented Hamiltonian of every layer, H - rho/2 |x' - f|^2 - rho/2 |p - grad H|^2, by L-BFGS.
    Network x_{n+1} = x_n + delta tanh(W_n x_n + b_n), target sin x on [-pi, pi], all weights nearly zero.
    Li, Chen, Tai and E (2018), JMLR 18, 165; setting of the authors' code.
    """

    USES: ClassVar[tuple[str, ...]] = ()
    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {"layers": 4, "starts": 2, "examples": 20, "iterations": 3},
        "paper": {"iterations": 500, "starts": 20},
    }

    layers: int = 20  # residual layers
    nodes: int = 5  # width; the input is copied to all nodes and the output is their sum
    delta: float = 0.25  # step of a layer
    examples: int = 100  # inputs drawn uniformly from [-pi, pi], all of them the batch; as many again are held out
    starts: int = 8  # data and initial weights drawn so many times
    perturbation: float = 0.005  # initial weights and biases are uniform in +-perturbation: zero, symmetry broken
    weight_decay: float = 1e-3  # of the training loss, weight_decay/2 |theta|^2
    iterations: int = 50  # of E-MSA; SGD and Adam get as many passes through the network
    rho: float = 1.0  # price of leaving the equations of states and costates
    inner: int = 10  # L-BFGS iterations for the Hamiltonians of the layers
    sgd_lr: float = 0.1  # step size of full-batch SGD
    adam_lr: float = 0.005  # step size of Adam

    def __post_init__(self) -> None:
        """Check the keys."""
        for key in ("layers", "nodes", "examples", "starts", "iterations", "inner"):
            check_at_least(f"probe.{key}", getattr(self, key), 1)
        for key in ("perturbation", "weight_decay", "rho"):
            check_at_least(f"probe.{key}", getattr(self, key), 0.0)
        for key in ("delta", "sgd_lr", "adam_lr"):
            if not getattr(self, key) > 0:
                raise ValueError(f"probe.{key} must be positive; got {getattr(self, key)}")

    def run(self, cfg: "Config", record: Record) -> Outcome:
        """Train with the three methods from the same weights on the same data, all starts side by side."""
        from torch.optim import SGD, Adam

        network, held_out, theta = self._problem(cfg)
        curves = {name: Curve(network, held_out) for name in ("emsa", "sgd", "adam")}
        try:
            with record.timed("emsa"):
                passes = self._emsa(record, network, theta, curves["emsa"])
            steps = max(self.iterations, round(passes))
            with record.timed("sgd"):
                self._descend(record, network, theta, partial(SGD, lr=self.sgd_lr), steps, curves["sgd"])
            with record.timed("adam"):
                self._descend(record, network, theta, partial(Adam, lr=self.adam_lr), steps, curves["adam"])
        except FloatingPointError as problem:
            raise Diverged(str(problem)) from problem
        finally:
            for name, curve in curves.items():
                record.save(**{f"{name}.{quantity}": np.array(rows) for quantity, rows in curve.rows.items()})
        metrics = self._metrics(curves, passes)
        return Outcome(metrics, self._claims(metrics), theta[:, 0].numel())

    def _problem(self, cfg: "Config") -> "tuple[ResidualNetwork, ResidualNetwork, torch.Tensor]":
        """Training data, held-out data and initial weights [N, R, d, d + 1]."""
        import torch

        from baselines.loss_landscape.maximum_principle import ResidualNetwork

        device, dtype = compute.torch_device(cfg), compute.torch_dtype(cfg)

        def uniform(stream: str, *shape: int) -> torch.Tensor:
            draw = torch.rand(shape, generator=compute.torch_generator(cfg.seed, stream), dtype=torch.float64)
            return (2 * draw - 1).to(dtype=dtype, device=device)

        networks = []
        for stream in ("data", "held-out"):
            x = torch.pi * uniform(stream, self.starts, self.examples)
            copies = x[..., None].expand(-1, -1, self.nodes)
            networks.append(ResidualNetwork(copies, x.sin(), self.delta, self.weight_decay))
        shape = (self.layers, self.starts, self.nodes, self.nodes + 1)
        return networks[0], networks[1], self.perturbation * uniform("init", *shape)

    def _emsa(self, record: Record, network: "ResidualNetwork", theta: "torch.Tensor", curve: "Curve") -> float:
        """Iterate; returns the passes through the network that all iterations took."""
        from baselines.loss_landscape.maximum_principle import msa_iteration

        passes = 0.0
        curve.look(theta, passes)
        with record.progress(self.iterations, "E-MSA") as tick:
            for _ in range(self.iterations):
                with curve.clock():
                    theta, used = msa_iteration(network, theta, self.rho, self.inner)
                passes += used
                tick(1, error=curve.look(theta, passes))
        return passes

    def _descend(
        self,
        record: Record,
        network: "ResidualNetwork",
        theta: "torch.Tensor",
        build: "Callable[[list[torch.Tensor]], torch.optim.Optimizer]",
        steps: int,
        curve: "Curve",
    ) -> None:
        """Back-propagation, one pass a step; the gradients of the starts do not mix."""
        weights = theta.clone().requires_grad_()
        optimizer = build([weights])
        curve.look(theta, 0)
        with record.progress(steps, type(optimizer).__name__) as tick:
            for step in range(1, steps + 1):
                with curve.clock():
                    optimizer.zero_grad()
                    network.loss(weights).sum().backward()
                    optimizer.step()
                if step <= self.iterations or step % SPARSE == 0 or step == steps:
                    tick(SPARSE if step > self.iterations else 1, error=curve.look(weights.detach(), step))

    def _metrics(self, curves: "dict[str, Curve]", passes: float) -> dict[str, float]:
        """Medians over the starts, after equally many iterations and after equally many passes."""
        emsa, last = curves["emsa"].rows, self.iterations
        metrics = {"passes_per_iteration": passes / self.iterations}
        for name, curve in curves.items():
            metrics[f"{name}_error"] = float(np.median(curve.rows["error"][last]))
            metrics[f"{name}_test_error"] = float(np.median(curve.rows["test_error"][last]))
            metrics[f"{name}_loss"] = float(np.median(curve.rows["loss"][last]))
        metrics["emsa_highest_error"] = float(np.median(np.max(emsa["error"][1:], axis=0)))
        for name in ("sgd", "adam"):
            for what, row in (("", last), ("_equal_passes", -1)):
                ratio = curves[name].rows["error"][row] / emsa["error"][last]
                metrics[f"{name}_ratio{what}"] = float(np.median(ratio))
                metrics[f"{name}_share_10x{what}"] = float(np.mean(ratio >= 10))
            metrics[f"{name}_error_equal_passes"] = float(np.median(curves[name].rows["error"][-1]))
            metrics[f"{name}_loss_ratio"] = float(np.median(curves[name].rows["loss"][last] / emsa["loss"][last]))
        return metrics

    def _claims(self, metrics: dict[str, float]) -> list[Claim]:
        setting = (
            f"sin x, residual tanh network of {self.layers} layers of {self.nodes}, delta {self.delta:g}, weights"
            f" +-{self.perturbation:g}, weight decay {self.weight_decay:g}, rho {self.rho:g}, SGD {self.sgd_lr:g};"
            f" median of {self.starts} starts"
        )
        measured = self.iterations == CLAIMED and self.perturbation <= ZERO
        return [
            Claim(
                id=f"landscape.maximum_principle.{name}",
                statement=f"after {CLAIMED} iterations from zero: {what} of SGD / that of E-MSA ({setting})",
                predicted=None,
                low=10.0,
                high=None,
                measured=metrics[metric] if measured else None,
                source=f"fast initial decrease, no stalling at flat regions: {LI}",
            )
            for name, what, metric in (
                ("escape", "mean squared error", "sgd_ratio"),
                ("escape_loss", "loss, weight decay included,", "sgd_loss_ratio"),
            )
        ]


class Curve:
    """What is recorded of one method: errors of every start, passes and processor time so far."""

    def __init__(self, network: "ResidualNetwork", held_out: "ResidualNetwork") -> None:
        self.rows: dict[str, list[Any]] = {name: [] for name in ("error", "test_error", "loss", "passes", "cpu_s")}
        self._network, self._held_out = network, held_out
        self._spent = 0.0

    @contextmanager
    def clock(self) -> Iterator[None]:
        """The processor time of this block counts; looking at the errors does not."""
        begin = time.process_time()
        yield
        self._spent += time.process_time() - begin

    def look(self, theta: "torch.Tensor", passes: float) -> float:
        """Append the errors at these weights; returns their median.

        Raises:
            FloatingPointError: If one is not finite.
        """
        import torch

        with torch.no_grad():
            error = self._network.error(self._network.states(theta)[-1]).cpu().numpy()
            test_error = self._held_out.error(self._held_out.states(theta)[-1]).cpu().numpy()
            loss = self._network.loss(theta).cpu().numpy()
        for name, value in zip(self.rows, (error, test_error, loss, passes, self._spent), strict=True):
            self.rows[name].append(value)
        if not np.isfinite(error).all():
            raise FloatingPointError(f"the error is not finite after {passes:g} passes")
        return float(np.median(error))
