"""Check queries: one rule, one SPARQL file, with what is wrong and what to do on top.

::

    # Problem: what is wrong, one clause; {variables} of the SELECT are replaced by their values
    # Solution: what to do
    # Severity: error | warning | info
    # Origin: ROBOT missing_label ERROR; OOPS P08 minor; FOOPS VOC3

The last line tells from which published rules the check comes, each with the grade that they give it; a rule
of our own has none. Each row of the SELECT is a finding. ``?focus`` is required; ``?property`` and ``?value``
lead to the exact line. The default graph is all that was written; each file is a named graph of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyoxigraph import BlankNode, NamedNode, QuerySolutions

from r2p_kg.curate.findings import SEVERITIES, Finding, Severity
from r2p_kg.errors import UsageError
from r2p_kg.graph import files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pyoxigraph import Store

    from r2p_kg.curate.checks.locations import Locations

_HEADER = re.compile(r"^# (Problem|Solution|Severity|Origin): (\S.*)$")
_ORIGIN = re.compile(r"(ROBOT|OOPS|FOOPS) (\w+)(?: (ERROR|WARN|INFO|critical|important|minor))?")


@dataclass(frozen=True)
class Origin:
    """A published rule.

    Attributes:
        tool: the tool that has it.
        code: its name there.
        grade: how grave it is there, empty if the tool gives no grades.

    """

    tool: str
    code: str
    grade: str = ""

    def __str__(self) -> str:
        """The origin as people write it."""
        return f"{self.tool} {self.code}"


@dataclass(frozen=True)
class CheckQuery:
    """One ``.rq`` file.

    Attributes:
        name: its stem.
        problem: what is wrong, with variables in curly brackets.
        solution: what to do, likewise.
        severity: how grave its findings are.
        text: the whole file.
        origins: the published rules that it holds, empty for a rule of our own.

    """

    name: str
    problem: str
    solution: str
    severity: Severity
    text: str
    origins: tuple[Origin, ...] = ()


def origins(text: str) -> tuple[Origin, ...]:
    """The origins that a header names, separated by semicolons.

    Raises ValueError for one that is not written like ``OOPS P08 minor``.

    >>> [str(one) for one in origins("ROBOT missing_label ERROR; FOOPS VOC3")]
    ['ROBOT missing_label', 'FOOPS VOC3']
    """
    named = []
    for part in filter(None, (part.strip() for part in text.split(";"))):
        match = _ORIGIN.fullmatch(part)
        if match is None:
            message = f"the origin {part!r} is none of ROBOT, OOPS or FOOPS, a code and a grade"
            raise ValueError(message)
        named.append(Origin(match[1], match[2], match[3] or ""))
    return tuple(named)


def read(path: Path) -> CheckQuery:
    """The check query in a file.

    Raises UsageError if it cannot be read, or if a header is missing or unknown.
    """
    text = files.text(path)
    headers: dict[str, str] = {}
    for line in text.splitlines():
        match = _HEADER.match(line)
        if match is None:
            break
        headers.setdefault(match[1], match[2])
    missing = [header for header in ("Problem", "Solution", "Severity") if header not in headers]
    if missing or headers["Severity"] not in SEVERITIES:
        what = (
            f"has no header '# {missing[0]}: …'"
            if missing
            else f"has the severity {headers['Severity']!r}; it can be {', '.join(SEVERITIES)}"
        )
        message = f"{path}:1: {what}; begin the file with the lines Problem, Solution and Severity"
        raise UsageError(message)
    try:
        named = origins(headers.get("Origin", ""))
    except ValueError as error:
        message = f"{path}: {error}; write for example '# Origin: OOPS P08 minor'"
        raise UsageError(message) from None
    return CheckQuery(path.stem, headers["Problem"], headers["Solution"], headers["Severity"], text, named)


def check(store: Store, folder: Path, locations: Locations) -> Iterator[Finding]:
    """The findings of all queries in a folder, in the order of their names."""
    for path, query in in_folder(folder):
        yield from ask(store, query, locations, path)


def in_folder(folder: Path) -> Iterator[tuple[Path, CheckQuery]]:
    """The check queries of a folder with their paths, in order of names; none if there is no folder."""
    for name in files.find(folder, ".rq") if folder.is_dir() else ():
        yield folder / name, read(folder / name)


def ask(store: Store, query: CheckQuery, locations: Locations, path: Path) -> Iterator[Finding]:
    """The findings of one query. Raises UsageError if it is not SPARQL or has no ``?focus``."""
    try:
        answer = store.query(query.text, prefixes=dict(locations.prefixes), use_default_graph_as_union=True)
    except SyntaxError as error:
        # The parser goes on to list all that it would have taken, character class by character class.
        message = (
            f"{path}: not SPARQL: {error.msg.splitlines()[0].partition(': expected')[0]}; mend the query"
        )
        raise UsageError(message) from None
    if not isinstance(answer, QuerySolutions) or "focus" not in {
        variable.value for variable in answer.variables
    }:
        message = f"{path}: a check query is a SELECT with the variable ?focus; add it"
        raise UsageError(message)
    variables = [variable.value for variable in answer.variables]
    _test_words(query, variables, path)
    for row in answer:
        bound = {name: row[name] for name in variables if row[name] is not None}
        focus = bound["focus"]
        file, line = locations.find(focus, bound.get("property"), bound.get("value"))
        words = {name: locations.name(bound[name]) if name in bound else "nothing" for name in variables}
        about = focus.value if isinstance(focus, NamedNode | BlankNode) else ""
        yield Finding(
            query.severity,
            query.name,
            about,
            file,
            line,
            query.problem.format_map(words),
            query.solution.format_map(words),
        )


def _test_words(query: CheckQuery, variables: list[str], path: Path) -> None:
    """Raises UsageError for a variable that the SELECT does not give, and for a stray bracket."""
    try:
        (query.problem + query.solution).format_map(dict.fromkeys(variables, ""))
    except (KeyError, IndexError, ValueError) as error:
        known = ", ".join(f"{{{name}}}" for name in variables)
        message = f"{path}: Problem and Solution can name {known}, and not {error}; mend them"
        raise UsageError(message) from None
