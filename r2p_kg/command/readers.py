"""The readers' commands of ``r2p``: serve, query, ask, explain."""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from r2p_kg.command.app import main, ontology_option, progress, show, state_option
from r2p_kg.curate.findings import FindingsError
from r2p_kg.errors import NotAcceptableError, QueryRefusedError, QuerySyntaxError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from r2p_kg.command.reload import Folders
    from r2p_kg.engine import Answer, Engine
    from r2p_kg.graph.snapshot import Snapshot
    from r2p_kg.library import Library

#: Set where this process has built the snapshot and begun anew.
_BUILT = "R2P_BUILT"

#: Name of a format on the command line → media type for rows, media type for graphs.
_FORMATS = {
    "table": ("application/sparql-results+json", "application/n-triples"),
    "json": ("application/sparql-results+json", "application/ld+json"),
    "csv": ("text/csv", "text/turtle"),
    "tsv": ("text/tab-separated-values", "text/turtle"),
    "xml": ("application/sparql-results+xml", "application/rdf+xml"),
    "turtle": ("application/sparql-results+json", "text/turtle"),
}


@main.command()
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen at; 0.0.0.0 for every one of this machine.",
)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option(
    "--workers",
    default=max(1, min(4, (os.cpu_count() or 1) // 2)),
    show_default=True,
    type=click.IntRange(1, 64),
    help="Front processes.",
)
@click.option(
    "--query-workers",
    default=max(2, os.cpu_count() or 1),
    show_default=True,
    type=click.IntRange(1, 256),
    help="Queries evaluated at once.",
)
@ontology_option
@state_option
@click.option(
    "--data",
    metavar="FILE",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Serve this RDF file instead, unchecked; may be repeated.",
)
@click.option(
    "--timeout",
    default=30.0,
    show_default=True,
    type=click.FloatRange(0.1, 3600),
    help="Seconds that a query may run.",
)
@click.option(
    "--max-rows",
    default=1_000_000,
    show_default=True,
    type=click.IntRange(1),
    help="Rows that an answer may have.",
)
@click.option(
    "--max-bytes",
    default=256 * 1024 * 1024,
    show_default=True,
    type=click.IntRange(1000),
    help="Bytes that an answer may have.",
)
@click.option(
    "--memory",
    default=1024,
    show_default=True,
    type=click.IntRange(64),
    help="Megabytes that one query may take.",
)
@click.option(
    "--queue",
    default=64,
    show_default=True,
    type=click.IntRange(1),
    help="Queries that may wait; more are answered with 503.",
)
@click.option(
    "--allowance",
    default=120.0,
    show_default=True,
    type=click.FloatRange(1),
    help="Seconds of long queries that one client may take at once.",
)
@click.option(
    "--refill",
    default=0.5,
    show_default=True,
    type=click.FloatRange(0),
    help="Seconds that a client gets back in each second; 0 for no such limit.",
)
@click.option(
    "--proxy",
    metavar="ADDRESS",
    multiple=True,
    help="Believe X-Forwarded-For from this address; may be repeated.",
)
@click.option(
    "--cache",
    default=64,
    show_default=True,
    type=click.IntRange(0),
    help="Megabytes of answers that each front process keeps.",
)
@click.option(
    "--watch",
    is_flag=True,
    help="Reload whenever a curated file or a saved question changes. SIGHUP reloads at any time.",
)
@click.option(
    "--log-queries", is_flag=True, help="Log every query that is evaluated, not only the slow ones."
)
@click.option(
    "--slow-seconds",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0),
    help="Seconds from which on a query counts as slow.",
)
@click.option(
    "--write-token-file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Whoever sends the token in this file may write (with --data).",
)
@click.option(
    "--operator-token-file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Whoever sends this token may see and end running queries.",
)
@click.option(
    "--queries",
    metavar="DIR",
    type=click.Path(path_type=Path),
    default=None,
    help="Folder of saved questions.  [default: our own]",
)
@click.option(
    "--public-url",
    metavar="URL",
    default=None,
    help="Address by which others reach the service.  [default: what each request says]",
)
def serve(
    *,
    host: str,
    port: int,
    workers: int,
    query_workers: int,
    ontology: Path | None,
    state: Path | None,
    data: tuple[Path, ...],
    watch: bool,
    log_queries: bool,
    write_token_file: Path | None,
    operator_token_file: Path | None,
    queries: Path | None,
    **limits: Any,
) -> None:
    """Serve the graph over HTTP: SPARQL, pages, saved questions, dumps.

    The first start builds the snapshot; later ones read it from its file. Where an edit of the curated files
    has errors, the last good snapshot is served and the status page says so. Stop with Ctrl-C.

    \b
    Examples:
      r2p serve
      r2p serve --port 8080 --watch
      r2p serve --data my.ttl --data more.nq
      r2p serve --data my.ttl --write-token-file token
    """
    from r2p_kg.command import serve as serving
    from r2p_kg.curate import build
    from r2p_kg.engine.pool import PoolSettings
    from r2p_kg.web.service import Settings

    serving.check_port(host, port)
    token, operator_token = (
        _token(write_token_file, "R2P_WRITE_TOKEN"),
        _token(operator_token_file, "R2P_OPERATOR_TOKEN"),
    )
    if token and not data:
        message = "writing needs --data: a change of the curated graph would be lost at the next build; edit its Turtle files instead"
        raise UsageError(message)
    settings = Settings(
        seconds=limits["timeout"],
        rows=limits["max_rows"],
        bytes=limits["max_bytes"],
        public_url=limits["public_url"],
        union=not token,
        cache_bytes=limits["cache"] * 1024 * 1024,
        slow_seconds=limits["slow_seconds"],
        proxies=limits["proxy"],
    )
    memory = limits["memory"] * 1024 * 1024
    pool = PoolSettings(
        query_workers,
        queue=limits["queue"],
        memory=memory,
        union=not token,
        allowance=limits["allowance"],
        refill=limits["refill"],
    )
    if data:
        settings = replace(settings, title=", ".join(path.name for path in data), checked=False)
        with serving.foreign(data) as path:
            serving.run(
                serving.Offer(
                    path, settings, None, token=token, operator_token=operator_token, log_queries=log_queries
                ),
                host,
                port,
                workers=workers,
                pool=pool,
                ready=_ready,
            )
        return
    folders = _folders(ontology, state, queries)
    before = build.last_good_path(folders.ontology, folders.state)
    path, notices = _curated(folders)
    if path != before and not notices and _BUILT not in os.environ:
        # The checkers and the reasoner leave 150 MB behind, which the service would keep for as long as it
        # runs: begin anew without them.
        sys.stdout.flush()
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, _BUILT: "1"})  # noqa: S606 - ourselves, as we were called
    offer = serving.Offer(
        path,
        replace(settings, notices=notices),
        folders.queries,
        folders=folders,
        watch=watch,
        operator_token=operator_token,
        log_queries=log_queries,
    )
    serving.run(offer, host, port, workers=workers, pool=pool, ready=_ready)


