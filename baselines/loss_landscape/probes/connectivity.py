"""Ainsworth et al. (2023) and Garipov et al. (2018): two trained networks are connected, if one knows how."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from baselines.common import compute
from baselines.common.claims import Claim
from baselines.common.config import check_at_least
from baselines.common.errors import Diverged
from baselines.common.record import Outcome, Record

if TYPE_CHECKING:
    import torch

    from baselines.loss_landscape.config import Config
    from baselines.loss_landscape.objective import Objective
    from baselines.loss_landscape.permutations import Relabelling, Spec

AINSWORTH = "Ainsworth, Hayase, Srinivasa 2023 (arXiv:2209.04836)"
GARIPOV = "Garipov et al. 2018 (arXiv:1802.10026)"
PATHS = ("naive", "matched", "bezier")
WIDE, MANY, LONG = 512, 10_000, 10  # units, examples and epochs from which on the claims about wide networks hold
PLANE_POINTS, PLANE_EXAMPLES = 25, 500  # of the picture


@dataclass
class Probe:
    """Mode connectivity: the barrier between two trained networks, units matched, and a curve.

    Barrier = max_t [L((1-t) A + t B) - (1-t) L(A) - t L(B)], before and after the units of B are permuted to match
    those of A; and a quadratic Bezier curve with one trained bend. Networks A and B differ in initial weights and order
    of the examples. Ainsworth et al. (2023), Garipov et al. (2018).
    """

    USES: ClassVar[tuple[str, ...]] = ("task", "network")
    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {"epochs": 5, "bend_steps": 30, "points": 5},
        "paper": {"epochs": 100, "bend_steps": 5000},
    }

    epochs: int = 40  # passes over the examples, for each network
    lr: float = 1e-3  # step size of Adam
    batch: int = 50  # examples in a mini-batch
    bend_steps: int = 600  # steps of Adam on the bend of the curve, with the same step size and mini-batch
    points: int = 21  # values of t from 0 to 1 at which a path is evaluated

    def __post_init__(self) -> None:
        """Check the keys."""
        for key in ("epochs", "batch", "bend_steps"):
            check_at_least(f"probe.{key}", getattr(self, key), 1)
        check_at_least("probe.points", self.points, 3)
        if not self.lr > 0:
            raise ValueError(f"probe.lr must be positive; got {self.lr}")

    def skip(self, cfg: "Config") -> str | None:
        """Refuse networks whose units are not matched here."""
        if not hasattr(cfg.network, "width"):
            return "probe=connectivity matches the units of fully connected networks; take network=mlp"
        if cfg.network.depth < 1:
            return "probe=connectivity needs hidden units; take network.depth=1 or more"
        return None

    def run(self, cfg: "Config", record: Record) -> Outcome:
        """Train two networks, match their units, train a curve, and evaluate the three paths."""
        from baselines.loss_landscape import permutations

        first, second = cfg.task.build(cfg), cfg.task.build(cfg, "second")
        with record.progress(2 * self._steps(first) + self.bend_steps, "training") as tick:
            with record.timed("training"):
                for name, objective in (("first", first), ("second", second)):
                    self._train(cfg, record, objective, name, tick)
            a, b = (dict(one.model.named_parameters()) for one in (first, second))
            spec = permutations.specification(first.model)
            with record.timed("matching"):
                rng = compute.numpy_generator(cfg.seed, "matching")
                found = permutations.match(spec, a, b, rng, signed=permutations.odd(first.model))
            for sweep, similarity in enumerate(found.similarities):
                record.log("matching", sweep=sweep, similarity=similarity)
            matched = permutations.flat(found.relabelling.apply(spec, b), list(b))
            with record.timed("bend"):
                bend = self._bend(cfg, record, first, second.vector(), tick)
        metrics = self._paths(cfg, record, first, second, matched, bend)
        metrics |= _function_change(spec, second, found.relabelling)
        metrics["sweeps"] = float(len(found.similarities) - 1)
        self._plane(record, first, second.vector(), bend)
        wide = min(permutations.hidden_sizes(spec, a)) >= WIDE and len(first.inputs) >= MANY and self.epochs >= LONG
        return Outcome(metrics, _claims(cfg, self, metrics, wide), first.size)

    def _steps(self, objective: "Objective") -> int:
        return self.epochs * (len(objective.inputs) // self._batch(objective))

    def _batch(self, objective: "Objective") -> int:
        return min(self.batch, len(objective.inputs))

    def _train(
        self, cfg: "Config", record: Record, objective: "Objective", name: str, tick: Callable[..., None]
    ) -> None:
        import torch

        from baselines.loss_landscape.train import train

        optimizer = torch.optim.Adam(objective.parameters, lr=self.lr)
        generator = compute.torch_generator(cfg.seed, "batches", name)
        losses = train(objective, optimizer, self._steps(objective), batch=self._batch(objective), generator=generator)
        try:
            for step, loss in enumerate(losses):
                record.log(f"training_{name}", step=step, loss=loss)
                tick(1, loss=loss)
        except FloatingPointError as problem:
            raise Diverged(f"{name} network: {problem}") from problem

    def _bend(
        self, cfg: "Config", record: Record, first: "Objective", end: "torch.Tensor", tick: Callable[..., None]
    ) -> "torch.Tensor":
        from baselines.loss_landscape.curves import train_bend

        steps = train_bend(
            first,
            first.vector(),
            end,
            steps=self.bend_steps,
            lr=self.lr,
            batch=self._batch(first),
            generator=compute.torch_generator(cfg.seed, "bend"),
        )
        bend = end
        try:
            for step, (loss, bend) in enumerate(steps):  # noqa: B007  # the last one is the result
                record.log("bend", step=step, loss=loss)
                tick(1, loss=loss)
        except FloatingPointError as problem:
            raise Diverged(str(problem)) from problem
        return bend

    def _paths(
        self,
        cfg: "Config",
        record: Record,
        first: "Objective",
        second: "Objective",
        matched: "torch.Tensor",
        bend: "torch.Tensor",
    ) -> dict[str, float]:
        """Losses along the three paths, on the training examples and on held-out ones."""
        import torch

        from baselines.loss_landscape.curves import barrier, excess, losses_on_bezier, losses_on_line

        a, b = first.vector(), second.vector()
        t = torch.linspace(0, 1, self.points, dtype=torch.float64).to(a)
        position = t.double().cpu().numpy()
        record.save(path_position=position)
        held_out = cfg.task.held_out(cfg, first.model)
        metrics: dict[str, float] = {}
        if cfg.task.CLASSES:
            metrics = {"accuracy_first": first.accuracy(), "accuracy_second": second.accuracy()}
            metrics |= {} if held_out is None else {"held_out_accuracy_first": held_out.accuracy()}
        for name, objective in (("train", first), ("held_out", held_out)):
            if objective is None:
                continue
            losses = {
                "naive": losses_on_line(objective, a, b, t),
                "matched": losses_on_line(objective, a, matched, t),
                "bezier": losses_on_bezier(objective, a, bend, b, t),
            }
            record.save(**{f"path_{name}_{path}_loss": losses[path] for path in PATHS})
            for path in ("naive", "matched"):
                metrics[f"{name}_barrier_{path}"] = barrier(losses[path], position)
            metrics[f"{name}_excess_bezier"] = excess(losses["bezier"])
        if metrics["train_barrier_naive"] > 0:
            metrics["matched_over_naive"] = metrics["train_barrier_matched"] / metrics["train_barrier_naive"]
        metrics["distance"] = float((b - a).norm())
        metrics["distance_matched"] = float((matched - a).norm())
        return metrics

    def _plane(self, record: Record, first: "Objective", end: "torch.Tensor", bend: "torch.Tensor") -> None:
        """Losses on the plane through both networks and the bend, in orthonormal coordinates."""
        from dataclasses import replace

        import torch

        from baselines.loss_landscape.surface import Plane, grid, losses_on

        start = first.vector()
        along = (end - start) / (end - start).norm()
        across = (bend - start) - along * (along @ (bend - start))
        across = across / across.norm()
        corners = torch.stack([start, end, bend]) - start
        places = torch.stack([corners @ along, corners @ across], dim=1)  # [3, 2]
        axes = []
        for one in places.T:
            margin = 0.25 * float(one.max() - one.min())
            axes.append(torch.linspace(float(one.min()) - margin, float(one.max()) + margin, PLANE_POINTS).to(start))
        few = replace(first, inputs=first.inputs[:PLANE_EXAMPLES], targets=first.targets[:PLANE_EXAMPLES])
        losses = losses_on(few, Plane(start, along, across), grid(*axes)).reshape(PLANE_POINTS, PLANE_POINTS)
        record.save(
            plane_along=axes[0].cpu(), plane_across=axes[1].cpu(), plane_loss=losses.cpu(), plane_places=places.cpu()
        )


def _function_change(spec: "Spec", network: "Objective", relabelling: "Relabelling") -> dict[str, float]:
    """How much the outputs of the relabelled network differ, relative to the largest, in both precisions."""
    import copy

    import torch
    from torch.func import functional_call

    changes = {}
    for name, dtype in (("float32", torch.float32), ("float64", torch.float64)):
        model = copy.deepcopy(network.model).to(dtype)
        parameters = dict(model.named_parameters())
        inputs = network.inputs.to(dtype)
        with torch.no_grad():
            before, after = model(inputs), functional_call(model, relabelling.apply(spec, parameters), (inputs,))
        changes[f"function_change_{name}"] = float((after - before).abs().max() / before.abs().max())
    return changes


def _claims(cfg: "Config", probe: Probe, metrics: dict[str, float], wide: bool) -> list[Claim]:
    """The relabelled network is the same function always; the barriers count for wide networks with enough data."""
    setting = f"{cfg.task.describe(cfg)}, Adam {probe.lr:g}, {probe.epochs} epochs"
    same = [
        Claim(
            id=f"landscape.connectivity.same_function.{dtype}",
            statement=f"relabelling the units does not change the function, {dtype}: largest change of an output /"
            f" largest output ({setting})",
            predicted=0.0,
            low=None,
            high=high,
            measured=metrics[f"function_change_{dtype}"],
            source="symmetry of the network, docs/landscape_geometry.md",
        )
        for dtype, high in (("float32", 1e-5), ("float64", 1e-12))
    ]
    return [
        *same,
        Claim(
            id="landscape.connectivity.matched",
            statement=f"matching the units of networks of width >= {WIDE} trained on >= {MANY:,} examples removes the"
            f" barrier of the straight line: barrier after / before, training loss ({setting})",
            predicted=0.0,
            low=None,
            high=0.3,
            measured=metrics.get("matched_over_naive") if wide else None,
            source=f"linear mode connectivity modulo permutation: {AINSWORTH}",
        ),
        Claim(
            id="landscape.connectivity.bezier",
            statement=f"a Bezier curve joins networks of width >= {WIDE} trained on >= {MANY:,} examples without a"
            f" barrier: highest training loss on it - loss of the worse end ({setting})",
            predicted=0.0,
            low=None,
            high=0.05,
            measured=metrics["train_excess_bezier"] if wide else None,
            source=f"mode connectivity: {GARIPOV}",
        ),
    ]
