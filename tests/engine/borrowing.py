"""A front without the web: a borrower on an event loop of its own, asked from any thread."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from r2p_kg.engine import Answer, Budget, Dataset
from r2p_kg.engine.borrower import Borrower

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future
    from pathlib import Path

JSON = "application/sparql-results+json"


class Front:
    """Asks through a borrower, over the snapshot with that digest."""

    def __init__(self, path: Path, digest: str, queue: int) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.digest = digest
        self.borrower: Borrower = asyncio.run_coroutine_threadsafe(
            self._borrow(path, queue), self._loop
        ).result(10)

    async def _borrow(self, path: Path, queue: int) -> Borrower:
        return Borrower(path, queue)

    def begin(self, query: str, seconds: float = 20.0, **more: Any) -> Future[Answer]:
        """Ask; the future gets the answer."""
        about: dict[str, Any] = {
            "media_type": JSON,
            "dataset": Dataset(),
            "prefixes": {},
            "digest": self.digest,
        }
        budget = more.pop("budget", Budget(seconds=seconds))
        asked = self.borrower.ask(query, **{**about, "budget": budget, **more})
        return asyncio.run_coroutine_threadsafe(asked, self._loop)

    def ask(self, query: str, seconds: float = 20.0, **more: Any) -> Answer:
        """The answer."""
        return self.begin(query, seconds, **more).result(60)

    def close(self) -> None:
        """Give back every worker, and end the loop."""
        self._loop.call_soon_threadsafe(self.borrower.close)
        asyncio.run_coroutine_threadsafe(self._rest(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _rest(self) -> None:
        """Let what was under way end."""
        mine = asyncio.current_task()
        await asyncio.gather(
            *(task for task in asyncio.all_tasks() if task is not mine), return_exceptions=True
        )


@contextmanager
def front(path: Path, digest: str, queue: int = 64) -> Iterator[Front]:
    """A front that lasts as long as the context."""
    made = Front(path, digest, queue)
    try:
        yield made
    finally:
        made.close()
