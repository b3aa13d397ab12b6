"""The ``#+`` header of a saved query as plain values, each key with the line where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from r2p_kg.errors import LibraryError

if TYPE_CHECKING:
    from collections.abc import Mapping


#: libyaml's, if PyYAML was built with it: it is ten times as fast.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Header:
    """``values``: text, list or mapping by key.

    ``lines``: line of the file, from 1, by path of keys (``params.situation``).
    """

    values: Mapping[str, object]
    lines: Mapping[str, int]
    #: The first line of the SPARQL text, from 1.
    body: int


def parse(text: str, where: str) -> Header:
    """The header of a file's text.

    Every scalar stays the text that stands there (no dates, no booleans, no numbers).

    ``where`` is the file's name for messages. Raises LibraryError if there is no header or it is not YAML.
    """
    lines = text.splitlines()
    end = next((number for number, line in enumerate(lines) if not line.startswith("#")), len(lines))
    # A line that is no header line stays in its place as an empty one, so that YAML's line is the file's
    # line.
    source = "\n".join(line[2:].removeprefix(" ") if line.startswith("#+") else "" for line in lines[:end])
    if not source.strip():
        message = f"{where}:1: no header; begin the file with lines such as '#+ title: …'"
        raise LibraryError(message)
    try:
        node = yaml.compose(source, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        message = (
            f"{where}:{line}: the header is not YAML: {error.problem}; "
            "quote values that hold a colon or a bracket"
        )
        raise LibraryError(message) from error
    except yaml.YAMLError as error:
        message = f"{where}:1: the header is not YAML: {error}; use plain text"
        raise LibraryError(message) from error
    if not isinstance(node, yaml.MappingNode):
        message = f"{where}:1: the header is not a list of 'key: value' lines; begin with '#+ title: …'"
        raise LibraryError(message)
    found: dict[str, int] = {}
    values = _value(node, "", found, where)
    if not isinstance(values, dict):  # a mapping node gives a mapping
        raise TypeError(values)
    return Header(values, found, end + 1)


def _value(node: yaml.Node, path: str, lines: dict[str, int], where: str) -> object:
    """The plain value of a YAML node.

    Notes the line of each key on the way, refuses a key that stands twice.
    """
    lines[path] = node.start_mark.line + 1
    if isinstance(node, yaml.ScalarNode):
        return str(node.value)
    if isinstance(node, yaml.SequenceNode):
        return [
            _value(item, f"{path}.{number}" if path else str(number), lines, where)
            for number, item in enumerate(node.value)
        ]
    result: dict[str, object] = {}
    for key, item in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            message = f"{where}:{line}: a key is not plain text; write 'key: value'"
            raise LibraryError(message)
        if key.value in result:
            message = f"{where}:{line}: {key.value} stands twice; keep one"
            raise LibraryError(message)
        below = f"{path}.{key.value}" if path else key.value
        result[key.value] = _value(item, below, lines, where)
        lines[below] = line
    return result
