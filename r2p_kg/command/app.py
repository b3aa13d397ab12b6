"""The ``r2p`` command itself, and what its commands share.

Commands import what they need when they run: ``r2p --help`` is quick.

Exit codes: 0 done; 1 findings of severity error; 2 a wrong argument, or something that cannot be used.
"""

from __future__ import annotations

import errno
import io
import json
import os
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from r2p_kg import __version__
from r2p_kg.curate.findings import SEVERITIES, FindingsError
from r2p_kg.errors import R2PError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from r2p_kg.command.reload import Folders
    from r2p_kg.curate.build import Built
    from r2p_kg.curate.findings import Finding, Severity

_COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}


class _Group(click.Group):
    """A group whose commands end with one sentence, not with a traceback, if a person can mend the cause."""

    def main(self, *args: Any, **options: Any) -> Any:
        """Run a command and end this process with its exit code."""
        for stream in (sys.stdout, sys.stderr):
            # A terminal that cannot show a sign gets its number, as in \\u2014.
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        try:
            try:
                return super().main(*args, **options)
            finally:
                sys.stdout.flush()
        except OSError as error:
            _drop_output()
            # The reader of a pipe may leave when it has seen enough.
            if error.errno != errno.EPIPE:
                click.echo(f"r2p: {error.filename or 'the output'}: {error.strerror or error}", err=True)
            sys.exit(R2PError.exit_code)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command, its errors as sentences."""
        try:
            return super().invoke(ctx)
        except R2PError as error:
            click.echo(f"r2p: {error}", err=True)
            ctx.exit(error.exit_code)
        except click.UsageError as error:
            command = error.ctx.command_path if error.ctx else "r2p"
            message = error.format_message().rstrip(".")
            click.echo(f"r2p: {message}; {command} --help lists what it takes", err=True)
            ctx.exit(error.exit_code)


def _drop_output() -> None:
    """Throw away what standard output still holds, because Python would try to write it again at its end."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


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


def folders(ontology: Path | None, state: Path | None, queries: Path | None = None) -> Folders:
    """The folders that the options name, each with its default."""
    from r2p_kg import library
    from r2p_kg.command import reload
    from r2p_kg.curate import build

    return reload.Folders(
        ontology or build.ontology_folder(),
        state or build.state_folder(),
        queries or library.queries_folder(),
    )


def current(ontology: Path, state: Path | None, *, quiet: bool) -> Built:
    """The snapshot of the ontology folder.

    Lists errors in the files before FindingsError goes on.
    """
    from r2p_kg.curate import build as pipeline

    with _listing(ontology), progress(pipeline.STEPS, quiet=quiet) as notice:
        return pipeline.current(ontology, state or pipeline.state_folder(), notice)


def current_or_last_good(where: Folders) -> tuple[Path, tuple[str, ...]]:
    """The file of the snapshot of the curated files and notices about it, which go to standard error as well.

    If the files have errors, the last good snapshot; if there is none, the errors are listed before
    FindingsError goes on.
    """
    from r2p_kg.command import reload
    from r2p_kg.curate import build

    with _listing(where.ontology), progress(build.STEPS) as notice:
        path, notices = reload.build(where, notice)
    for text in notices:
        click.echo(f"r2p: {text}", err=True)
    return path, notices


@contextmanager
def _listing(ontology: Path) -> Iterator[None]:
    try:
        yield
    except FindingsError as error:
        show(error.findings, ontology, "text", least="warning")
        raise


@contextmanager
def progress(steps: Sequence[str], *, quiet: bool = False) -> Iterator[Callable[[str, str], None]]:
    """A callback for the pipeline's steps that draws a bar on standard error if that is a terminal."""
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
        where = f"{folder / finding.path}:{finding.line}"
        check = click.style(f"[{finding.check}]", dim=True)
        click.echo(f"{where}: {severity}: {finding.message} — {finding.repair} {check}")
    if any(finding.check == "syntax" for finding in findings):
        click.echo("the other checks wait until every file can be parsed")
    if any(counts.values()):
        hidden = len(findings) - len(shown)
        summary = ", ".join(
            many(counts[severity], "note" if severity == "info" else severity) for severity in SEVERITIES
        )
        click.echo(summary + (f" ({hidden} not listed: --all)" if hidden else ""))
    else:
        click.echo("nothing to mend")


def to_json(content: Any) -> str:
    """The content as JSON for people and programs; in ASCII if standard output carries nothing else."""
    unicode = str(sys.stdout.encoding).lower().startswith("utf")
    return json.dumps(content, indent=1, ensure_ascii=not unicode)


def many(number: int, noun: str) -> str:
    """A number and its noun.

    >>> many(1, "error"), many(1200, "note")
    ('1 error', '1,200 notes')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
