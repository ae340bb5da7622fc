"""`python -m benchmarks`: run what is missing, write every table, its figure and the claim table."""

import sys
from pathlib import Path

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console

from baselines.common import compose, options, record, terminal
from baselines.common.claims import FAILS
from baselines.common.errors import UserError
from benchmarks import claims, render, runner, tables
from benchmarks.config import Config

OK, FAILURE, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


def main(argv: list[str]) -> int:
    """Do what the command line asks for; returns the exit code."""
    if {"-h", "--help"} & set(argv):
        print(_help())
        return OK
    try:
        return _benchmark(_config(argv))
    except UserError as problem:
        terminal.error(str(problem))
        return BAD_INPUT
    except KeyboardInterrupt:
        terminal.error("interrupted; the same command goes on with what is missing")
        return INTERRUPTED


def _benchmark(cfg: Config) -> int:
    console = Console(width=None if sys.stdout.isatty() else terminal.PLAIN_WIDTH, highlight=False)
    chosen = {name: tables.load(name) for name in _chosen(cfg)}
    shared = [f"budget={cfg.suite}", f"results={cfg.results}", f"data_dir={cfg.data_dir}"]
    shared += [f"device={cfg.device}", f"threads={cfg.threads}", f"lang={cfg.lang}"]
    needed = {}
    for name, table in chosen.items():
        reason = getattr(table, "needs", lambda data_dir: None)(cfg.data_dir)
        if reason:
            console.print(f"table {name} is left out: {reason}")
        else:
            runs = table.runs(cfg.suite)
            has_data = getattr(table, "available", lambda run, data_dir: True)
            there = [run for run in runs if has_data(run, cfg.data_dir)]
            if len(there) < len(runs):
                console.print(f"table {name}: {len(runs) - len(there)} runs are left out, their data are missing")
            needed[name] = runner.jobs(table.topic, there, shared)
    every = [job for jobs in needed.values() for job in jobs]
    failures = runner.do_missing(every, cfg.workers, console, force=cfg.force)
    folder = Path(cfg.results).expanduser() / "tables" / cfg.suite
    pages: list[render.Page] = []
    for name, jobs in needed.items():
        views = [view for job in jobs if (view := record.read(job.run.folder)) is not None]
        page = render.page(name, chosen[name], views, cfg.suite, planned=len(jobs))
        if page is None:
            failures.append(f"table {name}: none of its {len(jobs)} runs is finished")
            continue
        render.write(page, folder, cfg.lang)
        console.print(f"\n[bold]{page.title}[/]\n")
        console.print(page.sheet.markdown(), markup=False, soft_wrap=True)
        pages.append(page)
    gathered = claims.unique(entry for page in pages for entry in page.claims)
    render.write_sheet(claims.sheet(gathered), folder / "claims", "All claims.")
    _summary(console, gathered, folder, failures)
    if cfg.publish:
        for path in render.publish(pages, Path(cfg.publish).expanduser(), cfg.suite):
            console.print(f"published {terminal.shown_path(path)}")
    failing = [entry for entry in gathered if entry.verdict == FAILS]
    return FAILURE if failures or (cfg.check and failing) else OK


def _summary(console: Console, gathered: list[claims.Gathered], folder: Path, failures: list[str]) -> None:
    for entry in gathered:
        measured = terminal.number(entry.claim.measured)
        console.print(f"{entry.verdict:<14}{measured:>10}  {entry.claim.statement}", markup=False, soft_wrap=True)
    console.print(f"\ntables and claims: {terminal.shown_path(folder)}")
    for failure in failures:
        terminal.error(failure)


def _chosen(cfg: Config) -> list[str]:
    """The tables that the filters leave."""
    compose.must_be(cfg.topic, ["", *options.topics()], "topic=")
    compose.must_be(cfg.table, ["", *tables.names()], "table=")
    names = [cfg.table] if cfg.table else tables.names()
    chosen = [name for name in names if cfg.topic in ("", tables.load(name).topic)]
    if not chosen:
        raise UserError(f"table={cfg.table} is not a table of topic={cfg.topic}")
    return chosen


def _config(argv: list[str]) -> Config:
    """The typed config of the command line."""
    for entry in argv:
        key = entry.partition("=")[0]
        compose.must_be(key, [known.name for known in options.keys(Config)], "")
    try:
        merged = OmegaConf.merge(OmegaConf.structured(Config), OmegaConf.from_dotlist(argv))
        cfg = OmegaConf.to_object(merged)
    except (ValueError, OmegaConfBaseException) as problem:
        raise UserError(str(problem).partition("\n")[0]) from problem
    assert isinstance(cfg, Config)
    return cfg


def _help() -> str:
    lines = [options.summary(Config), "", "usage: python -m benchmarks [key=VALUE ...]", "", "Keys"]
    lines += [f"  {f'{key.name}={key.default}':<32}  {key.help}" for key in options.keys(Config)]
    lines += ["", "Tables"]
    for name in tables.names():
        table = tables.load(name)
        lines.append(f"  {name:<32}  {table.topic}: {options.summary(type(table))}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
