"""The way of one run: compose, key, skip if done, run, record. Hydra's sweeps and launchers take the same way."""

import importlib
import logging
import os
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from hydra import main as hydra_main
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from baselines.common import compose, compute, help, identity, record, terminal
from baselines.common.compose import Run
from baselines.common.errors import Diverged, RunFailed, UserError
from baselines.common.record import Record, RunView
from baselines.common.terminal import Terminal

FINISHED = (record.DONE, record.DIVERGED)  # a diverged run would diverge again
LOCK = ".lock"
OK, FAILURE, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130

log = logging.getLogger(__name__)


def main(topic: str) -> None:
    """Entry of `python -m baselines.<topic>`; exits with 0, 1 (a run failed), 2 (bad input) or 130 (Ctrl-C)."""
    sys.exit(_main(topic, sys.argv[1:]))


def _main(topic: str, argv: list[str]) -> int:
    signal.signal(signal.SIGTERM, _terminated)
    verbose = "hydra.verbose=true" in argv
    try:
        if {"-h", "--help"} & set(argv):
            print(help.text(topic, [arg for arg in argv if not arg.startswith("-")]))
            return OK
        args = get_args_parser().parse_args(argv)
        if args.multirun and (args.cfg or args.info):
            raise UserError("-m does not go with --cfg or --info; leave one of them out")
        runs = compose.validate(topic, args.overrides, multirun=args.multirun)
        if args.multirun:
            Terminal().say(f"{runs} runs")
        flags = [arg for arg in argv if arg not in args.overrides]
        return _hydra(topic, [*flags, *compose.normalised(args.overrides)])
    except UserError as problem:
        terminal.error(str(problem))
        return BAD_INPUT
    except RunFailed as problem:
        terminal.error(str(problem))
        return FAILURE
    except KeyboardInterrupt:
        terminal.error("interrupted; the same command starts again what is missing")
        return INTERRUPTED
    except Exception as problem:
        if verbose:
            traceback.print_exc()
        terminal.error(f"{type(problem).__name__}: {problem} (hydra.verbose=true shows where)")
        return FAILURE


def _hydra(topic: str, argv: list[str]) -> int:
    """Hand over to Hydra, which composes again and calls the job once for each run."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # exceptions come back to us instead of being printed
    with tempfile.TemporaryDirectory(prefix="sweep-") as scratch:  # Hydra writes a multirun.yaml somewhere
        extra = [f"hydra.job.name={topic}"]
        if not any("hydra.sweep.dir" in arg or "launcher=slurm" in arg for arg in argv):
            extra.append(f"hydra.sweep.dir={scratch}")
        sys.argv = [sys.argv[0], *argv, *extra]
        folder = str(compose.configs_folder() / topic)
        job = Job(topic)
        hydra_main(config_path=folder, config_name="config", version_base="1.3")(job)()
    if job.problem is not None:
        raise job.problem
    return OK


class Job:
    """What Hydra calls for each run; a class, so that launchers can send it to other processes.

    Args:
        topic: Name of the topic package.
    """

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.problem: Exception | None = None

    def __call__(self, composed: DictConfig) -> None:
        """Do one run, in whatever process the launcher chose.

        Alone, a problem is kept for the caller, because Hydra would print it in its own way. In a sweep it is
        printed and raised: the launcher then goes on with the other runs.
        """
        hydra = HydraConfig.get()
        run = compose.typed(self.topic, composed, dict(hydra.runtime.choices))
        sweep = hydra.mode == RunMode.MULTIRUN
        show = Terminal(compact=sweep)
        try:
            execute(run, show, alone=not sweep, verbose=bool(hydra.verbose))
        except Exception as problem:
            if sweep:
                show.say(f"failed      {problem}")
                raise
            self.problem = problem


def execute(run: Run, show: Terminal, *, alone: bool = True, verbose: bool = False) -> RunView | None:
    """Do a run unless a finished record of it exists, and show its result.

    Args:
        run: The resolved run.
        show: Where to print.
        alone: False inside a sweep, where a combination that an option refuses is reported and passed over.
        verbose: Show the traceback of a failure.

    Raises:
        UserError: If the config cannot be run here; nothing is written.
        RunFailed: If the run raised an exception, which its record then holds.
    """
    if reason := _refused(run):
        if alone:
            raise UserError(reason)
        show.say(f"skipped     {run.label}: {reason}")
        return None
    code = {"fingerprint": run.fingerprint, "commit": identity.git_commit()}
    view, note = _finished(run, code)
    if note and not (view and show.compact):
        show.say(note)
    if view is None:
        compute.prepare(run.cfg)
        with _locked(run, show):
            view, _ = _finished(run, code)  # another process may have finished it by now
            view = view or _run(run, code, show, verbose)
    try:
        drawn = pictures(view, run.cfg.lang)
    except OSError as problem:  # full disk, or somebody's read-only results: the record is complete all the same
        log.warning("the figure cannot be written (%s); the same command draws it later", problem)
        drawn = []
    show.result(view, run.label, drawn)
    return view


def _refused(run: Run) -> str | None:
    """The reason an option gives for not running in this combination."""
    for group in run.choices:
        skip = getattr(getattr(run.cfg, group), "skip", None)
        if skip is not None and (reason := skip(run.cfg)):
            return reason
    return None


def _finished(run: Run, code: dict[str, Any]) -> tuple[RunView | None, str]:
    """The finished record of this very run, if there is one that the present code made, and what to say of it."""
    found = record.read(run.folder)
    if found is None or found.status not in FINISHED or run.cfg.force:
        return None, ""
    if run.cfg.device == "cuda" and found.environment["device"] == "cpu":
        return None, ""  # asked for a GPU: what the CPU computed is no answer
    if found.code["fingerprint"] != code["fingerprint"]:
        return None, f"stale: the code or its data have changed since {found.ended}; running again"
    return found, f"already {found.status} on {found.ended}; force=true runs it again"


@contextmanager
def _locked(run: Run, show: Terminal) -> Iterator[None]:
    """Hold the record's folder; a lock dies with its process, so a killed run never blocks the next."""
    fresh = not run.folder.exists()
    try:
        run.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(run.folder / LOCK)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            show.say("another process is doing this run; waiting for it")
            lock.acquire()
    except OSError as problem:
        raise UserError(f"cannot write to {run.folder}: {problem.strerror}; choose results=FOLDER") from problem
    try:
        yield
    except UserError:
        lock.release()
        if fresh:
            _remove(run.folder)
        raise
    finally:
        lock.release()


