"""Bodies of requests: read whole, within bounds of bytes and time, before anybody looks at them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from r2p_kg.errors import BusyError
from r2p_kg.web import update
from r2p_kg.web.problems import RequestError

if TYPE_CHECKING:
    from flask import Flask

#: Seconds within which the whole body of a request must have come.
_BODY_SECONDS: Final = 20.0

#: Where bodies may have more bytes, if their sender may write.
_WRITES: Final = ("/sparql", "/rdf-graph-store")

#: Bytes of bodies that are on their way at once, of all requests together: many slow ones must not fill the
#: memory.
_ALL_BODIES: Final = 256 * 1024 * 1024

_ENCODED: Final = (
    "the body is compressed, and this service inflates nothing; send it as it is, without Content-Encoding"
)
_FULL: Final = "too many large bodies are on their way; come back in a moment"
_BROKEN: Final = (
    "the body broke off before its end, or has trailer fields after it, which this server cannot tell apart, "
    "so nothing was done with it; send the request again, without trailer fields (after a query they may "
    "stand if a Trailer header announces them)"
)


class Bodies:
    """Reads the bodies of one front process, and knows how many bytes of them are on their way."""

    def __init__(self) -> None:
        self._held = 0

    async def read(self, scope: Any, proto: Any, path: str, limit: int, writes: Flask | None) -> bytes:
        """The whole body of a request, as granian's RSGI gives it.

        ``path``: what is asked for. ``limit``: bytes that the body may have, more if ``writes``, the
        application whose data may be changed, lets its sender write. Raises RequestError if it is encoded
        (415), too long (413), does not come (408) or breaks off (400); BusyError if too many come.
        """
        headers = scope.headers
        if writes is not None and path.startswith(_WRITES):
            limit = max(limit, update.longest_body(writes, headers.get("authorization") or ""))
        if any(
            coding.strip().lower() != "identity"
            for value in headers.get_all("content-encoding")
            for coding in value.split(",")
        ):
            # Never inflated: a small body could become a huge one.
            raise RequestError(415, _ENCODED, headers={"Accept-Encoding": "identity"})
        length = headers.get("content-length")
        if length is not None and length.isdecimal() and int(length) > limit:
            raise _too_long(limit)
        parts, size, empty = [], 0, 0
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                async for part in proto:
                    size += len(part)
                    self._held += len(part)
                    empty += not part
                    if size > limit:
                        raise _too_long(limit)
                    if self._held > _ALL_BODIES:
                        raise BusyError(_FULL)
                    parts.append(bytes(part))
        except TimeoutError as late:
            message = (
                f"the body of the request did not come within {_BODY_SECONDS:g} seconds; send it in one go"
            )
            raise RequestError(408, message) from late
        finally:
            self._held -= size
        # Granian ends every body with an empty part and raises nothing if one breaks off: it gives an empty
        # part more, and so it does for trailer fields. Half of a change must not pass for the whole; half of
        # a query whose sender announced trailer fields (RFC 9110, section 6.6.2) would reach nobody.
        announced = writes is None and "trailer" in headers
        if (empty > 1 and not announced) or (length is not None and length != str(size)):
            raise RequestError(400, _BROKEN)
        return b"".join(parts)


def _too_long(limit: int) -> RequestError:
    return RequestError(
        413, f"the body is larger than the {limit:,} bytes that this service takes; /status states its limits"
    )
