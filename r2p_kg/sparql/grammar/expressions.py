"""Expressions: operators, functions, aggregates, and the conditions of FILTER and HAVING."""

from __future__ import annotations

from abc import abstractmethod
from typing import Final

from r2p_kg.sparql.grammar.triples import Triples
from r2p_kg.sparql.words import AGGREGATES, FUNCTIONS

_RELATIONS: Final = frozenset({"=", "!=", "<", ">", "<=", ">="})
_OPERATORS: Final = frozenset({"&&", "||", "+", "-", "*", "/"}) | _RELATIONS


class Expressions(Triples):
    """Rules 68 to 72 and 110 to 128 of the grammar."""

    @abstractmethod
    def group(self, expected: str = "{") -> None:
        """A pattern in braces."""

    def constraint(self) -> None:
        """A condition: in parentheses, or a call."""
        if self.take("("):
            self.expression()
            self.need(")", ")")
        elif self.kind in ("iri", "name"):
            self.at += 1
            self.need("(", "(")
            self.arguments(None)
        elif self.text in FUNCTIONS or self.text in AGGREGATES or self.text in ("EXISTS", "NOT"):
            self.operand()
        else:
            self.stop("constraint")

    def expression(self) -> None:
        """Operands with operators between; two comparisons in a row are a mistake."""
        self.operand()
        compared = False
        while True:
            if self.kind == "iri":
                self.stop(
                    "operator" if self.text == "<>" else ""
                )  # may be two comparisons, which the engine would see and the tokenizer does not
            relation = self.text in _RELATIONS or self.text in ("IN", "NOT")
            if self.kind == "mark" and self.text in ("&&", "||"):
                compared = False
            elif relation and compared:
                self.stop("second comparison")
            compared = compared or relation
            if self.take("NOT"):
                self.need("IN", "IN")
                self.items()
            elif self.take("IN"):
                self.items()
            elif self.kind == "mark" and self.take(*_OPERATORS):
                self.operand()
            else:
                return

    def items(self) -> None:
        """What follows IN."""
        self.need("( of IN", "(")
        self.arguments(None)

    def operand(self) -> None:
        """One value with its signs."""
        while self.take("!") or (self.text in ("+", "-") and self.take("+", "-")):
            pass
        if self.take("("):
            self.expression()
            self.need(")", ")")
        elif self.text == "<<(":
            self.within("triple term", lambda: self.within("<<", self.quoted))
        elif self.kind == "word" and self.tokens[self.at].text not in ("true", "false"):
            self.call()
        elif self.kind in ("iri", "name"):
            self.take_kind("iri", "name")
            if self.take("("):
                self.take("DISTINCT")
                self.arguments(None)
        elif not self.term():
            self.stop("expression")

    def call(self) -> None:
        """A function, an aggregate or EXISTS."""
        name = self.text
        if name == "NOT" and (after := self.after()) and after.text.upper() == "EXISTS":
            self.at += 1
            name = "EXISTS"
        if name == "EXISTS":
            self.at += 1
            self.within("EXISTS", self.group)
        elif name in AGGREGATES:
            self.at += 1
            self.need("(", "(")
            self.within(name, self.aggregated)
        elif name in FUNCTIONS:
            self.at += 1
            self.need("(", "(")
            self.within(name, lambda: self.arguments(FUNCTIONS[name]))
        else:
            self.stop("function")

    def aggregated(self) -> None:
        """What stands in the parentheses of an aggregate."""
        name = self.innermost.name
        self.take("DISTINCT")
        if name != "COUNT" or not self.take("*"):
            self.expression()
        if name == "GROUP_CONCAT" and self.take(";"):
            self.need("separator", "SEPARATOR")
            self.need("separator", "=")
            self.need_kind("separator", "string")
        self.need(")", ")")

    def arguments(self, count: tuple[int, int] | None) -> None:
        """Expressions up to the closing bracket; ``count``: the least and the most of them, None for any."""
        least, most = count or (0, len(self.tokens))
        given = 0
        while not self.take(")"):
            if given == most:
                self.stop("too many arguments" if self.text == "," else ")")
            if given:
                self.need(")", ",")
            self.expression()
            given += 1
            if self.text == ")" and given < least:
                self.stop("too few arguments")
        if given < least:
            self.at -= 1
            self.stop("too few arguments")
