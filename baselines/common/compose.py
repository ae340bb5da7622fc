"""From command-line overrides to a typed, validated config, with errors that say what would be right.

Hydra composes; this module knows where the configs lie and turns every mistake into one `UserError`.
"""

import copy
import difflib
import re
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from hydra import compose, initialize_config_dir
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, Override
from hydra.core.plugins import Plugins
from hydra.errors import HydraException, MissingConfigException
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from baselines.common import identity, options
from baselines.common.config import RunConfig
from baselines.common.errors import UserError

MOST_CHECKED = 20  # values of one sweep; each costs some hundredths of a second


def configs_folder() -> Path:
    """The copy of `configs/` inside an installed package, or `configs/` of the checkout."""
    installed = options.PACKAGE / "_configs"
    return installed if installed.is_dir() else options.PACKAGE.parent / "configs"


class SharedConfigs(SearchPathPlugin):
    """Adds `configs/common` to Hydra's search path."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """See Hydra's `SearchPathPlugin`."""
        search_path.append("suite", f"file://{configs_folder() / 'common'}")


class Run(NamedTuple):
    """One run before it starts."""

    topic: str
    cfg: RunConfig
    """The typed config, option objects included."""
    config: dict[str, Any]
    """The same as plain values."""
    choices: dict[str, str]
    """Group to chosen option."""
    key: str

    @property
    def chosen(self) -> list[str]:
        """The chosen options by name, without the absent ones (`norm=none`)."""
        return [name for name in self.choices.values() if name != "none"]

    @property
    def folder(self) -> Path:
        """The record's folder."""
        name = "-".join([*self.chosen, f"s{self.cfg.seed}", self.key])
        return Path(self.cfg.results).expanduser() / self.topic / name

    @property
    def fingerprint(self) -> str:
        """What must not have changed for a record to count: the code, and the files an option names in `inputs`."""
        options_chosen = (getattr(self.cfg, group) for group in self.choices)
        inputs = [path for one in options_chosen if hasattr(one, "inputs") for path in one.inputs(self.cfg)]
        return identity.fingerprint(self.topic, self.choices, inputs)

    @property
    def label(self) -> str:
        """The run in a few words."""
        return f"{self.topic}: {', '.join(self.chosen)}, seed {self.cfg.seed}"


def setup(topic: str) -> None:
    """Make Hydra know the topic's options and the shared configs."""
    if SharedConfigs not in Plugins.instance().discover(SearchPathPlugin):
        Plugins.instance().register(SharedConfigs)
    options.register(topic)


def resolve(topic: str, overrides: Iterable[str]) -> Run:
    """Compose and validate one run without starting it.

    Raises:
        UserError: If an override is wrong.
    """
    setup(topic)
    parsed = parse(topic, list(overrides))
    return _compose(topic, [override.input_line or "" for override in parsed])


def typed(topic: str, composed: DictConfig, runtime_choices: dict[str, str]) -> Run:
    """The run that a composed config describes.

    Raises:
        UserError: If a value is out of its range.
    """
    try:
        config = OmegaConf.to_container(composed, resolve=True)
        cfg = OmegaConf.to_object(composed)
    except (ValueError, OmegaConfBaseException) as error:
        raise UserError(_first_line(error)) from error
    assert isinstance(config, dict) and isinstance(cfg, RunConfig)
    choices = {group: runtime_choices[group] for group in options.groups(topic)}
    plain = {str(name): value for name, value in config.items()}
    return Run(topic, cfg, plain, choices, identity.run_key(plain, choices))


def validate(topic: str, lines: list[str], *, multirun: bool) -> int:
    """Check overrides before anything starts: each value of a sweep is composed once (of a long one the ends).

    Returns:
        The number of runs they ask for.

    Raises:
        UserError: With the nearest right name, if there is one.
    """
    setup(topic)
    parsed = parse(topic, lines)
    swept = [override for override in parsed if override.is_sweep_override()]
    if swept and not multirun:
        raise UserError(f"{swept[0].input_line} asks for several runs; add -m")
    values = {id(override): list(_values(topic, override)) for override in swept}
    first = [values[id(o)][0] if id(o) in values else o.input_line or "" for o in parsed]
    _compose(topic, first)
    for position, override in enumerate(parsed):
        others = values.get(id(override), [])[1:]
        for line in [*others[:MOST_CHECKED], *others[MOST_CHECKED:][-1:]]:
            _compose(topic, [*first[:position], line, *first[position + 1 :]])
    count = 1
    for lines_of_one in values.values():
        count *= len(lines_of_one)
    return count


def normalised(lines: Iterable[str]) -> list[str]:
    """Accept `experiment` and `launcher` with and without the plus sign.

    An experiment has a place in the defaults list (before the budget, so that `budget=smoke` shrinks it too),
    a launcher has none.
    """
    without = [line.removeprefix("+") if line.startswith("+experiment=") else line for line in lines]
    return [f"+{line}" if line.startswith("launcher=") else line for line in without]


