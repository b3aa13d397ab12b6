"""A complete tokenizer for SPARQL: every terminal of the grammar, by longest match.

Terminals: https://www.w3.org/TR/sparql11-query/#sparqlGrammar, rules 139 to 173, and those that SPARQL 1.2
adds (triple terms, annotations, base direction). It never fails: a character that begins no terminal becomes
a token of kind ``other``, because a wrong text must reach the parser, which says what is wrong with it.

Its time is linear in the text. Quantifiers are possessive (``*+``) where nothing could be gained by giving
back, prefixes are at most 256 characters long, and after a hundred tokens of kind ``other`` (a quote that is
never closed is read to the end of its line for nothing) the rest is one more: a reading with one of them is
no SPARQL already.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urljoin

if TYPE_CHECKING:
    from collections.abc import Iterator

_BASE: Final = (
    r"A-Za-z\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u02FF\u0370-\u037D\u037F-\u1FFF\u200C-\u200D\u2070-\u218F\u2C00-\u2FEF"
    r"\u3001-\uD7FF\uF900-\uFDCF\uFDF0-\uFFFD\U00010000-\U000EFFFF"
)
_MORE: Final = r"0-9\u00B7\u0300-\u036F\u203F-\u2040"
_U: Final = rf"[{_BASE}_]"
_NAME: Final = rf"[{_BASE}_{_MORE}-]"
_PREFIX: Final = rf"[{_BASE}][{_BASE}_{_MORE}.-]{{0,255}}+(?<!\.)"
_PLX: Final = r"%[0-9A-Fa-f]{2}|\\[_~.\-!$&'()*+,;=/?#@%]"
_LOCAL: Final = rf"(?:[{_BASE}_0-9:]|{_PLX})(?:[{_BASE}_{_MORE}:-]++|{_PLX}|\.++(?={_NAME}|:|{_PLX}))*+"

#: Kinds and their patterns; the first that matches is the token, so longer terminals stand before their
#: beginnings.
_TERMINALS: Final = (
    ("space", r"[\x20\t\r\n]+"),
    ("comment", r"#[^\r\n]*"),
    ("iri", r'<[^<>"{}|^`\\\x00-\x20]*(?:\\(?:u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8})[^<>"{}|^`\\\x00-\x20]*)*>'),
    ("string", r'"""(?:[^"\\]++|\\.|"{1,2}+(?!"))*+"""' + "|" + r"'''(?:[^'\\]++|\\.|'{1,2}+(?!'))*+'''"),
    ("string", r'"(?:[^"\\\r\n]++|\\.)*+"' + "|" + r"'(?:[^'\\\r\n]++|\\.)*+'"),
    ("blank", rf"_:[{_BASE}_0-9](?:{_NAME}++|\.++(?={_NAME}))*+"),
    ("name", rf"(?:{_PREFIX})?:(?:{_LOCAL})?"),
    ("variable", rf"[?$](?:{_U}|[0-9])(?:{_U}|[0-9\u00B7\u0300-\u036F\u203F-\u2040])*"),
    ("language", r"@[A-Za-z]+(?:-[A-Za-z0-9]+)*(?:--(?:ltr|rtl))?"),
    ("number", r"(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)[eE][+-]?[0-9]+|[0-9]*\.[0-9]+|[0-9]+"),
    ("word", r"[A-Za-z_][A-Za-z0-9_]*"),
    ("mark", r"<<\(|<<|\{\||\)>>|>>|\|\}|[{}()\[\]]|\^\^|\|\||&&|!=|<=|>=|[<>=!+\-*/|^.,;?~&@]"),
    ("other", r"."),
)
_PATTERN: Final = re.compile("|".join(f"({pattern})" for _, pattern in _TERMINALS), re.DOTALL)
#: By the number of the group; patterns have no groups of their own.
_KINDS: Final = ("", *(kind for kind, _ in _TERMINALS))

#: A local name that needs no escapes and is not empty (PN_LOCAL).
PLAIN_LOCAL: Final = re.compile(
    rf"(?:[{_BASE}_0-9:]|%[0-9A-Fa-f]{{2}})(?:[{_BASE}_{_MORE}:-]++|%[0-9A-Fa-f]{{2}}|\.++(?={_NAME}|[:%]))*+"
)

#: Tokens of kind ``other`` after which the rest is one token.
MOST_OTHERS: Final = 100

OPENING: Final = frozenset({"{", "(", "[", "<<", "<<(", "{|"})
CLOSING: Final = frozenset({"}", ")", "]", ">>", ")>>", "|}"})
_OPERANDS: Final = frozenset({"variable", "string", "number", "name", "iri", "language", "word", "blank"})

_SKIPPED: Final = frozenset({"space", "comment"})

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_ESCAPE: Final = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8}))")


class Token(NamedTuple):
    """One terminal.

    kind: ``iri``, ``name`` (prefixed), ``blank``, ``variable``, ``string``, ``language``, ``number``,
        ``word``, ``mark`` or ``other``.
    text: As written.
    start: Its offset from the beginning of the text.
    """

    kind: str
    text: str
    start: int

    @property
    def operand(self) -> bool:
        """True if an operator may follow; elsewhere a ``<`` begins an IRI."""
        return self.kind in _OPERANDS or self.text in CLOSING


def tokens(text: str, start: int = 0, *, operator: bool = False) -> Iterator[Token]:
    """The tokens from ``start`` to the end; comments and white space are left out.

    ``operator``: the sign ``<`` at ``start`` is read as "less than" although an IRI could begin there.

    >>> [token.text for token in tokens("SELECT*{?s ex:p 'a # b'@en} # c")]
    ['SELECT', '*', '{', '?s', 'ex:p', "'a # b'", '@en', '}']
    """
    if operator:
        yield Token("mark", "<", start)
        start += 1
    others = 0
    for match in _PATTERN.finditer(text, start):
        kind = _KINDS[match.lastindex or 0]
        if kind in _SKIPPED:
            continue
        if kind == "other":
            others += 1
            if others > MOST_OTHERS:
                yield Token(kind, text[match.start() :], match.start())
                return
        yield Token(kind, match[0], match.start())


def place(text: str, offset: int) -> tuple[int, int]:
    r"""Line and column of an offset, both from 1, the column in characters.

    >>> place("SELECT *\n  { SERVICE", 13)
    (2, 5)
    """
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1


def decode(text: str) -> str:
    r"""The text after codepoint escapes (SPARQL 1.1, section 19.2); what is no code point stays as written.

    >>> decode(r"\u0053ERVICE \UFFFFFFFF")
    'SERVICE \\UFFFFFFFF'
    """
    return _ESCAPE.sub(_codepoint, text)


def resolved(token: str, base: str) -> str:
    """The IRI that a token of kind ``iri`` stands for, resolved against the base (RFC 3986, section 5).

    >>> resolved("<a#b>", "http://x/y"), resolved("<http://x/ns#>", "http://y/"), resolved("<#>", "http://x/y")
    ('http://x/a#b', 'http://x/ns#', 'http://x/y#')
    """
    text = decode(token[1:-1])
    if _SCHEME.match(text):
        return text
    # An empty fragment is one, although urljoin leaves it out.
    return urljoin(base, text) + ("#" if text.endswith("#") else "")


def _codepoint(match: re.Match[str]) -> str:
    code = int(match[1] or match[2], 16)
    return chr(code) if code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF else match[0]  # noqa: PLR2004 - the bounds of Unicode
