"""The readers' commands of ``r2p``: query, ask, explain."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from r2p_kg.command import asking
from r2p_kg.command.app import current_or_last_good, folders, main, to_json
from r2p_kg.command.values import FormatName, Number, Url, ontology_option, queries_option, state_option
from r2p_kg.errors import UsageError
from r2p_kg.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from r2p_kg.library import Library


def _asking_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options of everything that asks a query: ``--format``, ``--endpoint``, ``--timeout``."""
    options = (
        click.option(
            "--format",
            "form",
            type=FormatName(),
            default="table",
            show_default=True,
            help="A table for people, or a format for programs.",
        ),
        click.option(
            "--endpoint",
            metavar="URL",
            type=Url("http://127.0.0.1:8000/sparql"),
            help="Ask this SPARQL service instead of the local snapshot.",
        ),
        click.option(
            "--timeout",
            metavar="SECONDS",
            default=Limits.seconds,
            show_default=True,
            type=Number(0.1, 3600),
            help="Seconds that the query may run.",
        ),
        ontology_option,
        state_option,
    )
    for option in reversed(options):
        command = option(command)
    return command


@main.command()
@click.argument("source", metavar="FILE|-", required=False)
@click.option("-e", "text", metavar="TEXT", help="The query itself.")
@_asking_options
def query(
    *,
    source: str | None,
    text: str | None,
    form: str,
    endpoint: str | None,
    timeout: float,
    ontology: Path | None,
    state: Path | None,
) -> None:
    """Ask one SPARQL query, from a file, from standard input (-) or given with -e.

    \b
    Examples:
      r2p query my.rq
      r2p query -e 'SELECT ?s { ?s a <https://w3id.org/r2p-kg/ns#Situation> }'
      r2p query my.rq --format csv > answer.csv
      r2p query my.rq --endpoint http://127.0.0.1:8000/sparql
    """
    asked = _text(source, text)
    with asking.engine(endpoint, ontology, state) as (engine, snapshot):
        asking.show(asking.answer(engine, asked, form, timeout), form, snapshot)
        asking.warn(asked, snapshot)


@main.command()
@click.argument("query_id", metavar="[QUESTION]", required=False)
@click.argument("values", metavar="[NAME=VALUE]...", nargs=-1)
@_asking_options
@queries_option
def ask(
    *,
    query_id: str | None,
    values: tuple[str, ...],
    form: str,
    endpoint: str | None,
    timeout: float,
    queries: Path | None,
    ontology: Path | None,
    state: Path | None,
) -> None:
    """Ask a saved question; without one, list them all.

    \b
    Examples:
      r2p ask
      r2p ask tools-in-a-situation situation=libya-2011
      r2p ask tools-in-a-situation --format csv
    """
    from r2p_kg import library
    from r2p_kg.web.index import Index

    found = library.load(queries or library.queries_folder())
    if query_id is None:
        _list(found)
        return
    saved = found.get(query_id)
    if saved is None:
        raise UsageError(_unknown(query_id, found))
    given = _pairs(values)
    with asking.engine(endpoint, ontology, state) as (engine, snapshot):
        if snapshot is None:
            bound = library.bind(saved, given, things=asking.Elsewhere(engine))
        else:
            bound = library.bind(saved, given, snapshot.prefixes, things=Index(snapshot))
        answer = asking.answer(engine, bound, form, timeout)
        if form == "table":
            click.secho(saved.question, bold=True)
        asking.show(answer, form, snapshot)
        if form == "table" and saved.note:
            click.echo(saved.note)
        asking.warn(bound, snapshot)


@main.command()
@click.argument("subject", metavar="S")
@click.argument("predicate", metavar="P")
@click.argument("value", metavar="O")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "turtle"]),
    default="text",
    show_default=True,
    help="For people, or for programs.",
)
@ontology_option
@state_option
def explain(
    *, subject: str, predicate: str, value: str, form: str, ontology: Path | None, state: Path | None
) -> None:
    """Say why a triple is in the graph: where it is written, or from what it follows.

    Each part is a prefixed name, an IRI or a literal; a stands for rdf:type. Exit code 1 if the graph does
    not hold the triple.

    \b
    Examples:
      r2p explain id:mali-2012 r2p:metWith id:economic-sanctions
      r2p explain id:mali-2012 a r2p:SituationWithResponse
      r2p explain id:mali-2012 rdfs:label '"Mali after the coup of 2012"@en' --format json
    """
    from r2p_kg.graph import explain as why
    from r2p_kg.graph import snapshot

    found = snapshot.read(current_or_last_good(folders(ontology, state))[0])
    explainer = why.Explainer(found)
    fact = (
        why.term(subject, found.prefixes),
        why.term(predicate, found.prefixes),
        why.term(value, found.prefixes),
    )
    explanation = explainer.explain(fact)
    if explanation is None:
        click.echo(
            f"r2p: the graph does not hold {explainer.sentence(fact)}, neither written nor entailed", err=True
        )
        click.get_current_context().exit(1)
    if form == "turtle":
        click.echo(why.as_rdf(explanation, found.prefixes).decode(), nl=False)
    elif form == "json":
        click.echo(to_json(why.as_json(explanation)))
    else:
        click.echo("\n".join(why.as_text(explanation, explainer)))


def _text(source: str | None, text: str | None) -> str:
    """The query's text, without a byte order mark.

    Raises UsageError if there is no text, if there are two, or if it cannot be read.
    """
    if (source is None) == (text is None):
        message = "give one query: a file, - for standard input, or -e and its text"
        raise UsageError(message)
    if text is None:
        try:
            text = (sys.stdin.buffer.read() if source == "-" else Path(str(source)).read_bytes()).decode()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else error.reason
            message = f"{source}: cannot be read as UTF-8 text ({reason}); check the path"
            raise UsageError(message) from error
    return text.removeprefix("\ufeff")


def _pairs(values: tuple[str, ...]) -> dict[str, str]:
    """Names and values; raises UsageError for what is no name=value, and for a name that is given twice."""
    found: dict[str, str] = {}
    for value in values:
        name, sign, content = value.partition("=")
        if not sign:
            message = f"{value} is not name=value; write for example situation=libya-2011"
            raise UsageError(message)
        if name in found:
            message = f"parameter {name}: given twice; give it once"
            raise UsageError(message)
        found[name] = content
    return found


def _unknown(query_id: str, found: Library) -> str:
    from r2p_kg.sparql.nearest import nearest

    near = nearest(query_id, [query.id for query in found.queries])
    hint = f"did you mean {near[0]}?" if near else "r2p ask lists them"
    return f"there is no saved question {query_id}; {hint}"


def _list(found: Library) -> None:
    for topic, queries in found.topics().items():
        click.secho(topic, bold=True)
        for saved in queries:
            params = " ".join(
                f"{param.name}=…" if param.required else f"[{param.name}={param.default}]"
                for param in saved.params
            )
            click.echo(f"  {saved.id} {params}".rstrip())
            click.echo(f"      {saved.question}")
