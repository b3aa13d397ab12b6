"""Errors: each knows what to say to whom, and none loses anything on its way between processes."""

from __future__ import annotations

import importlib
import json
import pkgutil
from typing import TYPE_CHECKING

import pytest

import r2p_kg
from r2p_kg.client import ServiceError
from r2p_kg.curate.findings import FindingsError
from r2p_kg.errors import (
    AllowanceError,
    BodySyntaxError,
    BusyError,
    QueryCancelledError,
    QueryError,
    QueryRefusedError,
    QuerySyntaxError,
    QueryTimeoutError,
    R2PError,
    ShareError,
    UnavailableError,
)
from r2p_kg.graph.rdf import RdfSyntaxError
from r2p_kg.web.problems import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterator

# A class is known as soon as its module is imported.
for module in pkgutil.walk_packages(r2p_kg.__path__, "r2p_kg."):
    importlib.import_module(module.name)

#: One of each class whose constructor takes more than a message; all others are made of one.
MADE = [
    AllowanceError(2.5),
    BodySyntaxError("a dot is missing", 3, 4),
    BusyError("full", 7),
    QueryCancelledError("stopped", 5),
    QueryRefusedError("not here", 1, 2, 403),
    QuerySyntaxError("no brace", 5, 6, "write one"),
    QueryTimeoutError("late", 3),
    RdfSyntaxError("a.ttl", 1, 2, "a dot is missing"),
    ServiceError(400, {"title": "No", "detail": "no"}),
    ShareError("enough", 2),
    UnavailableError("not now", 4),
    RequestError(415, "no", headers={"Allow": "GET"}, limit=3),
]


def kinds(kind: type[R2PError] = R2PError) -> Iterator[type[R2PError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from kinds(below)


def errors() -> list[R2PError]:
    """One of each class that travels; findings are a build's and stay in its process."""
    made: dict[type[R2PError], R2PError] = {type(error): error for error in MADE}
    return [
        made[kind] if kind in made else kind("something is wrong")
        for kind in kinds()
        if kind is not FindingsError and kind.__module__.startswith("r2p_kg.")
    ]


@pytest.mark.parametrize("error", errors(), ids=lambda error: type(error).__name__)
def test_an_error_is_told_to_another_process_whole(error: R2PError) -> None:
    found = R2PError.from_fields(json.loads(json.dumps(error.fields())))
    assert type(error) is type(found)
    assert (str(error), vars(error)) == (str(found), vars(found))


def test_every_class_whose_constructor_takes_more_is_tried() -> None:
    assert [] == [
        kind.__name__
        for kind in kinds()
        if "__init__" in vars(kind) and kind is not FindingsError and kind not in map(type, MADE)
    ]


def test_an_error_of_an_unknown_class_is_one_of_a_query() -> None:
    found = R2PError.from_fields({"error": "os.system", "message": "something"})
    assert (QueryError, "something") == (type(found), str(found))


def test_whatever_is_unavailable_says_when_to_come_back() -> None:
    later = [error for error in errors() if isinstance(error, QueryError) and 503 == error.status]
    assert {"QueryTimeoutError", "QueryCancelledError", "BusyError"} <= {type(one).__name__ for one in later}
    assert all(isinstance(error, UnavailableError) and error.retry_after > 0 for error in later)


def test_every_kind_of_problem_has_a_name_of_its_own() -> None:
    named = [kind.slug for kind in kinds(QueryError) if "slug" in vars(kind)]
    assert sorted(set(named)) == sorted(named)
