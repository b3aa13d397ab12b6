"""Whatever is sent, the service answers as it promises and nobody but a query worker dies.

Small by default and the same each time. ``R2P_FUZZ=20000`` sends that many inputs to each test, different
ones at each run; what they were answered is logged (``-o log_cli=true``).
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import fuzzing
from tests.fuzzing import Reply, Talk, check, request
from tests.served import started

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

pytestmark = pytest.mark.served

INPUTS = int(os.environ.get("R2P_FUZZ", "0"))
DATA = """\
@prefix ex: <http://example.org/> . @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
ex:a ex:p ex:b , ex:c ; ex:q 1 , 2.5 , "x"@en , "2020-01-01"^^<http://www.w3.org/2001/XMLSchema#date> ; rdfs:label "<b>a</b>" .
ex:g { ex:c ex:p [ ex:q "y" ] . }
"""
_log = logging.getLogger(__name__)

fuzz = settings(
    max_examples=INPUTS or 100,
    derandomize=not INPUTS,
    database=None,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.function_scoped_fixture,
        HealthCheck.data_too_large,
    ],
)


class Watched:
    """A service under fuzzing: the conversation with it, its processes at the start, its log."""

    def __init__(self, url: str, folder: Path) -> None:
        self.talk = Talk(url)
        self.log = folder / "errors.txt"
        self.fixed = self.processes()

    def processes(self) -> Mapping[str, int]:
        """The processes that must live on, by what they do.

        Fronts, broker and the zygote; query workers come and go.
        """
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    command = (entry / "cmdline").read_bytes().split(b"\0")
                    environment = (entry / "environ").read_bytes()
                    parent = (entry / "stat").read_text("utf-8").rpartition(")")[2].split()[1]
                except (OSError, IndexError):
                    continue
                if f"TMPDIR={self.log.parent}".encode() in environment and not self._is_worker(
                    command, parent
                ):
                    found[f"{b' '.join(command[1:3]).decode()} {entry.name}"] = int(entry.name)
        return found

    @staticmethod
    def _is_worker(command: list[bytes], parent: str) -> bool:
        """A zygote is started by the broker; its forks have its command line and it as their parent."""
        if b"r2p_kg.engine.zygote" not in command:
            return False
        try:
            return b"r2p_kg.engine.zygote" in Path(f"/proc/{parent}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return True


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("f")
    (folder / "data.trig").write_text(DATA, "utf-8")
    (folder / "token").write_text("token\n", "utf-8")
    arguments = (
        "--data",
        str(folder / "data.trig"),
        "--workers",
        "1",
        "--query-workers",
        "2",
        "--timeout",
        "0.5",
        "--memory",
        "200",
        "--max-rows",
        "10000",
    )
    with started(*arguments, temporary=folder) as url:
        watched = Watched(url, folder)
        assert 4 <= len(watched.fixed)
        yield watched
        watched.talk.close()
        for status, count in sorted(watched.talk.said.items()):
            _log.info("%s answers with status %s", f"{count:,}", status)
        assert watched.fixed == watched.processes()
        log = watched.log.read_text("utf-8")
        assert "Traceback" not in log, log[-5000:]


@pytest.fixture
def ask(service: Watched) -> Callable[..., Reply]:
    """Send a request; its answer has been checked."""

    def asked(*arguments: object, **options: object) -> Reply:
        head = bool(arguments) and arguments[0] == "HEAD"
        reply = service.talk.send(request(*arguments, **options), head=head)  # type: ignore[arg-type]
        check(reply)
        return reply

    return asked


@fuzz
@given(text=fuzzing.texts(), accept=st.sampled_from(fuzzing.ACCEPTS))
def test_any_text_as_a_query_in_the_address(ask: Callable[..., Reply], text: str, accept: bytes) -> None:
    ask("GET", f"/sparql?query={quote(text, safe='', errors='surrogatepass')}", [("Accept", accept)])


@fuzz
@given(
    text=fuzzing.texts(),
    accept=st.sampled_from(fuzzing.ACCEPTS),
    method=st.sampled_from(["POST", "QUERY"]),
    chunks=st.lists(st.integers(1, 50), max_size=3),
)
def test_any_text_as_a_query_in_the_body(
    ask: Callable[..., Reply], text: str, accept: bytes, method: str, chunks: list[int]
) -> None:
    body = text.encode("utf-8", "surrogatepass")
    ask(
        method,
        "/sparql",
        [("Content-Type", b"application/sparql-query"), ("Accept", accept)],
        body,
        chunks=chunks,
    )


@fuzz
@given(
    method=st.sampled_from(["GET", "HEAD", "POST"]),
    fields=fuzzing.fields(),
    form=fuzzing.fields(),
    accept=st.sampled_from(fuzzing.ACCEPTS),
)
def test_any_parameters(
    ask: Callable[..., Reply], method: str, fields: str, form: str, accept: bytes
) -> None:
    body = form.encode() if method == "POST" else None
    kind = [("Content-Type", b"application/x-www-form-urlencoded")] if method == "POST" else []
    ask(method, f"/sparql?{fields}", [*kind, ("Accept", accept)], body)


@fuzz
@given(method=st.sampled_from(fuzzing.METHODS), target=fuzzing.targets(), headers=fuzzing.headers())
def test_any_address_with_any_headers(
    ask: Callable[..., Reply], method: str, target: str, headers: list[tuple[str, bytes]]
) -> None:
    ask(method, target, headers)


@fuzz
@given(
    method=st.sampled_from(["POST", "PUT", "QUERY", "DELETE", "PATCH"]),
    target=fuzzing.targets(),
    kind=st.sampled_from(fuzzing.TYPES),
    body=fuzzing.bodies(),
)
def test_any_body(ask: Callable[..., Reply], method: str, target: str, kind: bytes, body: bytes) -> None:
    ask(method, target, [("Content-Type", kind)], body)


@fuzz
@given(data=st.data())
def test_any_bytes_in_the_place_of_a_request(service: Watched, data: st.DataObject) -> None:
    whole = request(
        "POST",
        "/sparql?format=json",
        [("Content-Type", b"application/sparql-query"), ("Accept", b"*/*")],
        b"ASK {}",
        chunks=[3],
    )
    raw = data.draw(st.one_of(fuzzing.mangled(whole), st.binary(max_size=100)))
    said = service.talk.alone(raw)
    assert fuzzing.TELLING.search(said) is None, said
    # Bytes that begin with HTTP/2's preface are answered in HTTP/2, or not at all.
    if said:
        reply, _, _ = fuzzing.read_head(said)
        service.talk.said[reply.status] += 1
        assert reply.status in fuzzing.ALLOWED, said
