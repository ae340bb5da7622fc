"""``model=gread``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from baselines.common.config import check_at_least, check_choice
from baselines.gnn_oversmoothing.models._base import BaseModel

if TYPE_CHECKING:
    from baselines.gnn_oversmoothing.layers.base import GraphLayer

REACTIONS = ("fisher", "allen_cahn", "zeldovich", "blurring_sharpening")


@dataclass
class Model(BaseModel):
    """GREAD: diffusion against a reaction, one time step a layer.

    x' = -alpha L x + beta r(x),  L = I - P;  r(x): x (1 - x) (fisher), x (1 - x^2) (allen_cahn), x (x - x^2)
    (zeldovich) or (P - P^2) x (blurring_sharpening).

    The split step is bounded for alpha step <= 1, blurring_sharpening for (alpha + beta) step <= 1; training keeps
    alpha and beta below twice their start: step = 1 / (2 alpha) = 1 / (alpha + beta) = 0.5.

    Source: Choi, Hong, Park and Cho, GREAD: Graph Neural Reaction-Diffusion Networks, ICML 2023.
    """

    name: ClassVar[str] = "GREAD"
    relu: ClassVar[bool] = False
    prediction: ClassVar[str] = "depth"

    reaction: str = "blurring_sharpening"  # fisher, allen_cahn, zeldovich or blurring_sharpening
    alpha: float = 1.0  # diffusion coefficient at the start of training
    beta: float = 1.0  # reaction coefficient at the start of training
    trained: bool = True  # train alpha and beta, one pair for each channel
    step: float = 0.5  # length tau of a time step
    integrator: str = "split"  # split (the reaction's flow after Euler for the diffusion), euler or rk4

    def __post_init__(self) -> None:
        """Check the values."""
        check_choice("model.reaction", self.reaction, REACTIONS)
        check_choice("model.integrator", self.integrator, ("split", "euler", "rk4"))
        check_at_least("model.alpha", self.alpha, 0.0)
        check_at_least("model.beta", self.beta, 0.0)
        if not self.step > 0.0:
            raise ValueError(f"model.step must be above 0; got {self.step}")

    def layers(self, widths: list[int]) -> list[GraphLayer]:
        """Return the same step L times."""
        from baselines.gnn_oversmoothing.layers.gread import GREADLayer

        coefficients = self.alpha, self.beta, self.trained
        layer = GREADLayer(widths[0], self.reaction, *coefficients, self.step, self.integrator)
        return [layer] * (len(widths) - 1)
