"""The value in which every check reports: what is wrong, where, and what to do."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from r2p_kg.errors import R2PError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Severity = Literal["error", "warning", "info"]

#: From worst to mildest.
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")


@dataclass(frozen=True)
class Finding:
    """One thing that a curator should look at.

    Attributes:
        severity: an error stops the build.
        check: the name of the check that fired, the file stem of its query or shape if it has one.
        focus: the IRI that it is about, empty if it is about a file as a whole.
        path: relative to the ontology folder, with forward slashes.
        line: counts from 1.
        message: what is wrong, a plain clause without a full stop.
        repair: what to do, likewise.

    """

    severity: Severity
    check: str
    focus: str
    path: str
    line: int
    message: str
    repair: str

    def __str__(self) -> str:
        """The finding on one line, in the form that editors make clickable."""
        return f"{self.path}:{self.line}: {self.severity}: {self.message} — {self.repair} [{self.check}]"

    def as_dict(self) -> dict[str, str | int]:
        """The finding as a JSON object."""
        return asdict(self)


@dataclass(frozen=True)
class Check:
    """One check that is written in Python.

    Attributes:
        name: the name that its findings carry.
        looks_for: what it finds, for the quality report.
        severity: how grave its findings are.
        origins: the published rules that it holds, as the header of a check query names them.

    """

    name: str
    looks_for: str
    severity: Severity = "error"
    origins: str = ""

    def finding(self, focus: str, path: str, line: int, message: str, repair: str) -> Finding:
        """A finding of this check."""
        return Finding(self.severity, self.name, focus, path, line, message, repair)


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings without repetition, by file and line: the order in which a person mends them."""
    return tuple(
        sorted(
            set(findings),
            key=lambda one: (
                one.path,
                one.line,
                SEVERITIES.index(one.severity),
                one.check,
                one.focus,
                one.message,
            ),
        )
    )


class FindingsError(R2PError):
    """Nothing was built, because curated files have errors; ``findings`` holds these and all others."""

    exit_code = 1

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        errors = sum(finding.severity == "error" for finding in self.findings)
        super().__init__(
            f"{errors} error{'' if errors == 1 else 's'} in the curated files; nothing was built"
        )
