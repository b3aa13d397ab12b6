"""A place among tokens, and what was opened before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn

from r2p_kg.sparql.tokens import CLOSING, OPENING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from r2p_kg.sparql.tokens import Token

#: Brackets that one text may open inside each other before this reader, which is recursive, leaves it to the engine.
_DEEPEST: Final = 60


class StopError(Exception):
    """Not SPARQL from here on; ``expected`` is empty where this reader cannot tell."""

    def __init__(self, expected: str) -> None:
        super().__init__(expected)
        self.expected = expected


class Cursor:
    """Goes from token to token; ``inside``: the constructs around it; ``opened``: the open brackets; ``declared``: the prefixes so far."""

    def __init__(self, found: Sequence[Token]) -> None:
        self.found = found
        self.at = 0
        self.inside: list[str] = []
        self.opened: list[int] = []
        self.declared: set[str] = set()

    def stop(self, expected: str) -> NoReturn:
        """Not SPARQL from here on."""
        raise StopError(expected)

    @property
    def kind(self) -> str:
        """The kind of the token here."""
        return self.found[self.at].kind if self.at < len(self.found) else "end"

    @property
    def text(self) -> str:
        """The token here, words in upper case; a space, which is no token, at the end."""
        if self.at == len(self.found):
            return " "
        token = self.found[self.at]
        return token.text.upper() if token.kind == "word" else token.text

    def take(self, *texts: str) -> bool:
        """True where the word or sign here is one of these, which is then behind the cursor."""
        if self.kind not in ("word", "mark") or self.text not in texts:
            return False
        if self.text in OPENING:
            self.opened.append(self.at)
            if len(self.opened) > _DEEPEST:
                self.stop("")
        elif self.text in CLOSING and self.opened:
            self.opened.pop()
        self.at += 1
        return True

    def take_kind(self, *kinds: str) -> bool:
        """True where the token here is of one of these kinds; stops at a name whose prefix is not declared."""
        if self.kind not in kinds:
            return False
        if self.kind == "name" and self.text.partition(":")[0] not in self.declared:
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
        """Read something as a part of the construct of that name."""
        self.inside.append(name)
        read()
        self.inside.pop()
