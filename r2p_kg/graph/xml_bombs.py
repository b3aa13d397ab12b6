"""RDF/XML whose entities would grow beyond measure: refused before it is parsed.

The parser replaces ``&name;`` by what the document declares, as XML 1.0 says (section 4.4), without a bound:
ten declarations of a line each can ask for gigabytes, and a failed allocation ends the process.
Namespaces, for which entities are used in practice, pass.
"""

from __future__ import annotations

from typing import Final

_DECLARED: Final = b"!ENTITY"
_NESTED: Final = "an entity is inside another, which may grow without bound; write out its value"
_LONG: Final = "its entities would make the document more than ten times as long; write out their values"

#: Bytes that replaced entities may add beyond ten times the document's own.
_SPARE: Final = 1024 * 1024
_GROWTH: Final = 10


def excess(text: bytes) -> tuple[int, int, str] | None:
    """Line and column, from 1, of the first declaration that lets the document grow too far, and why.

    None if no declaration does.

    >>> excess(b'<!DOCTYPE a [<!ENTITY x "http://example.org/">]><a>&x;y</a>')
    >>> excess(b'<!DOCTYPE a [<!ENTITY x "xx"><!ENTITY y "&x;&x;">]><a>&y;</a>')
    (1, 30, 'an entity is inside another, which may grow without bound; write out its value')
    """
    if _DECLARED not in text:
        return None
    at, size = 0, 0
    # As the parser does: what follows a < and begins so is a declaration, anywhere in the document.
    for piece in text.split(b"<"):
        if piece.startswith(_DECLARED):
            name, _, value = piece[len(_DECLARED) :].lstrip().removeprefix(b"%").lstrip().partition(b'"')
            size += text.count(b"&" + name.strip() + b";") * len(value)
            reason = (
                _NESTED
                if b"&" in value.partition(b'"')[0].replace(b"&#", b"")
                else _LONG
                if size > _GROWTH * len(text) + _SPARE
                else None
            )
            if reason:
                return text.count(b"\n", 0, at) + 1, at - text.rfind(b"\n", 0, at) - 1, reason
        at += len(piece) + 1
    return None
