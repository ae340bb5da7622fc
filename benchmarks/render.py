"""From records to pages: a pure function, so that the same records always give the same tables."""

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from baselines.common import plotting, record, terminal
from baselines.common.record import RunView
from benchmarks import claims
from benchmarks.claims import Gathered
from benchmarks.sheet import Sheet
from benchmarks.tables import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Page:
    """One table with its caption, its claims, and what draws its figure."""

    name: str
    topic: str
    title: str
    caption: str
    sheet: Sheet
    claims: list[Gathered]
    table: Table
    views: list[RunView]

    def figure(self, lang: str) -> tuple["Figure | None", str]:
        """The figure, and the language its labels could be drawn in."""
        text, used = plotting.translator(lang, self.table.ZH)
        return plotting.drawn(self.table.figure, self.views, text, lang=used), used


def page(name: str, table: Table, views: list[RunView], suite: str, planned: int) -> Page | None:
    """Make the page of a table from its records; None if no run is finished.

    Args:
        name: File name of the table.
        table: The table.
        views: The records that exist, whatever their status.
        suite: Budget of the runs.
        planned: Number of runs the table asked for.
    """
    done = [view for view in views if view.status == record.DONE]
    if not done:
        return None
    title, _, caption = (inspect.getdoc(type(table)) or name).partition("\n")
    title = title.rstrip(".")
    counted = f"{len(done)} of {planned} runs finished"
    diverged = sum(view.status == record.DIVERGED for view in views)
    if diverged:
        counted += f", {diverged} diverged"
    command = f"`python -m benchmarks table={name} suite={suite}`"
    caption = " ".join([*caption.split(), f"{counted}.", _provenance(done), command])
    gathered = claims.gather(table.topic, done, table.claims(done))
    return Page(name, table.topic, title, caption, table.sheet(done), gathered, table, done)


def _provenance(views: list[RunView]) -> str:
    """Hardware, software, date and commit of the records, in one sentence."""
    newest = max(views, key=lambda view: view.ended or "")
    where = newest.environment
    packages = where["packages"]
    machine = where["cpu"] if where["device"] == "cpu" else where["device"]
    threads = f"{where['threads']} thread" + ("s" if where["threads"] > 1 else "")
    commits = sorted({str(view.code["commit"] or "no commit") for view in views})
    return (
        f"{machine}, {threads} a run, Python {where['python']}, torch {packages['torch']}; "
        f"{(newest.ended or '')[:10]}, commit {', '.join(commits)}."
    )


def write(made: Page, folder: Path, lang: str) -> None:
    """Write a table as Markdown, CSV and LaTeX, and its figure."""
    write_sheet(made.sheet, folder / made.name, f"{made.title}. {made.caption}")
    figure, used = made.figure(lang)
    if figure is not None:
        plotting.save(figure, folder / made.name, used)


def write_sheet(sheet: Sheet, stem: Path, caption: str) -> None:
    """Write `<stem>.md`, `<stem>.csv` and `<stem>.tex`."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    forms = {".md": f"{sheet.markdown()}\n{caption}\n", ".csv": sheet.csv(), ".tex": sheet.latex()}
    for suffix, text in forms.items():
        with record.atomic(stem.with_name(stem.name + suffix)) as stream:
            stream.write(text.encode())


def _one_run(made: Page, folder: Path) -> list[str]:
    """The picture that the first run of a table left in its record."""
    view = made.views[0]
    picture = view.folder / "figure.png"
    if not picture.exists():
        return []
    with record.atomic(folder / "img" / f"{made.name}-run.png") as stream:
        stream.write(picture.read_bytes())
    chosen = ", ".join(name for name in view.choices.values() if name != "none")
    label = f"The figure of one of these runs: {chosen}, seed {view.seed}"
    return [f"{label}.\n", f"![{label}](img/{made.name}-run.png)\n"]


def publish(pages: list[Page], folder: Path, suite: str) -> list[Path]:
    """Write one Markdown page a topic, with tables, figures and claims, for readers who run nothing."""
    written = []
    for topic in sorted({made.topic for made in pages}):
        own = [made for made in pages if made.topic == topic]
        command = f"python -m benchmarks topic={topic} suite={suite} publish={terminal.shown_path(folder)}"
        parts = [
            f"# Results: {topic}\n",
            f"Generated from records by `{command}`; not edited by hand. "
            f"Background: [docs/{topic}.md](../{topic}.md).\n",
        ]
        for made in own:
            parts.append(f"## {made.title}\n")
            figure, used = made.figure("en")
            (folder / "img").mkdir(parents=True, exist_ok=True)
            if figure is not None:
                plotting.save(figure, folder / "img" / made.name, used, formats=("png",))
                parts.append(f"![{made.title}](img/{made.name}.png)\n")
            parts += [made.sheet.markdown(), f"*{made.caption}*\n", *_one_run(made, folder)]
        rows = claims.unique(entry for made in own for entry in made.claims)
        parts += ["## Claims\n", f"{claims.NOTE}\n", claims.sheet(rows).markdown()]
        path = folder / f"{topic}.md"
        with record.atomic(path) as stream:
            stream.write("\n".join(parts).encode())
        written.append(path)
    return written
