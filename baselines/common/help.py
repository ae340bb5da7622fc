"""The text of `--help`: what a topic does, its options, its keys, and commands to try."""

from collections.abc import Iterator

from baselines.common import compose, options
from baselines.common.config import RunConfig
from baselines.common.options import Key

FLAGS = """\
  -m                        run every combination of the values given (seed=0,1,2  "seed=range(0,5)"  "{group}=glob(*)")
  --cfg job                 print the composed configuration and stop
  hydra/launcher=joblib     with -m: runs side by side, one process a core
  hydra.verbose=true        log messages, and the full traceback of an error"""


def text(topic: str, overrides: list[str]) -> str:
    """The help of a topic for the options that the overrides choose, without importing torch.

    Raises:
        UserError: If an override is wrong.
    """
    defaults = compose.resolve(topic, []).choices
    chosen = compose.resolve(topic, overrides).choices
    group = list(defaults)[-1]
    parts = [
        f"{options.summary(options.config_class(topic))}\n",
        f"usage: python -m baselines.{topic} [-m] [option=NAME ...] [key=VALUE ...]\n",
        *_options(topic, defaults),
        f"Keys  (of {', '.join(f'{name}={option}' for name, option in chosen.items())}; "
        f"of another option: {group}=NAME --help)",
        *_lines(_key_rows(topic, chosen)),
        "Switches\n" + FLAGS.format(group=group),
        "",
        "Examples",
        f"  python -m baselines.{topic} budget=smoke",
        f'  python -m baselines.{topic} -m "seed=range(0,5)" hydra/launcher=joblib',
    ]
    return "\n".join(parts)


def _options(topic: str, defaults: dict[str, str]) -> Iterator[str]:
    for group, names in options.groups(topic).items():
        yield f"{group}=  (default {defaults[group]})"
        yield from _lines([(name, options.summary(options.option_class(topic, group, name))) for name in names])
    for group in ("budget", "experiment"):
        presets = [name for name in compose.option_names(topic)[group] if name != "null"]
        if presets:
            yield f"{group}="
            yield from _lines([(name, _header(topic, group, name)) for name in presets])


def _header(topic: str, group: str, name: str) -> str:
    """The first comment of a preset's file."""
    for line in (compose.configs_folder() / topic / group / f"{name}.yaml").read_text(encoding="utf-8").splitlines():
        if line.startswith("# ") and "@package" not in line:
            return line[2:]
    return ""


def _key_rows(topic: str, chosen: dict[str, str]) -> list[tuple[str, str]]:
    """The keys of the chosen options, of the topic, and those that all topics share."""
    shared = {key.name for key in options.keys(RunConfig)}
    own = [key for key in options.keys(options.config_class(topic)) if key.name not in chosen]
    rows = []
    for group, name in chosen.items():
        rows += [_row(key, f"{group}.") for key in options.keys(options.option_class(topic, group, name))]
    rows += [_row(key, "") for key in own if key.name not in shared]
    return rows + [_row(key, "") for key in own if key.name in shared]


def _row(key: Key, prefix: str) -> tuple[str, str]:
    return f"{prefix}{key.name}={key.default}", key.help


def _lines(rows: list[tuple[str, str]]) -> Iterator[str]:
    for left, right in rows:
        yield f"  {left:<32}  {right}".rstrip()
    yield ""
