"""Time for the largest eigenvalues of a Hessian: this suite, curvlinops with ARPACK, and PyHessian, side by side."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from baselines.common import compute
from baselines.common.claims import Claim
from baselines.common.config import check_at_least
from baselines.common.errors import UserError
from baselines.common.record import Outcome, Record

if TYPE_CHECKING:
    from baselines.loss_landscape.config import Config
    from baselines.loss_landscape.objective import Objective

LARGE, ALL_DIGITS = 50_000, 1797  # parameters and examples from which the times are not Python's alone
SOURCE = "this project, probe=eigensolver_time"


@dataclass
class Probe:
    """Time of the largest Hessian eigenvalues: this suite against curvlinops + eigsh and PyHessian.

    Every solver gets the same network, weights, examples, precision, tolerance and number of eigenvalues, and starts
    from scratch. The rounds alternate between the solvers in one process; times are processor times. Their
    eigenvalues are compared with tight ones in double precision. On the way to the weights, gradient descent with a
    sharpness every few steps tells what one measurement costs, in gradients.
    """

    USES: ClassVar[tuple[str, ...]] = ()
    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {"examples": 100, "width": 16, "weights": 1, "rounds": 1, "steps": 10, "every": 2},
        "paper": {"rounds": 15},
    }

    examples: int = 1797  # digits, the first so many of 1797
    width: int = 200  # units of each of the two hidden layers
    eigenvalues: int = 5  # how many of the largest
    tol: float = 1e-3  # tolerance that every solver is given
    weights: int = 3  # how many initial weights, each trained for `steps`
    steps: int = 100  # steps of gradient descent before the timing
    learning_rate: float = 0.2  # their step size
    every: int = 20  # steps between two measurements of the sharpness on the way
    rounds: int = 3  # timed rounds

    def __post_init__(self) -> None:
        """Check the keys."""
        for key in ("examples", "width", "eigenvalues", "weights", "steps", "every", "rounds"):
            check_at_least(f"probe.{key}", getattr(self, key), 1)
        if self.examples > ALL_DIGITS:
            raise ValueError(f"probe.examples must be at most {ALL_DIGITS}; got {self.examples}")
        if not 2e-5 <= self.tol < 1:
            raise ValueError(f"probe.tol must be from 2e-5 to below 1; got {self.tol}")

    def skip(self, cfg: "Config") -> str | None:
        """PyHessian's and ours are timed on a processor."""
        if cfg.device != "cpu" or cfg.threads != 1:
            return "probe=eigensolver_time compares on one thread of a processor: device=cpu threads=1"
        return None

    def run(self, cfg: "Config", record: Record) -> Outcome:
        """Train a network for each of the initial weights, then time the solvers in turn."""
        try:
            import pyhessian  # noqa: F401
        except ImportError as error:
            raise UserError("PyHessian is missing: pip install PyHessian==0.1, to compare with it") from error
        from baselines.loss_landscape.eigensolvers import SOLVERS

        times: dict[str, list[float]] = {name: [] for name in (*SOLVERS, "gradient", "product")}
        errors: dict[str, list[float]] = {name: [] for name in SOLVERS}
        products: dict[str, list[float]] = {name: [] for name in (*SOLVERS, "warm")}
        for solve in SOLVERS.values():
            solve(self._objective(cfg, 0, 50, 4), 1, self.tol, 0)  # the first call of each package imports more
        size = 0
        with record.progress(self.weights * self.rounds, "timing") as tick:
            for number in range(self.weights):
                with record.timed("training"):
                    objective, warm = self._trained(cfg, number)
                size = objective.size
                products["warm"] += warm
                with record.timed("reference"):
                    exact = _reference(objective, self.eigenvalues)
                with record.timed("timing"):
                    self._rounds(objective, exact, compute.subseed(cfg.seed, "start", number), times, errors, products)
                tick(self.rounds)
        record.save(**{f"{name}_s": np.reshape(values, (self.weights, -1)) for name, values in times.items()})
        record.save(**{f"{name}_error": values for name, values in errors.items()})
        record.save(**{f"{name}_products": values for name, values in products.items()})
        metrics = self._metrics(times, errors, products)
        return Outcome(metrics, self._claims(metrics, size), size)

    def _trained(self, cfg: "Config", number: int) -> tuple["Objective", list[float]]:
        """A trained network, and the products of every warm-started sharpness on the way."""
        import torch

        from baselines.loss_landscape.descent import descend

        objective = self._objective(cfg, number, self.examples, self.width)
        optimizer = torch.optim.SGD(objective.parameters, lr=self.learning_rate)
        rng = compute.numpy_generator(cfg.seed, "lanczos", number)
        states = descend(objective, optimizer, self.steps, every=self.every, rng=rng)
        measured = [float(state.top.products) for state in states if state.top is not None]
        return objective, measured[1:]  # the first has no vector to start from

    @staticmethod
    def _objective(cfg: "Config", number: int, examples: int, width: int) -> "Objective":
        """A network with two hidden layers on digits, at initial weights of a given number."""
        import torch

        from baselines.loss_landscape.networks.mlp import Network
        from baselines.loss_landscape.objective import Objective, half_squared_error, one_hot
        from baselines.loss_landscape.tasks.digits import Task

        task, dtype = Task(examples=examples), compute.torch_dtype(cfg)
        model = Network(width=width).build(task.shape, compute.torch_generator(cfg.seed, "init", number), dtype)
        data = task.train(cfg)
        targets = one_hot(torch.as_tensor(data.targets), task.shape.outputs, dtype)
        return Objective(model, torch.as_tensor(data.inputs, dtype=dtype), targets, half_squared_error)

    def _rounds(
        self,
        objective: "Objective",
        exact: np.ndarray,
        seed: int,
        times: dict[str, list[float]],
        errors: dict[str, list[float]],
        products: dict[str, list[float]],
    ) -> None:
        """Alternate between the solvers; all rounds do the same work, so the first one tells errors and products."""
        from baselines.loss_landscape.eigensolvers import SOLVERS
        from baselines.loss_landscape.hessian import Hessian

        for number in range(self.rounds):
            for name, solve in SOLVERS.items():
                answer, seconds = _timed(lambda solve=solve: solve(objective, self.eigenvalues, self.tol, seed))
                times[name].append(seconds)
                if number == 0:
                    errors[name].append(float(np.max(np.abs(answer.values / exact - 1))))
                    products[name].append(answer.products)
            hessian = Hessian(objective.loss(), objective.parameters)
            vector = objective.gradient()
            times["gradient"].append(_timed(lambda: [objective.gradient() for _ in range(5)])[1] / 5)
            times["product"].append(_timed(lambda h=hessian, v=vector: [h.product(v) for _ in range(5)])[1] / 5)

    def _metrics(
        self, times: dict[str, list[float]], errors: dict[str, list[float]], products: dict[str, list[float]]
    ) -> dict[str, float]:
        """Median over the rounds, mean over the weights; ratios of these."""
        medians = {
            name: float(np.median(np.reshape(t, (self.weights, -1)), axis=1).mean()) for name, t in times.items()
        }
        found = {f"{name}_ms": 1e3 * value for name, value in medians.items()}
        for name in errors:
            found[f"{name}_error"] = max(errors[name])
            found[f"{name}_products"] = float(np.mean(products[name]))
            found[f"{name}_over_lanczos"] = medians[name] / medians["lanczos"]
        warm = float(np.mean(products["warm"])) if products["warm"] else found["arpack_products"]
        found["product_over_gradient"] = medians["product"] / medians["gradient"]
        found["warm_products"] = warm
        found["warm_gradients"] = warm * found["product_over_gradient"]
        return found

    def _claims(self, metrics: dict[str, float], size: int) -> list[Claim]:
        """The targets of this project; on small networks the times are mostly Python's."""
        large = size >= LARGE and self.examples == ALL_DIGITS and self.rounds >= 3
        setting = (
            f"{self.examples} digits, tanh network 64-{self.width}-{self.width}-10 with {size} parameters, after"
            f" {self.steps} steps of gradient descent"
        )
        what = f"the {self.eigenvalues} largest Hessian eigenvalues at tolerance {self.tol:g}"
        rows: list[tuple[str, str, str, float | None, float | None]] = [
            ("pyhessian", f"{what}: time of PyHessian 0.1 over this suite's", "pyhessian_over_lanczos", 3.0, None),
            (
                "curvlinops",
                f"{what}: time of curvlinops + eigsh over this suite's",
                "curvlinops_over_lanczos",
                1.0,
                None,
            ),
            ("accuracy", f"{what}: largest relative error of this suite's", "lanczos_error", None, 1e-3),
            (
                "warm",
                f"a sharpness every {self.every} steps along training costs at most 30 gradients: mean products times"
                " time of a product over that of a gradient",
                "warm_gradients",
                None,
                30.0,
            ),
        ]
        return [
            Claim(
                f"landscape.eigensolver_time.{name}",
                f"{statement} ({setting})",
                None,
                low,
                high,
                metrics[metric] if large else None,
                SOURCE,
            )
            for name, statement, metric, low, high in rows
        ]


def _timed(work: Any) -> tuple[Any, float]:
    """Result and processor time, which other programs on the machine change little."""
    import time

    begin = time.process_time()
    result = work()
    return result, time.process_time() - begin


def _reference(objective: "Objective", k: int) -> np.ndarray:
    """The eigenvalues at the same weights in double precision, to about ten digits."""
    import copy

    from baselines.loss_landscape.hessian import Hessian
    from baselines.loss_landscape.lanczos import largest
    from baselines.loss_landscape.objective import Objective

    model = copy.deepcopy(objective.model).double()
    double = Objective(model, objective.inputs.double(), objective.targets.double(), objective.criterion)
    hessian = Hessian(double.loss(), double.parameters)
    values: np.ndarray = largest(hessian.product, double.gradient() + 1e-3, k, tol=1e-5).ritz().values[:k]
    return values