def _token(path: Path | None, variable: str) -> str | None:
    """A token: from a file, else from the environment variable.

    None where there is none, and what it opens stays closed.

    The variable is taken out of the environment, which the processes that evaluate queries would inherit.
    """
    given = os.environ.pop(variable, "").strip()
    if path is None:
        return given or None
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        message = f"{path}: cannot be read ({error}); write the token there as one line"
        raise UsageError(message) from error
    if not token:
        message = f"{path}: holds no token; write one line that nobody guesses, for example from openssl rand -hex 32"
        raise UsageError(message)
    return token


def _ready(url: str) -> None:
    click.echo(f"ready at {url}")


@main.command()
@click.argument("source", metavar="FILE|-", required=False)
@click.option("-e", "text", metavar="TEXT", help="The query itself.")
@click.option(
    "--format",
    "form",
    type=click.Choice([*_FORMATS]),
    default="table",
    show_default=True,
    help="A table for people, or a format for programs.",
)
@click.option("--endpoint", metavar="URL", help="Ask this SPARQL service instead of the local snapshot.")
@click.option(
    "--timeout",
    default=30.0,
    show_default=True,
    type=click.FloatRange(0.1, 3600),
    help="Seconds that the query may run.",
)
@ontology_option
@state_option
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
      r2p query -e 'SELECT ?s { ?s a r2p:Situation }'
      r2p query my.rq --format csv > answer.csv
      r2p query my.rq --endpoint http://127.0.0.1:8000/sparql
    """
    asked = _text(source, text)
    with _engine(endpoint, ontology, state) as (engine, snapshot):
        _print(_answer(engine, asked, form, timeout), form, snapshot)


@main.command()
@click.argument("query_id", metavar="[QUESTION]", required=False)
@click.argument("values", metavar="[NAME=VALUE]...", nargs=-1)
@click.option(
    "--format",
    "form",
    type=click.Choice([*_FORMATS]),
    default="table",
    show_default=True,
    help="A table for people, or a format for programs.",
)
@click.option("--endpoint", metavar="URL", help="Ask this SPARQL service instead of the local snapshot.")
@click.option(
    "--timeout",
    default=30.0,
    show_default=True,
    type=click.FloatRange(0.1, 3600),
    help="Seconds that the query may run.",
)
@click.option(
    "--queries",
    metavar="DIR",
    type=click.Path(path_type=Path),
    default=None,
    help="Folder of saved questions.  [default: our own]",
)
@ontology_option
@state_option
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
      r2p ask tools-in-situation situation=libya-2011
      r2p ask tools-in-situation --format csv
    """
    from r2p_kg import library

    found = library.load(queries or library.queries_folder())
    if query_id is None:
        _list(found)
        return
    saved = found.get(query_id)
    if saved is None:
        raise UsageError(_unknown(query_id, found))
    given = dict(_pair(value) for value in values)
    with _engine(endpoint, ontology, state) as (engine, snapshot):
        bound = library.bind(saved, given, snapshot.prefixes if snapshot else {})
        answer = _answer(engine, bound, form, timeout)
        if form == "table":
            click.secho(saved.question, bold=True)
        _print(answer, form, snapshot)
        if form == "table" and saved.note:
            click.echo(saved.note)


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
    """Say why a triple is in the graph: written where, or following from what.

    Each part is a prefixed name, an IRI or a literal; a stands for rdf:type. Exit code 1 where the graph does
    not hold the triple.

    \b
    Examples:
      r2p explain id:mali-2012 r2p:toolUsed id:mediation
      r2p explain id:mali-2012 a r2p:SituationWithResponse
      r2p explain id:mali-2012 rdfs:label '"Mali 2012"@en' --format json
    """
    from r2p_kg.graph import explain as why
    from r2p_kg.graph import snapshot

    found = snapshot.read(_curated(_folders(ontology, state))[0])
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
        click.echo(json.dumps(why.as_json(explanation), indent=1, ensure_ascii=False))
    else:
        click.echo("\n".join(why.as_text(explanation, explainer)))


