"""Handwritten digits, small enough for thousands of full-batch steps in seconds."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from baselines.common.config import RunConfig, check_at_least, check_choice

if TYPE_CHECKING:
    from baselines.loss_landscape.objective import Objective

ACTIVATIONS = ("tanh", "gelu", "silu", "elu", "softplus", "relu")
AVAILABLE = 1797


@dataclass
class Task:
    """8 x 8 digits of scikit-learn on a fully connected network, squared error.

    The pixels are standardised. The examples are always the first of the file: a seed draws the initial weights
    and nothing else. The default network 64-32-32-10 has 3,466 parameters.
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {"examples": 100, "width": 16},
        "paper": {"examples": 1797},
    }

    examples: int = 500  # the first so many of 1797; the seed does not change them
    width: int = 32  # units of each hidden layer
    depth: int = 2  # hidden layers; 0 is linear regression
    activation: str = "tanh"  # tanh, gelu, silu, elu, softplus or relu (whose Hessian misses the kinks)

    def __post_init__(self) -> None:
        """Check the keys."""
        check_choice("task.activation", self.activation, ACTIVATIONS)
        check_at_least("task.width", self.width, 1)
        check_at_least("task.depth", self.depth, 0)
        if not 10 <= self.examples <= AVAILABLE:
            raise ValueError(f"task.examples must be from 10 to {AVAILABLE}; got {self.examples}")

    def describe(self) -> str:
        """The setting in a few words, for the statements of claims."""
        widths = [64, *[self.width] * self.depth, 10]
        return f"{self.examples} digits, {self.activation} network {'-'.join(map(str, widths))}"

    def build(self, cfg: RunConfig) -> "Objective":
        """The network at its initial weights, with inputs [N, 64] and one-hot targets [N, 10]."""
        import torch
        from sklearn.datasets import load_digits

        from baselines.common import compute
        from baselines.loss_landscape.objective import Objective, mlp

        device, dtype = compute.torch_device(cfg), compute.torch_dtype(cfg)
        pixels, labels = load_digits(return_X_y=True)
        pixels, labels = pixels[: self.examples], labels[: self.examples]
        pixels = (pixels - pixels.mean(axis=0)) / (pixels.std(axis=0) + 1e-3)  # some pixels are always zero
        widths = [pixels.shape[1], *[self.width] * self.depth, 10]
        model = mlp(widths, self.activation, compute.torch_generator(cfg.seed, "init"), dtype)
        targets = torch.nn.functional.one_hot(torch.as_tensor(labels), 10)
        return Objective(
            model.to(device),
            torch.as_tensor(pixels, dtype=dtype, device=device),
            targets.to(device=device, dtype=dtype),
        )
