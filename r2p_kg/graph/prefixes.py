"""IRIs and their prefixed names, the same for pages, findings, explanations and JSON-LD.

A name is one that Turtle and SPARQL read back as the same IRI: what a local name cannot hold as it is, is
escaped (https://www.w3.org/TR/sparql11-query/#rPN_LOCAL, https://www.w3.org/TR/turtle/#sec-escapes).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

#: PN_CHARS_U and PN_CHARS of the grammar, for a character class.
_FIRST: Final = (
    "A-Z_a-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c-\u200d\u2070-\u218f"
    "\u2c00-\u2fef\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd\U00010000-\U000effff"
)
_LATER: Final = rf"{_FIRST}0-9\u00b7\u0300-\u036f\u203f-\u2040\-"
#: PN_LOCAL, and the empty name, after :data:`_ESCAPED` has been escaped.
_LOCAL: Final = re.compile(
    rf"(?:(?:[{_FIRST}:0-9]|%[0-9A-Fa-f]{{2}}|\\.)(?:(?:[{_LATER}.:]|%[0-9A-Fa-f]{{2}}|\\.)*"
    rf"(?:[{_LATER}:]|%[0-9A-Fa-f]{{2}}|\\.))?)?"
)
#: Characters of PN_LOCAL_ESC that have to be escaped: a dot or a hyphen at the start, a percent sign that
#: begins no escape, and most others everywhere. (A dot at the end could be too, but rdflib does not read it.)
_ESCAPED: Final = re.compile(r"[~!$&'()*+,;=/?#@]|^[.-]|%(?![0-9A-Fa-f]{2})")


class Prefixes(Mapping[str, str]):
    r"""Prefix → namespace, and what follows from it for names.

    >>> prefixes = Prefixes({"ex": "http://e/", "deep": "http://e/deep/"})
    >>> prefixes.shorten("http://e/a.b"), prefixes.shorten("http://e/deep/a"), prefixes.shorten("http://e/")
    ('ex:a.b', 'deep:a', 'ex:')
    >>> prefixes.shorten("http://other/"), prefixes.shorten("http://e/a,b/c")
    ('<http://other/>', 'ex:a\\,b\\/c')
    >>> prefixes.expand("ex:a\\,b"), prefixes.expand("none:a")
    ('http://e/a,b', None)
    """

    def __init__(self, spaces: Mapping[str, str]) -> None:
        self._spaces = dict(spaces)
        self._longest = sorted(self._spaces.items(), key=lambda pair: (-len(pair[1]), pair[0]))

    @classmethod
    def of(cls, spaces: Mapping[str, str]) -> Prefixes:
        """The prefixes of a mapping that may be one already."""
        return spaces if isinstance(spaces, cls) else cls(spaces)

    def __getitem__(self, prefix: str) -> str:
        return self._spaces[prefix]

    def __iter__(self) -> Iterator[str]:
        return iter(self._spaces)

    def __len__(self) -> int:
        return len(self._spaces)

    def split(self, iri: str) -> tuple[str, str] | None:
        """The prefix with the longest namespace that the IRI begins with, and the rest; None if none fits."""
        return next(
            ((prefix, iri[len(space) :]) for prefix, space in self._longest if iri.startswith(space)), None
        )

    def name(self, iri: str) -> str | None:
        """The prefixed name of an IRI; None if no prefix fits, or if the rest cannot be a local name."""
        found = self.split(iri)
        if found is None:
            return None
        prefix, rest = found
        local = _ESCAPED.sub(r"\\\g<0>", rest)
        return f"{prefix}:{local}" if _LOCAL.fullmatch(local) else None

    def shorten(self, iri: str) -> str:
        """The prefixed name of an IRI if it has one, else the IRI in angle brackets."""
        return self.name(iri) or f"<{iri}>"

    def expand(self, name: str) -> str | None:
        """The IRI of a prefixed name, also of one that lacks escapes (``id:a/b``); None if no prefix fits."""
        prefix, colon, local = name.partition(":")
        space = self._spaces.get(prefix)
        return None if space is None or not colon else space + re.sub(r"\\(.)", r"\1", local)
