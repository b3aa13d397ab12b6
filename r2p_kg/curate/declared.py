"""The checks that are written in Python, each declared once; clashes are declared by their rules.

Whatever a module finds, it finds in the name of one of these: the quality report has a row for each.
"""

from __future__ import annotations

from typing import Final

from r2p_kg.curate.findings import Check

SYNTAX: Final = Check("syntax", "a file that is no Turtle")
PREFIX: Final = Check(
    "prefix",
    "a prefix that stands for another namespace than in prefixes.ttl",
    origins="OOPS P39 critical",
)

UNDECLARED_TERM: Final = Check(
    "undeclared-term",
    "a term of ours that no schema file declares",
    origins="OOPS P34 minor; OOPS P35 important",
)
FOREIGN_TERM: Final = Check(
    "foreign-term",
    "a foreign term that schema/foreign.ttl does not declare",
    origins="OOPS P34 minor; OOPS P35 important",
)
DANGLING: Final = Check("dangling", "a name of ours that no file describes")

ILL_TYPED_LITERAL: Final = Check("ill-typed-literal", "a literal that is not of its datatype")
CHANGED_LITERAL: Final = Check("changed-literal", "a literal that the query engine would change", "warning")
CONTROL_CHARACTER: Final = Check("control-character", "a text with a character that XML cannot carry")

#: What Pellet says.
UNSATISFIABLE_CLASS: Final = Check("unsatisfiable-class", "a class that can have no members")
INCONSISTENT: Final = Check("inconsistent", "a contradiction that no rule of OWL 2 RL names")
CONSISTENCY_UNKNOWN: Final = Check("consistency-unknown", "a reasoner that gives no answer", "warning")

ALL: Final = tuple(value for value in list(globals().values()) if isinstance(value, Check))
