"""Nonlinear networks as kernels: tangent kernel, random ReLU features, a staircase on the sphere."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from baselines.common.config import check_at_least, check_choice

if TYPE_CHECKING:
    import torch

    from baselines.common.record import Outcome, Record
    from baselines.scaling_law.config import Config
    from baselines.scaling_law.studies._kernel_claims import Found, Linear, Pool, Sphere

SYSTEMS = ("ntk", "random_features", "sphere", "linearisation")
DIGITS, PIXELS = 1797, 64
LEVELS = 14  # degrees of the sphere kernel; those above have less than 1e-7 of its trace
TESTED = 300  # digits on which the trained network meets its linearisation


@dataclass
class Study:
    r"""Nonlinear networks as kernels: learning curves predicted from a spectrum, without training.

    Handwritten digits: the test error of regression with n of them is predicted from the kernel matrix of a pool, for
    the tangent kernel of a small network and for p random ReLU features. Sphere: kernel g(x . x') with levels of
    N_k ~ d^k/k! equal modes; degree k of the target is learned late and fast, at n ~ N_k.
    Jacot et al. (2018), arXiv:1806.07572; Simon et al. (2023), arXiv:2311.14646; Ghorbani et al., arXiv:1904.12191.
    """

    systems: list[str] = field(default_factory=lambda: list(SYSTEMS))  # which ones to do, of the four
    images: int = 800  # digits in the pool, at most 1797
    samples: list[int] = field(default_factory=lambda: [50, 75, 100, 150, 200, 300, 400])  # numbers of training data n
    ridges: list[float] = field(default_factory=lambda: [0.001, 0.1, 1.0])  # relative to the kernel's mean diagonal
    draws: int = 60  # random training sets of digits
    width: int = 256  # hidden units of each layer of the network whose tangent kernel is taken
    depth: int = 2  # hidden layers
    activation: str = "relu"  # relu or tanh, of the network
    features: list[int] = field(
        default_factory=lambda: [50, 100, 150, 200, 300, 400, 800]
    )  # numbers of ReLU features p
    features_samples: int = 200  # training data of the random features
    dimension: int = 14  # d: points on the sphere in d dimensions
    sphere_kernel: str = "exponential"  # g(t): exponential = exp(2 (t - 1)), or relu
    sphere_samples: list[int] = field(default_factory=lambda: [7, 14, 28, 50, 100, 200, 400, 800])  # training points
    sphere_ridge: float = 0.01  # ridge on the sphere, where g(1) = 1
    powers: list[float] = field(default_factory=lambda: [0.4, 0.3, 0.3])  # variance of the target in degrees 1, 2, ...
    sphere_draws: int = 20  # random training sets on the sphere
    widths: list[int] = field(default_factory=lambda: [32, 64, 128, 256])  # networks trained beside their linearisation
    members: int = 8  # networks of each width, trained together
    train_samples: int = 100  # digits they are trained on, to tell odd from even
    steps: int = 100  # steps of gradient descent, of size n / (largest eigenvalue)

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {
            "images": 120, "samples": [20, 40], "draws": 3, "width": 16, "features": [20, 60], "features_samples": 40,
            "dimension": 6, "sphere_samples": [10, 20, 40], "sphere_draws": 3, "widths": [8, 16], "members": 2,
            "train_samples": 20, "steps": 5,
        },
        "paper": {
            "images": 1797, "samples": [50, 100, 200, 400, 800], "draws": 200, "width": 512, "sphere_draws": 100,
            "features": [50, 100, 150, 200, 300, 400, 800, 1600], "widths": [64, 128, 256, 512, 1024],
            "sphere_samples": [7, 14, 28, 50, 100, 200, 400, 800, 1600], "members": 16,
        },
    }  # fmt: skip

    def __post_init__(self) -> None:
        """Check the keys."""
        for name in self.systems:
            check_choice("study.systems", name, SYSTEMS)
        if not self.systems:
            raise ValueError(f"study.systems must name at least one of {', '.join(SYSTEMS)}; got none")
        for key in ("samples", "features", "sphere_samples", "widths"):
            sizes = getattr(self, key)
            if len(sizes) < 2 or sizes != sorted(set(sizes)) or sizes[0] < 1:
                raise ValueError(f"study.{key} must be at least two different sizes, ascending; got {sizes}")
        if not self.ridges or min([*self.ridges, self.sphere_ridge]) <= 0:
            raise ValueError(f"ridges must be positive; got {self.ridges} and {self.sphere_ridge}")
        largest = max(self.samples[-1], self.features_samples, self.train_samples)
        if not largest < self.images <= DIGITS:
            raise ValueError(
                f"study.images must be above the {largest} training data, at most {DIGITS}; got {self.images}"
            )
        for key in ("draws", "sphere_draws", "members"):
            check_at_least(f"study.{key}", getattr(self, key), 2)
        for key in ("width", "depth", "features_samples", "train_samples", "steps"):
            check_at_least(f"study.{key}", getattr(self, key), 1)
        check_at_least("study.dimension", self.dimension, 3)
        check_choice("study.activation", self.activation, ("relu", "tanh"))
        check_choice("study.sphere_kernel", self.sphere_kernel, ("exponential", "relu"))
        if not self.powers or len(self.powers) > 4 or min(self.powers) < 0 or sum(self.powers) <= 0:
            raise ValueError(f"study.powers must be one to four variances, none negative, not all 0; got {self.powers}")
        if self.sphere_kernel == "relu" and len(self.powers) > 2 and max(self.powers[2::2]) > 0:
            raise ValueError("the relu kernel has no modes of odd degree above 1: set study.powers to 0 at degree 3")

    def run(self, cfg: "Config", record: "Record") -> "Outcome":
        """Do the systems one after the other."""
        import torch

        from baselines.common.errors import Diverged
        from baselines.common.record import Outcome
        from baselines.scaling_law.studies import _kernel_claims as claims

        x, classes = self._digits(cfg)
        found = claims.Found()
        try:
            if "ntk" in self.systems:
                with record.timed("ntk"):
                    found.ntk = self._ntk(cfg, record, x, classes)
            if "random_features" in self.systems:
                with record.timed("random_features"):
                    found.random_features = self._random_features(cfg, record, x, classes)
            if "sphere" in self.systems:
                with record.timed("sphere"):
                    found.sphere = self._sphere(cfg, record)
            if "linearisation" in self.systems:
                with record.timed("linearisation"):
                    found.linear = self._linear(cfg, x, classes)
        except torch.linalg.LinAlgError as problem:
            raise Diverged("a kernel matrix is not positive definite; take larger ridges or dtype=float64") from problem
        metrics = self._save(cfg, record, found)
        return Outcome(metrics, claims.claims(self, found, metrics))

    def _digits(self, cfg: "Config") -> "tuple[torch.Tensor, torch.Tensor]":
        """A pool of centred images of length sqrt(64), and their classes."""
        import torch
        from sklearn.datasets import load_digits

        from baselines.common import compute

        images, classes = load_digits(return_X_y=True)
        chosen = torch.randperm(DIGITS, generator=compute.torch_generator(cfg.seed, "pool"))[: self.images]
        device, dtype = compute.torch_device(cfg), compute.torch_dtype(cfg)
        x = torch.as_tensor(images, dtype=torch.float64)[chosen]
        x = x - x.mean(0)
        x = PIXELS**0.5 * x / x.norm(dim=1, keepdim=True)
        return x.to(device, dtype), torch.as_tensor(classes)[chosen].to(device)

    def _ntk(self, cfg: "Config", record: "Record", x: "torch.Tensor", classes: "torch.Tensor") -> "Pool":
        """Regression with the tangent kernel of one network, against n."""
        import torch

        from baselines.common import compute
        from baselines.scaling_law import kernel_spectrum as ks
        from baselines.scaling_law.studies._kernel_claims import Pool
        from baselines.scaling_law.tangent_kernel import draw_weights, tangent_kernel

        generator = compute.torch_generator(cfg.seed, "tangent kernel")
        weights = draw_weights([PIXELS, *[self.width] * self.depth, 1], 1, generator, x.dtype)
        gram = tangent_kernel([w.to(x.device) for w in weights], x, self.activation)[0]
        gram = gram / gram.diagonal().mean()
        y = one_hot(classes, x.dtype)
        rows = []
        with record.progress(self.draws, "tangent kernel") as tick:
            for _ in range(self.draws):
                one = []
                for n in self.samples:
                    a, b = (index.to(x.device) for index in ks.split(len(x), n, generator))
                    one.append(ks.regression_errors(gram[a][:, a], gram[b][:, a], y[a], y[b], self.ridges))
                rows.append(torch.stack(one, dim=1))  # [ridges, n]
                tick(1)
        return Pool.compare(
            torch.stack(rows).double().cpu().numpy(), gram, y, self.ridges, [(n, float("inf")) for n in self.samples]
        )

    def _random_features(self, cfg: "Config", record: "Record", x: "torch.Tensor", classes: "torch.Tensor") -> "Pool":
        """Regression with p random ReLU features, against p; every draw has its own features."""
        import torch

        from baselines.common import compute
        from baselines.scaling_law import kernel_spectrum as ks
        from baselines.scaling_law.studies._kernel_claims import Pool
        from baselines.scaling_law.tangent_kernel import relu_features, relu_kernel

        generator = compute.torch_generator(cfg.seed, "random features")
        y = one_hot(classes, x.dtype)
        rows = []
        with record.progress(self.draws, "random features") as tick:
            for _ in range(self.draws):
                a, b = (index.to(x.device) for index in ks.split(len(x), self.features_samples, generator))
                one = []
                for p in self.features:
                    z = relu_features(x, p, generator)  # [N, p]
                    one.append(ks.regression_errors(z[a] @ z[a].T, z[b] @ z[a].T, y[a], y[b], self.ridges))
                rows.append(torch.stack(one, dim=1))  # [ridges, p]
                tick(1)
        sizes = [(self.features_samples, float(p)) for p in self.features]
        return Pool.compare(torch.stack(rows).double().cpu().numpy(), relu_kernel(x), y, self.ridges, sizes)

    def _sphere(self, cfg: "Config", record: "Record") -> "Sphere":
        """The error of each degree of the target, against n."""
        import numpy as np
        import torch

        from baselines.common import compute
        from baselines.scaling_law import sphere_kernel as sk
        from baselines.scaling_law.studies._kernel_claims import Sphere

        levels = sk.eigenvalues(self.sphere_kernel, self.dimension, LEVELS)
        device, dtype = compute.torch_device(cfg), compute.torch_dtype(cfg)
        degrees = len(self.powers)
        draws = np.empty((self.sphere_draws, degrees, len(self.sphere_samples)))
        with record.progress(self.sphere_draws, "sphere") as tick:
            for i in range(self.sphere_draws):
                generator = compute.torch_generator(cfg.seed, "sphere", i)
                points = sk.draw_points(self.sphere_samples[-1], self.dimension, generator, torch.float64)
                for j, n in enumerate(self.sphere_samples):
                    found = sk.errors_by_degree(points[:n].to(device, dtype), levels, self.sphere_ridge, degrees)
                    draws[i, :, j] = found.double().cpu().numpy()
                tick(1)
        return Sphere.compare(self, levels, draws)

    def _linear(self, cfg: "Config", x: "torch.Tensor", classes: "torch.Tensor") -> "Linear":
        """Networks trained to tell odd from even digits, and what their tangent kernels at the start say."""
        import torch

        from baselines.common import compute
        from baselines.scaling_law import tangent_kernel as tk
        from baselines.scaling_law.studies._kernel_claims import Linear

        n = self.train_samples
        x = x[: n + TESTED]
        y = torch.where(classes[: n + TESTED] % 2 == 0, 1.0, -1.0).to(x.dtype)
        rows = []
        for width in self.widths:
            generator = compute.torch_generator(cfg.seed, "linearisation", width)
            shape = [PIXELS, *[width] * self.depth, 1]
            start = [w.to(x.device) for w in tk.draw_weights(shape, self.members, generator, x.dtype)]
            kernel = tk.tangent_kernel(start, x, self.activation)
            rates = n / torch.linalg.eigvalsh(kernel[:, :n, :n])[:, -1]
            end, losses = tk.train(start, x[:n], y[:n], rates, self.steps, self.activation)
            learned = (tk.outputs(end, x, self.activation) - tk.outputs(start, x, self.activation))[:, n:]
            linear = tk.linearised(kernel, y[:n], rates, self.steps)[:, n:]
            values = [
                (learned - linear).norm(dim=1) / linear.norm(dim=1),
                (learned - y[n:]).square().mean(1),
                (linear - y[n:]).square().mean(1),
                losses[-1],
            ]
            rows.append(torch.stack(values))
        return Linear(*torch.stack(rows, dim=-1).double().cpu().numpy())

    def _save(self, cfg: "Config", record: "Record", found: "Found") -> dict[str, float]:
        """Curves with their bootstrap bars; returns the metrics."""
        from baselines.common import compute
        from baselines.scaling_law.studies import _kernel_claims as claims

        axes: dict[str, Any] = {
            "ntk.samples": self.samples, "random_features.features": self.features,
            "sphere.samples": self.sphere_samples, "linearisation.widths": self.widths,
        }  # fmt: skip
        record.save(ridges=self.ridges, **{name: v for name, v in axes.items() if name.split(".")[0] in self.systems})
        record.table("runs", **claims.rows(self, found))
        metrics: dict[str, float] = {}
        for name, system in found.present():
            curves, values = system.summary(self, compute.numpy_generator(cfg.seed, "bootstrap", name))
            record.save(**{f"{name}.{curve}": value for curve, value in curves.items()})
            metrics |= values if name == "linearisation" else {f"{name}_{key}": v for key, v in values.items()}
        return metrics


def one_hot(classes: "torch.Tensor", dtype: "torch.dtype") -> "torch.Tensor":
    """Centred indicators of the classes, scaled so that predicting zero has the error one.  Shape [N, classes]."""
    import torch

    y = torch.nn.functional.one_hot(classes).to(dtype)
    y = y - y.mean(0)
    return y / y.square().sum(1).mean().sqrt()
