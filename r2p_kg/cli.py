"""The ``r2p`` command. Commands import what they need when they run, so that ``r2p --help`` is quick.

Exit codes: 0 done; 1 findings of severity error; 2 a wrong argument, or something that cannot be used.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from r2p_kg import __version__, vocab
from r2p_kg.errors import FindingsError, R2PError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from r2p_kg.build import Built
    from r2p_kg.census import Reading
    from r2p_kg.findings import Finding, Severity

_COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}


class _Group(click.Group):
    """A group whose commands end with one sentence on standard error, never with a traceback, where a person can mend the cause."""

    def invoke(self, ctx: click.Context) -> Any:
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
    """  # noqa: D301 - \b is click's own sign for "leave these lines alone"


def _ontology_option(command: Callable[..., None]) -> Callable[..., None]:
    text = "Folder of curated Turtle files.  [default: the one of this checkout or package]"
    return click.option("--ontology", metavar="DIR", type=click.Path(path_type=Path), help=text, default=None)(command)


def _state_option(command: Callable[..., None]) -> Callable[..., None]:
    text = "Folder where snapshots are kept.  [default: R2P_STATE, else the user's state folder]"
    return click.option("--state", metavar="DIR", type=click.Path(path_type=Path), help=text, default=None)(command)


@main.command()
@_ontology_option
@_state_option
@click.option("--quiet", is_flag=True, help="Print the path of the snapshot and nothing else.")
def build(ontology: Path | None, state: Path | None, *, quiet: bool) -> None:
    """Check, reason and freeze: make the snapshot that is served.

    Nothing is done where nothing changed since the last time. Where the files have errors they are listed,
    the exit code is 1, and the last good snapshot stays what it was.

    \b
    Examples:
      r2p build
      r2p build --ontology my-ontology --state my-state
    """  # noqa: D301 - \b is click's own sign for "leave these lines alone"
    from r2p_kg import build as pipeline  # noqa: PLC0415 - so that --help is quick

    where = ontology or pipeline.ontology_folder()
    built = _current(where, state, quiet=quiet)
    if quiet:
        click.echo(built.path)
        return
    _show(built.findings, where, "text", least="warning")
    counts = built.snapshot.census
    click.echo(f"{'built' if built.fresh else 'unchanged'}: {counts['triples asserted']:,} triples asserted, {counts['triples entailed']:,} entailed")
    click.echo(f"digest {built.snapshot.digest}")
    click.echo(f"file   {built.path}")


@main.command()
@_ontology_option
@_state_option
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="For people, or for programs.")
@click.option("--all", "least", flag_value="info", help="List what is merely worth knowing as well, such as passages that no one has read yet.")
@click.option("--errors", "least", flag_value="error", help="List errors only.")
@click.option("--report", is_flag=True, help="Print every rule, its origin and how often it fired, in Markdown (docs/quality.md is this).")
def check(*, ontology: Path | None, state: Path | None, form: str, least: Severity | None, report: bool) -> None:
    """List what is wrong with the curated files: file, line, what is wrong, how to mend it.

    Exit code 1 where there is an error; warnings alone give 0. Nothing is built or replaced.

    \b
    Examples:
      r2p check
      r2p check --all
      r2p check --format json | jq -r '.findings[].path' | sort | uniq -c
      r2p check --report > docs/quality.md
    """  # noqa: D301 - \b is click's own sign for "leave these lines alone"
    from r2p_kg import build as pipeline  # noqa: PLC0415 - so that --help is quick

    where = ontology or pipeline.ontology_folder()
    with progress(pipeline.STEPS, quiet=form == "json") as notice:
        findings = pipeline.assemble(where, memory=(state or pipeline.state_folder()) / "consistency", notice=notice).findings
    if report:
        from r2p_kg.checks import quality  # noqa: PLC0415 - so that --help is quick

        click.echo(quality.report(quality.fired(quality.rules(where), findings), quality.elsewhere(where)), nl=False)
    else:
        _show(findings, where, form, least=least or "warning")
    if any(finding.severity == "error" for finding in findings):
        click.get_current_context().exit(1)


@main.command()
@_ontology_option
@_state_option
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="For people, or for programs.")
@click.option("--passages", is_flag=True, help="List each passage with its statements, or with the reason why it has none.")
def census(ontology: Path | None, state: Path | None, form: str, *, passages: bool) -> None:
    """Count what is in the graph, and the passages of each document with and without statements.

    \b
    Examples:
      r2p census
      r2p census --passages | less
      r2p census --format json
    """  # noqa: D301 - \b is click's own sign for "leave these lines alone"
    from r2p_kg import build as pipeline  # noqa: PLC0415 - so that --help is quick
    from r2p_kg import census as counting  # noqa: PLC0415
    from r2p_kg import rdf  # noqa: PLC0415

    built = _current(ontology or pipeline.ontology_folder(), state, quiet=form == "json")
    quads = rdf.quads_of(built.snapshot.quads)
    covered = counting.coverage(quads)
    if passages:
        _list_passages(counting.readings(quads), form)
        return
    if form == "json":
        documents = [
            {"document": one.document, "passages": one.passages, "cited": one.cited, "excused": one.excused, "open": one.open, "statements": one.statements}
            for one in covered
        ]
        click.echo(json.dumps({"digest": built.snapshot.digest, "counts": dict(built.snapshot.census), "documents": documents}, indent=1))
        return
    for name, count in sorted(built.snapshot.census.items()):
        click.echo(f"{count:>9,}  {name}")
    for one in covered:
        click.echo(f"\n{one.label}")
        click.echo(f"{one.statements:>9,}  statements\n{one.passages:>9,}  passages: {one.cited:,} cited, {one.excused:,} excused, {one.open:,} open")


