"""A place among tokens, what is open around it, and the tree of what is behind it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, NoReturn

from r2p_kg.sparql.tokens import CLOSING, OPENING
from r2p_kg.sparql.tree import Node

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from r2p_kg.sparql.tokens import Token

#: Brackets that one text may open inside each other before this reader, which is recursive, leaves it to the
#: engine.
_DEEPEST: Final = 60


class StopError(Exception):
    """Not SPARQL from here on; ``expected`` is empty if this reader cannot tell."""

    def __init__(self, expected: str) -> None:
        super().__init__(expected)
        self.expected = expected


class Cursor:
    """Goes from token to token.

    at: The index of the token here.
    innermost: The construct that is open here.
    root: The one that spans the text.
    named: Name → the constructs of that name so far.
    opened: The indexes of the open brackets.
    closed: Index of an opening bracket → index of the closing one.
    declared: The prefixes so far.
    """

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = tokens
        self.at = 0
        self.root = self.innermost = Node("query", 0, None)
        self.named: defaultdict[str, list[Node]] = defaultdict(list)
        self.opened: list[int] = []
        self.closed: dict[int, int] = {}
        self.declared: set[str] = set()
        # Words in upper case, and a space, which is no token, at the end.
        self._texts = [token.text.upper() if token.kind == "word" else token.text for token in tokens] + [" "]
        self._kinds = [token.kind for token in tokens] + ["end"]

    def stop(self, expected: str) -> NoReturn:
        """Not SPARQL from here on."""
        raise StopError(expected)

    def stopped(self) -> tuple[str, ...]:
        """The names of the constructs that are open here, the innermost last; each of them ends here."""
        names = []
        node: Node | None = self.innermost
        while node is not None:
            node.end = self.at
            names.append(node.name)
            node = node.around
        return tuple(reversed(names[:-1]))

    @property
    def kind(self) -> str:
        """The kind of the token here; ``end`` behind the last one."""
        return self._kinds[self.at]

    @property
    def text(self) -> str:
        """The token here, words in upper case; a space at the end."""
        return self._texts[self.at]

    def after(self, step: int = 1) -> Token | None:
        """The token so many places further."""
        return self.tokens[self.at + step] if self.at + step < len(self.tokens) else None

    def take(self, *texts: str) -> bool:
        """True if the word or sign here is one of these, which is then behind the cursor."""
        text = self._texts[self.at]
        if text not in texts or self._kinds[self.at] not in ("word", "mark"):
            return False
        if text in OPENING:
            self.opened.append(self.at)
            if len(self.opened) > _DEEPEST:
                self.stop("")
        elif text in CLOSING and self.opened:
            self.closed[self.opened.pop()] = self.at
        self.at += 1
        return True

    def take_kind(self, *kinds: str) -> bool:
        """True if the token here is of one of these kinds; stops at a name whose prefix is not declared."""
        kind = self._kinds[self.at]
        if kind not in kinds:
            return False
        if kind == "name" and self.text.partition(":")[0] not in self.declared:
            self.stop("prefix")
        self.at += 1
        return True

    def need(self, expected: str, *texts: str) -> None:
        """Stop unless one of these words or signs stands here."""
        if not self.take(*texts):
            self.stop(expected)

    def need_kind(self, expected: str, *kinds: str) -> None:
        """Stop unless a token of one of these kinds stands here."""
        if not self.take_kind(*kinds):
            self.stop(expected)

    def within(self, name: str, read: Callable[[], object]) -> None:
        """Read something as the construct of that name, a part of the one around it."""
        around = self.innermost
        self.innermost = node = Node(name, self.at, around)
        around.parts.append(node)
        self.named[name].append(node)
        read()
        node.end = self.at
        self.innermost = around

    def is_within(self, *names: str) -> bool:
        """True if a construct of one of these names is open here."""
        node: Node | None = self.innermost
        while node is not None and node.name not in names:
            node = node.around
        return node is not None
