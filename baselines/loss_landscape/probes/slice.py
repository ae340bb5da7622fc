"""Li et al. (2018): pictures of the loss around a minimum, and what may be read off them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from baselines.common import compute
from baselines.common.claims import Claim
from baselines.common.config import check_at_least, check_choice
from baselines.common.errors import Diverged
from baselines.common.record import Outcome, Record

if TYPE_CHECKING:
    import torch

    from baselines.loss_landscape.config import Config
    from baselines.loss_landscape.objective import Objective
    from baselines.loss_landscape.surface import Plane

LI = "Li et al. 2018 (arXiv:1712.09913)"
NORMALISATIONS = ("filter", "layer", "none")
SMOOTH = ("tanh", "gelu", "silu", "elu", "softplus")
SPREAD = 10.0  # layers are rescaled by factors up to this, and down to its inverse
STEP = 1e-3  # of the finite differences
ITERATES = 60  # of the trajectory


@dataclass
class Probe:
    """Slices of the loss around a minimum: filter-normalised, and the plane of the trajectory.

    L(w + a d_1 + b d_2), with every filter of the random d scaled to the norm of the network's filter, d_i <- d_i
    ||w_i|| / ||d_i||; and the plane of the first two principal directions of training. Li et al. (2018).
    """

    USES: ClassVar[tuple[str, ...]] = ("task", "network")
    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {"points": 11, "steps": 60},
        "paper": {"points": 101, "steps": 5000},
    }

    points: int = 51  # points along each axis of a surface
    span: float = 1.0  # a and b run from -span to span; at 1 the direction is as long as the weights
    normalisation: str = "filter"  # of the directions of the surface: filter, layer or none
    steps: int = 600  # training steps of stochastic gradient descent
    lr: float = 0.1  # its step size
    batch: int = 50  # its mini-batch, at most the number of examples

    def __post_init__(self) -> None:
        """Check the keys."""
        check_choice("probe.normalisation", self.normalisation, NORMALISATIONS)
        check_at_least("probe.points", self.points, 5)
        check_at_least("probe.steps", self.steps, 10)
        check_at_least("probe.batch", self.batch, 1)
        for key in ("span", "lr"):
            if not getattr(self, key) > 0:
                raise ValueError(f"probe.{key} must be positive; got {getattr(self, key)}")

    def run(self, cfg: "Config", record: Record) -> Outcome:
        """Train, look at the planes, then rescale the layers of the same network with ReLU and look again."""
        with record.progress(2 * self.steps, "training") as tick:
            objective = cfg.task.build(cfg)
            with record.timed("training"):
                iterates = self._train(cfg, record, objective, "training", tick)
            metrics = {"loss": objective.loss().item()}
            metrics |= self._surface(cfg, record, objective)
            metrics |= self._trajectory(record, objective, iterates)
            metrics |= self._curvature(cfg, objective)
            metrics |= self._rescaling(cfg, record, tick)
        return Outcome(metrics, _claims(cfg, metrics), objective.size)

    def _train(
        self, cfg: "Config", record: Record, objective: "Objective", name: str, tick: Callable[..., None]
    ) -> "torch.Tensor":
        """Stochastic gradient descent; the weights on the way, shape [T, P]."""
        import torch

        from baselines.loss_landscape.train import train

        optimizer = torch.optim.SGD(objective.parameters, lr=self.lr)
        batch = min(self.batch, len(objective.inputs))
        generator = compute.torch_generator(cfg.seed, "batches")
        iterates, every = [], max(1, self.steps // ITERATES)
        try:
            losses = train(objective, optimizer, self.steps, batch=batch, generator=generator)
            for step, loss in enumerate(losses):
                if step % every == 0:
                    iterates.append(objective.vector())
                    record.log(name, step=step, loss=loss)
                tick(1, loss=loss)
        except FloatingPointError as problem:
            raise Diverged(f"{problem}; a smaller probe.lr may help") from problem
        return torch.stack([*iterates, objective.vector()])

    def _surface(self, cfg: "Config", record: Record, objective: "Objective") -> dict[str, float]:
        """The loss on a plane of two random directions, compared with single forward passes on its diagonals."""
        import torch

        from baselines.loss_landscape.filter_normalisation import random_direction
        from baselines.loss_landscape.surface import Plane, grid, losses_on, losses_one_by_one

        origin = objective.vector()
        first, second = (
            random_direction(
                objective.parameters, compute.torch_generator(cfg.seed, "direction", i), self.normalisation
            )
            for i in (1, 2)
        )
        plane = Plane(origin, first, second)
        axis = self._axis(origin)
        with record.timed("surface"):
            losses = losses_on(objective, plane, grid(axis, axis)).reshape(self.points, self.points)
        diagonal = torch.arange(self.points)
        crosses = torch.stack([losses[diagonal, diagonal], losses[diagonal, -1 - diagonal]])
        alone = losses_one_by_one(objective, plane, torch.cat([_pair(axis, axis), _pair(-axis, axis)]))
        record.save(surface_position=axis.cpu(), surface_loss=losses.cpu())
        return {
            "surface_difference": float(((crosses.reshape(-1) - alone).abs() / alone).max()),
            "surface_highest": float(losses.max()),
            "direction_cosine": float(first @ second / (first.norm() * second.norm())),
        }

    def _trajectory(self, record: Record, objective: "Objective", iterates: "torch.Tensor") -> dict[str, float]:
        """The trajectory and the loss on its own plane."""
        import torch

        from baselines.loss_landscape.surface import grid, losses_on, principal_plane, random_walk_share

        found = principal_plane(iterates)
        axes = []
        for along in found.coordinates.T:
            low, high = float(along.min()), float(along.max())
            margin = 0.25 * (high - low)
            axes.append(torch.linspace(low - margin, high + margin, self.points, dtype=torch.float64))
        losses = losses_on(objective, found.plane, grid(*axes).to(iterates)).reshape(self.points, self.points)
        record.save(
            trajectory_first=found.coordinates[:, 0].cpu(),
            trajectory_second=found.coordinates[:, 1].cpu(),
            trajectory_explained=found.explained.cpu(),
            trajectory_axis_first=axes[0],
            trajectory_axis_second=axes[1],
            trajectory_loss=losses.cpu(),
        )
        return {
            "explained_first": float(found.explained[0]),
            "explained_second": float(found.explained[1]),
            "explained_by_random_walk": random_walk_share(2),
        }

    def _curvature(self, cfg: "Config", objective: "Objective") -> dict[str, float]:
        """Curvature of three slices at the minimum by finite differences, and by the Hessian."""
        import torch

        from baselines.loss_landscape.filter_normalisation import random_direction
        from baselines.loss_landscape.hessian import Hessian
        from baselines.loss_landscape.surface import Plane, curvature, losses_on

        hessian = Hessian(objective.loss(), objective.parameters)
        origin, worst = objective.vector(), 0.0
        for i in (1, 2, 3):
            direction = random_direction(objective.parameters, compute.torch_generator(cfg.seed, "direction", i))
            plane = Plane(origin, direction, torch.zeros_like(origin))

            def values(a: "torch.Tensor", plane: "Plane" = plane) -> "torch.Tensor":
                return losses_on(objective, plane, _pair(a.to(origin), torch.zeros_like(a)))

            exact = float(direction @ hessian.product(direction))
            found = curvature(values, STEP)
            worst = max(worst, abs(found - exact) / abs(exact))
        return {"curvature": exact, "curvature_error": worst}

    def _rescaling(self, cfg: "Config", record: Record, tick: Callable[..., None]) -> dict[str, float]:
        """Slices of a ReLU network before and after its layers are rescaled; nothing for models with batch norm."""
        from dataclasses import replace

        from torch import nn

        from baselines.loss_landscape.batched_forward import supports
        from baselines.loss_landscape.filter_normalisation import rescaled, weight_layers, with_activation
        from baselines.loss_landscape.layers import ACTIVATIONS

        objective = cfg.task.build(cfg)
        model = with_activation(objective.model, nn.ReLU, list(ACTIVATIONS.values()))
        try:
            units = [layer.weight.shape[0] for layer in weight_layers(model)[:-1]]
        except ValueError:
            return {}
        if not units:  # without a hidden layer there is nothing to rescale
            return {}
        objective = replace(objective, model=model)
        self._train(cfg, record, objective, "relu_training", tick)
        rng = compute.numpy_generator(cfg.seed, "rescaling")
        layers = [float(SPREAD ** rng.uniform(-1, 1)) for _ in units]
        axis = self._axis(objective.vector())
        record.save(slice_position=axis.cpu())
        twin = replace(objective, model=rescaled(model, layers))
        metrics = {}
        for kind in ("filter", "none"):
            # The fixed direction is drawn once and keeps its length; the normalised one follows the weights.
            fixed = self._direction(cfg, objective, kind) if kind == "none" else None
            before, after = (self._slice(cfg, one, kind, axis, fixed) for one in (objective, twin))
            record.save(**{f"slice_{kind}_before_loss": before.cpu(), f"slice_{kind}_after_loss": after.cpu()})
            metrics[f"rescaling_change_{kind}"] = _change(before, after)
        if supports(model):
            factors = [objective.vector().new_tensor(SPREAD ** rng.uniform(-1, 1, size=size)) for size in units]
            by_unit = replace(objective, model=rescaled(model, factors))
            before, after = (self._slice(cfg, one, "filter", axis) for one in (objective, by_unit))
            metrics["unit_rescaling_change_filter"] = _change(before, after)
        return metrics

    def _direction(self, cfg: "Config", objective: "Objective", kind: str) -> "torch.Tensor":
        from baselines.loss_landscape.filter_normalisation import random_direction

        return random_direction(objective.parameters, compute.torch_generator(cfg.seed, "direction", 1), kind)

    def _slice(
        self,
        cfg: "Config",
        objective: "Objective",
        kind: str,
        axis: "torch.Tensor",
        fixed: "torch.Tensor | None" = None,
    ) -> "torch.Tensor":
        """Losses along one direction through the present weights."""
        import torch

        from baselines.loss_landscape.surface import Plane, losses_on

        direction = self._direction(cfg, objective, kind) if fixed is None else fixed
        plane = Plane(objective.vector(), direction, torch.zeros_like(direction))
        return losses_on(objective, plane, _pair(axis, torch.zeros_like(axis)))

    def _axis(self, like: "torch.Tensor") -> "torch.Tensor":
        import torch

        return torch.linspace(-self.span, self.span, self.points, dtype=torch.float64).to(like)


def _pair(a: "torch.Tensor", b: "torch.Tensor") -> "torch.Tensor":
    import torch

    return torch.stack([a.to(b), b], dim=1)


def _change(before: "torch.Tensor", after: "torch.Tensor") -> float:
    """Largest difference of two slices relative to the highest loss of the first."""
    return float((before - after).abs().max() / before.max())


def _claims(cfg: "Config", metrics: dict[str, float]) -> list[Claim]:
    """What the slices say; digits to compare are there in double precision only."""
    exact = cfg.dtype == "float64"
    smooth = getattr(cfg.network, "activation", SMOOTH[0]) in SMOOTH
    setting = cfg.task.describe(cfg)
    relu = f"{setting}, trained with ReLU in place of the activation"

    def claim(
        what: str, statement: str, low: float | None, high: float | None, value: float | None, source: str
    ) -> Claim:
        predicted = None if high is None else 0.0
        return Claim(f"landscape.slice.{what}", statement, predicted, low, high, value, source)

    return [
        claim(
            "invariant",
            f"the filter-normalised slice does not change when ReLU layers are rescaled by factors from 1/{SPREAD:g} to"
            f" {SPREAD:g}: largest difference / highest loss ({relu})",
            None,
            1e-10,
            metrics.get("rescaling_change_filter") if exact else None,
            f"positive homogeneity of ReLU: {LI}",
        ),
        claim(
            "fixed_direction",
            f"a slice along a fixed random direction does change: largest difference / highest loss ({relu})",
            0.01,
            None,
            metrics.get("rescaling_change_none") if exact else None,
            f"the same function, other weights: {LI}",
        ),
        claim(
            "curvature",
            "second derivative of three filter-normalised slices at the minimum equals d'Hd: largest relative error"
            f" ({setting})",
            None,
            1e-4,
            metrics["curvature_error"] if exact and smooth else None,
            "Taylor's formula, docs/landscape_geometry.md",
        ),
        claim(
            "same_numbers",
            "the surface in batches equals one forward pass a point: largest relative difference on both diagonals"
            f" ({setting})",
            None,
            1e-10,
            metrics["surface_difference"] if exact else None,
            "the same sums in another order",
        ),
    ]
