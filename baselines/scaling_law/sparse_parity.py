r"""Multitask sparse parity: many tasks of different frequencies, each learned almost all at once.

A datum is a task $i$, drawn with the frequency $p_i$, and $n$ random bits $b_j = \pm 1$; its label is the product of
the $k$ bits that belong to the task. The network sees the bits and the task as a one-hot vector. Without the right bits
the best answer is a coin's, with the loss $\ln 2$ nats (one bit); with them the loss can be zero. So the loss of a
network should be the tail sum $\ln 2 \sum_{i \text{ not learned}} p_i$.

References:
    Barak et al. (2022), "Hidden progress in deep learning", arXiv:2207.08799 (one parity).
    Michaud, Liu, Girit, Tegmark (2023), "The quantization model of neural scaling", arXiv:2303.13506 (many).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

COIN = math.log(2)
"""Loss of a task of which nothing is known, in nats."""


@dataclass(frozen=True)
class Tasks:
    """Parity tasks and how often each comes.

    Args:
        subsets: Places of the bits that belong to each task.  Shape [tasks, k].
        frequency: `p_i` with the sum one.  Shape [tasks].
        bits: n, the length of a bit string.
        scale: Height of the one-hot entry.
    """

    subsets: Tensor
    frequency: Tensor
    bits: int
    scale: float

    @property
    def inputs(self) -> int:
        """Length of an input: the bits, then the task."""
        return self.bits + len(self.subsets)

    def encode(self, task: Tensor, strings: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs and labels.

        Args:
            task: Task of each datum.  Shape [N].
            strings: Bits of each datum, +1 or -1.  Shape [N, n].

        Returns:
            Inputs [N, n + tasks] and labels [N], +1 or -1.
        """
        labels = strings.gather(1, self.subsets[task]).prod(1)
        one_hot = strings.new_zeros(len(task), len(self.subsets)).scatter_(1, task[:, None], self.scale)
        return torch.cat([strings, one_hot], 1), labels

    def batch(self, size: int, generator: torch.Generator, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """A fresh batch: inputs and labels on the CPU.

        Args:
            size: Number of data.
            generator: Of the CPU.
            dtype: Of the inputs and labels.
        """
        uniform = torch.rand(size, generator=generator, dtype=torch.float64)
        task = torch.searchsorted(self.frequency.cumsum(0), uniform).clamp_(max=len(self.frequency) - 1)
        return self.encode(task, random_strings(size, self.bits, generator, dtype))


def draw_tasks(
    frequency: Tensor, bits: int, subset: int, scale: float, generator: torch.Generator
) -> Tasks:  # fmt: skip
    """Different random subsets of bits, one a task.

    Args:
        frequency: `p_i`.  Shape [tasks].
        bits: n.
        subset: k, bits that decide a task.
        scale: Height of the one-hot entry.
        generator: Of the CPU.

    Raises:
        ValueError: If there are not as many subsets as tasks.
    """
    if not 1 <= subset <= bits or math.comb(bits, subset) < len(frequency):
        raise ValueError(f"{len(frequency)} tasks need as many subsets of {subset} of {bits} bits; take more bits")
    chosen: dict[tuple[int, ...], None] = {}  # a dict keeps the order
    while len(chosen) < len(frequency):
        chosen[tuple(sorted(torch.randperm(bits, generator=generator)[:subset].tolist()))] = None
    return Tasks(torch.tensor(list(chosen)), frequency, bits, scale)


def random_strings(count: int, bits: int, generator: torch.Generator, dtype: torch.dtype) -> Tensor:
    """Bit strings of +1 and -1.  Shape [count, bits]."""
    return (2 * torch.randint(0, 2, (count, bits), generator=generator) - 1).to(dtype)


def all_strings(bits: int, dtype: torch.dtype) -> Tensor:
    """Every bit string once.  Shape [2^bits, bits]."""
    places = torch.arange(2**bits)[:, None] >> torch.arange(bits)
    return (2 * (places & 1) - 1).to(dtype)


def losses(model: torch.nn.Module, inputs: Tensor, labels: Tensor) -> Tensor:
    """Mean logistic loss of every member of an ensemble, in nats.  Shape [K]."""
    return torch.nn.functional.softplus(-labels * model(inputs)[..., 0]).mean(1)


@torch.no_grad()
def task_losses(model: torch.nn.Module, tasks: Tasks, strings: Tensor, rows: int = 4096) -> Tensor:
    """Mean loss of every member on every task, over given bit strings.

    Args:
        model: Ensemble of K members, with one output each.
        tasks: The tasks.
        strings: Bit strings that every task is tested on.  Shape [s, n], on the model's device.
        rows: Data in one forward pass, about.

    Returns:
        In nats, shape [K, tasks], float64 on the CPU.
    """
    found = []
    for group in torch.arange(len(tasks.subsets)).split(max(1, rows // len(strings))):
        task = group.repeat_interleave(len(strings))
        here = strings.repeat(len(group), 1)
        inputs, labels = _encoded_on(tasks, task, here)
        each = torch.nn.functional.softplus(-labels * model(inputs)[..., 0])  # [K, group * s]
        found.append(each.unflatten(1, (len(group), len(strings))).mean(2))
    return torch.cat(found, 1).to("cpu", torch.float64)


def _encoded_on(tasks: Tasks, task: Tensor, strings: Tensor) -> tuple[Tensor, Tensor]:
    device = strings.device
    there = Tasks(tasks.subsets.to(device), tasks.frequency, tasks.bits, tasks.scale)
    return there.encode(task.to(device), strings)


@dataclass
class Training:
    """Adam with one cycle of the step size on fresh batches, for a whole ensemble at once.

    The loss is summed over the members, so each is trained as if alone. The state can be stored and restored between
    any two steps.

    Args:
        model: Ensemble of members with one output each.
        tasks: The tasks.
        rate: Largest step size.
        steps: Steps of the whole cycle.
        batch: Data a step; the members share them.
        generator: Of the CPU; draws the batches.
    """

    model: torch.nn.Module
    tasks: Tasks
    rate: float
    steps: int
    batch: int
    generator: torch.Generator
    done: int = 0

    def __post_init__(self) -> None:
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=self.rate, fused=True)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.optimizer, self.rate, total_steps=self.steps)

    def advance(self, to: int) -> Iterator[Tensor]:
        """Train until `to` steps are done, and give each step's losses [K] on its batch."""
        example = next(self.model.parameters())
        while self.done < to:
            inputs, labels = self.tasks.batch(self.batch, self.generator, example.dtype)
            found = losses(self.model, inputs.to(example.device), labels.to(example.device))
            self.optimizer.zero_grad(set_to_none=True)
            found.sum().backward()
            self.optimizer.step()
            self.done += 1
            if self.done < self.steps:
                self.schedule.step()
            yield found.detach()

    def state(self) -> dict[str, Any]:
        """Everything that the rest of the training depends on; tensors and plain types."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": {k: v for k, v in self.schedule.state_dict().items() if not callable(v)},
            "generator": self.generator.get_state(),
            "done": self.done,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state that `state` gave."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.generator.set_state(state["generator"])
        self.done = int(state["done"])
