"""Parameters of any shapes as one vector."""

from __future__ import annotations

from typing import Any

import torch


class Flat:
    """Reads and writes the parameters of one group as a vector, in the group's order.

    Args:
        groups: `param_groups` of an optimizer.

    Raises:
        ValueError: There are several groups, or parameters of several types or devices.
    """

    def __init__(self, groups: list[dict[str, Any]]) -> None:
        if len(groups) != 1:
            raise ValueError(f"a dense matrix needs one group of parameters; got {len(groups)}")
        self.params: list[torch.Tensor] = groups[0]["params"]
        self.sizes = [p.numel() for p in self.params]
        if len({(p.dtype, p.device) for p in self.params}) != 1 or not self.first.is_floating_point():
            raise ValueError("all parameters must be real, of one dtype and on one device")

    @property
    def first(self) -> torch.Tensor:
        """The parameter that holds the optimizer's state."""
        return self.params[0]

    @property
    def size(self) -> int:
        """Number of scalars, n."""
        return sum(self.sizes)

    def values(self) -> torch.Tensor:
        """A copy of the parameters, [n]."""
        return torch.cat([p.detach().reshape(-1) for p in self.params])

    def write(self, vector: torch.Tensor) -> None:
        """Set the parameters to a vector [n]."""
        with torch.no_grad():
            for p, part in zip(self.params, vector.split(self.sizes), strict=True):
                p.copy_(part.view_as(p))

    def gradient(self) -> torch.Tensor:
        """A copy of the gradients, [n]; zero where there is none."""
        return torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).reshape(-1) for p in self.params])

    def join(self, parts: tuple[torch.Tensor | None, ...], rows: int) -> torch.Tensor:
        """Batched gradients of each parameter, [rows, *shape] or None, as a matrix [rows, n]."""
        filled = [p.new_zeros(rows, p.numel()) if g is None else g.reshape(rows, -1) for p, g in self._with(parts)]
        return torch.cat(filled, dim=1)

    def _with(self, parts: tuple[torch.Tensor | None, ...]) -> list[tuple[torch.Tensor, torch.Tensor | None]]:
        return list(zip(self.params, parts, strict=True))
