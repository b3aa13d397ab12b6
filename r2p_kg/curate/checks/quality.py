"""The quality report: every rule, where it comes from, how grave it is there, and how often it fired.

Rules are the check queries, the checks in Python and the shapes. Published rules that are held by something
else than a check, or that do not apply, stand with their reason in ``checks/elsewhere.tsv``: origin, what it
wants, what holds it or why it does not apply.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from r2p_kg.curate.checks import queries
from r2p_kg.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from r2p_kg.curate.checks.queries import Origin
    from r2p_kg.curate.findings import Finding

#: From gravest to mildest; a rule of our own has none of them.
GRADES: Final = ("critical", "ERROR", "important", "WARN", "minor", "INFO", "")

#: A fired rule of one of these grades is one too many.
BAR: Final = frozenset(GRADES[:3])

#: Checks that are no queries → what they look for, and their origins as a header would write them.
_IN_PYTHON: Final = {
    "changed-literal": ("a literal that the query engine would change", ""),
    "control-character": ("a text with a character that XML cannot carry", ""),
    "dangling": ("a name of ours that no file describes", ""),
    "foreign-term": (
        "a foreign term that schema/foreign.ttl does not declare",
        "OOPS P34 minor; OOPS P35 important",
    ),
    "ill-typed-literal": ("a literal that is not of its datatype", ""),
    "prefix": ("a prefix that stands for another namespace than in prefixes.ttl", "OOPS P39 critical"),
    "syntax": ("a file that is no Turtle", ""),
    "undeclared-term": ("a term of ours that no schema file declares", "OOPS P34 minor; OOPS P35 important"),
}
_SHAPE: Final = re.compile(r"^shape:(\w+) a sh:NodeShape", re.MULTILINE)
_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Rule:
    """One rule. ``name`` is that of its findings.

    ``says`` what it looks for; ``severity`` what it is here; ``origins`` empty for our own.
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

    What it ``wants``, and what holds it or why it does not apply (``how``).
    """

    origin: Origin
    wants: str
    how: str


def rules(folder: Path) -> tuple[Rule, ...]:
    """Every rule of an ontology folder.

    Queries first, then checks in Python, then shapes. Raises UsageError where a header is wrong.
    """
    asked = [queries.read(path) for path in sorted((folder / "checks").glob("*.rq"))]
    found = [
        Rule(one.name, _PLACEHOLDER.sub(r"*\1*", one.problem), one.severity, one.origins) for one in asked
    ]
    found += [Rule(name, says, "error", queries.origins(text)) for name, (says, text) in _IN_PYTHON.items()]
    shapes = {
        name: path.stem
        for path in sorted((folder / "shapes").glob("*.ttl"))
        for name in _SHAPE.findall(path.read_text(encoding="utf-8"))
    }
    found += [
        Rule(name, f"what shapes/{stem}.ttl asks for", "error", ()) for name, stem in sorted(shapes.items())
    ]
    return tuple(found)


def elsewhere(folder: Path) -> tuple[Elsewhere, ...]:
    """The rows of ``checks/elsewhere.tsv``.

    Raises UsageError, with the line, where one has not three columns or a wrong origin.
    """
    path = folder / "checks" / "elsewhere.tsv"
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines() if path.is_file() else (), 1):
        columns = line.split("\t")
        try:
            (origin,) = queries.origins(columns[0])
            _, wants, how = columns
        except ValueError as error:
            message = f"{path}:{number}: not a row ({error}); write origin, what it wants and what holds it, with tabs between"
            raise UsageError(message) from None
        found.append(Elsewhere(origin, wants, how))
    return tuple(found)


def fired(found: Iterable[Rule], findings: Iterable[Finding]) -> Mapping[Rule, int]:
    """How often each rule fired, gravest grade first, names in order below it."""
    counted = Counter(finding.check.split()[0] for finding in findings)
    return {
        rule: counted[rule.name]
        for rule in sorted(found, key=lambda rule: (GRADES.index(rule.grade), rule.name))
    }


def failing(counts: Mapping[Rule, int]) -> tuple[Rule, ...]:
    """The rules above the bar that fired."""
    return tuple(rule for rule, count in counts.items() if count and rule.grade in BAR)


def report(counts: Mapping[Rule, int], others: Iterable[Elsewhere]) -> str:
    """The report in Markdown: rules from a published list, our own, and those that are held elsewhere."""
    published = {rule: count for rule, count in counts.items() if rule.origins}
    own = {rule: count for rule, count in counts.items() if not rule.origins}
    above = failing(counts)
    verdict = (
        "No critical, important or ERROR rule fired."
        if not above
        else f"Fired above the bar: {', '.join(rule.name for rule in above)}."
    )
    lines = [
        "# Quality of the ontology",
        "",
        "Printed by `r2p check --report`; a test fails when this page is not what it prints.",
        "",
        f"**{verdict}**",
        "",
    ]
    lines += [
        "The rules of ROBOT's report, of OOPS! and of FOOPS! are written anew here, as one file each in `ontology/checks/`; every one owns a file",
        "",
    ]
    lines[-1:] = [
        "on which it fires and one on which it does not, in `tests/checks/`.",
        "",
        "## Published rules",
        "",
    ]
    lines += ["| rule | looks for | origin | grade there | fired |", "| --- | --- | --- | --- | ---: |"]
    lines += [
        f"| {rule.name} | {rule.says} | {', '.join(map(str, rule.origins))} | {rule.grade or 'none'} | {count} |"
        for rule, count in published.items()
    ]
    lines += [
        "",
        "## Rules of our own",
        "",
        "| rule | looks for | severity | fired |",
        "| --- | --- | --- | ---: |",
    ]
    lines += [f"| {rule.name} | {rule.says} | {rule.severity} | {count} |" for rule, count in own.items()]
    lines += [
        "",
        "## Published rules without a check of their own",
        "",
        "| origin | grade | wants | how it is held, or why it does not apply |",
    ]
    lines += [
        "| --- | --- | --- | --- |",
        *(f"| {one.origin} | {one.origin.grade or 'none'} | {one.wants} | {one.how} |" for one in others),
    ]
    return "\n".join([*lines, ""])
