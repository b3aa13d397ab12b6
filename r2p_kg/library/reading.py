"""One ``.rq`` file's text → one saved query, or every fault of the file with its line."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from r2p_kg.errors import LibraryError
from r2p_kg.library import headers, params
from r2p_kg.library.params import Param
from r2p_kg.library.values import Column, SavedQuery
from r2p_kg.sparql import outline
from r2p_kg.sparql.errors import SparqlError

if TYPE_CHECKING:
    from collections.abc import Mapping

_REQUIRED: Final = ("title", "question", "expect")
_KEYS: Final = (*_REQUIRED, "params", "returns", "note", "tags")
_PARAM_KEYS: Final = ("type", "label", "default", "of")
_EXPECT: Final = ("rows", "empty", "boolean")
_ID: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_DEPTH: Final = 3


class _Faults:
    """Gathers what is wrong with one file, so that one error lists all of it."""

    def __init__(self, where: str, head: headers.Header) -> None:
        self.where = where
        self.head = head
        self.found: list[tuple[int, str]] = []

    def key(self, key: str, message: str) -> None:
        """Note a fault at a key of the header, at the first line if the key is missing."""
        self.line(self.head.lines.get(key, 1), message)

    def line(self, line: int, message: str) -> None:
        """Note a fault at a line of the file."""
        self.found.append((line, message))

    def raise_any(self) -> None:
        """Raise LibraryError if something was noted."""
        if self.found:
            raise LibraryError(
                "\n".join(f"{self.where}:{line}: {message}" for line, message in sorted(self.found))
            )


def read(source: str, where: str) -> SavedQuery:
    """The saved query in a file's text.

    ``where`` is its path from the queries' parent: ``queries/<topic>/<id>.rq``.

    Raises LibraryError with file and line, one line for each fault.
    """
    path = PurePosixPath(where)
    head = headers.parse(source, where)
    faults = _Faults(where, head)
    body = "\n".join(source.splitlines()[head.body - 1 :]).rstrip() + "\n"
    if len(path.parts) < _DEPTH or not _ID.fullmatch(path.stem):
        faults.line(
            1,
            f"{path.stem} is not an id in a topic's folder; "
            "name the file queries/<topic>/<words-with-hyphens>.rq",
        )
    for key in head.values.keys() - set(_KEYS):
        faults.key(key, f"unknown key {key}; known are {', '.join(_KEYS)}")
    plain = {key: _text(head, faults, key) for key in (*_REQUIRED, "note")}
    try:
        parsed = outline.read(body)
    except SparqlError as error:
        line = head.body - 1 + (error.line or 1)
        message = f"{where}:{line}: {error}"
        raise LibraryError(message) from error
    given = _params(head, faults, parsed.prefixes)
    columns = _columns(head, faults)
    _check_params(given, parsed, faults)
    _check_columns(columns, parsed, faults)
    _check_expect(plain["expect"], parsed, faults)
    tags = _tags(head, faults)
    faults.raise_any()
    return SavedQuery(
        id=path.stem,
        topic=path.parts[-2],
        title=plain["title"],
        question=plain["question"],
        form=parsed.form,
        params=given,
        returns=columns,
        expect=plain["expect"],
        note=plain["note"] or None,
        tags=tags,
        prefixes=parsed.prefixes,
        text=body,
    )


def _text(head: headers.Header, faults: _Faults, key: str) -> str:
    value = head.values.get(key, "")
    if not isinstance(value, str) or (key in _REQUIRED and not value.strip()):
        faults.key(key, f"{key} is missing or not a text; write '#+ {key}: …'")
        return ""
    return value.strip()


def _params(head: headers.Header, faults: _Faults, prefixes: Mapping[str, str]) -> tuple[Param, ...]:
    given = head.values.get("params", {})
    if not isinstance(given, dict):
        faults.key("params", "params is not a mapping; write one line 'name: {type: …, label: …}' for each")
        return ()
    return tuple(param for name, value in given.items() if (param := _param(name, value, faults, prefixes)))


def _param(name: str, value: object, faults: _Faults, prefixes: Mapping[str, str]) -> Param | None:
    key = f"params.{name}"
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        faults.key(key, f"parameter {name} is not a mapping of texts; write '{name}: {{type: …, label: …}}'")
        return None
    for unknown in value.keys() - set(_PARAM_KEYS):
        faults.key(
            f"{key}.{unknown}", f"parameter {name}: unknown key {unknown}; known are {', '.join(_PARAM_KEYS)}"
        )
    if name in params.RESERVED:
        faults.key(key, f"parameter {name}: the service uses this name itself; choose another")
    if value.get("type") not in params.TYPES:
        faults.key(
            f"{key}.type",
            f"parameter {name}: type is missing or unknown; known are {', '.join(params.TYPES)}",
        )
        return None
    if not value.get("label"):
        faults.key(key, f"parameter {name}: label is missing; say in a few words what it is")
    of = _of(name, value, faults, prefixes)
    param = Param(name, value["type"], value.get("label", ""), value.get("default"), of)
    if param.default is not None:
        try:
            params.term(param, param.default, prefixes)
        except LibraryError as error:
            faults.key(f"{key}.default", f"{error}; mend the default")
    return param


def _of(name: str, value: Mapping[str, str], faults: _Faults, prefixes: Mapping[str, str]) -> str | None:
    key = f"params.{name}"
    if (value["type"] == "class-instance") != ("of" in value):
        faults.key(key, f"parameter {name}: 'of' names the class of a class-instance, and only of one")
    if "of" not in value:
        return None
    try:
        return params.iri(value["of"], prefixes)
    except ValueError as error:
        faults.key(
            f"{key}.of",
            f"parameter {name}: {value['of']} is not a class ({error}); "
            "declare its prefix in the query or write the IRI",
        )
        return None


def _columns(head: headers.Header, faults: _Faults) -> tuple[Column, ...]:
    """The columns, written as a list of ``name: description``."""
    given = head.values.get("returns", [])
    found: list[Column] = []
    for number, item in enumerate(given if isinstance(given, list) else [given]):
        pair = next(iter(item.items())) if isinstance(item, dict) and len(item) == 1 else (None, None)
        if isinstance(pair[0], str) and isinstance(pair[1], str) and pair[1].strip():
            found.append(Column(pair[0].lstrip("?$"), pair[1].strip()))
        else:
            faults.key(
                f"returns.{number}",
                "a column is not 'name: description'; write '  - name: what it holds' for each",
            )
    return tuple(found)


def _tags(head: headers.Header, faults: _Faults) -> tuple[str, ...]:
    given = head.values.get("tags", [])
    if not isinstance(given, list) or not all(isinstance(tag, str) for tag in given):
        faults.key("tags", "tags is not a list of texts; write 'tags: [one, two]'")
        return ()
    return tuple(str(tag) for tag in given)


def _check_params(given: tuple[Param, ...], parsed: outline.Outline, faults: _Faults) -> None:
    """Every ``$name`` is declared, every declared parameter is used, and none is also written ``?name``."""
    names = {param.name for param in given}
    first = faults.head.body - 1
    for variable in parsed.variables:
        if variable.sign == "$" and variable.name not in names:
            faults.line(
                first + variable.line,
                f"${variable.name} is not a declared parameter; "
                f"declare it under params or write ?{variable.name}",
            )
        elif variable.sign == "?" and variable.name in names:
            faults.line(
                first + variable.line,
                f"?{variable.name} has the name of a parameter; write ${variable.name} or rename it",
            )
    used = {variable.name for variable in parsed.variables if variable.sign == "$"}
    for name in names - used:
        faults.key(
            f"params.{name}", f"parameter {name} is not used; write ${name} in the query or take it out"
        )


def _check_columns(columns: tuple[Column, ...], parsed: outline.Outline, faults: _Faults) -> None:
    """The declared columns are the projected ones, in the same order; graphs and ASK have none."""
    declared = [column.name for column in columns]
    projected = (
        list(parsed.projection)
        if parsed.projection is not None
        else sorted({variable.name for variable in parsed.variables})
    )
    for number, name in enumerate(declared):
        if name not in projected:
            faults.key(
                f"returns.{number}",
                f"column {name} is not projected; the query gives {', '.join(projected) or 'no columns'}",
            )
    if parsed.projection is not None:
        for name in projected:
            if name not in declared:
                faults.key(
                    "returns",
                    f"column {name} is projected and not described; add '  - {name}: …' under returns",
                )


def _check_expect(expect: str, parsed: outline.Outline, faults: _Faults) -> None:
    if expect and (expect not in _EXPECT or (expect == "boolean") != (parsed.form == "ask")):
        faults.key("expect", f"expect: {expect} is wrong here; write boolean for ASK, else rows or empty")