def _run(run: Run, code: dict[str, Any], show: Terminal, verbose: bool) -> RunView:
    """Do the work inside the lock and leave a record whatever happens."""
    from threadpoolctl import threadpool_limits

    head = {
        "topic": run.topic,
        "key": run.key,
        "config": run.config,
        "choices": run.choices,
        "seed": run.cfg.seed,
        "environment": compute.environment(run.cfg),
        "code": code,
    }
    work = importlib.import_module(f"baselines.{run.topic}.run").run
    rec = Record(run.folder, head, show.progress())
    try:
        rec.start()
        if run.cfg.force:
            rec.forget()
        with threadpool_limits(run.cfg.threads), compute.measured_cost(rec.cost):
            outcome = work(run.cfg, rec)
        rec.finish(record.DONE, outcome)
    except Diverged as problem:
        rec.finish(record.DIVERGED, error=str(problem))
    except UserError as problem:  # a fresh folder is removed again; an older record must not look as if it ran
        with suppress(OSError):
            rec.finish(record.FAILED, error=str(problem))
        raise
    except (KeyboardInterrupt, SystemExit):
        rec.finish(record.INTERRUPTED)
        raise
    except Exception as problem:
        where = "not recorded"
        with suppress(OSError):  # on a full disk not even the failure can be recorded
            rec.finish(record.FAILED, error=traceback.format_exc())
            where = f"traceback in {terminal.shown_path(run.folder / record.RECORD)}"
        if verbose:
            traceback.print_exc()
        raise RunFailed(f"{run.label}: {type(problem).__name__}: {problem} ({where})") from problem
    view = record.read(run.folder)
    if view is None:
        raise RunFailed(f"{run.label}: the record disappeared from {run.folder}")
    return view


def pictures(view: RunView, lang: str) -> list[Path]:
    """The figures of a record in this language; drawn from its curves if missing or older than the drawing code."""
    if view.status != record.DONE:
        return []
    module = importlib.import_module(f"baselines.{view.topic}.figures")
    from baselines.common import plotting

    text, used = plotting.translator(lang, module.ZH)
    suffix = "" if used == "en" else f".{used}"
    main_picture = view.folder / f"figure{suffix}.png"
    if not main_picture.exists() or main_picture.stat().st_mtime < _changed(Path(module.__file__ or "")):
        with FileLock(view.folder / LOCK):
            record.tidy(view.folder)
            figures = plotting.drawn(module.draw, view, text, lang=used)
            for name in reversed(figures):  # the main picture's PNG is written last: where it is, the others are
                plotting.save(figures[name], view.folder / f"{name}{suffix}", used)
    others = [path for path in view.folder.glob("*.png") if (".zh" in path.stem) == (used == "zh")]
    return [main_picture, *sorted(set(others) - {main_picture})]


def _changed(module: Path) -> float:
    """When a module, or a file of the package it opens, was last changed."""
    files = module.parent.glob("*.py") if module.name == "__init__.py" else [module]
    return max(file.stat().st_mtime for file in files)


def _remove(folder: Path) -> None:
    """Remove a folder made for a run that could not start, and the folders above that it leaves empty."""
    shutil.rmtree(folder, ignore_errors=True)
    for parent in (folder.parent, folder.parent.parent):
        try:
            parent.rmdir()
        except OSError:
            return


def _terminated(signum: int, frame: Any) -> None:
    """SIGTERM ends a run like Ctrl-C: with the status `interrupted`."""
    raise KeyboardInterrupt
