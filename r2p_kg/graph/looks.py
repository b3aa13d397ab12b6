"""What a file of data looks like, whatever its name says: asked only after it could not be read."""

from __future__ import annotations

import re
from typing import Final

from pyoxigraph import RdfFormat

#: How it begins → what it looks like; the first that matches tells. Comments of Turtle may come before.
_BEGINNINGS: Final[tuple[tuple[re.Pattern[bytes], RdfFormat | str], ...]] = tuple(
    (re.compile(pattern, re.IGNORECASE | re.MULTILINE), kind)
    for pattern, kind in (
        (rb"\A\x1f\x8b|\APK\x03\x04", "the file looks like an archive: unpack it first"),
        (rb"\A(?:\xff\xfe|\xfe\xff)", "the file looks like UTF-16: save it as UTF-8"),
        (
            rb"^(?:<{7}|>{7}) \S",
            "a merge left a conflict in the file: keep one version, and take the marks away",
        ),
        (
            rb"\A\s*<(?:!doctype\s+)?html",
            "the file looks like a page of HTML: fetch the data, not the page about it",
        ),
        (rb"\A\s*<(?:\?xml|!doctype|!--|rdf:RDF)", RdfFormat.RDF_XML),
        (rb'\A\s*[\[{]\s*[{"]', RdfFormat.JSON_LD),
        (rb"^\s*(?:graph\s*)?(?:<\S*>|[\w-]*:[\w.-]*)\s*\{", RdfFormat.TRIG),
        (rb"^\s*@?(?:prefix|base)\s", RdfFormat.TURTLE),
        (rb"^(?:<\S*>|_:\S+) <\S*> .* (?:<\S*>|_:\S+) \.$", RdfFormat.N_QUADS),
        (rb"^(?:<\S*>|_:\S+) <\S*> .* \.$", RdfFormat.N_TRIPLES),
    )
)
#: How much of the file is looked at.
_BEGINNING: Final = 64 * 1024


def otherwise(text: bytes, form: RdfFormat) -> str | None:
    """A clause on what the text looks like and what to do, if that is something else than the format.

    >>> otherwise(b"@prefix e: <http://e/> .", RdfFormat.RDF_XML)
    'the file looks like Turtle: end its name in .ttl'
    >>> otherwise(b"@prefix e: <http://e/> .", RdfFormat.TURTLE)
    """
    beginning = text[:_BEGINNING]
    kind = next((kind for pattern, kind in _BEGINNINGS if pattern.search(beginning)), None)
    if isinstance(kind, str) or kind is None or kind == form:
        return kind if isinstance(kind, str) else None
    return f"the file looks like {kind.name}: end its name in .{kind.file_extension}"
