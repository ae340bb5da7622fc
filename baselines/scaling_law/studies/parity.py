"""Multitask sparse parity: quanta learned one by one by networks of many widths, trained as one ensemble."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from baselines.common.config import check_at_least

if TYPE_CHECKING:
    import numpy as np
    import torch

    from baselines.common.record import Outcome, Record
    from baselines.scaling_law.config import Config
    from baselines.scaling_law.sparse_parity import Training

MOST_REPLICAS = 8  # networks of one width that `units` gives
KEEP_EVERY = 1000  # steps between two checkpoints
CURVE_STRINGS = 128  # bit strings a task while training; the end is measured on `test_strings`


@dataclass
class Study:
    """Multitask sparse parity: tasks of frequency p_k ~ k^-(1 + alpha), networks of many widths as one ensemble.

    The label is the product of the k bits that belong to the task. A task that is not learned costs ln 2 nats (one
    bit), a learned one nothing, so the loss should be the tail sum ln 2 sum p_k over the tasks not learned.
    Michaud, Liu, Girit, Tegmark (2023), arXiv:2303.13506.
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {
            "tasks": 4,
            "bits": 6,
            "widths": [4, 8, 16],
            "units": 8,
            "steps": 120,
            "batch": 64,
            "test_strings": 64,
        },
        "paper": {"replicas": 5, "steps": 20_000, "batch": 2048, "tasks": 200},
    }

    alpha: float = 0.6  # decay of the frequencies: p_k ~ k^-(1 + alpha)
    tasks: int = 100  # number of tasks
    bits: int = 24  # length of a bit string
    subset: int = 2  # bits whose product is the label of a task
    scale: float = 1.5  # height of the one-hot entry that names the task
    widths: list[int] = field(default_factory=lambda: [4, 6, 8, 11, 16, 23, 32, 45, 64, 90, 128])  # units of a layer
    depth: int = 1  # hidden layers
    replicas: int = 2  # fewest networks of a width
    units: int = 128  # a narrow width gets as many networks as together have this many units, at most 8
    batch: int = 768  # fresh samples a step, shared by all networks
    steps: int = 5000  # steps of Adam, one cycle of the step size
    lr: float = 0.03  # largest step size of the cycle
    threshold: float = 0.5  # a task is learned when its loss is below this times ln 2
    test_strings: int = 4096  # bit strings on which each task is tested; all of them if there are no more
    spread: float = 1.0  # widths up to this ratio are padded to one; 1 was fastest where widths reach 128

    def __post_init__(self) -> None:
        """Check every key."""
        for key, low in (("tasks", 2), ("bits", 2), ("subset", 1), ("depth", 1), ("replicas", 2), ("batch", 1)):
            check_at_least(f"study.{key}", getattr(self, key), low)
        check_at_least("study.steps", self.steps, 50)
        check_at_least("study.test_strings", self.test_strings, 16)
        check_at_least("study.spread", self.spread, 1)
        if len(self.widths) < 2 or self.widths != sorted(set(self.widths)) or self.widths[0] < 1:
            raise ValueError(f"study.widths must be at least two different widths, ascending; got {self.widths}")
        if not self.alpha > 0 or not self.lr > 0 or not self.scale > 0:
            raise ValueError(
                f"study.alpha, study.lr and study.scale must be positive; got {self.alpha}, {self.lr}, {self.scale}"
            )
        if not 0 < self.threshold < 1:
            raise ValueError(f"study.threshold must be between 0 and 1; got {self.threshold}")
        if self.subset > self.bits:
            raise ValueError(f"study.subset must be at most study.bits = {self.bits}; got {self.subset}")

    def members(self) -> list[int]:
        """Width of every network. Narrow ones get more: what they learn differs more from one to the next."""
        counts = {width: max(self.replicas, min(MOST_REPLICAS, self.units // width)) for width in self.widths}
        return [width for width in self.widths for _ in range(counts[width])]

    def run(self, cfg: "Config", record: "Record") -> "Outcome":
        """Train the ensemble, test every network on every task, compare with the tail sums."""
        import numpy as np
        import torch

        from baselines.common import compute
        from baselines.common.record import Outcome
        from baselines.scaling_law.ensemble import MaskedEnsemble
        from baselines.scaling_law.quanta import frequencies
        from baselines.scaling_law.sparse_parity import Training, draw_tasks, task_losses
        from baselines.scaling_law.studies import _parity_claims as claims

        frequency = frequencies(self.tasks, self.alpha)
        tasks = draw_tasks(
            torch.from_numpy(frequency), self.bits, self.subset, self.scale, compute.torch_generator(cfg.seed, "tasks")
        )
        members = self.members()
        model = MaskedEnsemble(
            tasks.inputs, 1, members, self.depth, compute.torch_generator(cfg.seed, "init"),
            dtype=torch.float32, device=compute.torch_device(cfg), spread=self.spread,
        )  # fmt: skip
        training = Training(model, tasks, self.lr, self.steps, self.batch, compute.torch_generator(cfg.seed, "batches"))
        with record.timed("training"):
            steps, curves = self._train(cfg, record, training)
        with record.timed("test"):
            strings = self._strings(cfg, self.test_strings, "test").to(compute.torch_device(cfg))
            final = task_losses(model, tasks, strings).numpy()
        counts = np.array(model.parameters_per_member, dtype=float)
        found = claims.measure(self, cfg, frequency, counts, final, steps, curves)
        record.save(**found.curves)
        record.table("runs", **found.networks)
        return Outcome(found.metrics, claims.claims(self, found), sum(model.parameters_per_member))

    def _train(self, cfg: "Config", record: "Record", training: "Training") -> "tuple[np.ndarray, np.ndarray]":
        """Steps looked at [m], and the losses of all networks on the tasks there [m, networks, tasks]."""
        import numpy as np
        import torch

        from baselines.common import compute
        from baselines.common.errors import Diverged
        from baselines.scaling_law.sparse_parity import task_losses

        marks = np.unique(np.geomspace(min(30, self.steps), self.steps, 40).round().astype(int)).tolist()
        strings = self._strings(cfg, CURVE_STRINGS, "curve strings").to(compute.torch_device(cfg))
        looked: list[torch.Tensor] = []
        kept = record.kept()
        if kept is not None:
            training.restore(kept["training"])
            looked = list(kept["looked"])
        with record.progress(self.steps, "ensemble") as tick:
            tick(training.done)
            finite = torch.tensor(True)
            for mark in [mark for mark in marks if mark > training.done]:
                for loss in training.advance(mark):
                    finite = torch.isfinite(loss).all()
                    tick(1)
                    if training.done % KEEP_EVERY == 0 and training.done < mark:
                        record.keep({"training": training.state(), "looked": looked})
                if not bool(finite):
                    raise Diverged(f"the loss is not finite after {training.done} steps; take a smaller study.lr")
                looked.append(task_losses(training.model, training.tasks, strings))
        return np.array(marks), torch.stack(looked).numpy()

    def _strings(self, cfg: "Config", count: int, stream: str) -> "torch.Tensor":
        """All bit strings if they are no more than `count`, else as many random ones."""
        import torch

        from baselines.common import compute
        from baselines.scaling_law.sparse_parity import all_strings, random_strings

        if 2**self.bits <= count:
            return all_strings(self.bits, torch.float32)
        return random_strings(count, self.bits, compute.torch_generator(cfg.seed, stream), torch.float32)
