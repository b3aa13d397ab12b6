"""Whole answers kept before Flask: under what was asked and under their tags, within a bound of bytes.

A cache belongs to one snapshot and goes with it, so that nothing in it is ever out of date.
"""

from __future__ import annotations

import gzip
import threading
from collections import OrderedDict
from functools import lru_cache
from sys import getsizeof
from typing import TYPE_CHECKING, Final

import brotli

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Bodies below this size gain nothing from compression.
SMALL: Final = 1024
_COMPRESSIBLE: Final = (
    "text/",
    "application/json",
    "application/sparql",
    "application/ld+json",
    "application/rdf+xml",
    "application/n-",
    "application/trig",
    "application/problem",
)

#: No single answer takes more than this part of the cache.
_LARGEST: Final = 8

#: Bytes that a page costs besides its bodies, and a request besides its text.
_OVERHEAD: Final = 2048
_KEY: Final = 256

#: Spellings of Accept-Encoding that a page remembers.
_SPELLINGS: Final = 4

Headers = list[tuple[str, str]]

#: What a page is kept under.
Request = tuple[str | None, ...]

#: Held while sizes change, since pages are compressed in threads.
_counting = threading.Lock()


class Page:
    """A whole answer: its headers but for what depends on the encoding, its tag, its body in each encoding.

    ``etag`` is None if the answer may not be kept. ``holder`` and ``keys`` are the cache's: where it is
    kept, for how many requests.
    """

    __slots__ = ("_variants", "body", "compressible", "etag", "headers", "holder", "keys", "sent", "size")

    def __init__(
        self, headers: Sequence[tuple[str, str]], body: bytes, media_type: str, etag: str | None
    ) -> None:
        self.headers = headers
        self.body = body
        self.etag = etag
        self.compressible = len(body) >= SMALL and media_type.startswith(_COMPRESSIBLE)
        self.size = len(body) + _OVERHEAD
        self.holder: Cache | None = None
        self.keys = 0
        self._variants: dict[str, tuple[Headers, bytes]] = {}
        #: What was sent before, by the Accept-Encoding header: a short cut to :meth:`variant`.
        self.sent: dict[str | None, tuple[Headers, bytes]] = {}

    def ready(self, encoding: str) -> bool:
        """True if :meth:`variant` has nothing to do that would keep others waiting."""
        return (
            encoding in self._variants or not self.compressible or not encoding or len(self.body) < 64 * SMALL
        )

    def variant(self, encoding: str) -> tuple[Headers, bytes]:
        """Headers and body in that encoding (``br``, ``gzip`` or the empty string), made once.

        May be called from any thread.
        """
        if not self.compressible:
            encoding = ""
        return self._variants.get(encoding) or self._make(encoding)

    def send_again(self, accepted: str | None) -> None:
        """Remember what a client with that Accept-Encoding gets, which has been made before.

        Of the few headers that clients really send.
        """
        if len(self.sent) < _SPELLINGS and self.ready(encoding(accepted)):
            self.sent[accepted] = self.variant(encoding(accepted))

    def tag(self, encoding: str) -> str:
        """The tag of the body in that encoding; only if there is one."""
        return tagged(self.etag or "", encoding if self.compressible else "")

    def _make(self, encoding: str) -> tuple[Headers, bytes]:
        body = compress(self.body, encoding)
        headers = [*self.headers, ("content-length", str(len(body)))]
        if self.etag:
            headers.append(("etag", f'"{tagged(self.etag, encoding)}"'))
        if encoding:
            headers.append(("content-encoding", encoding))
        with _counting:
            made = self._variants.setdefault(encoding, (headers, body))
            if encoding and made[1] is body:  # no other thread was faster
                self.size += len(body)
                if self.holder is not None:
                    self.holder.grown(len(body))
        return made


class Cache:
    """Pages by request and by tag. ``limit``: bytes that all of them may take, with what they are kept under.

    Read on the event loop; pages may grow, and push others out, from any thread.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._requests: OrderedDict[Request, Page] = OrderedDict()
        self._tags: dict[str, Page] = {}
        self.size = 0

    def __len__(self) -> int:
        return len(self._requests)

    def takes(self, size: int) -> bool:
        """True if a body of so many bytes may be kept."""
        return (size + _OVERHEAD + _KEY) * _LARGEST <= self._limit

    def get(self, request: Request) -> Page | None:
        """The page that was the answer to a request."""
        page = self._requests.get(request)
        if page is not None:
            try:
                self._requests.move_to_end(request)
            except KeyError:  # a thread has just let go of it
                return page
        return page

    def tagged(self, etag: str) -> Page | None:
        """The page with that tag, whichever request it answered."""
        return self._tags.get(etag)

    def put(self, request: Request, page: Page) -> None:
        """Keep a page, and let go of those that were asked for longest ago.

        One that is too large, or has no tag, is not kept.
        """
        cost = _cost(request)
        with _counting:
            if page.etag is None or (page.size + cost) * _LARGEST > self._limit:
                return
            self._forget(request)
            if not page.keys:
                page.holder = self
                self.size += page.size
            page.keys += 1
            self._requests[request] = page
            self._tags[page.etag] = page
            self.size += cost
            self._shrink()

    def grown(self, size: int) -> None:
        """A page that is kept takes so many more bytes; called by the page."""
        self.size += size
        self._shrink()

    def _shrink(self) -> None:
        while self.size > self._limit:
            self._forget(next(iter(self._requests)))

    def _forget(self, request: Request) -> None:
        page = self._requests.pop(request, None)
        if page is None:
            return
        self.size -= _cost(request)
        page.keys -= 1
        if not page.keys:
            page.holder = None
            self.size -= page.size
            if self._tags.get(page.etag or "") is page:
                del self._tags[page.etag or ""]


def _cost(request: Request) -> int:
    """Bytes that a request takes as a key: the one who asks decides how long it is."""
    return _KEY + sum(map(getsizeof, request))


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
    """The encoding that a client gets (RFC 9110, section 12.5.3).

    ``br`` before ``gzip`` before none if it likes them alike.

    >>> encoding("gzip, deflate, br"), encoding("gzip;q=0.8, br;q=0.1"), encoding("br;q=0, *")
    ('br', 'gzip', 'gzip')
    >>> encoding("identity"), encoding(None)
    ('', '')
    """
    qualities: dict[str, float] = {}
    for part in (accepted or "").lower().split(","):
        name, *weights = (piece.strip() for piece in part.split(";"))
        try:
            qualities[name] = next((float(weight[2:]) for weight in weights if weight.startswith("q=")), 1.0)
        except ValueError:
            qualities[name] = 0.0
    found = [(qualities.get(name, qualities.get("*", 0.0)), name) for name in ("gzip", "br")]
    best, name = max(found, key=lambda pair: (pair[0], pair[1] == "br"))
    return name if best > 0 and best >= qualities.get("identity", 0.0) else ""
