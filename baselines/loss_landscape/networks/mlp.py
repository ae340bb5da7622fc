"""A fully connected network."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from baselines.common.config import check_at_least, check_choice

if TYPE_CHECKING:
    import torch

    from baselines.loss_landscape.task import Shape

ACTIVATIONS = ("tanh", "gelu", "silu", "elu", "softplus", "relu")


@dataclass
class Network:
    """Fully connected layers with an activation between them; on digits 64-32-32-10.

    x -> W_L phi(... phi(W_1 x + b_1) ...) + b_L. Initial values: torch's uniform ones, or with `gain` those of
    Glorot and Bengio (2010), which the Chebyshev problem of Cohen et al. (2021) starts from with gain 1.9.
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {"smoke": {"width": 16}}

    width: int = 32  # units of each hidden layer
    depth: int = 2  # hidden layers; 0 is linear regression
    activation: str = "tanh"  # tanh, gelu, silu, elu, softplus or relu (whose Hessian misses the kinks)
    batch_norm: bool = False  # normalise over the batch before every activation
    gain: float = 0.0  # 0: torch's initial values; above: Xavier normal with this gain, biases zero
    output_bias: bool = True  # whether the last layer has a bias

    def __post_init__(self) -> None:
        """Check the keys."""
        check_choice("network.activation", self.activation, ACTIVATIONS)
        check_at_least("network.width", self.width, 1)
        check_at_least("network.depth", self.depth, 0)
        check_at_least("network.gain", self.gain, 0.0)

    def widths(self, shape: "Shape") -> list[int]:
        """Sizes of all layers."""
        return [shape.inputs, *[self.width] * self.depth, shape.outputs]

    def describe(self, shape: "Shape") -> str:
        """The network in a few words."""
        norm = " with batch norm" if self.batch_norm else ""
        return f"{self.activation} network {'-'.join(map(str, self.widths(shape)))}{norm}"

    def build(self, shape: "Shape", generator: "torch.Generator", dtype: "torch.dtype") -> "torch.nn.Module":
        """The network at its initial weights."""
        from baselines.loss_landscape.layers import mlp

        return mlp(
            self.widths(shape),
            self.activation,
            generator,
            dtype,
            batch_norm=self.batch_norm,
            gain=self.gain,
            output_bias=self.output_bias,
        )
