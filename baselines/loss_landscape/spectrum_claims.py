"""What `probe=spectrum` claims about its measurements."""

from dataclasses import dataclass
from typing import Any

from baselines.common.claims import Claim
from baselines.loss_landscape.config import Config, name_of

CURVLINOPS = {"hutchinson": "Hutchinson", "hutch_plus_plus": "Hutch++", "xtrace": "XTrace"}
GHORBANI = "Ghorbani, Krishnan, Xiao 2019 (arXiv:1901.10159)"
RIGHT_ANGLES = 0.1  # largest cosine between class means at which the classes count as equally far apart
TRAINED = 60.0  # steps times step size from which the outliers are judged


def claims(cfg: Config, metrics: dict[str, float]) -> list[Claim]:
    """Every claim; those whose conditions the run does not meet are not measured."""
    made = _Claims(cfg, metrics)
    return [made.product(), *made.lanczos(), *made.density(), *made.traces(), made.gauss_newton(), *made.outliers()]


@dataclass
class _Claims:
    cfg: Config
    metrics: dict[str, float]

    @property
    def setting(self) -> str:
        probe = self.cfg.probe
        return f"{self.cfg.task.describe(self.cfg)}, after {probe.steps} steps of gradient descent"

    def claim(self, name: str, statement: str, metric: str, measured: bool, source: str, **band: Any) -> Claim:
        """A claim on one metric; a band's missing sides are open."""
        value = self.metrics.get(metric) if measured else None
        full = {"predicted": None, "low": None, "high": None} | band
        return Claim(
            f"landscape.spectrum.{name}", f"{statement} ({self.setting})", **full, measured=value, source=source
        )

    @property
    def exact(self) -> bool:
        """Whether double precision and the full number of steps allow a comparison with the exact spectrum."""
        return self.cfg.dtype == "float64" and self.cfg.probe.lanczos_steps >= 100

    def product(self) -> Claim:
        return self.claim(
            "product",
            "a Hessian-vector product equals that of curvlinops: largest difference over the largest entry",
            "curvlinops_difference",
            self.cfg.dtype == "float64",
            "the same derivative by another route, forward over reverse",
            predicted=0.0,
            high=1e-10,
        )

    def lanczos(self) -> list[Claim]:
        steps, source = self.cfg.probe.lanczos_steps, "dense eigenvalues; Parlett 1998"
        return [
            self.claim(
                "lanczos.top",
                f"Lanczos with reorthogonalisation, {steps} steps: largest relative error of the 10 top eigenvalues",
                "top_error_kept",
                self.exact,
                source,
                predicted=0.0,
                high=1e-6,
            ),
            self.claim(
                "lanczos.copies",
                f"with reorthogonalisation, {steps} steps find each of the 10 largest eigenvalues once"
                " (number of copies furthest from 1)",
                "copies_kept",
                self.exact,
                source,
                predicted=1.0,
                low=1.0,
                high=1.0,
            ),
            self.claim(
                "lanczos.ghosts",
                f"without it they find the largest eigenvalue more than once: number of copies after {steps} steps",
                "copies_first_plain",
                self.exact,
                "loss of orthogonality: Paige 1971",
                low=2.0,
            ),
        ]

    def density(self) -> list[Claim]:
        probe = self.cfg.probe
        enough = self.exact and probe.starts >= 5
        return [
            self.claim(
                "density.mass",
                "the density by stochastic Lanczos quadrature has mass 1",
                "density_mass",
                True,
                "the weights of Gauss quadrature sum to 1",
                predicted=1.0,
                low=1 - 1e-3,
                high=1 + 1e-3,
            ),
            self.claim(
                "density.kolmogorov",
                f"largest difference between its distribution function ({probe.starts} starts, {probe.lanczos_steps}"
                " steps) and the exact one, both smoothed by the same Gaussian of width sigma",
                "kolmogorov",
                enough,
                "dense eigenvalues; Lin, Saad, Yang 2016 (arXiv:1308.5467)",
                predicted=0.0,
                high=0.02,
            ),
        ]

    def traces(self) -> list[Claim]:
        probe = self.cfg.probe
        enough = probe.trace_products == 90 and probe.repeats >= 10
        return [
            self.claim(
                f"trace.{method}",
                f"{name} with {probe.trace_products} products: mean relative error of the trace over {probe.repeats}"
                " estimates",
                f"trace_error_{method}",
                enough,
                "exact trace; estimators of curvlinops 3",
                predicted=0.0,
                high=0.03,
            )
            for method, name in CURVLINOPS.items()
        ]

    def gauss_newton(self) -> Claim:
        return self.claim(
            "gauss_newton",
            "the Gauss-Newton part of the Hessian has no negative eigenvalue: smallest over largest Ritz value",
            "gauss_newton_lowest",
            self.cfg.dtype == "float64",
            "J'HJ with a convex loss",
            low=-1e-10,
        )

    def outliers(self) -> list[Claim]:
        """Judged where the phenomenon is clean; elsewhere the metrics report it."""
        task, network, probe = self.cfg.task, self.cfg.network, self.cfg.probe
        clean = (
            name_of(task) == "gaussian_mixture"
            and task.loss == "cross_entropy"
            and name_of(network) == "mlp"
            and network.depth == 1
            and not network.batch_norm
            and probe.steps * probe.learning_rate >= TRAINED
        )
        angles = self.metrics.get("class_mean_cosine", 1.0) <= RIGHT_ANGLES
        classes = task.shape.outputs
        return [
            self.claim(
                "outliers.gap",
                "one outlier a class, if the class means are at right angles: the largest gap among the 20 largest"
                " eigenvalues comes after number",
                "gap_after",
                clean and angles and 5 <= classes <= 10,
                f"outliers and clusters of the data: Sagun et al. 2018 (arXiv:1706.04454); {GHORBANI}",
                predicted=float(classes),
                low=float(classes),
                high=float(classes),
            ),
            self.claim(
                "outliers.gradient",
                f"the gradient lies in the space of the {classes} largest eigenvalues: length of its projection over"
                " its length",
                "gradient_share",
                clean,
                f"{GHORBANI}; Gur-Ari, Roberts, Dyer 2018 (arXiv:1812.04754)",
                predicted=1.0,
                low=0.99,
            ),
        ]
