"""Error against data and parameters on d dimensions: exponents 4/d and 2/d, interpolated and learned."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from baselines.common.config import DTYPES, check_at_least, check_choice

if TYPE_CHECKING:
    import numpy as np

    from baselines.common.record import Outcome, Record
    from baselines.scaling_law.config import Config
    from baselines.scaling_law.studies._manifold_claims import Interpolated, Learned

TOGETHER = {1: 32000, 2: 16000, 3: 8000, 4: 4000}  # points of the data sets that one draw averages over, for each n
MOMENT_POINTS = 4000
KEEP_EVERY = 1000  # steps between checkpoints


@dataclass
class Study:
    """Exponents 4/d and 2/d: interpolation of smooth functions, and ReLU students of d inputs.

    n random points of [-1/2, 1/2]^d are about n^(-1/d) apart. The nearest neighbour's value has the squared error
    ~ n^(-2/d), piecewise-linear interpolation ~ n^(-4/d); a ReLU network of P parameters, as a piecewise-linear
    function, should reach P^(-4/d). Sharma and Kaplan (2020), arXiv:2004.10802; Bahri et al. (2021), arXiv:2102.06701.
    """

    dimensions: list[int] = field(default_factory=lambda: [1, 2, 3, 4])  # d of the interpolators, from 1 to 4
    samples: list[int] = field(default_factory=lambda: [250, 500, 1000, 2000, 4000])  # data points n, ascending
    draws: int = 2  # independent sets of targets and data
    data_sets: int = 64  # most data sets of n points that one draw averages over; fewer where n is large
    targets: int = 8  # random functions of one draw, all interpolated from the same points
    units: int = 64  # tanh units of a random function
    roughness: float = 1.0  # one over the length on which an interpolated function bends
    inner: float = 0.5  # side of the cube in which the error of interpolation is measured; the data fill the side 1
    queries: int = 2000  # points at which it is measured
    student_dimensions: list[int] = field(default_factory=lambda: [3, 4, 5, 6])  # d of the networks; empty: none
    student_roughness: float = 4.0  # one over the length on which a learned function bends
    student_units: int = 128  # tanh units of a learned function
    student_targets: int = 4  # random functions a dimension
    widths: list[int] = field(default_factory=lambda: [4, 6, 9, 14, 20])  # units of each hidden layer, ascending
    depth: int = 2  # hidden layers of the networks
    restarts: int = 2  # networks of each width and target; the one of least training error counts
    steps: int = 5000  # steps of Adam
    batch: int = 128  # points a step
    lr: float = 0.02  # largest step size; it rises for a tenth of the steps and then falls to zero
    pool: int = 16384  # training points a target
    student_dtype: str = "float32"  # float32 or float64, of the networks; dtype is that of the interpolators

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {
            "samples": [60, 120, 240],
            "data_sets": 2,
            "targets": 2,
            "queries": 200,
            "student_dimensions": [3, 4],
            "student_targets": 2,
            "widths": [3, 5],
            "steps": 40,
            "pool": 512,
        },
        "paper": {
            "samples": [250, 500, 1000, 2000, 4000, 8000],
            "draws": 6,
            "widths": [4, 6, 9, 14, 20, 30, 44],
            "restarts": 4,
            "student_targets": 6,
            "steps": 20000,
            "batch": 256,
            "pool": 65536,
        },
    }

    def __post_init__(self) -> None:
        """Check every key."""
        if not self.dimensions or not set(self.dimensions) <= {1, 2, 3, 4}:
            raise ValueError(f"study.dimensions must be from 1 to 4; got {self.dimensions}")
        for key, fewest in (("dimensions", 1), ("student_dimensions", 0), ("samples", 2), ("widths", 2)):
            values = getattr(self, key)
            if len(values) < fewest or values != sorted(set(values)) or (values and values[0] < 1):
                raise ValueError(f"study.{key} must be positive and ascending, at least {fewest}; got {values}")
        check_at_least("study.samples", self.samples[0], 20)
        for key, low in (
            ("draws", 1),
            ("data_sets", 1),
            ("targets", 1),
            ("student_targets", 2),
            ("restarts", 1),
            ("depth", 1),
        ):
            check_at_least(f"study.{key}", getattr(self, key), low)
        check_at_least("study.draws times study.targets", self.draws * self.targets, 2)
        for key, low in (("units", 1), ("student_units", 1), ("queries", 10), ("steps", 1), ("batch", 1)):
            check_at_least(f"study.{key}", getattr(self, key), low)
        check_at_least("study.pool", self.pool, self.batch)
        check_choice("study.student_dtype", self.student_dtype, DTYPES)
        for key in ("roughness", "student_roughness", "lr"):
            if not getattr(self, key) > 0:
                raise ValueError(f"study.{key} must be positive; got {getattr(self, key)}")
        if not 0 < self.inner <= 1:
            raise ValueError(f"study.inner must be above 0 and at most 1; got {self.inner}")

    def run(self, cfg: "Config", record: "Record") -> "Outcome":
        """Interpolate, then train; exponents with bootstrap intervals over targets."""
        import numpy as np

        from baselines.common import compute
        from baselines.common.record import Outcome
        from baselines.scaling_law.studies import _manifold_claims as claims

        with record.timed("interpolation"):
            interpolated = self._interpolate(cfg, record)
        learned = None
        if self.student_dimensions:
            with record.timed("training"):
                learned = self._learn(cfg, record)
        results = claims.results(self, interpolated, learned, compute.numpy_generator(cfg.seed, "bootstrap"))
        record.save(samples=np.array(self.samples), dimensions=np.array(self.dimensions), **results.curves)
        record.table("runs", **claims.rows(self, interpolated, learned))
        return Outcome(results.metrics, claims.claims(self, results.metrics), results.parameters)

    def _interpolate(self, cfg: "Config", record: "Record") -> "Interpolated":
        """Errors of both interpolators and their predictions.  Shapes [d, draws x targets, n]."""
        import numpy as np

        from baselines.common import compute
        from baselines.scaling_law import manifold_interpolation as interpolation
        from baselines.scaling_law.studies._manifold_claims import Interpolated

        found: dict[str, list[np.ndarray]] = {name: [] for name in Interpolated._fields}
        with record.progress(len(self.dimensions) * self.draws, "interpolation") as tick:
            for d in self.dimensions:
                rows: dict[str, list[np.ndarray]] = {name: [] for name in Interpolated._fields}
                for draw in range(self.draws):
                    generator = compute.numpy_generator(cfg.seed, "interpolation", d, draw)
                    targets = interpolation.TanhTargets.draw(self.targets, d, self.units, self.roughness, generator)
                    inside = interpolation.cube(MOMENT_POINTS, d, self.inner, generator)
                    whole = targets.moments(interpolation.cube(MOMENT_POINTS, d, 1.0, generator)).variance
                    moments = targets.moments(inside)._replace(variance=whole)
                    rows["linear_predicted"].append(interpolation.linear_error(np.array(self.samples), d, moments))
                    rows["nearest_predicted"].append(interpolation.nearest_error(np.array(self.samples), d, moments))
                    errors = np.array([self._errors(targets, n, generator) for n in self.samples])  # [n, 2, t]
                    for name, error in zip(("linear", "nearest"), errors.transpose(1, 2, 0), strict=True):
                        rows[name].append(error / whole[:, None])
                    tick(1, d=d)
                for name, parts in rows.items():
                    found[name].append(np.concatenate(parts))
        return Interpolated(**{name: np.stack(parts) for name, parts in found.items()})

    def _errors(self, targets: Any, n: int, generator: "np.random.Generator") -> "np.ndarray":
        """Both errors from n points, averaged over data sets of `TOGETHER` points in all.  Shape [2, t].

        A few large cells carry the mean: a few small data sets would mostly miss them, and the slope come out too flat.
        """
        import numpy as np

        from baselines.scaling_law.manifold_interpolation import cube, interpolation_errors

        each = []
        repeats = min(max(1, TOGETHER[targets.dimension] // n), self.data_sets)
        for _ in range(repeats):
            queries = cube(max(50, self.queries // min(repeats, 8)), targets.dimension, self.inner, generator)
            each.append(interpolation_errors(targets, n, queries, generator))
        return np.asarray(np.mean(each, axis=0))

    def _learn(self, cfg: "Config", record: "Record") -> "Learned":
        """Train all networks together; test errors [d, t, widths, restarts]."""
        import torch

        from baselines.common import compute
        from baselines.scaling_law import teacher_student as ts
        from baselines.scaling_law.manifold_interpolation import TanhTargets
        from baselines.scaling_law.studies._manifold_claims import Learned

        generator = compute.numpy_generator(cfg.seed, "students' targets")
        targets = [
            TanhTargets.draw(self.student_targets, d, self.student_units, self.student_roughness, generator)
            for d in self.student_dimensions
        ]
        dtype = {"float32": torch.float32, "float64": torch.float64}[self.student_dtype]
        place: dict[str, Any] = {"device": compute.torch_device(cfg), "dtype": dtype}
        train, test = ts.pools(targets, [self.pool, self.pool // 2], generator, **place)
        students = ts.Students(
            self.student_dimensions, self.student_targets, self.widths, self.restarts, self.depth,
            compute.torch_generator(cfg.seed, "students"), **place,
        )  # fmt: skip
        batches = compute.torch_generator(cfg.seed, "batches")
        training = ts.Training(students, train, self.steps, self.batch, self.lr, batches)
        state = record.kept()
        if state is not None:
            training.restore(state)
        every = max(1, self.steps // 60)
        with record.progress(self.steps, "students") as tick:
            tick(training.done)
            for step, loss in training.run():
                if step % every == 0:
                    record.log("students", step=step, mean_loss=loss)
                    tick(every, loss=loss)
                if step % KEEP_EVERY == 0 and step < self.steps:
                    record.keep(training.state())
        return Learned(students.test(test), students.test(train), students.parameters)
