"""The whole service on a free port, as a person starts it, for tests that speak to it over a socket."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVER: Final = Path(__file__).parent.parent / "server.py"

#: Seconds that the service has to stop by itself after it was told to.
_STOPPING: Final = 20


def free_port() -> int:
    """A port that nobody listened at a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def started(*arguments: str, temporary: Path) -> Iterator[str]:
    """The address of a service that is ready, without a final slash.

    It is told to stop at the end, and killed where it does not.
    """
    port = free_port()
    command = [sys.executable, str(SERVER), "--port", str(port), *arguments]
    with (temporary / "errors.txt").open("w+", encoding="utf-8") as errors:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
            env={**os.environ, "TMPDIR": str(temporary)},
        )
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert f"ready at http://127.0.0.1:{port}/\n" == line, (temporary / "errors.txt").read_text(
                encoding="utf-8"
            )
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(_STOPPING)
            # The session is ours alone: nothing but what this service started is in it.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
            process.stdout.close()
