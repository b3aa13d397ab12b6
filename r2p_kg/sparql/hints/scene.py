"""The place of a mistake with all that a rule needs to know of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from r2p_kg.sparql.tokens import Token

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from r2p_kg.sparql.tree import Mistake, Tree

#: What may stand at a place, in words, by the grammar's tags.
EXPECTED: Final = {
    "form": "SELECT, ASK, CONSTRUCT or DESCRIBE",
    "end": "end of query",
    "projection": "*, variables, or (an expression AS ?name)",
    "where": "the pattern in braces: WHERE { … }",
    "template": "the template in braces: CONSTRUCT { … } WHERE { … }",
    "described": "an IRI, a prefixed name, a variable or *",
    "subject": "a subject, a keyword such as FILTER or OPTIONAL, or }",
    "predicate": "a predicate: an IRI, a prefixed name, a variable, a path, or a",
    "object": "an object: a variable, an IRI, a prefixed name, a number or a quoted string",
    "dot": "a dot, a semicolon, a comma, or }",
    "expression": "a value: a variable, a number, a quoted string, an IRI or a function",
    "function": "a value: a variable, a number, a quoted string, an IRI or a function",
    "operator": "an operator, or the closing bracket",
    "constraint": "a condition in parentheses",
    ")": "a closing parenthesis, or an operator",
    "]": "a closing ], or a semicolon and another predicate",
    "}": "a closing }, or a dot and another triple",
    "{": "an opening {",
    "(": "an opening (",
    "AS": "AS and a variable",
    "variable after AS": "a variable",
    "BY": "BY",
    "count": "a whole number",
    "graph name": "the name of a graph: an IRI or a prefixed name",
    "path step": "a property: an IRI, a prefixed name, or a",
    "path )": "a closing ), or / or | and another step",
    "negated path": "a property, | and another one, or )",
    "list item": "an item of the list, or )",
    "values variable": "the variable, or several in parentheses",
    "values {": "the values in braces: { … }",
    "value": "a value: an IRI, a prefixed name, a number, a quoted string, or UNDEF",
    "row": "a row in parentheses",
    "end of row": "the closing ) of the row",
    "<<": "an opening <<",
    ">>": "the closing >> of the triple",
    ")>>": "the closing )>> of the triple",
    "|}": "the closing |} of the annotation, or a semicolon and another predicate",
    "too few arguments": "another argument",
    "second comparison": "&& or || and another comparison",
    "{|": "an opening {|",
    "datatype": "the datatype: an IRI or a prefixed name",
    "separator": 'SEPARATOR = "…"',
    "prefix name": "the prefix with its colon",
    "prefix iri": "an IRI in angle brackets",
    "version": "a version in quotes",
}


class Advice(NamedTuple):
    """What is wrong, what to write (or None), and the offset of the mistake if not the token's."""

    detail: str
    hint: str | None
    start: int = -1


@dataclass(frozen=True)
class Scene:
    """The first mistake of a text, and the prefixes that the service knows."""

    tree: Tree
    mistake: Mistake
    known: Mapping[str, str]

    @property
    def query(self) -> str:
        """The text."""
        return self.tree.text

    @property
    def tokens(self) -> Sequence[Token]:
        """Its tokens."""
        return self.tree.tokens

    @property
    def before(self) -> Sequence[Token]:
        """The tokens before the mistake."""
        return self.tokens[: self.mistake.index]

    @property
    def expected(self) -> str:
        """The tag of what could stand here."""
        return self.mistake.expected

    @property
    def inside(self) -> str:
        """The innermost construct, empty outside all."""
        return self.mistake.inside[-1] if self.mistake.inside else ""

    @property
    def in_template(self) -> bool:
        """True in the template of CONSTRUCT."""
        return any("template" in name for name in self.mistake.inside)

    @property
    def token(self) -> Token:
        """The token that cannot stand; of kind ``end``, behind the last one, if the text ends too early."""
        return self.near(0)

    @property
    def word(self) -> str:
        """The token's text, in upper case if it is a word."""
        return self.token.text.upper() if self.token.kind == "word" else self.token.text

    def near(self, step: int) -> Token:
        """The token so many places further; an empty one of kind ``end`` outside the text."""
        index = self.mistake.index + step
        if 0 <= index < len(self.tokens):
            return self.tokens[index]
        if index < 0:
            return Token("end", "", 0)
        return Token("end", "", end(self.tokens[-1]) if self.tokens else len(self.query))

    def joined(self, step: int) -> bool:
        """True if nothing stands between the token so many places further and the one before it."""
        return self.near(step).kind != "end" and end(self.near(step - 1)) == self.near(step).start


def end(token: Token) -> int:
    """The offset behind a token."""
    return token.start + len(token.text)
