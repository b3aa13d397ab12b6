"""The ``r2p`` command itself, and what its commands share.

Commands import what they need when they run: ``r2p --help`` is quick.

Exit codes: 0 done; 1 findings of severity error; 2 a wrong argument, or something that cannot be used.
"""

from __future__ import annotations

import io
import json
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from r2p_kg import __version__
from r2p_kg.curate.findings import SEVERITIES, FindingsError
from r2p_kg.errors import R2PError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from r2p_kg.curate.build import Built
    from r2p_kg.curate.findings import Finding, Severity

_COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}


class _Group(click.Group):
    """A group whose commands end with one sentence on standard error, never with a traceback, where a person can mend the cause."""

    def invoke(self, ctx: click.Context) -> Any:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                # What a terminal in ASCII cannot show is written as an escape.
                stream.reconfigure(errors="backslashreplace")
        try:
            return super().invoke(ctx)
        except R2PError as error:
            click.echo(f"r2p: {error}", err=True)
            ctx.exit(error.exit_code)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="r2p")
def main() -> None:
    """Curate, build, serve and ask the knowledge graph on the Responsibility to Protect.

    \b
    A curator's day:
      r2p check                    what is wrong, where, and how to mend it
      r2p build                    the snapshot that is served
      r2p census                   what is in it, and which passages are still open

    \b
    A reader's:
      r2p serve                    http://127.0.0.1:8000/
      r2p ask                      the questions that can be asked
    """


def ontology_option(command: Callable[..., None]) -> Callable[..., None]:
    """The option ``--ontology``."""
    text = "Folder of curated Turtle files.  [default: the one of this checkout or package]"
    return click.option(
        "--ontology", metavar="DIR", type=click.Path(path_type=Path), help=text, default=None
    )(command)


def state_option(command: Callable[..., None]) -> Callable[..., None]:
    """The option ``--state``."""
    text = "Folder where snapshots are kept.  [default: R2P_STATE, else the user's state folder]"
    return click.option("--state", metavar="DIR", type=click.Path(path_type=Path), help=text, default=None)(
        command
    )


def current(ontology: Path, state: Path | None, *, quiet: bool) -> Built:
    """The snapshot of the ontology folder.

    Where the files have errors these are listed before FindingsError goes on.
    """
    from r2p_kg.curate import build as pipeline

    try:
        with progress(pipeline.STEPS, quiet=quiet) as notice:
            return pipeline.current(ontology, state or pipeline.state_folder(), notice)
    except FindingsError as error:
        show(error.findings, ontology, "text", least="warning")
        raise


@contextmanager
def progress(steps: Sequence[str], *, quiet: bool = False) -> Iterator[Callable[[str, str], None]]:
    """A callback for the pipeline's steps that draws a bar on a terminal's standard error, and nothing elsewhere."""
    if quiet or not sys.stderr.isatty():
        yield lambda _step, _what: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[what]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=len(steps), what="")
        yield lambda step, what: bar.update(task, completed=steps.index(step), description=step, what=what)


def show(findings: Sequence[Finding], ontology: Path, form: str, least: Severity) -> None:
    """Print findings down to a severity, and one line of summary that counts all of them."""
    listed = SEVERITIES[: SEVERITIES.index(least) + 1]
    shown = [finding for finding in findings if finding.severity in listed]
    counts = {severity: sum(finding.severity == severity for finding in findings) for severity in SEVERITIES}
    if form == "json":
        click.echo(to_json({"counts": counts, "findings": [finding.as_dict() for finding in shown]}))
        return
    folder = Path(os.path.relpath(ontology))
    for finding in shown:
        severity = click.style(finding.severity, fg=_COLOURS[finding.severity], bold=True)
        click.echo(
            f"{folder / finding.path}:{finding.line}: {severity}: {finding.message} — {finding.repair} {click.style(f'[{finding.check}]', dim=True)}"
        )
    if any(finding.check == "syntax" for finding in findings):
        click.echo("the other checks wait until every file can be parsed")
    if any(counts.values()):
        hidden = len(findings) - len(shown)
        click.echo(
            f"{many(counts['error'], 'error')}, {many(counts['warning'], 'warning')}, {many(counts['info'], 'note')}"
            + (f" ({hidden} not listed: --all)" if hidden else "")
        )
    else:
        click.echo("nothing to mend")


def to_json(content: Any) -> str:
    """The content as JSON for people and programs; in ASCII if standard output carries nothing else."""
    unicode = str(sys.stdout.encoding).lower().startswith("utf")
    return json.dumps(content, indent=1, ensure_ascii=not unicode)


def many(number: int, noun: str) -> str:
    """A number and its noun.

    >>> many(1, "error"), many(1200, "note")
    (\'1 error\', \'1,200 notes\')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
