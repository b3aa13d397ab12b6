"""Whole queries: their forms and modifiers, and the patterns in braces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from r2p_kg.sparql.grammar.expressions import Expressions
from r2p_kg.sparql.words import AGGREGATES, ELEMENTS, FORMS, FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Callable

_GROUPS: Final = ("OPTIONAL", "MINUS", "LATERAL")


class Queries(Expressions):
    """Rules 1 to 28 and 53 to 67 of the grammar."""

    def query(self) -> None:
        """Prologue, form, and nothing behind."""
        self.prologue()
        for form in FORMS:
            if self.take(form):
                self.within(form, getattr(self, form.lower()))
                break
        else:
            self.stop("form")
        if self.kind != "end":
            self.stop("end")
        self.root.end = self.at

    def prologue(self) -> None:
        """PREFIX, BASE and VERSION."""
        while self.text in ("PREFIX", "BASE", "VERSION"):
            if self.take("PREFIX"):
                if self.kind != "name" or not self.text.endswith(":"):
                    self.stop("prefix name")
                self.declared.add(self.text[:-1])
                self.at += 1
                self.need_kind("prefix iri", "iri")
            elif self.take("BASE"):
                self.need_kind("prefix iri", "iri")
            else:
                self.at += 1
                self.need_kind("version", "string")

    def select(self) -> None:
        """What follows SELECT."""
        self.take("DISTINCT", "REDUCED")
        if not self.take("*"):
            self.within("column", self.projected)
            while self.kind == "variable" or self.text == "(":
                self.within("column", self.projected)
        self.dataset()
        self.where()
        self.modifiers()

    def projected(self) -> None:
        """One column."""
        if self.take_kind("variable"):
            return
        self.need("projection", "(")
        self.expression()
        self.need("AS", "AS")
        self.need_kind("variable after AS", "variable")
        self.need(")", ")")

    def ask(self) -> None:
        """What follows ASK."""
        self.dataset()
        self.where()
        self.modifiers()

    def describe(self) -> None:
        """What follows DESCRIBE."""
        if not self.take("*"):
            self.need_kind("described", "variable", "iri", "name")
            while self.take_kind("variable", "iri", "name"):
                pass
        self.dataset()
        if self.text in ("WHERE", "{"):
            self.where()
        self.modifiers()

    def construct(self) -> None:
        """What follows CONSTRUCT."""
        if self.take("{"):
            self.within("template", self.template)
            self.dataset()
            self.where()
        else:
            self.dataset()
            self.need("template", "WHERE")
            self.need("{", "{")
            self.within("template pattern", lambda: self.within("{", self.template))
        self.modifiers()

    def template(self) -> None:
        """Triples without paths, up to the closing brace."""
        while self.text != "}":
            self.triples()
            if not self.take("."):
                break
        self.need("}", "}")

    def dataset(self) -> None:
        """FROM and FROM NAMED."""
        while self.take("FROM"):
            self.take("NAMED")
            self.need_kind("graph name", "iri", "name")

    def where(self) -> None:
        """The pattern, with or without its keyword."""
        self.take("WHERE")
        self.group("where")

    def modifiers(self) -> None:
        """What follows the pattern."""
        if self.take("GROUP"):
            self.need("BY", "BY")
            self.within("GROUP BY", lambda: self.conditions(self.grouping))
        if self.take("HAVING"):
            self.within("HAVING", lambda: self.conditions(self.constraint))
        if self.take("ORDER"):
            self.need("BY", "BY")
            self.within("ORDER BY", lambda: self.conditions(self.ordering))
        for _ in range(2):
            if self.take("LIMIT", "OFFSET"):
                self.need_kind("count", "number")
        if self.take("VALUES"):
            self.within("VALUES", self.values)

    def conditions(self, read: Callable[[], None]) -> None:
        """One or more of what follows GROUP BY, HAVING or ORDER BY."""
        read()
        while (
            self.kind in ("variable", "iri", "name")
            or self.text in ("(", "ASC", "DESC")
            or self.text in FUNCTIONS
            or self.text in AGGREGATES
        ):
            read()

    def grouping(self) -> None:
        """One key of GROUP BY."""
        if self.take_kind("variable"):
            return
        if not self.take("("):
            self.constraint()
            return
        self.expression()
        if self.take("AS"):
            self.need_kind("variable after AS", "variable")
        self.need(")", ")")

    def ordering(self) -> None:
        """One key of ORDER BY."""
        if self.take("ASC", "DESC"):
            self.need("(", "(")
            self.expression()
            self.need(")", ")")
        elif not self.take_kind("variable"):
            self.constraint()

    def group(self, expected: str = "{") -> None:
        """A pattern in braces, or a query inside another."""
        self.need(expected, "{")
        if self.take("SELECT"):
            self.within("SELECT", self.select)
        else:
            self.within("{", self.elements)
        self.need("}", "}")

    def elements(self) -> None:
        """Triples, ended by a dot or by another element; and other elements, which a dot may follow."""
        while self.text != "}":
            if self.element():
                self.take(".")
                continue
            self.triples()
            if not self.take(".") and self.text != "}" and not self.begins_element():
                self.stop("dot")

    def begins_element(self) -> bool:
        """True if something other than triples begins here."""
        return self.text == "{" or (self.kind == "word" and self.text in ELEMENTS)

    def element(self) -> bool:
        """True if something other than triples stood here, and was read."""
        if self.text == "{":
            self.group()
            while self.take("UNION"):
                self.within("UNION", self.group)
        elif self.text in _GROUPS:
            name = self.text
            self.at += 1
            self.within(name, self.group)
        elif self.take("GRAPH"):
            self.within("GRAPH", self.named_group)
        elif self.take("SERVICE"):
            self.take("SILENT")
            self.within("SERVICE", self.named_group)
        elif self.take("FILTER"):
            self.within("FILTER", self.constraint)
        elif self.take("BIND"):
            self.within("BIND", self.bind)
        elif self.take("VALUES"):
            self.within("VALUES", self.values)
        else:
            return False
        return True

    def named_group(self) -> None:
        """What follows GRAPH or SERVICE: a name and a pattern."""
        self.need_kind("graph name", "variable", "iri", "name")
        self.group()

    def bind(self) -> None:
        """What follows BIND."""
        self.need("(", "(")
        self.expression()
        self.need("AS", "AS")
        self.need_kind("variable after AS", "variable")
        self.need(")", ")")

    def values(self) -> None:
        """What follows VALUES."""
        width = None
        if self.take("("):
            width = 0
            while self.take_kind("variable"):
                width += 1
            self.need("values variable", ")")
        else:
            self.need_kind("values variable", "variable")
        self.need("values {", "{")
        while not self.take("}"):
            if width is None:
                self.value("value")
                continue
            self.need("row", "(")
            for _ in range(width):
                self.value("value")
            self.need("end of row", ")")

    def value(self, expected: str) -> None:
        """One value of VALUES."""
        if self.take("UNDEF", "TRUE", "FALSE"):
            return
        if self.text == "<<(":
            self.within("<<", self.quoted)
        elif self.kind in ("variable", "blank", "word") or not self.term():
            self.stop(expected)
