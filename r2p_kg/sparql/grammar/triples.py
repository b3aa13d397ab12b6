"""Triples: terms, lists, blank nodes, paths, triple terms and annotations."""

from __future__ import annotations

import re
from typing import Final

from r2p_kg.sparql.grammar.cursor import Cursor

_ESCAPES: Final = re.compile(r"""(?:[^\\]|\\[tbnrf"'\\]|\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8})*+""", re.DOTALL)


class Triples(Cursor):
    """Rules 75 to 109 of the grammar, without expressions."""

    def triples(self) -> None:
        """One subject with its predicates and objects."""
        self.within("triples", self.subject)

    def subject(self) -> None:
        """A subject, and what is said of it."""
        free = self.text in ("[", "(", "<<")
        simple = self.at
        if not self.node():
            self.stop("subject")
        only_bracket = free and self.at - simple > 2  # noqa: PLR2004 - more than the pair of brackets
        if only_bracket and not self.begins_verb():
            return
        self.properties()

    def begins_verb(self) -> bool:
        """True if a predicate can begin here."""
        return self.kind in ("variable", "iri", "name") or self.text in ("^", "!", "(", "A")

    def properties(self) -> None:
        """Predicates, each with its objects, and semicolons between."""
        self.property()
        while self.take(";"):
            if self.begins_verb():
                self.property()

    def property(self) -> None:
        """A predicate and its objects, with commas between."""
        self.within("verb", self.verb)
        self.within("object", self.object)
        while self.take(","):
            self.within("object", self.object)

    def verb(self) -> None:
        """A variable or a path; in a template a property."""
        if self.take_kind("variable"):
            return
        if not self.begins_verb():
            self.stop("predicate")
        if self.is_within("template", "template pattern"):
            if not self.take("A"):
                self.need_kind("predicate", "iri", "name")
            return
        self.path()

    def path(self) -> None:
        """Steps with / or | between."""
        while True:
            self.take("^")
            self.step()
            self.take("*", "+", "?")
            if not self.take("/", "|"):
                return

    def step(self) -> None:
        """One step of a path."""
        if self.take("("):
            self.path()
            self.need("path )", ")")
        elif self.take("!"):
            if not self.take("("):
                self.negated()
                return
            while not self.take(")"):
                self.negated()
                if self.text != ")":
                    self.need("negated path", "|")
        elif not self.take("A") and not self.take_kind("iri", "name"):
            self.stop("path step")

    def negated(self) -> None:
        """One property after !."""
        self.take("^")
        if not self.take("A"):
            self.need_kind("negated path", "iri", "name")

    def object(self) -> None:
        """One object with its reifiers and annotations."""
        if not self.node():
            self.stop("object")
        while self.text in ("~", "{|"):
            if self.take("~"):
                self.take_kind("variable", "iri", "name", "blank")
            else:
                self.need("{|", "{|")
                self.properties()
                self.need("|}", "|}")

    def node(self) -> bool:
        """True if a term, a list, a blank node in brackets or a triple stood here, and was read."""
        if self.take("["):
            if self.text != "]":
                self.properties()
            self.need("]", "]")
        elif self.take("("):
            while not self.take(")"):
                if not self.node():
                    self.stop("list item")
        elif self.text in ("<<", "<<("):
            self.within("<<", self.quoted)
        else:
            return self.term()
        return True

    def quoted(self) -> None:
        """A triple between << and >>."""
        closing = ")>>" if self.text == "<<(" else ">>"
        self.need("<<", "<<", "<<(")
        for expected in ("subject", "predicate", "object"):
            if expected == "predicate" and self.take("A"):
                continue
            if not self.node():
                self.stop(expected)
        if closing == ">>" and self.take("~"):
            self.take_kind("variable", "iri", "name", "blank")
        self.need(closing, closing)

    def term(self) -> bool:
        """True if a single term stood here, and was read."""
        if self.kind == "string":
            if not _ESCAPES.fullmatch(self.text):
                self.stop("escape")
            self.at += 1
            if not self.take_kind("language") and self.take("^^"):
                self.need_kind("datatype", "iri", "name")
            return True
        if (
            self.kind == "mark"
            and self.text in ("+", "-")
            and (after := self.after())
            and after.kind == "number"
        ):
            self.at += 2
            return True
        # Only these two words are lower case by the standard, and the engine holds to it.
        if self.kind == "word" and self.tokens[self.at].text in ("true", "false"):
            self.at += 1
            return True
        return self.take_kind("variable", "iri", "name", "number", "blank")
