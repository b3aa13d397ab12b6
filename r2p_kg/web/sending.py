"""Pages on their way to the client: in the encoding that it takes, from a file if they are large, or 304."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from r2p_kg.engine.answer_files import LARGE, AnswerFiles
from r2p_kg.errors import BusyError
from r2p_kg.web import replies
from r2p_kg.web.cache import encoding

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import Executor

    from r2p_kg.engine.answer_files import AnswerFile
    from r2p_kg.web.cache import Headers, Page
    from r2p_kg.web.door import Asked

#: Seconds within which the server has opened a file that it is to send.
_OPENED: Final = 30.0


class Sender:
    """Sends answers of one front process. ``threads``: where large bodies are compressed."""

    def __init__(self, loop: asyncio.AbstractEventLoop, threads: Executor) -> None:
        self._loop = loop
        self._threads = threads
        self._files = AnswerFiles()

    async def deliver(self, proto: Any, page: Page, asked: Asked) -> None:
        """Send a page; a large one from a file, so that slow readers keep no copies of it in memory."""
        wanted = encoding(asked.coding)
        if not page.ready(wanted):
            await self._loop.run_in_executor(self._threads, page.variant, wanted)
        headers, body = page.variant(wanted)
        if asked.empty or len(body) < LARGE or (page.etag and replies.holds(asked.held, page.etag)):
            send(proto, page, wanted, asked.held, empty=asked.empty)
            return
        try:
            room = self._files.create(len(body))
        except BusyError:  # the memory has it anyway
            send(proto, page, wanted, asked.held, empty=asked.empty)
            return
        memoryview(room)[:] = body
        self._send_file(proto, headers, room)

    def large(self, proto: Any, about: Headers, body: AnswerFile, etag: str | None, *, empty: bool) -> None:
        """Send an answer that is not kept, as it is: to compress it would take longer than to send it."""
        headers = [*about, ("content-length", str(len(body))), *([("etag", f'"{etag}"')] if etag else [])]
        if empty:
            proto.response_empty(200, headers)
        else:
            self._send_file(proto, headers, body)

    def _send_file(self, proto: Any, headers: Headers, body: AnswerFile) -> None:
        """The server reads the file as fast as the client takes it.

        It opens it soon, and the file is there until everybody has closed it.
        """
        proto.response_file(200, headers, body.path)
        self._loop.call_later(_OPENED, lambda: body)


def send(proto: Any, page: Page, wanted: str, held: str | None, *, empty: bool) -> None:
    """Send a page, or 304 if the client holds it already (RFC 9110, section 13.1.2)."""
    if held is not None and page.etag is not None and replies.holds(held, page.etag):
        unchanged(proto, held, page.etag, page.tag(wanted))
        return
    headers, body = page.variant(wanted)
    if empty:
        proto.response_empty(200, headers)
    else:
        proto.response_bytes(200, headers, body)


def unchanged(proto: Any, held: str, etag: str, otherwise: str) -> None:
    """Send 304 with the tag that the client holds; ``otherwise``: the tag if it holds them all (``*``)."""
    found = replies.held(held, etag) or otherwise
    proto.response_empty(304, [*replies.UNCHANGED, ("etag", f'"{found}"')])