def parse(topic: str, lines: list[str]) -> list[Override]:
    """Parse overrides and check the names of groups, options and keys.

    Raises:
        UserError: If a name does not exist.
    """
    try:
        parsed = OverridesParser.create().parse_overrides(normalised(lines))
    except HydraException as error:
        raise UserError(f"cannot read the override: {_first_line(error)}") from error
    known = option_names(topic)
    for override in parsed:
        group = override.key_or_group
        if group in known:
            for line in _values(topic, override):
                must_be(line.partition("=")[2], known[group], f"{group}=")
    selected = [next(_values(topic, o)) for o in parsed if o.key_or_group in known]
    keys = _flat_keys(topic, tuple(selected))
    for override in parsed:
        key = override.key_or_group
        if key not in known and not key.startswith("hydra"):
            must_be(key, keys, "", extra=list(known))
            if override.is_add() or override.is_delete():
                raise UserError(f"{override.input_line}: keys are changed with {key}=VALUE, without + or ~")
    return parsed


def option_names(topic: str) -> dict[str, tuple[str, ...]]:
    """Every group one can choose from: the topic's own, then `budget`, `experiment` and `launcher`."""
    folder = configs_folder()
    found = dict(options.groups(topic))
    for group, where in (("budget", topic), ("experiment", topic), ("launcher", "common")):
        found[group] = tuple(sorted(path.stem for path in (folder / where / group).glob("*.yaml")))
    found["experiment"] += ("null",)
    return found


def _values(topic: str, override: Override) -> Iterator[str]:
    """The override once for each value that it names."""
    key = override.key_or_group
    if not override.is_sweep_override():
        yield override.input_line or ""
        return
    value = override.value()
    if isinstance(value, Glob):
        names = options.groups(topic).get(key, ())
        chosen = value.filter(list(names))
        if not chosen:
            raise UserError(f"{override.input_line} matches none of {', '.join(names)}")
        yield from (f"{key}={name}" for name in chosen)
        return
    yield from (f"{key}={value}" for value in override.sweep_string_iterator())


@cache
def _flat_keys(topic: str, selected: tuple[str, ...]) -> list[str]:
    """All dotted keys that exist with the selected options."""

    def walk(node: Any, prefix: str) -> Iterator[str]:
        for name, value in node.items():
            yield prefix + str(name)
            if isinstance(value, dict):
                yield from walk(value, f"{prefix}{name}.")

    composed, _ = _raw(topic, tuple(selected))
    return list(walk(OmegaConf.to_container(composed, resolve=False), ""))


def must_be(name: str, allowed: Iterable[str], prefix: str, extra: list[str] | None = None) -> None:
    """Raise `UserError` with the nearest name unless `name` is allowed."""
    names, extra = list(allowed), extra or []
    if name in names:
        return
    near = difflib.get_close_matches(name, [*names, *extra], n=1, cutoff=0.5)
    hint = f"did you mean {prefix}{near[0]}? " if near else ""
    top = name.split(".")[0]
    shown = [entry for entry in names if entry not in extra and ("." not in entry or entry.split(".")[0] == top)]
    what = f"{prefix}{name} does not exist" if prefix else f"there is no key {name}"
    groups = f"; groups: {', '.join(extra)}" if extra else ""
    raise UserError(f"{what}; {hint}possible: {', '.join(shown)}{groups}")


def _compose(topic: str, lines: list[str]) -> Run:
    """Compose once for all seeds: Hydra takes a fifth of a second, and a suite has hundreds of runs."""
    seeds = [line for line in lines if re.fullmatch(r"seed=\d{1,9}", line)]
    composed, choices = _raw(topic, tuple(line for line in lines if line not in seeds))
    if seeds:
        composed = copy.deepcopy(composed)
        composed.seed = int(seeds[-1].removeprefix("seed="))
    return typed(topic, composed, choices)


@lru_cache(maxsize=256)
def _raw(topic: str, lines: tuple[str, ...]) -> tuple[DictConfig, dict[str, str]]:
    """The composed config without Hydra's own part, and Hydra's choices."""
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(configs_folder() / topic), version_base="1.3", job_name=topic):
            composed = compose("config", overrides=list(lines), return_hydra_config=True)
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(_first_line(error)) from error
    choices = dict(composed.hydra.runtime.choices)
    OmegaConf.set_struct(composed, False)
    del composed["hydra"]
    OmegaConf.set_struct(composed, True)
    return composed, choices


def _first_line(error: BaseException) -> str:
    """What went wrong in one line, with the key where OmegaConf names it."""
    cause = error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else error
    key = getattr(cause, "full_key", None)
    line, _, rest = str(cause).strip().partition("\n")
    if isinstance(error, MissingConfigException):
        names = rest.partition("Available options in")[2].partition(":\n")[2].partition("Config search path")[0]
        line = f"{line}; possible: {', '.join(names.split())}"
    return f"{key}: {line}" if key else line
