"""The quality report: every rule, where it comes from, how grave it is there, and how often it fired.

Rules are the check queries, the checks in Python, the reasoners' clashes and the shapes. Published rules that
something else holds, or that do not apply, are rows of ``checks/elsewhere.tsv``: origin, what it wants, what
holds it or why it does not apply.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from r2p_kg.curate import declared
from r2p_kg.curate.checks import queries
from r2p_kg.curate.checks.clashing import CLASHES
from r2p_kg.errors import UsageError
from r2p_kg.graph import files

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from r2p_kg.curate.checks.queries import Origin
    from r2p_kg.curate.findings import Finding

#: From gravest to mildest; a rule of our own has none of them.
GRADES: Final = ("critical", "ERROR", "important", "WARN", "minor", "INFO", "")

#: A fired rule of one of these grades is one too many.
BAR: Final = frozenset(GRADES[:3])

_SHAPE: Final = re.compile(r"^shape:(\w+) a sh:NodeShape", re.MULTILINE)
_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        name: the name of its findings.
        says: what it looks for.
        severity: how grave its findings are here.
        origins: the published rules that it holds, empty for our own.

    """

    name: str
    says: str
    severity: str
    origins: tuple[Origin, ...]

    @property
    def grade(self) -> str:
        """The gravest grade that any of the origins gives it."""
        return min((origin.grade for origin in self.origins), key=GRADES.index, default="")


@dataclass(frozen=True)
class Elsewhere:
    """A published rule that no check holds.

    Attributes:
        origin: the rule.
        wants: what it asks for.
        how: what holds it, or why it does not apply.

    """

    origin: Origin
    wants: str
    how: str


def rules(folder: Path) -> tuple[Rule, ...]:
    """Every rule of an ontology folder: queries, checks in Python, the reasoners' clashes, shapes.

    Raises UsageError for a wrong header.
    """
    asked = [
        Rule(one.name, _with_variables(one.problem), one.severity, one.origins)
        for _, one in queries.in_folder(folder / "checks")
    ]
    in_python = [
        Rule(one.name, _with_variables(one.looks_for), one.severity, queries.origins(one.origins))
        for one in (*declared.ALL, *CLASHES.values())
    ]
    shapes = {
        name: PurePath(path).stem
        for path in (files.find(folder / "shapes", ".ttl") if (folder / "shapes").is_dir() else ())
        for name in _SHAPE.findall(files.text(folder / "shapes" / path))
    }
    shaped = [Rule(name, f"what shapes/{stem}.ttl asks for", "error", ()) for name, stem in shapes.items()]
    return (*asked, *in_python, *sorted(shaped, key=lambda rule: rule.name))


def _with_variables(text: str) -> str:
    """The text with its variables in italics instead of in curly brackets."""
    return _PLACEHOLDER.sub(r"*\1*", text)


def elsewhere(folder: Path) -> tuple[Elsewhere, ...]:
    """The rows of ``checks/elsewhere.tsv``; none if there is no such file.

    Raises UsageError, with the line, for one that has not three columns or has a wrong origin.
    """
    path = folder / "checks" / "elsewhere.tsv"
    rows = []
    for number, line in enumerate(files.text(path).splitlines() if path.exists() else (), 1):
        columns = line.split("\t")
        try:
            (origin,) = queries.origins(columns[0])
            _, wants, how = columns
        except ValueError as error:
            wanted = "write origin, what it wants and what holds it, with tabs between"
            message = f"{path}:{number}: not a row ({error}); {wanted}"
            raise UsageError(message) from None
        rows.append(Elsewhere(origin, wants, how))
    return tuple(rows)


def fired(known: Iterable[Rule], findings: Iterable[Finding]) -> Mapping[Rule, int]:
    """How often each rule fired, gravest grade first, names in order below it."""
    counted = Counter(finding.check.split()[0] for finding in findings)
    return {
        rule: counted[rule.name]
        for rule in sorted(known, key=lambda rule: (GRADES.index(rule.grade), rule.name))
    }


def failing(counts: Mapping[Rule, int]) -> tuple[Rule, ...]:
    """The rules above the bar that fired."""
    return tuple(rule for rule, count in counts.items() if count and rule.grade in BAR)


def report(counts: Mapping[Rule, int], others: Iterable[Elsewhere]) -> str:
    """The report in Markdown: rules from a published list, our own, and those that are held elsewhere."""
    above = ", ".join(rule.name for rule in failing(counts))
    verdict = f"Fired above the bar: {above}." if above else "No critical, important or ERROR rule fired."
    published = [
        (rule.name, rule.says, ", ".join(map(str, rule.origins)), rule.grade or "none", str(count))
        for rule, count in counts.items()
        if rule.origins
    ]
    own = [
        (rule.name, rule.says, rule.severity, str(count))
        for rule, count in counts.items()
        if not rule.origins
    ]
    held = [(str(one.origin), one.origin.grade or "none", one.wants, one.how) for one in others]
    return "\n".join(
        [
            _HEAD.format(verdict=verdict),
            "## Published rules\n",
            *_table(("rule", "looks for", "origin", "grade there", "fired"), published),
            "\n## Rules of our own\n",
            *_table(("rule", "looks for", "severity", "fired"), own),
            "\n## Published rules without a check of their own\n",
            *_table(("origin", "grade", "wants", "how it is held, or why it does not apply"), held),
            "",
        ]
    )


_HEAD: Final = """# Quality of the ontology

Printed by `r2p check --report`; a test fails when this page is not what it prints.

**{verdict}**

The rules of ROBOT's report, of OOPS! and of FOOPS! are written anew here, as one file each in
`ontology/checks/`; every one owns a file on which it fires and one on which it does not, in `tests/checks/`.
"""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table of Markdown, the column ``fired`` to the right."""
    rule = ["---:" if name == "fired" else "---" for name in head]
    return [f"| {' | '.join(row)} |" for row in (head, rule, *rows)]
