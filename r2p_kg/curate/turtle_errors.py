"""What a Turtle syntax error means, where it was really made, and how to mend it."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

from r2p_kg.curate.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from r2p_kg.graph.rdf import RdfSyntaxError

#: The one file that declares every prefix; each other file repeats those it uses.
PREFIX_FILE = "prefixes.ttl"

_OPAQUE = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*(?P<long>"""|\Z)'
    r"|'''(?:[^'\\]|\\.|'(?!''))*(?:'''|\Z)"
    r"|#[^\n]*"
    r'|<[^<>"\s]*>'
    r'|"(?:[^"\\\n]|\\.)*(?P<double>"|\n|\Z)'
    r"|'(?:[^'\\\n]|\\.)*(?P<single>'|\n|\Z)",
    re.DOTALL,
)


_MARK = "\ufeff"


def decoded(data: bytes, path: str) -> str | Finding:
    """The text of a file, or a finding with the line of the first byte that is not UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = 1 + data.count(b"\n", 0, error.start)
        return Finding(
            "error",
            "syntax",
            "",
            path,
            line,
            f"byte {data[error.start]:#04x} is not UTF-8",
            "save the file as UTF-8",
        )


def unreadable(path: str, text: str) -> Finding | None:
    """What our two parsers would take differently.

    A byte order mark, and the carriage return alone as line end.
    """
    if text.startswith(_MARK):
        return Finding(
            "error",
            "syntax",
            "",
            path,
            1,
            "the file begins with a byte order mark",
            "save the file as UTF-8 without a byte order mark",
        )
    line, returned, _ = text.partition("\r")
    if returned:
        repair = "save the file with line ends of Unix or Windows; inside a text write \\r"
        return Finding(
            "error",
            "syntax",
            "",
            path,
            1 + line.count("\n"),
            "a carriage return without a line feed stands here",
            repair,
        )
    return None


def finding(path: str, text: str, error: RdfSyntaxError, declared: Mapping[str, tuple[str, int]]) -> Finding:
    """The error where it was made, which for an unclosed string is not where the parser noticed."""
    opened = _unclosed(text)
    if opened is not None and opened <= error.line:
        return Finding(
            "error",
            "syntax",
            "",
            path,
            opened,
            "a string that begins here has no closing quote on its line",
            'close it with ", or use """ … """ for a text of several lines',
        )
    repair = next(
        (clause for pattern, clause in _REPAIRS if re.search(pattern, error.reason)),
        "compare the line with the Turtle of a neighbouring file",
    )
    missing = re.search(r"The prefix (\S*): has not been declared", error.reason)
    if missing:
        repair = _prefix_repair(missing[1], declared)
    line = error.line
    place = f" in column {error.column}"
    if "dot is expected" in error.reason:
        # The parser stands on the first token of the next statement or property; the fault is at the end of
        # the one before.
        before = _last_token(text, line, error.column)
        line, place = before, "" if before == line else f", noticed in line {line}"
    return Finding("error", "syntax", "", path, line, f"Turtle syntax error{place}: {error.reason}", repair)


def _prefix_repair(prefix: str, declared: Mapping[str, tuple[str, int]]) -> str:
    if prefix in declared:
        namespace, line = declared[prefix]
        return (
            f"add @prefix {prefix}: <{namespace}> . at the top of the file ({PREFIX_FILE}:{line} declares it)"
        )
    return f"no prefix of that name is declared in {PREFIX_FILE}{nearest(prefix, declared)}: mend the name, or declare it there and in this file"


def _last_token(text: str, line: int, column: int) -> int:
    """The line of the last thing written before a place, comments aside."""
    lines = text.split("\n")[:line]
    if lines[-1][: column - 1].strip():
        return line
    return next(
        (number for number in range(line - 1, 0, -1) if lines[number - 1].split("#")[0].strip()), line
    )


def _unclosed(text: str) -> int | None:
    """The line of the first quote that is not closed on its line, or of a long string never closed."""
    for match in _OPAQUE.finditer(text):
        ends = [match[name] for name in ("long", "double", "single") if match[name] is not None]
        if ends and ends[0] in {"", "\n"}:
            return 1 + text.count("\n", 0, match.start())
    return None


#: Pattern of the parser's clause → what to do.
_REPAIRS: Sequence[tuple[str, str]] = (
    (r"A dot is expected", "end a statement with . , separate properties with ; and objects with ,"),
    (r"Unexpected end", "close what this line opens, and end the last statement with ."),
    (r"not a valid RDF object", "write an object before this sign, or take the superfluous ; or , away"),
    (r"not a valid predicate", "write a property with its prefix, as in rdfs:label"),
    (r"not a valid subject", "give the name a prefix (id:name), or put ; , or . before it"),
    (
        r"^'/'.*prefix name",
        "a local name has no / in it: use the document's own prefix, or write the whole IRI in < >",
    ),
    (r"prefix name", "take the sign away; a name has letters, digits, - _ and . in it"),
    (r"should end with a '\]'", "close the square bracket"),
    (r"No scheme found", "relative IRIs are not used here: write a prefixed name or the whole IRI"),
    (r"Invalid IRI", "an IRI has no blanks, quotes or curly brackets: mend it or escape them with %"),
    (r"language (code|subtag)", "write a language tag such as @en directly after the string"),
    (r"escape", r"write \\ for a backslash"),
    (r"PREFIX keyword", "write @prefix name: <namespace> ."),
)


def nearest(name: str, known: Iterable[str]) -> str:
    """A question in brackets that names the prefix that looks most like this one; empty where none does."""
    found = get_close_matches(name, list(known), n=1)
    return f" (did you mean {found[0]}:?)" if found else ""