@main.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--entailed", is_flag=True, help="Write what the reasoner concluded as well.")
@_ontology_option
@_state_option
def export(file: Path, ontology: Path | None, state: Path | None, *, entailed: bool) -> None:
    """Write schema and facts as one file for other tools, in the format of its suffix.

    .rdf and .owl (RDF/XML, for Protégé and owlready2), .ttl, .nt, .jsonld, and with the named graphs .nq and .trig.

    \b
    Examples:
      r2p export r2p-kg.owl
      r2p export --entailed r2p-kg.nq
    """  # noqa: D301 - \b is click's own sign for "leave these lines alone"
    from r2p_kg import build as pipeline  # noqa: PLC0415 - so that --help is quick
    from r2p_kg import export as exporting  # noqa: PLC0415

    exporting.media_type(file)  # before a build that may take half a minute
    built = _current(ontology or pipeline.ontology_folder(), state, quiet=False)
    size = exporting.write(built.snapshot, file, entailed=entailed)
    click.echo(f"wrote {file}: {size:,} bytes of {exporting.media_type(file)}")


def _list_passages(readings: Sequence[Reading], form: str) -> None:
    if form == "json":
        click.echo(json.dumps([asdict(one) for one in readings], indent=1, ensure_ascii=False))
        return
    for one in readings:
        made = f"{len(one.statements)} statements" if one.statements else one.reason or "OPEN"
        click.echo(f"{one.passage.removeprefix(vocab.ID)}: {made}")
        for _, sentence in one.statements:
            click.echo(f"    {sentence}")


def _current(ontology: Path, state: Path | None, *, quiet: bool) -> Built:
    """The snapshot of the ontology folder; where the files have errors these are listed before FindingsError goes on."""
    from r2p_kg import build as pipeline  # noqa: PLC0415 - so that --help is quick

    try:
        with progress(pipeline.STEPS, quiet=quiet) as notice:
            return pipeline.current(ontology, state or pipeline.state_folder(), notice)
    except FindingsError as error:
        _show(error.findings, ontology, "text", least="warning")
        raise


@contextmanager
def progress(steps: Sequence[str], *, quiet: bool = False) -> Iterator[Callable[[str, str], None]]:
    """A callback for the pipeline's steps that draws a bar on a terminal's standard error, and nothing elsewhere."""
    if quiet or not sys.stderr.isatty():
        yield lambda _step, _what: None
        return
    from rich.console import Console  # noqa: PLC0415 - so that --help is quick
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[what]}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=len(steps), what="")
        yield lambda step, what: bar.update(task, completed=steps.index(step), description=step, what=what)


def _show(findings: Sequence[Finding], ontology: Path, form: str, least: Severity) -> None:
    """Print findings down to a severity, and one line of summary that counts all of them."""
    from r2p_kg.findings import SEVERITIES  # noqa: PLC0415

    listed = SEVERITIES[: SEVERITIES.index(least) + 1]
    shown = [finding for finding in findings if finding.severity in listed]
    counts = {severity: sum(finding.severity == severity for finding in findings) for severity in SEVERITIES}
    if form == "json":
        click.echo(json.dumps({"counts": counts, "findings": [finding.as_dict() for finding in shown]}, indent=1, ensure_ascii=False))
        return
    folder = Path(os.path.relpath(ontology))
    for finding in shown:
        severity = click.style(finding.severity, fg=_COLOURS[finding.severity], bold=True)
        click.echo(f"{folder / finding.path}:{finding.line}: {severity}: {finding.message} — {finding.repair} {click.style(f'[{finding.check}]', dim=True)}")
    if any(finding.check == "syntax" for finding in findings):
        click.echo("the other checks wait until every file can be parsed")
    if any(counts.values()):
        hidden = len(findings) - len(shown)
        click.echo(
            f"{_many(counts['error'], 'error')}, {_many(counts['warning'], 'warning')}, {_many(counts['info'], 'note')}"
            + (f" ({hidden} not listed: --all)" if hidden else "")
        )
    else:
        click.echo("nothing to mend")


def _many(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


# Last, because the reader's commands use what stands above; importing them registers them.
from r2p_kg import cli_readers  # noqa: E402, F401
