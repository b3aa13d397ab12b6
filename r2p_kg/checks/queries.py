"""Check queries: one rule, one SPARQL file, with what is wrong and what to do on top.

::

    # Problem: what is wrong, one clause; {variables} of the SELECT stand for what was found
    # Solution: what to do
    # Severity: error | warning | info

Each row of the SELECT is a finding. ``?focus`` is required; ``?property`` and ``?value`` lead to the exact line.
The default graph is all that was written; each file is a named graph of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyoxigraph import BlankNode, NamedNode, QuerySolutions

from r2p_kg.errors import UsageError
from r2p_kg.findings import SEVERITIES, Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pyoxigraph import Store

    from r2p_kg.checks.places import Places

_HEADER = re.compile(r"^# (Problem|Solution|Severity): (\S.*)$")


@dataclass(frozen=True)
class CheckQuery:
    """One ``.rq`` file; ``name`` is its stem."""

    name: str
    problem: str
    solution: str
    severity: Severity
    text: str


def read(path: Path) -> CheckQuery:
    """The check query in a file. Raises UsageError where a header is missing, repeated or unknown."""
    text = path.read_text(encoding="utf-8")
    found: dict[str, str] = {}
    for line in text.splitlines():
        match = _HEADER.match(line)
        if match is None:
            break
        found.setdefault(match[1], match[2])
    missing = [header for header in ("Problem", "Solution", "Severity") if header not in found]
    if missing or found["Severity"] not in SEVERITIES:
        what = f"has no header '# {missing[0]}: …'" if missing else f"has the severity {found['Severity']!r}, which is none of {', '.join(SEVERITIES)}"
        message = f"{path}:1: {what}; begin the file with the lines Problem, Solution and Severity"
        raise UsageError(message)
    return CheckQuery(path.stem, found["Problem"], found["Solution"], found["Severity"], text)


def check(store: Store, folder: Path, places: Places) -> Iterator[Finding]:
    """The findings of all queries in a folder, in the order of their names."""
    for path in sorted(folder.glob("*.rq")):
        yield from ask(store, read(path), places, path)


def ask(store: Store, query: CheckQuery, places: Places, path: Path) -> Iterator[Finding]:
    """The findings of one query. Raises UsageError where it is not SPARQL or has no ``?focus``."""
    try:
        answer = store.query(query.text, prefixes=dict(places.prefixes), use_default_graph_as_union=True)
    except SyntaxError as error:
        message = f"{path}: not SPARQL: {error.msg}; mend the query"
        raise UsageError(message) from None
    if not isinstance(answer, QuerySolutions) or "focus" not in {variable.value for variable in answer.variables}:
        message = f"{path}: a check query is a SELECT with the variable ?focus; add it"
        raise UsageError(message)
    variables = [variable.value for variable in answer.variables]
    for row in answer:
        bound = {name: row[name] for name in variables if row[name] is not None}
        focus = bound["focus"]
        where, line = places.find(focus, bound.get("property"), bound.get("value"))
        words = {name: places.name(bound[name]) if name in bound else "nothing" for name in variables}
        about = focus.value if isinstance(focus, NamedNode | BlankNode) else ""
        yield Finding(query.severity, query.name, about, where, line, query.problem.format_map(words), query.solution.format_map(words))
