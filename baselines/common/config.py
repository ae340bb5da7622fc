"""The keys that every run has, whatever its topic."""

from dataclasses import dataclass, fields

DEVICES = ("cpu", "cuda", "auto")
DTYPES = ("float32", "float64")
LANGUAGES = ("en", "zh")


@dataclass
class Place:
    """Keys that say where and how to compute, not what: they do not belong to the identity of a run."""

    device: str = "cpu"  # cpu, cuda or auto (cuda where there is one)
    threads: int = 1  # torch threads of a run; one, with runs side by side, is fastest on a laptop
    results: str = "results"  # folder in which the records are kept
    data_dir: str = "${oc.env:BASELINES_DATA,data}"  # folder of data sets (environment: BASELINES_DATA)
    force: bool = False  # run again although a finished record exists
    lang: str = "en"  # language of the figures: en or zh

    def __post_init__(self) -> None:
        """Check every key.

        Raises:
            ValueError: With one line that says which key is wrong and what would be right.
        """
        check_choice("device", self.device, DEVICES)
        check_choice("lang", self.lang, LANGUAGES)
        check_at_least("threads", self.threads, 1)


@dataclass
class RunConfig(Place):
    """Keys shared by all topics; each topic's `Config` extends this class."""

    seed: int = 0  # random seed; every random stream is derived from it
    dtype: str = "float32"  # float32 or float64

    def __post_init__(self) -> None:
        """Check every key.

        Raises:
            ValueError: With one line that says which key is wrong and what would be right.
        """
        super().__post_init__()
        check_choice("dtype", self.dtype, DTYPES)
        check_at_least("seed", self.seed, 0)


VOLATILE = frozenset(field.name for field in fields(Place))


def check_choice(key: str, value: str, allowed: tuple[str, ...]) -> None:
    """Raise `ValueError` unless `value` is one of `allowed`."""
    if value not in allowed:
        raise ValueError(f"{key} must be one of {', '.join(allowed)}; got {value!r}")


def check_at_least(key: str, value: float, low: float) -> None:
    """Raise `ValueError` unless `value >= low`."""
    if not value >= low:
        raise ValueError(f"{key} must be at least {low}; got {value}")
