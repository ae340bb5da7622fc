"""``study=propagation``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from baselines.common.record import Outcome, Record

FEATURES = ("gaussian", "dataset")


@dataclass
class Study:
    """Linear propagation P^l X: decay of both Dirichlet energies against the spectrum of P.

    Nothing is trained.  The slope of log E_sym stands beside 2 log(lambda) and, for Gaussian X, beside the slope that
    all eigenvalues of P predict; the survey's energy beside its limit in closed form; the heat equation
    x' = -(I - P) x beside exp(-2 lambda_1 t).
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {"smoke": {"layers": 64, "columns": 16, "most_layers": 512}}

    layers: int = 128  # number of layers that are measured
    features: str = "gaussian"  # X: gaussian (standard normal) or dataset (the features of the dataset)
    columns: int = 64  # columns of the Gaussian X, or of the random combinations of many features
    largest_component: bool = True  # use the largest connected component only
    most_layers: int = 8192  # the slope in the end is not measured where it needs more layers
    spectrum_nodes: int = 3000  # up to this many nodes all eigenvalues of P are computed

    def __post_init__(self) -> None:
        """Check the sizes."""
        if self.layers < 2:
            raise ValueError(f"study.layers must be at least 2; got {self.layers}")
        if self.features not in FEATURES:
            raise ValueError(f"study.features must be one of {', '.join(FEATURES)}; got {self.features}")
        if self.columns < 1:
            raise ValueError(f"study.columns must be at least 1; got {self.columns}")

    def skip(self, cfg: Any) -> str | None:
        """Refuse rewirings that only a network can apply."""
        if getattr(cfg.rewiring, "complete_last", False):
            return "study=propagation has no last layer to make fully adjacent; use another rewiring"
        return None

    def run(self, cfg: Any, record: Record) -> Outcome:
        """Propagate, measure every layer, compare with the predictions."""
        from baselines.gnn_oversmoothing.propagation_study import run

        return run(cfg, record)
