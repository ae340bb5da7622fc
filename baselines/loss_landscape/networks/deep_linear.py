"""A deep linear network."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from baselines.common.config import check_at_least

if TYPE_CHECKING:
    import torch

    from baselines.loss_landscape.task import Shape


@dataclass
class Network:
    """A product of matrices: a linear function of its inputs, a polynomial of its weights.

    x -> W_L ... W_1 x without biases. The function is linear, the landscape is not: it has saddles and sharpens.
    Xavier normal initial values, gain 1. On digits it starts at a sharpness of 185: take `optimizer.two_over_eta=400`.
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {"smoke": {"width": 16}}
    EXAMPLE: ClassVar[tuple[str, ...]] = ("optimizer.two_over_eta=400",)  # it starts far too sharp for the default

    width: int = 50  # units of each hidden layer
    depth: int = 4  # hidden layers

    def __post_init__(self) -> None:
        """Check the keys."""
        check_at_least("network.width", self.width, 1)
        check_at_least("network.depth", self.depth, 0)

    def describe(self, shape: "Shape") -> str:
        """The network in a few words."""
        widths = [shape.inputs, *[self.width] * self.depth, shape.outputs]
        return f"deep linear network {'-'.join(map(str, widths))}"

    def build(self, shape: "Shape", generator: "torch.Generator", dtype: "torch.dtype") -> "torch.nn.Module":
        """The network at its initial weights."""
        from baselines.loss_landscape.layers import deep_linear

        return deep_linear([shape.inputs, *[self.width] * self.depth, shape.outputs], generator, dtype)
