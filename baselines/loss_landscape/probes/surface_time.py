"""The time of a 51 x 51 surface, point by point and in batches, side by side."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from baselines.common import compute
from baselines.common.claims import Claim
from baselines.common.config import check_at_least
from baselines.common.record import Outcome, Record

if TYPE_CHECKING:
    import torch

    from baselines.loss_landscape.config import Config

ENOUGH_POINTS = 21  # a smaller surface is over before anything is timed


@dataclass
class Probe:
    """Time of a surface: one forward pass a point, vmap, and batches that use the plane.

    All three evaluate the same points of the same filter-normalised plane, row by row in turn, so that whatever else
    the machine does meets all of them. The metric is the ratio of the medians over the rows, in processor time.
    """

    USES: ClassVar[tuple[str, ...]] = ("task", "network")
    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {"smoke": {"points": 7}, "paper": {"points": 101}}

    points: int = 51  # points along each axis of the surface
    span: float = 1.0  # the axes run from -span to span

    def __post_init__(self) -> None:
        """Check the keys."""
        check_at_least("probe.points", self.points, 2)
        if not self.span > 0:
            raise ValueError(f"probe.span must be positive; got {self.span}")

    def skip(self, cfg: "Config") -> str | None:
        """Refuse networks for which there are no batches to compare."""
        if not hasattr(cfg.network, "width"):
            return "probe=surface_time compares forward passes of fully connected networks; take network=mlp"
        if getattr(cfg.network, "batch_norm", False):
            return "probe=surface_time has no batches for networks with batch norm; leave out network.batch_norm=true"
        return None

    def run(self, cfg: "Config", record: Record) -> Outcome:
        """Evaluate the surface three times, row by row in turn."""
        from time import process_time

        import torch

        from baselines.loss_landscape.batched_forward import PlaneForward, multiplications
        from baselines.loss_landscape.filter_normalisation import random_direction
        from baselines.loss_landscape.surface import Plane, losses_one_by_one

        objective = cfg.task.build(cfg)
        directions = [
            random_direction(objective.parameters, compute.torch_generator(cfg.seed, "direction", i)) for i in (1, 2)
        ]
        plane = Plane(objective.vector(), *directions)
        axis = torch.linspace(-self.span, self.span, self.points, dtype=torch.float64).to(plane.origin)
        begin = process_time()
        forward = PlaneForward(objective, plane.origin, plane.first, plane.second)
        shared = process_time() - begin
        methods = {
            "one_by_one": lambda points: losses_one_by_one(objective, plane, points),
            "vmap": lambda points: objective.losses_at(plane.at(points)),
            "batched": forward.losses,
        }
        seconds: dict[str, list[float]] = {name: [] for name in methods}
        losses: dict[str, list[torch.Tensor]] = {name: [] for name in methods}
        for method in methods.values():
            method(_row(axis, axis[0]))  # the first call of anything is slow
        with record.progress(self.points, "rows of the surface") as tick:
            for b in axis:
                for name, method in methods.items():
                    begin = process_time()
                    losses[name].append(method(_row(axis, b)))
                    seconds[name].append(process_time() - begin)
                tick(1)
        surfaces = {name: torch.stack(rows) for name, rows in losses.items()}
        record.save(position=axis.cpu(), surface_loss=surfaces["batched"].cpu())
        record.save(**{f"{name}_row_s": np.array(values) for name, values in seconds.items()})
        metrics = {f"{name}_point_us": 1e6 * float(np.median(v)) / self.points for name, v in seconds.items()}
        metrics["batched_point_us"] += 1e6 * shared / self.points**2  # the products that all points share
        for name in ("vmap", "batched"):
            metrics[f"{name}_speedup"] = metrics["one_by_one_point_us"] / metrics[f"{name}_point_us"]
        alone, batched = surfaces["one_by_one"], surfaces["batched"]
        metrics["largest_difference"] = float(((batched - alone).abs() / alone).max())
        single, batch = multiplications([m.shape[1] for m in _matrices(objective)] + [cfg.task.shape.outputs])
        metrics["fewer_multiplications"] = single / batch
        return Outcome(metrics, self._claims(cfg, metrics), objective.size)

    def _claims(self, cfg: "Config", metrics: dict[str, float]) -> list[Claim]:
        setting = f"{cfg.task.describe(cfg)}, {cfg.dtype}, {self.points} x {self.points} points"
        large = self.points >= ENOUGH_POINTS and cfg.threads == 1 and cfg.device == "cpu"
        return [
            Claim(
                id="landscape.surface_time.same_numbers",
                statement=f"batches give the losses of one forward pass a point: largest relative error ({setting})",
                predicted=0.0,
                low=None,
                high=1e-10 if cfg.dtype == "float64" else 1e-4,
                measured=metrics["largest_difference"],
                source="the same sums in another order",
            ),
            Claim(
                id="landscape.surface_time.speedup",
                statement="batches are at least four times as fast as one forward pass a point: ratio of the median"
                f" times ({setting})",
                predicted=metrics["fewer_multiplications"],
                low=4.0,
                high=None,
                measured=metrics["batched_speedup"] if large else None,
                source="count of the multiplications, docs/landscape_geometry.md",
            ),
        ]


def _row(axis: "torch.Tensor", b: "torch.Tensor") -> "torch.Tensor":
    """The points of one row of the surface, shape [points, 2]."""
    import torch

    return torch.stack([axis, b.expand_as(axis)], dim=1)


def _matrices(objective: Any) -> list["torch.Tensor"]:
    """The weights without the biases, in the order of the layers."""
    return [p for p in objective.parameters if p.ndim == 2]
