"""One run: hand over to the study."""

from baselines.common.record import Outcome, Record
from baselines.scaling_law.config import Config


def run(cfg: Config, record: Record) -> Outcome:
    """Do the chosen study."""
    outcome: Outcome = cfg.study.run(cfg, record)
    return outcome
