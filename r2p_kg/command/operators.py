"""The operator's command of ``r2p``: serve."""

from __future__ import annotations

import functools
import os
import sys
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Final

import click

from r2p_kg.command.app import current_or_last_good, folders, main
from r2p_kg.command.signals import attended
from r2p_kg.command.values import (
    FILE,
    Address,
    DataFile,
    Number,
    Url,
    ontology_option,
    queries_option,
    state_option,
)
from r2p_kg.errors import UsageError
from r2p_kg.limits import Limits, declared

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from r2p_kg.command.reload import Folders
    from r2p_kg.command.serve import Offer
    from r2p_kg.command.signals import Signals
    from r2p_kg.engine.pool import PoolSettings
    from r2p_kg.limits import Bound

#: Set in the environment if this process has built the snapshot and begun anew.
_BUILT: Final = "R2P_BUILT"
#: Environment variables that may hold a token.
_WRITE_TOKEN: Final = "R2P_WRITE_TOKEN"  # noqa: S105 - a name, no token
_OPERATOR_TOKEN: Final = "R2P_OPERATOR_TOKEN"  # noqa: S105 - a name, no token


def _limit_options(command: Callable[..., None]) -> Callable[..., None]:
    """An option for each limit that has one; the command gets all limits as one value, ``limits``."""
    options = [(name, default, bound) for name, default, bound in declared() if bound.option]

    @functools.wraps(command)
    def with_limits(**given: Any) -> None:
        values = {name: given.pop(name) * bound.scale for name, _, bound in options}
        command(limits=Limits(**values), **given)

    for name, default, bound in reversed(options):
        shown = default / bound.scale
        with_limits = click.option(
            bound.option,
            name,
            default=int(shown) if isinstance(default, int) else shown,
            show_default=True,
            metavar="NUMBER",
            type=_range(bound, whole=isinstance(default, int)),
            help=bound.help,
        )(with_limits)
    return with_limits


def _range(bound: Bound, *, whole: bool) -> click.IntRange | Number:
    least, most = bound.minimum / bound.scale, bound.maximum / bound.scale
    return click.IntRange(int(least), int(most)) if whole else Number(least, most)


@main.command()
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen at; 0.0.0.0 for all addresses of this machine.",
)
@click.option(
    "--port",
    metavar="NUMBER",
    default=8000,
    show_default=True,
    type=click.IntRange(1, 65535),
    help="Port to listen at.",
)
@click.option(
    "--workers",
    metavar="NUMBER",
    default=max(1, min(4, (os.cpu_count() or 1) // 2)),
    show_default=True,
    type=click.IntRange(1, 64),
    help="Front processes.",
)
@click.option(
    "--query-workers",
    metavar="NUMBER",
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
    type=DataFile(),
    help="Serve this RDF file instead of our graph, unchecked; may be repeated.",
)
@_limit_options
@click.option(
    "--proxy",
    metavar="ADDRESS",
    multiple=True,
    type=Address(),
    help="Believe X-Forwarded-For from this address; may be repeated.",
)
@click.option(
    "--watch",
    is_flag=True,
    help="Reload after each change of a curated file or a saved question. SIGHUP reloads at any time.",
)
@click.option(
    "--log-queries", is_flag=True, help="Log every query that is evaluated, not only the slow ones."
)
@click.option(
    "--write-token-file",
    metavar="FILE",
    type=FILE,
    help="Accept writes that carry the token in this file (needs --data).",
)
@click.option(
    "--operator-token-file",
    metavar="FILE",
    type=FILE,
    help="Let requests that carry the token in this file list and stop running queries.",
)
@queries_option
@click.option(
    "--public-url",
    metavar="URL",
    type=Url("https://r2p.example.org", bare=True),
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
    limits: Limits,
    proxy: tuple[str, ...],
    watch: bool,
    log_queries: bool,
    write_token_file: Path | None,
    operator_token_file: Path | None,
    queries: Path | None,
    public_url: str | None,
) -> None:
    """Serve the graph over HTTP: SPARQL, pages, saved questions, dumps.

    The first start builds the snapshot; later ones read it from its file. If an edit of the curated files has
    errors, the last good snapshot is served and the status page says so. Stop with Ctrl-C.

    \b
    Examples:
      r2p serve
      r2p serve --port 8080 --watch
      r2p serve --data my.ttl --data more.nq
      r2p serve --data my.ttl --write-token-file token
    """
    environment = dict(os.environ)
    with attended() as heard:
        from r2p_kg.command import serve as serving
        from r2p_kg.web.service import Settings

        serving.check_port(host, port)
        token = _token("--write-token-file", write_token_file, _WRITE_TOKEN)
        operator_token = _token("--operator-token-file", operator_token_file, _OPERATOR_TOKEN)
        if token and not data:
            message = (
                "a token for writing (--write-token-file or R2P_WRITE_TOKEN) needs --data: a change of the "
                "curated graph would be lost at the next build; edit its Turtle files instead"
            )
            raise UsageError(message)
        settings = Settings(**asdict(limits), union=not token, proxies=proxy, public_url=public_url)
        pool = _pool(limits, query_workers, union=not token)

        def run(offer: Offer) -> None:
            offer = replace(offer, operator_token=operator_token, log_queries=log_queries)
            serving.run(offer, host, port, heard, workers=workers, pool=pool, ready=_ready)

        if data:
            title = ", ".join(path.name for path in data)
            with serving.foreign(data) as path:
                run(serving.Offer(path, replace(settings, title=title, checked=False), None, token=token))
            return
        where = folders(ontology, state, queries)
        path, notices = _built(where, environment, heard)
        run(
            serving.Offer(path, replace(settings, notices=notices), where.queries, folders=where, watch=watch)
        )


def _pool(limits: Limits, workers: int, *, union: bool) -> PoolSettings:
    from r2p_kg.engine.pool import PoolSettings

    return PoolSettings(
        workers,
        queue=limits.queue,
        memory=limits.memory,
        union=union,
        allowance=limits.allowance,
        refill=limits.refill,
    )


def _built(where: Folders, environment: Mapping[str, str], heard: Signals) -> tuple[Path, tuple[str, ...]]:
    """As :func:`current_or_last_good`, and this process begins anew if it has built the snapshot just now.

    Checkers and reasoner leave 150 MB behind, which the service would keep for as long as it runs.
    ``environment``: the one that this process was started with, tokens included.
    """
    from r2p_kg.curate import build

    before = build.last_good_path(where.ontology, where.state)
    path, notices = current_or_last_good(where)
    if path != before and not notices and _BUILT not in os.environ:
        sys.stdout.flush()
        heard.begin_anew([sys.executable, *sys.orig_argv[1:]], {**environment, _BUILT: "1"})
    return path, notices


def _token(option: str, path: Path | None, variable: str) -> str | None:
    """The token in a file, else in an environment variable, else None: what it opens stays closed.

    The variable is taken out of the environment, which the processes that evaluate queries would inherit.
    """
    given = os.environ.pop(variable, "").strip()
    if path is None:
        return given or None
    try:
        token = path.read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        message = f"{option}: {path} cannot be read ({error}); write the token there as one line"
        raise UsageError(message) from error
    if not token:
        message = (
            f"{option}: {path} is empty; write one line that nobody can guess, "
            "for example from openssl rand -hex 32"
        )
        raise UsageError(message)
    return token


def _ready(url: str) -> None:
    click.echo(f"ready at {url}")
