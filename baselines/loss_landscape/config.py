"""Keys of the topic.

A probe investigates, `run(cfg, record)`; a task brings the examples and the loss, a network is what is trained on them
(`task.build(cfg)` makes both one objective); an optimizer trains, and knows at which curvature it loses stability.
"""

from dataclasses import asdict, dataclass
from typing import Any

from omegaconf import MISSING

from baselines.common.config import RunConfig

GROUPS = {"probe": "probes", "task": "tasks", "network": "networks", "optimizer": "optimizers"}
DEFAULTS = {"task": "digits", "network": "mlp", "optimizer": "gd"}  # as in configs/loss_landscape/config.yaml


@dataclass
class Config(RunConfig):
    """Loss landscapes: curvature, geometry and training dynamics, against their predicted values."""

    probe: Any = MISSING
    task: Any = MISSING
    network: Any = MISSING
    optimizer: Any = MISSING
    dtype: str = "float64"  # float64 or float32; eigenvalues are cheap enough in float64

    def __post_init__(self) -> None:
        """Refuse a choice that the probe would not look at.

        Raises:
            ValueError: With one line that says which choice has no effect.
        """
        super().__post_init__()
        for group, default in DEFAULTS.items():
            if group in getattr(self.probe, "USES", DEFAULTS):
                continue
            option, probe = getattr(self, group), name_of(self.probe)
            if name_of(option) != default:
                raise ValueError(f"probe={probe} does not look at the {group}; leave out {group}={name_of(option)}")
            if changed := changed_keys(option):
                raise ValueError(f"probe={probe} does not look at the {group}; leave out {group}.{changed[0]}=...")


def name_of(option: Any) -> str:
    """Name of an option on the command line: that of its file."""
    return type(option).__module__.rpartition(".")[2]


def changed_keys(option: Any) -> list[str]:
    """Keys of an option whose values are neither the defaults nor those of a budget."""
    known = [asdict(type(option)())]
    known += [known[0] | asdict(type(option)(**values)) for values in option.BUDGETS.values()]
    return [key for key, value in asdict(option).items() if all(value != other[key] for other in known)]
