"""A small convolutional network."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from baselines.common.config import check_at_least, check_choice

if TYPE_CHECKING:
    import torch

    from baselines.loss_landscape.task import Shape

ACTIVATIONS = ("tanh", "gelu", "silu", "elu", "softplus", "relu")


@dataclass
class Network:
    """Two convolutions of 3 x 3 with average pooling, then a linear layer; for tasks with images.

    Average pooling, because maxima would add kinks which the Hessian does not see.
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {"smoke": {"channels": 2}}

    channels: int = 8  # of both convolutions
    activation: str = "tanh"  # tanh, gelu, silu, elu, softplus or relu (whose Hessian misses the kinks)
    batch_norm: bool = False  # normalise over the batch before every activation

    def __post_init__(self) -> None:
        """Check the keys."""
        check_choice("network.activation", self.activation, ACTIVATIONS)
        check_at_least("network.channels", self.channels, 1)

    def skip(self, cfg: Any) -> str | None:
        """Only images have neighbouring pixels."""
        if cfg.task.shape.image is None:
            return "network=cnn needs images: task=digits, mnist or cifar10; or take network=mlp"
        return None

    def describe(self, shape: "Shape") -> str:
        """The network in a few words."""
        norm = " and batch norm" if self.batch_norm else ""
        return f"{self.activation} network of 2 convolutions with {self.channels} channels{norm}"

    def build(self, shape: "Shape", generator: "torch.Generator", dtype: "torch.dtype") -> "torch.nn.Module":
        """The network at its initial weights."""
        from baselines.loss_landscape.layers import cnn

        assert shape.image is not None
        norm = self.batch_norm
        return cnn(shape.image, self.channels, shape.outputs, self.activation, generator, dtype, batch_norm=norm)
