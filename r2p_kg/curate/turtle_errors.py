"""What a Turtle syntax error means, where it was really made, and how to mend it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from r2p_kg.curate.declared import SYNTAX
from r2p_kg.sparql.nearest import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from r2p_kg.curate.findings import Finding
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


#: The lines that git puts around what two people wrote in one place.
_CONFLICT = re.compile(r"^(?:<{7}|>{7}|[|]{7}|={7})(?=\s|$)", re.MULTILINE)
#: One of those lines that can be nothing else, not even a line of a long text.
_SURE_CONFLICT = re.compile(r"^(?:<{7}|>{7}) \S", re.MULTILINE)


def error(path: str, line: int, message: str, repair: str) -> Finding:
    """The finding that a file is not Turtle."""
    return SYNTAX.finding("", path, line, message, repair)


def decoded(data: bytes, path: str) -> str | Finding:
    """The text of a file without a byte order mark, or a finding on the first byte that is not UTF-8."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = 1 + data.count(b"\n", 0, fault.start)
        return error(path, line, f"byte {data[fault.start]:#04x} is not UTF-8", "save the file as UTF-8")


def unreadable(path: str, text: str) -> Finding | None:
    """What a parser would miss or misplace: a conflict of a merge, a carriage return alone as line end."""
    conflict = _SURE_CONFLICT.search(text)
    if conflict:
        return _conflict(path, 1 + text.count("\n", 0, conflict.start()))
    before, returned, _ = text.partition("\r")
    if returned:
        repair = "save the file with line ends of Unix or Windows; inside a text write \\r"
        return error(path, 1 + before.count("\n"), "a carriage return without a line feed", repair)
    return None


def finding(path: str, text: str, fault: RdfSyntaxError, declared: Mapping[str, tuple[str, int]]) -> Finding:
    """The error where it was made, which for an unclosed string is not where the parser noticed."""
    opened = _unclosed(text)
    if opened is not None and opened <= fault.line:
        repair = 'close it with ", or use """ … """ for a text of several lines'
        return error(path, opened, "a string that begins here has no closing quote on its line", repair)
    line, place = fault.line, f" in column {fault.column}"
    if _CONFLICT.match(text.split("\n")[line - 1]):
        return _conflict(path, line)
    missing = re.search(r"The prefix (\S*): has not been declared", fault.reason)
    repair = (
        _prefix_repair(missing[1], declared)
        if missing
        else next(
            (clause for pattern, clause in _REPAIRS if re.search(pattern, fault.reason)),
            "compare the line with the Turtle of a neighbouring file",
        )
    )
    if "dot is expected" in fault.reason:
        # The parser stands on the first token of the next statement or property; the fault is at the end of
        # the one before.
        before = _last_token(text, line, fault.column)
        line, place = before, "" if before == line else f", noticed in line {line}"
    return error(path, line, f"Turtle syntax error{place}: {fault.reason}", repair)


def _conflict(path: str, line: int) -> Finding:
    repair = "keep what is right of the two versions, and take away the lines <<<<<<<, ======= and >>>>>>>"
    return error(path, line, "a merge left a conflict here", repair)


def _prefix_repair(prefix: str, declared: Mapping[str, tuple[str, int]]) -> str:
    if prefix in declared:
        namespace, line = declared[prefix]
        return (
            f"add @prefix {prefix}: <{namespace}> . at the top of the file ({PREFIX_FILE}:{line} declares it)"
        )
    return (
        f"no prefix of that name is declared in {PREFIX_FILE}{did_you_mean(prefix, declared)}: "
        "mend the name, or declare it there and in this file"
    )


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


def did_you_mean(prefix: str, known: Iterable[str]) -> str:
    """A question in brackets with the prefix that looks most like this one; empty if none does."""
    return "".join(f" (did you mean {other}:?)" for other in nearest(prefix, known))
