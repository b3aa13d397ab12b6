"""Whole answers kept before Flask, under what was asked and under the tag of what was answered, within a bound of bytes.

A cache belongs to one snapshot and goes with it, so that nothing in it is ever out of date.
"""

from __future__ import annotations

import gzip
from collections import OrderedDict
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import brotli

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

#: Bodies below this size gain nothing from compression.
SMALL: Final = 1024
_COMPRESSIBLE: Final = ("text/", "application/json", "application/sparql", "application/ld+json", "application/rdf+xml", "application/n-", "application/trig", "application/problem")

#: No single answer takes more than this part of the cache.
_LARGEST: Final = 8

#: Bytes that an entry costs besides its bodies.
_OVERHEAD: Final = 2048

Headers = list[tuple[str, str]]


class Page:
    """A whole answer: its headers, without what depends on the encoding, its body in each encoding that was asked for, and its tag.

    ``etag`` is None where the answer may not be kept.
    """

    __slots__ = ("_variants", "body", "compressible", "etag", "headers", "size")

    def __init__(self, headers: Sequence[tuple[str, str]], body: bytes, etag: str | None) -> None:
        media_type = next((value for name, value in headers if name.lower() == "content-type"), "")
        self.headers = [(name, value) for name, value in headers if name.lower() not in {"etag", "content-length"}]
        self.body = body
        self.etag = etag
        self.compressible = len(body) >= SMALL and media_type.startswith(_COMPRESSIBLE)
        self.size = len(body) + _OVERHEAD
        self._variants: dict[str, tuple[Headers, bytes]] = {}

    def ready(self, encoding: str) -> bool:
        """True where :meth:`variant` has nothing to do that would keep others waiting."""
        return encoding in self._variants or not self.compressible or not encoding or len(self.body) < 64 * SMALL

    def variant(self, encoding: str) -> tuple[Headers, bytes]:
        """Headers and body in that encoding (``br``, ``gzip`` or the empty string), made once."""
        if not self.compressible:
            encoding = ""
        made = self._variants.get(encoding)
        if made is None:
            body = compress(self.body, encoding)
            headers = [*self.headers, ("content-length", str(len(body)))]
            if self.etag:
                headers.append(("etag", f'"{tagged(self.etag, encoding)}"'))
            if encoding:
                headers.append(("content-encoding", encoding))
                self.size += len(body)
            made = self._variants[encoding] = (headers, body)
        return made


class Cache:
    """Pages by request and by tag. ``limit``: bytes that all of them may take."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._requests: OrderedDict[Hashable, Page] = OrderedDict()
        self._tags: dict[str, Page] = {}
        self.size = 0

    def __len__(self) -> int:
        return len(self._requests)

    def get(self, request: Hashable) -> Page | None:
        """The page that was the answer to a request."""
        page = self._requests.get(request)
        if page is not None:
            self._requests.move_to_end(request)
        return page

    def tagged(self, etag: str) -> Page | None:
        """The page with that tag, whichever request it answered."""
        return self._tags.get(etag)

    def put(self, request: Hashable, page: Page) -> None:
        """Keep a page, and let go of those that were asked for longest ago; one that is too large, or has no tag, is not kept."""
        if page.etag is None or page.size * _LARGEST > self._limit:
            return
        self._requests[request] = page
        self._tags[page.etag] = page
        self.size += page.size
        while self.size > self._limit:
            _, oldest = self._requests.popitem(last=False)
            self._tags.pop(oldest.etag or "", None)
            self.size -= oldest.size


def compress(body: bytes, encoding: str) -> bytes:
    """The body in an encoding; the same body always gives the same bytes, as a strong tag promises."""
    if encoding == "br":
        return bytes(brotli.compress(body, quality=5))
    return gzip.compress(body, 5, mtime=0) if encoding == "gzip" else body


def tagged(etag: str, encoding: str) -> str:
    """The tag of a body in an encoding: another encoding has another tag (RFC 9110, section 8.8.3.3)."""
    return f"{etag}-{encoding}" if encoding else etag


@lru_cache(maxsize=256)
def encoding(accepted: str | None) -> str:
    """The encoding that a client gets (RFC 9110, section 12.5.3): ``br`` before ``gzip`` before none where it likes them alike.

    >>> encoding("gzip, deflate, br"), encoding("gzip;q=0.8, br;q=0.1"), encoding("identity"), encoding(None), encoding("br;q=0, *")
    ('br', 'gzip', '', '', 'gzip')
    """
    qualities: dict[str, float] = {}
    for part in (accepted or "").lower().split(","):
        name, _, quality = part.partition(";q=")
        try:
            qualities[name.strip()] = float(quality or 1)
        except ValueError:
            qualities[name.strip()] = 0.0
    found = [(qualities.get(name, qualities.get("*", 0.0)), name) for name in ("gzip", "br")]
    best, name = max(found, key=lambda pair: (pair[0], pair[1] == "br"))
    return name if best > 0 and best >= qualities.get("identity", 0.0) else ""
