r"""Small decoder-only transformers (GPT), several of one shape trained together.

Pre-norm blocks, causal attention, a GELU network of inner width 4d, learned positions, no biases, norms without
parameters, head not tied to the embedding:

$$x \leftarrow x + \mathrm{attention}(\mathrm{norm}(x))\, W_o, \qquad
x \leftarrow x + \mathrm{GELU}(\mathrm{norm}(x)\, W_1)\, W_2, \qquad \mathrm{logits} = m\, \mathrm{norm}(x)\, W .$$

The K members of an ensemble (seeds, learning rates) share each kernel call: a matrix product becomes a batched one.
Their parameters do not touch, so the gradient of the sum of their losses trains each as if it were alone.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from baselines.scaling_law.parameter_convention import Parts, parts

if TYPE_CHECKING:
    from baselines.scaling_law.mup import Rule

INNER = 4  # inner width of the feed-forward network over d


@dataclass(frozen=True)
class Shape:
    """Sizes of a transformer."""

    vocabulary: int
    width: int
    layers: int
    heads: int
    context: int

    def __post_init__(self) -> None:
        """Check that the heads divide the width.

        Raises:
            ValueError: If they do not.
        """
        if self.width % self.heads:
            raise ValueError(f"the width must be a multiple of the {self.heads} heads; got {self.width}")

    @property
    def head_width(self) -> int:
        """Dimension of queries and keys."""
        return self.width // self.heads

    @property
    def parts(self) -> Parts:
        """Parameters of the embedding, the body and the head."""
        return parts(self.vocabulary, self.width, self.layers, self.context, feedforward=INNER * self.width)

    def tensors(self) -> dict[str, tuple[int, int]]:
        """Name -> (fan-in, fan-out)."""
        d = self.width
        found = {"embedding": (self.vocabulary, d), "positions": (self.context, d)}
        for layer in range(self.layers):
            found |= {f"{layer}.qkv": (d, 3 * d), f"{layer}.out": (d, d)}
            found |= {f"{layer}.up": (d, INNER * d), f"{layer}.down": (INNER * d, d)}
        return found | {"readout": (d, self.vocabulary)}


class Transformers:
    """K transformers of one shape; all parameters lie in one vector, a tensor of all members after the other.

    Args:
        shape: Of every member.
        rule: Initial deviations and multipliers.
        generators: A CPU generator for the initial weights of each member.
        dtype: Of the parameters.
        device: Of the parameters.
    """

    def __init__(
        self,
        shape: Shape,
        rule: "Rule",
        generators: list[torch.Generator],
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        self.shape, self.rule, self.members = shape, rule, len(generators)
        sizes = shape.tensors()
        drawn = {
            name: torch.stack([torch.randn(size, generator=generator, dtype=torch.float64) for generator in generators])
            for name, size in sizes.items()
        }  # in float64, so that the precision does not change the start
        for name, tensor in drawn.items():
            if name.endswith("qkv"):
                tensor[..., : shape.width] *= rule.queries
        flat = [(rule.deviation[name] * tensor).reshape(-1) for name, tensor in drawn.items()]
        self.vector = torch.cat(flat).to(device, dtype)
        self.gradient = torch.zeros_like(self.vector)
        self.slices: dict[str, slice] = {}
        self.weights: dict[str, Tensor] = {}  # [K, fan-in, fan-out], views of the vector
        start = 0
        for name, size in sizes.items():
            self.slices[name] = slice(start, start := start + self.members * math.prod(size))
            self.weights[name] = self.vector[self.slices[name]].view(self.members, *size).requires_grad_()
            self.weights[name].grad = self.gradient[self.slices[name]].view(self.members, *size)

    def logits(self, tokens: Tensor, outputs: dict[str, Tensor] | None = None) -> Tensor:
        """Logits of the next token.

        Args:
            tokens: Shape [K, windows, length].
            outputs: Filled with the output of every layer if given.

        Returns:
            Shape [K, windows, length, V].
        """
        members, windows, length = tokens.shape
        w, d = self.weights, self.shape.width
        offset = self.shape.vocabulary * torch.arange(members, device=tokens.device)[:, None, None]
        x = F.embedding(tokens + offset, w["embedding"].reshape(-1, d)) + w["positions"][:, None, :length]
        x = x.reshape(members, windows * length, d)
        keep = {} if outputs is None else outputs
        keep["embedding"] = x
        for layer in range(self.shape.layers):
            x = x + self._attention(_norm(x), layer, windows)
            keep[f"attention {layer + 1}"] = x
            inner = F.gelu(torch.bmm(_norm(x), w[f"{layer}.up"]))
            x = torch.baddbmm(x, inner, w[f"{layer}.down"])
            keep[f"block {layer + 1}"] = x
        logits = self.rule.readout * torch.bmm(_norm(x), w["readout"])
        keep["logits"] = logits
        for name, value in keep.items():
            keep[name] = value.view(members, windows, length, -1)
        return keep["logits"]

    def _attention(self, x: Tensor, layer: int, windows: int) -> Tensor:
        """Causal attention of the flattened tokens [K, windows * length, d]."""
        members, tokens, d = x.shape
        split = (members * windows, tokens // windows, 3, self.shape.heads, self.shape.head_width)
        query, key, value = torch.bmm(x, self.weights[f"{layer}.qkv"]).view(split).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True, scale=self.rule.attention)
        return torch.bmm(mixed.transpose(1, 2).reshape(members, tokens, d), self.weights[f"{layer}.out"])

    def losses(self, tokens: Tensor, skip: int = 0) -> Tensor:
        """Cross-entropy of every scored target in nats.

        Args:
            tokens: Shape [K, windows, length + 1].
            skip: First targets of a window that are not scored.

        Returns:
            Shape [K, windows, length - skip].
        """
        logits = self.logits(tokens[..., :-1])[:, :, skip:]
        targets = tokens[..., 1 + skip :]
        found = F.cross_entropy(logits.flatten(0, 2), targets.flatten(), reduction="none")
        return found.view(targets.shape)


class Adam:
    """Adam (Kingma and Ba 2015) on the whole vector at once, each tensor and each member with its own step size.

    Args:
        model: What is trained.
        rates: Learning rate of each member.  Shape [K].
        betas: Decay of the first and of the second moment.
        epsilon: Added to the root of the second moment.
    """

    def __init__(
        self, model: Transformers, rates: list[float], betas: tuple[float, float] = (0.9, 0.98), epsilon: float = 1e-10
    ) -> None:
        self.model, self.betas, self.epsilon, self.count = model, betas, epsilon, 0
        self.first, self.second = torch.zeros_like(model.vector), torch.zeros_like(model.vector)
        member = torch.tensor(rates, dtype=model.vector.dtype, device=model.vector.device)
        self.rate = torch.empty_like(model.vector)
        for name, place in model.slices.items():
            self.rate[place] = model.rule.learning_rate[name] * member.repeat_interleave(
                (place.stop - place.start) // model.members
            )

    @torch.no_grad()
    def step(self, schedule: float) -> None:
        """One step with the learning rates times `schedule`; the gradient is set to zero."""
        self.count += 1
        one, two = self.betas
        gradient = self.model.gradient
        self.first.lerp_(gradient, 1 - one)
        self.second.mul_(two).addcmul_(gradient, gradient, value=1 - two)
        root = (self.second / (1 - two**self.count)).sqrt_().add_(self.epsilon)
        self.model.vector.sub_((self.first * self.rate).div_(root).mul_(schedule / (1 - one**self.count)))
        gradient.zero_()


def schedule(step: int, steps: int, warmup: float) -> float:
    """Factor of the learning rate: linear warm-up, then linear to zero.

    Args:
        step: From 0.
        steps: Of the whole training.
        warmup: Share of the steps that warms up.
    """
    rising = max(1.0, warmup * steps)
    return min((step + 1) / rising, (steps - step) / max(1.0, steps - rising))


def train(
    model: Transformers, optimizer: Adam, batches: Iterator[Tensor], steps: int, *, warmup: float = 0.1, skip: int = 0
) -> Iterator[Tensor]:
    """Train all members; gives the loss of each before every step, in nats per token.  Shape [K].

    Args:
        model: The members.
        optimizer: Of the members.
        batches: Tokens [K, windows, length + 1] of each step.
        steps: How many.
        warmup: Share of the steps that warms up.
        skip: First targets of a window that are not scored.
    """
    for step in range(steps):
        losses = model.losses(next(batches), skip).mean((1, 2))
        losses.sum().backward()
        optimizer.step(schedule(step, steps, warmup))
        yield losses.detach()


def _norm(x: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:])
