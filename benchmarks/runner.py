"""Do the runs that have no finished record yet, several processes side by side."""

import os
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from baselines.common import compose, record
from baselines.common.app import FINISHED
from baselines.common.compose import Run


@dataclass(frozen=True)
class Job:
    """One run and the overrides that lead to it."""

    run: Run
    overrides: tuple[str, ...]

    @property
    def command(self) -> list[str]:
        """The command line that does this run."""
        return [sys.executable, "-m", f"baselines.{self.run.topic}", *self.overrides]


def jobs(topic: str, overrides: Iterable[list[str]], shared: list[str]) -> list[Job]:
    """Resolve the runs of a table.

    Raises:
        UserError: If an override is wrong.
    """
    return [Job(compose.resolve(topic, [*own, *shared]), (*own, *shared)) for own in overrides]


def is_finished(run: Run) -> bool:
    """Whether a record made by the present code exists."""
    found = record.read(run.folder, curves=False)
    return found is not None and found.status in FINISHED and found.code["fingerprint"] == run.fingerprint


def do_missing(all_jobs: Iterable[Job], workers: int, console: Console, *, force: bool = False) -> list[str]:
    """Do every run that is not finished, each once.

    Returns:
        One message for each run that failed.
    """
    unique = {job.run.folder: job for job in all_jobs}.values()
    missing = [job for job in unique if force or not is_finished(job.run)]
    console.print(f"{len(unique)} runs, {len(missing)} to do", highlight=False)
    failures: list[str] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    pool = ThreadPoolExecutor(workers)
    try:
        with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
            task = bar.add_task("runs", total=len(missing))
            futures = {pool.submit(_do, job): job for job in missing}
            for future in as_completed(futures):
                job, problem = futures[future], future.result()
                console.print(f"{'failed' if problem else 'done':<8}{job.run.label}", highlight=False)
                if problem:
                    failures.append(f"{job.run.label}: {problem}")
                bar.advance(task)
    finally:
        pool.shutdown(cancel_futures=True)
    return failures


def _do(job: Job) -> str | None:
    """Do one run in a process of its own; None, or the last line it printed on failure."""
    environment = os.environ | {"OMP_WAIT_POLICY": "PASSIVE"}
    done = subprocess.run(job.command, capture_output=True, text=True, env=environment)
    if done.returncode == 0:
        return None
    lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return lines[-1] if lines else f"exit code {done.returncode}"
