"""The time of training many small networks: one by one, as one padded ensemble, and with vmap, side by side."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from baselines.common.config import check_at_least

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from baselines.common.record import Outcome, Record
    from baselines.scaling_law.config import Config

METHODS = ("one_by_one", "ensemble", "vmap")
GOAL = 3.0  # times as fast
Step = Callable[[], None]


@dataclass
class Study:
    """Time of a training step of K small networks: one by one, one masked ensemble (bmm), and vmap.

    All methods take Adam steps on the same data from the same weights, in turn within one process, so that whatever
    else the machine does meets all of them. Times are processor times; metrics are ratios of medians over the rounds.
    For vmap (torch.func.stack_module_state) all networks need one shape: it gets K networks of each width in turn.
    A last setting mixes widths from 4 to 128, where vmap cannot be used.
    """

    BUDGETS: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {"members": 4, "widths": [4], "mixed": [4, 8], "rounds": 1, "steps": 1, "checked": 2},
        "paper": {"rounds": 21, "widths": [4, 8, 16, 32, 64, 128, 256]},
    }

    members: int = 32  # K, networks of one width
    widths: list[int] = field(default_factory=lambda: [4, 8, 16, 32, 64, 128])  # units of each hidden layer
    mixed: list[int] = field(default_factory=lambda: [4, 6, 8, 11, 16, 23, 32, 45, 64, 90, 128])  # different widths
    depth: int = 2  # hidden layers
    dimension: int = 8  # inputs of every network
    batch: int = 128  # data of one step, shared by all networks
    steps: int = 4  # steps in one timing
    rounds: int = 7  # timings of each method, in turn
    small: int = 16  # the claim is about widths up to this
    checked: int = 20  # steps after which the losses of all methods are compared

    def __post_init__(self) -> None:
        """Check every key."""
        for key in ("depth", "dimension", "batch", "steps", "rounds", "checked"):
            check_at_least(f"study.{key}", getattr(self, key), 1)
        check_at_least("study.members", self.members, 2)
        for key in ("widths", "mixed"):
            sizes = getattr(self, key)
            if not sizes or sizes != sorted(set(sizes)) or sizes[0] < 1:
                raise ValueError(f"study.{key} must be different positive widths, ascending; got {sizes}")

    def run(self, cfg: "Config", record: "Record") -> "Outcome":
        """Time every width, then the mixture."""
        import numpy as np

        from baselines.common.record import Outcome

        metrics: dict[str, float] = {}
        differences: list[float] = []
        settings = [(f"width_{width}", [width] * self.members) for width in self.widths] + [("mixed", self.mixed)]
        curves: dict[str, Any] = {"widths": np.array(self.widths, dtype=float)}
        gains: dict[str, list[list[float]]] = {"ensemble": [], "vmap": []}
        with record.progress(len(settings), "settings") as tick:
            for name, widths in settings:
                seconds, difference = self._setting(cfg, widths)
                differences.append(difference)
                median = {method: float(np.median(times)) for method, times in seconds.items()}
                curves |= {f"{name}_{method}_s": np.array(times) for method, times in seconds.items()}
                metrics[f"{name}_one_by_one_ms"] = 1e3 * median["one_by_one"] / self.steps
                for method in seconds:
                    if method != "one_by_one":
                        metrics[f"{name}_{method}_gain"] = median["one_by_one"] / median[method]
                        if name != "mixed":
                            gains[method].append(
                                [a / b for a, b in zip(seconds["one_by_one"], seconds[method], strict=True)]
                            )
                tick(1, width=widths[-1], gain=metrics[f"{name}_ensemble_gain"])
        for method, values in gains.items():
            curves[f"{method}_gain_s"] = np.array(values)
        record.save(**curves, largest_difference=np.array(differences))
        metrics["small_ensemble_gain"] = min(
            metrics[f"width_{width}_ensemble_gain"] for width in self.widths if width <= max(self.small, self.widths[0])
        )
        metrics["largest_difference"] = max(differences)
        return Outcome(metrics, self._claims(cfg, metrics), 0)

    def _setting(self, cfg: "Config", widths: list[int]) -> tuple[dict[str, list[float]], float]:
        """Seconds of every round of every method, and the largest difference of their losses after some steps."""
        from time import process_time

        import torch

        from baselines.common import compute
        from baselines.scaling_law import ensemble_training

        device = compute.torch_device(cfg)
        source = compute.torch_generator(cfg.seed, "data")
        x = torch.randn(self.batch, self.dimension, generator=source).to(device)
        y = torch.sin(x.sum(1, keepdim=True))
        methods = {name: ensemble_training.METHODS[name] for name in METHODS if name != "vmap" or len(set(widths)) == 1}

        def fresh(name: str) -> "tuple[Step, Callable[[], Tensor]]":
            model = self._model(cfg, widths, device)
            return methods[name](model, x, y, 1e-3)

        losses = {}
        for name in methods:
            step, loss = fresh(name)
            for _ in range(self.checked):
                step()
            losses[name] = loss()
        alone = losses["one_by_one"]
        difference = max(float(((value - alone).abs() / alone).max()) for value in losses.values())
        running = {name: fresh(name)[0] for name in methods}
        seconds: dict[str, list[float]] = {name: [] for name in methods}
        for number in range(self.rounds + 1):
            for name, step in running.items():
                begin = process_time()
                for _ in range(self.steps):
                    step()
                if number:  # the first call of anything is slow
                    seconds[name].append(process_time() - begin)
        return seconds, difference

    def _model(self, cfg: "Config", widths: list[int], device: "torch.device") -> Any:
        import torch

        from baselines.common import compute
        from baselines.scaling_law.ensemble import MaskedEnsemble

        generator = compute.torch_generator(cfg.seed, "init", *widths)
        return MaskedEnsemble(self.dimension, 1, widths, self.depth, generator, dtype=torch.float32, device=device)

    def _claims(self, cfg: "Config", metrics: dict[str, float]) -> list[Any]:
        from baselines.common.claims import Claim

        enough = self.members >= 16 and self.rounds >= 5 and cfg.threads == 1 and cfg.device == "cpu"
        setting = (
            f"{self.members} networks, {self.depth} hidden layers, batch {self.batch}, Adam, float32, medians of"
            f" {self.rounds} rounds"
        )
        source = "goal of this project, study=ensemble_time"
        return [
            Claim(
                "ensemble_time.same_losses",
                f"Trained together or alone, networks have the same losses after {self.checked} steps: largest relative"
                f" difference ({setting})",
                0.0, None, 1e-3, metrics["largest_difference"], "the same sums in another order",
            ),
            Claim(
                "ensemble_time.small_widths",
                f"One masked ensemble trains small networks at least three times as fast as one by one: smallest gain"
                f" at widths up to {self.small} ({setting})",
                None, GOAL, None, metrics["small_ensemble_gain"] if enough else None, source,
            ),
            Claim(
                "ensemble_time.mixed_widths",
                f"The same for {len(self.mixed)} widths from {self.mixed[0]} to {self.mixed[-1]} together: the ensemble"
                f" is faster than one by one ({setting})",
                None, 1.0, None, metrics["mixed_ensemble_gain"] if enough else None, source,
            ),
        ]  # fmt: skip
