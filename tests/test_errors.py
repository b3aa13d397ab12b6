"""The errors: each of them crosses from one process to another whole."""

from __future__ import annotations

import inspect
import json

import pytest

from r2p_kg import errors
from r2p_kg.errors import QueryError, R2PError

#: What the constructors take, by name of the parameter.
VALUES: dict[str, object] = {
    "message": "what, where, what to do",
    "line": 3,
    "column": 7,
    "hint": "write it otherwise",
    "status": 413,
    "retry_after": 12,
    "seconds": 2.5,
    "formats": ("text/csv",),
}


def every_kind() -> list[type[R2PError]]:
    kinds: list[type[R2PError]] = [R2PError]
    for kind in kinds:
        kinds += [one for one in kind.__subclasses__() if one.__module__ == errors.__name__]
    return kinds


def made(kind: type[R2PError]) -> R2PError:
    signature = inspect.signature(kind.__init__) if "__init__" in vars(kind) else None
    base = next(
        (one for one in kind.__mro__ if "__init__" in vars(one) and one.__module__ == errors.__name__), None
    )
    names = (
        list(inspect.signature((base or kind).__init__).parameters)[1:] if signature or base else ["message"]
    )
    return kind(*(VALUES[name] for name in names))


@pytest.mark.parametrize("kind", every_kind())
def test_an_error_crosses_to_another_process_with_everything_that_it_knows(kind: type[R2PError]) -> None:
    here = made(kind)
    there = errors.from_fields(json.loads(json.dumps(here.fields())))
    assert type(here) is type(there)
    assert str(here) == str(there)
    assert vars(here).keys() == vars(there).keys()
    assert json.dumps(vars(here)) == json.dumps(vars(there))
    if isinstance(here, QueryError) and isinstance(there, QueryError):
        assert (here.status, here.slug, here.title, here.retry_after) == (
            there.status,
            there.slug,
            there.title,
            there.retry_after,
        )


def test_an_error_of_a_kind_that_is_not_known_is_a_query_error() -> None:
    there = errors.from_fields({"error": "NoSuchError", "message": "of a later version"})
    assert (QueryError, "of a later version") == (type(there), str(there))


@pytest.mark.parametrize("kind", [kind for kind in every_kind() if getattr(kind, "status", 0) == 503])
def test_every_problem_of_the_moment_says_when_to_come_back(kind: type[QueryError]) -> None:
    error = made(kind)
    assert isinstance(error, QueryError)
    assert error.retry_after is not None
    assert error.retry_after >= 1
