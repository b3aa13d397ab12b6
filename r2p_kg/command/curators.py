"""The curators' commands of ``r2p``: build, check, census, export."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from r2p_kg.command.app import current, main, progress, show, to_json
from r2p_kg.command.values import ontology_option, state_option
from r2p_kg.graph import vocab

if TYPE_CHECKING:
    from collections.abc import Sequence

    from r2p_kg.curate.findings import Severity
    from r2p_kg.graph.census import Reading


@main.command()
@ontology_option
@state_option
@click.option("--quiet", is_flag=True, help="Print the path of the snapshot and nothing else.")
def build(ontology: Path | None, state: Path | None, *, quiet: bool) -> None:
    """Check, reason and freeze: make the snapshot that is served.

    If nothing changed since the last time, nothing is done. If the files have errors, these are listed, the
    exit code is 1, and the last good snapshot stays what it was.

    \b
    Examples:
      r2p build
      r2p build --ontology my-ontology --state my-state
    """
    from r2p_kg.curate import build as pipeline

    where = ontology or pipeline.ontology_folder()
    built = current(where, state, quiet=quiet)
    if quiet:
        click.echo(built.path)
        return
    show(built.findings, where, "text", least="warning")
    counts = built.snapshot.census
    outcome = "built" if built.fresh else "unchanged"
    asserted, entailed = counts["triples asserted"], counts["triples entailed"]
    click.echo(f"{outcome}: {asserted:,} triples asserted, {entailed:,} entailed")
    click.echo(f"digest {built.snapshot.digest}")
    click.echo(f"file   {built.path}")


@main.command()
@ontology_option
@state_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="For people, or for programs.",
)
@click.option(
    "--all",
    "least",
    flag_value="info",
    help="List notes as well, such as passages that no one has read yet.",
)
@click.option("--errors", "least", flag_value="error", help="List errors only.")
@click.option(
    "--report",
    is_flag=True,
    help="Print every rule, its origin and how often it fired, in Markdown, as in docs/quality.md.",
)
def check(
    *, ontology: Path | None, state: Path | None, form: str, least: Severity | None, report: bool
) -> None:
    """List what is wrong with the curated files: file, line, what is wrong, how to mend it.

    Exit code 1 if there is an error; warnings alone give 0. Nothing is built or replaced.

    \b
    Examples:
      r2p check
      r2p check --all
      r2p check --format json > findings.json
      r2p check --report > docs/quality.md
    """
    from r2p_kg.curate import build as pipeline

    where = ontology or pipeline.ontology_folder()
    with progress(pipeline.STEPS, quiet=form == "json") as notice:
        findings = pipeline.assemble(
            where, memory=(state or pipeline.state_folder()) / "consistency", notice=notice
        ).findings
    if report:
        from r2p_kg.curate.checks import quality

        click.echo(
            quality.report(quality.fired(quality.rules(where), findings), quality.elsewhere(where)), nl=False
        )
    else:
        show(findings, where, form, least=least or "warning")
    if any(finding.severity == "error" for finding in findings):
        click.get_current_context().exit(1)


@main.command()
@ontology_option
@state_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="For people, or for programs.",
)
@click.option(
    "--passages",
    is_flag=True,
    help="List each passage with its statements, or with the reason why it has none.",
)
def census(ontology: Path | None, state: Path | None, form: str, *, passages: bool) -> None:
    """Count what is in the graph, and the passages of each document with and without statements.

    \b
    Examples:
      r2p census
      r2p census --passages > passages.txt
      r2p census --format json
    """
    from r2p_kg.curate import build as pipeline
    from r2p_kg.graph import census as counting
    from r2p_kg.graph import rdf

    built = current(ontology or pipeline.ontology_folder(), state, quiet=form == "json")
    quads = rdf.quads_of(built.snapshot.quads)
    covered = counting.coverage(quads)
    if passages:
        _list_passages(counting.readings(quads), form)
        return
    if form == "json":
        documents = [
            {
                "document": one.document,
                "passages": one.passages,
                "cited": one.cited,
                "excused": one.excused,
                "open": one.open,
                "statements": one.statements,
            }
            for one in covered
        ]
        counts = dict(built.snapshot.census)
        click.echo(to_json({"digest": built.snapshot.digest, "counts": counts, "documents": documents}))
        return
    for name, count in sorted(built.snapshot.census.items()):
        click.echo(f"{count:>9,}  {name}")
    for one in covered:
        click.echo(f"\n{one.label}")
        click.echo(f"{one.statements:>9,}  statements")
        click.echo(
            f"{one.passages:>9,}  passages: {one.cited:,} cited, {one.excused:,} excused, {one.open:,} open"
        )


@main.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--entailed", is_flag=True, help="Write what the reasoner concluded as well.")
@click.option(
    "--named-graphs",
    is_flag=True,
    help="Keep each triple in the graph of its file (.nq, .trig, .jsonld), not in the default graph.",
)
@ontology_option
@state_option
def export(
    file: Path, ontology: Path | None, state: Path | None, *, entailed: bool, named_graphs: bool
) -> None:
    """Write schema and facts as one file for other tools, in the format of its suffix.

    .rdf and .owl (RDF/XML, for Protégé and owlready2), .ttl, .nt, .jsonld, .nq or .trig.

    \b
    Examples:
      r2p export r2p-kg.owl
      r2p export --entailed r2p-kg.nt
      r2p export --named-graphs r2p-kg.trig
    """
    from r2p_kg.curate import build as pipeline
    from r2p_kg.curate import export as exporting

    # Before a build that may take half a minute.
    form = exporting.format_of(file, named_graphs=named_graphs)
    built = current(ontology or pipeline.ontology_folder(), state, quiet=False)
    size = exporting.write(built.snapshot, file, entailed=entailed, named_graphs=named_graphs)
    click.echo(f"wrote {file}: {size:,} bytes of {form.media_type}")


def _list_passages(readings: Sequence[Reading], form: str) -> None:
    if form == "json":
        click.echo(to_json([asdict(one) for one in readings]))
        return
    for one in readings:
        made = f"{len(one.statements)} statements" if one.statements else one.reason or "OPEN"
        click.echo(f"{one.passage.removeprefix(vocab.ID)}: {made}")
        for _, sentence in one.statements:
            click.echo(f"    {sentence}")