def _curated(folders: Folders) -> tuple[Path, tuple[str, ...]]:
    """The snapshot of the curated files and what to tell of it, which is told on standard error as well.

    Where there are errors and no good snapshot the errors are listed before FindingsError goes on.
    """
    from r2p_kg.command import reload
    from r2p_kg.curate import build

    try:
        with progress(build.STEPS) as notice:
            path, notices = reload.build(folders, notice)
    except FindingsError as error:
        show(error.findings, folders.ontology, "text", least="warning")
        raise
    for text in notices:
        click.echo(f"r2p: {text}", err=True)
    return path, notices


def _folders(ontology: Path | None, state: Path | None, queries: Path | None = None) -> Folders:
    from r2p_kg import library
    from r2p_kg.command import reload
    from r2p_kg.curate import build

    return reload.Folders(
        ontology or build.ontology_folder(),
        state or build.state_folder(),
        queries or library.queries_folder(),
    )


@contextmanager
def _engine(
    endpoint: str | None, ontology: Path | None, state: Path | None
) -> Iterator[tuple[Engine, Snapshot | None]]:
    """An engine over the local snapshot, built where it must be, or over a remote service.

    Closed at the end.
    """
    if endpoint:
        from r2p_kg.engine.remote import RemoteEngine

        remote = RemoteEngine(endpoint)
        yield remote, None
        return
    from r2p_kg.engine.pool import Pool, PoolSettings
    from r2p_kg.graph import snapshot

    path, _ = _curated(_folders(ontology, state))
    pool = Pool(path, PoolSettings(workers=1, spares=0))
    try:
        yield pool, snapshot.read(path)
    finally:
        pool.close()


def _answer(engine: Engine, asked: str, form: str, timeout: float) -> Answer:
    """The whole answer; an error in the text becomes a UsageError with its place, the line itself and the hint."""
    from r2p_kg.engine import Budget, Dataset, policy

    try:
        kind = policy.inspect(asked).kind
        if kind == "ask" and form in {"csv", "tsv"}:
            message = f"yes or no cannot be written as {form}; use --format json or xml"
            raise NotAcceptableError(message)
        return engine.ask(
            asked,
            media_type=_FORMATS[form][kind == "graph"],
            dataset=Dataset(),
            budget=Budget(seconds=timeout),
        )
    except (QuerySyntaxError, QueryRefusedError) as error:
        if error.line is None:
            raise
        line = asked.splitlines()[error.line - 1 : error.line]
        mark = [" " * (error.column - 1) + "^"] if line and error.column else []
        hint = [f"hint: {error.hint}"] if isinstance(error, QuerySyntaxError) and error.hint else []
        message = "\n".join([f"line {error.line}, column {error.column}: {error}", *line, *mark, *hint])
        raise UsageError(message) from error


def _print(answer: Answer, form: str, snapshot: Snapshot | None) -> None:
    """The answer on standard output: bytes as they are, or a table with labels."""
    if form != "table":
        sys.stdout.buffer.write(answer.body)
        if not answer.body.endswith(b"\n"):
            sys.stdout.buffer.write(b"\n")
        return
    from r2p_kg.command import terminal

    terminal.show(answer, snapshot)


def _text(source: str | None, text: str | None) -> str:
    """The query's text; raises UsageError where there is none, or two, or it cannot be read."""
    if (source is None) == (text is None):
        message = "give one query: a file, - for standard input, or -e and its text"
        raise UsageError(message)
    if text is not None:
        return text
    try:
        return sys.stdin.read() if source == "-" else Path(str(source)).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = f"{source}: cannot be read as UTF-8 text ({error.strerror if isinstance(error, OSError) else error.reason}); check the path"
        raise UsageError(message) from error


def _pair(value: str) -> tuple[str, str]:
    name, sign, content = value.partition("=")
    if not sign:
        message = f"{value} is not name=value; write for example situation=libya-2011"
        raise UsageError(message)
    return name, content


def _unknown(query_id: str, found: Library) -> str:
    import difflib

    ids = [query.id for query in found.queries]
    near = difflib.get_close_matches(query_id, ids, 1)
    return f"there is no saved question {query_id}; {f'did you mean {near[0]}?' if near else 'r2p ask lists them'}"


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
