"""The tree of a text: each construct of the grammar, its tokens, and the constructs inside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from r2p_kg.sparql.tokens import resolved

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from r2p_kg.sparql.tokens import Token


#: Constructs in whose scope the variables of their parts are.
_SCOPES: Final = frozenset({"{", "SELECT", "OPTIONAL", "UNION", "GRAPH", "SERVICE", "LATERAL"})


class Node:
    """One construct.

    name: Its keyword, such as ``SELECT``, ``FILTER`` or ``COUNT``; or ``query``, ``column``, ``{`` (a pattern
        in braces), ``template``, ``triples`` (a subject with all its predicates and objects), ``verb``,
        ``object``, ``<<`` (a quoted triple), ``triple term`` (one in an expression).
    first, end: The indexes of its first token, behind its keyword, and of the one behind its last.
    parts: The constructs inside it, in the order of the text.
    around: The construct that it is a part of; None for the whole text.
    """

    __slots__ = ("around", "end", "first", "name", "parts")

    def __init__(self, name: str, first: int, around: Node | None) -> None:
        self.name = name
        self.first = first
        self.end = first
        self.parts: list[Node] = []
        self.around = around

    def every(self, names: Collection[str], without: Collection[str] = ()) -> Iterator[Node]:
        """All constructs of these names inside this one, but for those inside ``without``."""
        for part in self.parts:
            if part.name in names:
                yield part
            if part.parts and part.name not in without:
                yield from part.every(names, without)

    def part(self, *names: str) -> Node | None:
        """The first construct of one of these names directly inside this one."""
        return next((part for part in self.parts if part.name in names), None)

    def indexes(self, without: Collection[str] = ()) -> Iterable[int]:
        """The indexes of the tokens of this construct; not of those inside constructs of these names."""
        return self.loose(without) if without else range(self.first, self.end)

    def loose(self, without: Collection[str]) -> Iterator[int]:
        """What :meth:`indexes` says, told by going through the parts."""
        at = self.first
        for part in self.parts:
            yield from range(at, part.first)
            if part.name not in without:
                yield from part.loose(without)
            at = part.end
        yield from range(at, self.end)


@dataclass(frozen=True)
class Mistake:
    """Where a text ceases to be SPARQL.

    index: That of the first token that cannot stand; the number of tokens if the text ends too early.
    expected: What could stand there, as a short tag; empty if this reader cannot tell.
    inside: The constructs around it, the innermost last.
    opened: The indexes of the brackets that are open there.
    """

    index: int
    expected: str
    inside: tuple[str, ...]
    opened: tuple[int, ...]


@dataclass(frozen=True)
class Prologue:
    """What stands before the form of a query, or before an operation of an update.

    prefixes: Prefix → namespace.
    base: The IRI against which relative ones are resolved.
    end: The index of the first token behind it.
    """

    prefixes: Mapping[str, str]
    base: str
    end: int

    def iri(self, token: Token) -> str | None:
        """The IRI that a token stands for; None if it is no IRI, or a name whose prefix is not declared."""
        if token.kind == "iri":
            return resolved(token.text, self.base)
        if token.kind != "name":
            return None
        prefix, _, local = token.text.partition(":")
        return self.prefixes[prefix] + unescaped(local) if prefix in self.prefixes else None


@dataclass(frozen=True)
class Tree:
    """A text as the grammar reads it, up to its first mistake.

    text: The text.
    tokens: Its tokens.
    root: The construct that spans it.
    mistake: The first mistake; None if there is none that a grammar can see.
    brackets: Index of each opening bracket → index of the one that closes it.
    named: Name → the constructs of that name, in the order of the text.
    """

    text: str
    tokens: Sequence[Token]
    root: Node
    mistake: Mistake | None
    brackets: Mapping[int, int]
    named: Mapping[str, Sequence[Node]]

    def every(self, *names: str) -> Iterator[Node]:
        """All constructs of these names, in the order of the text within each name."""
        return (node for name in names for node in self.named.get(name, ()))

    @property
    def form(self) -> Node | None:
        """The outermost SELECT, ASK, CONSTRUCT or DESCRIBE."""
        return self.root.parts[0] if self.root.parts else None

    def word(self, index: int) -> str:
        """The token of that index, in upper case if it is a word; empty outside the text."""
        if not 0 <= index < len(self.tokens):
            return ""
        token = self.tokens[index]
        return token.text.upper() if token.kind == "word" else token.text

    def variables(self, node: Node, without: Collection[str] = ()) -> Iterator[Token]:
        """The variables of a construct, each time that it names them, but for those inside ``without``."""
        return (self.tokens[at] for at in node.indexes(without) if self.tokens[at].kind == "variable")

    def column(self, node: Node) -> Token:
        """The variable of a column: itself, or what stands behind AS."""
        return self.tokens[node.first if node.end - node.first == 1 else node.end - 2]

    def columns(self, select: Node) -> list[Token]:
        """The variables of the columns of a SELECT, in order; none if it says ``*``."""
        return [self.column(part) for part in select.parts if part.name == "column"]

    def visible(self, node: Node) -> dict[str, None]:
        """The variables in scope behind a construct (SPARQL 1.1, 18.2.1), in the order of the text."""
        if node.name == "BIND":
            return {self.tokens[node.end - 2].text[1:]: None}
        if node.name in ("triples", "VALUES"):
            return dict.fromkeys(token.text[1:] for token in self.variables(node))
        if node.name == "SELECT" and (columns := self.columns(node)):
            return dict.fromkeys(token.text[1:] for token in columns)
        names: dict[str, None] = {}
        if node.name in ("GRAPH", "SERVICE"):
            names = dict.fromkeys(token.text[1:] for token in self.variables(node, ("{", "SELECT")))
        for part in node.parts if node.name in _SCOPES else ():
            names |= self.visible(part)
        return names


def prologue(
    tokens: Sequence[Token], base: str = "", at: int = 0, prefixes: Mapping[str, str] | None = None
) -> Prologue:
    """The declarations from that token on; ``base`` and ``prefixes`` are those before them."""
    known = dict(prefixes or {})
    while at < len(tokens) and tokens[at].kind == "word":
        word = tokens[at].text.upper()
        kinds = tuple(token.kind for token in tokens[at + 1 : at + 3])
        if word == "PREFIX" and kinds == ("name", "iri"):
            known[tokens[at + 1].text[:-1]] = resolved(tokens[at + 2].text, base)
            at += 3
        elif word == "BASE" and kinds[:1] == ("iri",):
            base = resolved(tokens[at + 1].text, base)
            at += 2
        elif word == "VERSION" and kinds[:1] == ("string",):
            at += 2
        else:
            break
    return Prologue(known, base, at)


def unescaped(local: str) -> str:
    r"""A local name without its backslashes; percent-encodings stay, because they are a part of the IRI.

    >>> unescaped(r"a\,b%41")
    'a,b%41'
    """
    return local.replace("\\", "") if "\\" in local else local
