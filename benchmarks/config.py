"""The keys of `python -m benchmarks`."""

from dataclasses import dataclass

from baselines.common.config import Place, check_at_least, check_choice
from baselines.common.options import BUDGETS


@dataclass
class Config(Place):
    """Run what is missing, then write tables, figures and the claim table from the records."""

    suite: str = "standard"  # budget of the runs: smoke (seconds), standard (minutes) or paper (hours)
    topic: str = ""  # only the tables of this topic
    table: str = ""  # only this table
    workers: int = 2  # runs side by side, one process each
    check: bool = False  # exit with 1 if a claim fails or a run failed
    publish: str = ""  # folder that gets one Markdown page a topic, for example docs/results

    def __post_init__(self) -> None:
        """Check the keys."""
        super().__post_init__()
        check_choice("suite", self.suite, BUDGETS)
        check_at_least("workers", self.workers, 1)
