"""From a request to what will be answered: a plan for the engine, or the error that ends it, found once.

The front asks the engine what is planned here; Flask renders what comes of it (:class:`Prepared`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from flask import g, request

from r2p_kg import library
from r2p_kg.errors import LibraryError, R2PError
from r2p_kg.library import params
from r2p_kg.web import accept, answers, door, protocol
from r2p_kg.web.protocol import Question

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flask import Flask

    from r2p_kg.engine import Answer
    from r2p_kg.library import SavedQuery
    from r2p_kg.sparql.lint import LintWarning
    from r2p_kg.web.answers import Plan
    from r2p_kg.web.door import Asked
    from r2p_kg.web.protocol import Sent
    from r2p_kg.web.service import Service

#: Where the front leaves what it has prepared for Flask.
KEY: Final = "r2p.prepared"

_SAVED: Final = "/queries/"


@dataclass(slots=True)
class Prepared:
    """What is known of a request before it is rendered.

    Attributes:
        query: the text that an error's line is about; empty if there is none.
        sent: the parameters of a request to ``/sparql``.
        question: the question in them, None if they hold an update.
        saved: the saved question that is asked.
        values: its parameters as given.
        plan: how the query will be answered, None if there is no query.
        answer: what the engine answered.
        warnings: what the query probably does not mean.
        error: why there is no answer; Flask renders it and nothing else.

    """

    query: str = ""
    sent: Sent | None = None
    question: Question | None = None
    saved: SavedQuery | None = None
    values: Mapping[str, str] | None = None
    plan: Plan | None = None
    answer: Answer | None = None
    warnings: Sequence[LintWarning] = ()
    error: Exception | None = None


def current() -> Prepared:
    """What the front has prepared for the request that Flask handles."""
    return cast("Prepared", request.environ[KEY])


def raise_error() -> None:
    """End a request that the front has found an error in, so that this is rendered like all others."""
    prepared = current()
    g.query = prepared.query
    if prepared.error is not None:
        raise prepared.error


def register(app: Flask) -> None:
    """Make an application render the front's errors."""
    app.before_request(raise_error)


def prepare(now: Service, asked: Asked) -> Prepared:
    """What a request asks of the engine, and how; raises nothing, an error of the request is in the value."""
    found = Prepared()
    try:
        if asked.path in door.SPARQL:
            _sparql(now, asked, found)
        elif asked.path.startswith(_SAVED) and asked.method == "GET":
            _saved(now, asked, found)
    except R2PError as error:
        found.error = error
    return found


def _sparql(now: Service, asked: Asked, found: Prepared) -> None:
    """The query of a request to ``/sparql``; an update is left to Flask, which asks first who sent it."""
    if asked.method not in protocol.METHODS:
        return
    found.sent = protocol.read(asked.method, asked.address.encode(), asked.kind, asked.body)
    if found.sent.is_update:
        return
    found.question = question = protocol.question(found.sent)
    page = accept.wants_page(asked.accept, question.wanted)
    if question.query is None or (page and not question.query.strip()):
        return
    found.query = question.query
    found.plan = answers.planned(
        now,
        question.query,
        question,
        asked.accept,
        f"{asked.path}?{asked.address}",
    )


def _saved(now: Service, asked: Asked, found: Prepared) -> None:
    """The saved question that the path names, if it names one and its parameters are given."""
    saved = now.library.get(asked.path.removeprefix(_SAVED).removesuffix("/"))
    if saved is None:
        return
    given = protocol.grouped(protocol.fields_of(asked.address.encode(), "the address"))
    wanted, timeout = accept.named(given), protocol.timeout(given.get("timeout", ()))
    found.saved, found.values = saved, _values(saved, given)
    missing = [param for param in saved.params if param.required and not found.values.get(param.name)]
    if missing and not found.values and accept.wants_page(asked.accept, wanted):
        return  # the page with the form
    found.query = library.bind(saved, found.values, now.snapshot.prefixes, now.index)
    found.plan = answers.planned(
        now,
        found.query,
        Question(found.query, wanted=wanted, timeout=timeout),
        asked.accept,
        f"{asked.path}?{asked.address}",
        name=saved.id,
    )


def _values(saved: SavedQuery, given: Mapping[str, Sequence[str]]) -> Mapping[str, str]:
    """The parameters as given; empty ones count as not given, names of the service are not parameters.

    Raises LibraryError if a name is given twice.
    """
    found: dict[str, str] = {}
    for name, values in given.items():
        if name in params.RESERVED:
            continue
        if len(values) > 1:
            message = f"parameter {name}: given {len(values)} times; give it once"
            raise LibraryError(message)
        if values[0] or name not in {param.name for param in saved.params}:
            found[name] = values[0]
    return found
