"""Linear regression in context: trained linear attention beside the Bayes-optimal ridge and theory."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from baselines.common.config import check_at_least

if TYPE_CHECKING:
    import torch

    from baselines.common.record import Outcome, Record
    from baselines.scaling_law.config import Config
    from baselines.scaling_law.studies._in_context_claims import AlongLength, Diversity


@dataclass
class Study:
    r"""Linear regression in context: trained linear attention beside the Bayes-optimal ridge.

    Tasks w ~ N(0, I/d), contexts of l pairs y = w . x + noise. Bayes: ridge d sigma^2, its error the root of
    e^2 + (sigma^2 + l/d - 1) e = sigma^2 (Marchenko-Pastur). Best linear attention: 1 - l/(l + d + 1 + d sigma^2),
    exact. With k tasks to train on, the error on new tasks falls at k ~ d: answering in context emerges.
    Zhang et al. (2024), arXiv:2306.09927; Raventos et al. (2023), arXiv:2306.15063.
    """

    dimension: int = 16  # d, of the inputs and of the tasks
    noise: float = 0.25  # variance of the label noise; a noise-free label has variance one
    lengths: list[int] = field(default_factory=lambda: [4, 8, 16, 32, 64, 128])  # context lengths l, one layer each
    batch: int = 128  # new contexts a step
    steps: int = 600  # steps of Adam
    lr: float = 0.02  # first step size of Adam; falls to zero along a half cosine
    test_tasks: int = 10000  # new tasks that ridge and layers are tested on
    diversities: list[int] = field(default_factory=lambda: [2, 4, 8, 16, 32, 64, 128, 256, 1024])  # numbers of tasks k
    diversity_length: int = 32  # context length of the layers trained on k tasks
    lists: int = 8  # lists of k tasks for each k, one layer each
    discrete_tasks: int = 1000  # new tasks that the posterior mean over each list is tested on

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {
            "dimension": 4, "lengths": [2, 8], "batch": 16, "steps": 20, "test_tasks": 100, "diversities": [2, 8],
            "diversity_length": 8, "lists": 2, "discrete_tasks": 20,
        },
        "paper": {
            "dimension": 32, "lengths": [8, 16, 32, 64, 128, 256], "steps": 3000, "lists": 32, "diversity_length": 64,
            "diversities": [2, 4, 8, 16, 32, 64, 128, 256, 512, 2048], "discrete_tasks": 2000,
        },
    }  # fmt: skip

    def __post_init__(self) -> None:
        """Check the keys."""
        for key in ("dimension", "batch", "steps", "diversity_length"):
            check_at_least(f"study.{key}", getattr(self, key), 1)
        for key in ("test_tasks", "lists", "discrete_tasks"):
            check_at_least(f"study.{key}", getattr(self, key), 2)
        for key in ("lengths", "diversities"):
            sizes = getattr(self, key)
            if len(sizes) < 2 or sizes != sorted(set(sizes)) or sizes[0] < 1:
                raise ValueError(f"study.{key} must be at least two different sizes, ascending; got {sizes}")
        if not self.noise > 0 or not self.lr > 0:
            raise ValueError(f"study.noise and study.lr must be positive; got {self.noise} and {self.lr}")

    def run(self, cfg: "Config", record: "Record") -> "Outcome":
        """Train on new tasks, test along the length; then train on lists of tasks."""
        from baselines.common import compute
        from baselines.common.record import Outcome
        from baselines.scaling_law.studies import _in_context_claims as claims

        with record.timed("attention"):
            model = self._train(cfg, record)
        with record.timed("test"):
            along = self._along_length(cfg, model)
        with record.timed("diversity"):
            diversity = self._diversity(cfg, record)
        metrics: dict[str, float] = {}
        for name, part in (("length", along), ("diversity", diversity)):
            curves, values = part.summary(self, compute.numpy_generator(cfg.seed, "bootstrap", name))
            record.save(**{f"{name}.{curve}": value for curve, value in curves.items()})
            metrics |= values
        record.save(**{"length.learned": model.combined().detach().double().cpu().numpy()})
        record.table("runs", **claims.rows(self, along, diversity))
        parameters = sum(weights.numel() for weights in model.parameters())
        return Outcome(metrics, claims.claims(self, metrics), parameters)

    def _train(self, cfg: "Config", record: "Record") -> Any:
        """One layer for each context length, all trained together."""
        from baselines.common import compute
        from baselines.scaling_law import in_context_regression as icr

        device, dtype = compute.torch_device(cfg), compute.torch_dtype(cfg)
        generator = compute.torch_generator(cfg.seed, "weights")
        model = icr.LinearAttention(len(self.lengths), self.dimension, generator, dtype).to(device)
        generator = compute.torch_generator(cfg.seed, "training contexts")
        rates = icr.cosine(self.lr, self.steps)
        losses = icr.train_attention(model, self.lengths, self.noise, self.batch, rates, generator)
        self._follow(record, "attention", losses)
        return model

    def _follow(self, record: "Record", name: str, losses: Any) -> None:
        """Run a training; log its loss."""
        with record.progress(self.steps, name) as tick:
            for step, loss in enumerate(losses):
                record.log(f"{name}.training", step=step, loss=loss)
                tick(1, loss=loss)

    def _along_length(self, cfg: "Config", model: Any) -> "AlongLength":
        """Errors of ridge and of the trained layers on the same new tasks."""
        import torch

        from baselines.common import compute
        from baselines.scaling_law import in_context_regression as icr
        from baselines.scaling_law.studies._in_context_claims import AlongLength

        generator = compute.torch_generator(cfg.seed, "test contexts")
        device, dtype = compute.torch_device(cfg), compute.torch_dtype(cfg)
        ridge, layer = [], []
        for start in range(0, self.test_tasks, 1000):  # a part at a time, which bounds the memory
            tasks = icr.draw_tasks(min(1000, self.test_tasks - start), self.dimension, generator).to(device, dtype)
            contexts = icr.draw_contexts(tasks, self.lengths[-1], self.noise, generator)
            estimates = [icr.ridge_estimates(contexts, n, self.dimension * self.noise) for n in self.lengths]
            ridge.append(icr.squared_errors(torch.stack(estimates), tasks))  # [lengths, B]
            with torch.no_grad():
                layer.append(icr.squared_errors(model(icr.prefix_moments(contexts, self.lengths)), tasks))
        bayes, trained = (torch.cat(parts, dim=1).T.double().cpu().numpy() for parts in (ridge, layer))
        return AlongLength(bayes, trained, model.effective_steps().detach().double().cpu().numpy())

    def _diversity(self, cfg: "Config", record: "Record") -> "Diversity":
        """Layers trained on lists of k tasks, and the posterior mean over the same lists, on new tasks."""
        import torch

        from baselines.common import compute
        from baselines.scaling_law import in_context_regression as icr
        from baselines.scaling_law.studies._in_context_claims import Diversity

        device, dtype = compute.torch_device(cfg), compute.torch_dtype(cfg)
        generator = compute.torch_generator(cfg.seed, "lists of tasks")
        d, length, shape = self.dimension, self.diversity_length, (len(self.diversities), self.lists)
        lists = [icr.draw_tasks(k, d, generator).to(device, dtype) for k in self.diversities for _ in range(self.lists)]
        gamma = torch.zeros(len(lists), d, d, dtype=dtype, device=device, requires_grad=True)
        rates = icr.cosine(self.lr, self.steps)
        generator = compute.torch_generator(cfg.seed, "contexts of lists")
        batch = max(self.batch // 2, 1)
        self._follow(record, "lists", icr.train_on_lists(gamma, lists, length, self.noise, batch, rates, generator))
        best = torch.stack([icr.best_attention(tasks, length, self.noise) for tasks in lists])
        tasks = icr.draw_tasks(self.discrete_tasks, d, generator).to(device, dtype)
        contexts = icr.draw_contexts(tasks, length, self.noise, generator)
        discrete = [
            icr.squared_errors(icr.discrete_estimates(contexts, known, self.noise), tasks).mean() for known in lists
        ]
        found = (
            icr.new_task_error(gamma.detach(), length, self.noise),
            icr.new_task_error(best, length, self.noise),
            _seen(gamma.detach(), lists, length, self.noise),
            torch.stack(discrete),
        )
        return Diversity(*(values.reshape(shape).T.double().cpu().numpy() for values in found))


def _seen(gamma: "torch.Tensor", lists: "list[torch.Tensor]", length: int, noise: float) -> "torch.Tensor":
    """Errors of each member on the tasks of its own list.  Shape [members]."""
    import torch

    from baselines.scaling_law.in_context_regression import seen_task_error

    return torch.stack([seen_task_error(g, tasks, length, noise) for g, tasks in zip(gamma, lists, strict=True)])
