"""One run of the topic: the chosen probe does the work."""

from baselines.common.record import Outcome, Record
from baselines.loss_landscape.config import Config


def run(cfg: Config, record: Record) -> Outcome:
    """Run the probe on the task with the optimizer."""
    outcome: Outcome = cfg.probe.run(cfg, record)
    return outcome
