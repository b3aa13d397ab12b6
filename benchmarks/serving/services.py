"""Starting each service on a free port of loopback with the same data, and ending it."""

from __future__ import annotations

import http.client
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.serving import client, machine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

SERVER: Final = Path(__file__).parent.parent.parent / "server.py"
OURS: Final = "r2p-kg"
_STARTING: Final = 180.0

_VIRTUOSO: Final = """
[Database]
DatabaseFile = {folder}/virtuoso.db
ErrorLogFile = {folder}/virtuoso.log
LockFile = {folder}/virtuoso.lck
TransactionFile = {folder}/virtuoso.trx
xa_persistent_file = {folder}/virtuoso.pxa
[TempDatabase]
DatabaseFile = {folder}/virtuoso-temp.db
TransactionFile = {folder}/virtuoso-temp.trx
[Parameters]
ServerPort = 127.0.0.1:{sql}
DisableUnixSocket = 1
MaxClientConnections = 80
ServerThreads = 80
DirsAllowed = {data}
NumberOfBuffers = 85000
MaxDirtyBuffers = 65000
ThreadsPerQuery = 2
AsyncQueueMaxThreads = 4
[HTTPServer]
ServerPort = 127.0.0.1:{port}
ServerRoot = {folder}
MaxClientConnections = 64
ServerThreads = 64
MaxKeepAlives = 64
KeepAliveTimeout = 60
[SPARQL]
ResultSetMaxRows = 10000000
MaxQueryCostEstimationTime = 0
MaxQueryExecutionTime = 0
"""


@dataclass(frozen=True)
class Place:
    """Where a service finds its data and may write, and the port that it is to listen at."""

    data: Path
    folder: Path
    port: int


@dataclass(frozen=True)
class Kind:
    """A service that can be measured.

    ``needs``: the programs it is made of. ``launch`` gives its command; ``load`` fills it once it answers.
    """

    name: str
    path: str
    needs: tuple[str, ...]
    install: str
    launch: Callable[[dict[str, str], Place], list[str]]
    load: Callable[[dict[str, str], Place], None] | None = None


@dataclass(frozen=True)
class Service:
    """A service that runs and has its data."""

    name: str
    endpoint: client.Endpoint
    process: subprocess.Popen[bytes]


class StartError(Exception):
    """A service did not come up; the text says which, and what it wrote last."""


def find(names: Sequence[str], folders: Sequence[Path]) -> dict[str, str]:
    """Name → path for those programs that are there, sought in the folders and then on PATH.

    A name that ends in ``*.jar`` is a pattern.
    """
    found: dict[str, str] = {}
    for name in names:
        if name.endswith(".jar"):
            jars = sorted(path for folder in folders for path in folder.glob(name))
            path = str(jars[-1]) if jars else None
        else:
            inside = (shutil.which(name, path=str(folder)) for folder in folders)
            path = next((each for each in inside if each), None) or shutil.which(name)
        if path:
            found[name] = path
    return found


def _run(command: list[str]) -> None:
    """Run to its end; raises StartError with what it wrote where it fails."""
    done = subprocess.run(
        command, check=False, capture_output=True, stdin=subprocess.DEVNULL, timeout=_STARTING
    )
    if done.returncode:
        printed = (done.stderr or done.stdout)[-500:].decode(errors="replace")
        message = f"{command[0]} gave exit code {done.returncode}: {printed}"
        raise StartError(message)


def _ours(options: tuple[str, ...]) -> Kind:
    def launch(_: dict[str, str], place: Place) -> list[str]:
        return [sys.executable, str(SERVER), "--port", str(place.port), "--data", str(place.data), *options]

    return Kind(OURS, "/sparql", (), "it is here", launch)


def own_graph(state: Path) -> Kind:
    """Our service over its curated graph, built first where the folder ``state`` has no snapshot of it."""

    def launch(_: dict[str, str], place: Place) -> list[str]:
        return [sys.executable, str(SERVER), "--port", str(place.port), "--state", str(state)]

    return Kind(OURS, "/sparql", (), "it is here", launch)


def _oxigraph(programs: dict[str, str], place: Place) -> list[str]:
    return [programs["oxigraph"], "serve", "--bind", f"{client.HOST}:{place.port}"]


def _load_oxigraph(_: dict[str, str], place: Place) -> None:
    """Graph Store Protocol, section 5.5: POST to the default graph."""
    connection = http.client.HTTPConnection(client.HOST, place.port, timeout=_STARTING)
    connection.request(
        "POST", "/store?default", place.data.read_bytes(), {"Content-Type": "application/n-triples"}
    )
    reply = connection.getresponse()
    text = reply.read()
    connection.close()
    if reply.status >= http.client.BAD_REQUEST:
        message = f"oxigraph took no data: {reply.status} {text[:300].decode(errors='replace')}"
        raise StartError(message)


def _oxigraph_disk(programs: dict[str, str], place: Place) -> list[str]:
    _run([programs["oxigraph"], "load", "--location", str(place.folder / "store"), "--file", str(place.data)])
    return [
        programs["oxigraph"],
        "serve-read-only",
        "--location",
        str(place.folder / "store"),
        "--bind",
        f"{client.HOST}:{place.port}",
    ]


def _rdflib(programs: dict[str, str], place: Place) -> list[str]:
    return [
        programs["rdflib-endpoint"],
        "serve",
        "--host",
        client.HOST,
        "--port",
        str(place.port),
        str(place.data),
    ]


def _virtuoso(programs: dict[str, str], place: Place) -> list[str]:
    sql = machine.free_port()
    (place.folder / "sql-port").write_text(str(sql), "utf-8")
    settings = place.folder / "virtuoso.ini"
    settings.write_text(
        _VIRTUOSO.format(folder=place.folder, data=place.data.parent, port=place.port, sql=sql), "utf-8"
    )
    return [programs["virtuoso-t"], "+foreground", "+configfile", str(settings)]


def _load_virtuoso(programs: dict[str, str], place: Place) -> None:
    sql = (place.folder / "sql-port").read_text("utf-8")
    load = f"DB.DBA.TTLP_MT(file_to_string_output('{place.data}'), '', 'http://bench.example/graph');"
    _run(
        [
            programs["isql-vt"],
            f"{client.HOST}:{sql}",
            "dba",
            "dba",
            "ERRORS=STDOUT",
            f"EXEC={load} checkpoint;",
        ]
    )


def _fuseki(programs: dict[str, str], place: Place) -> list[str]:
    jar = programs["jena-fuseki-server-*.jar"]
    return [
        programs["java"],
        "-Xmx2g",
        "-jar",
        jar,
        "--quiet",
        "--localhost",
        f"--port={place.port}",
        f"--file={place.data}",
        "/ds",
    ]


def kinds(options: tuple[str, ...]) -> tuple[Kind, ...]:
    """Every service that this benchmark knows, ours first; ``options``: more of them for ``r2p serve``."""
    pip = "pip install oxigraph rdflib-endpoint uvicorn (any venv; give its bin folder with --peer-bin)"
    maven = (
        "mvn dependency:copy -Dartifact=org.apache.jena:jena-fuseki-server:5.2.0 -DoutputDirectory=DIR "
        "(give DIR with --peer-bin)"
    )
    return (
        _ours(options),
        Kind("oxigraph", "/query", ("oxigraph",), pip, _oxigraph, _load_oxigraph),
        Kind("oxigraph-disk", "/query", ("oxigraph",), pip, _oxigraph_disk),
        Kind("rdflib-endpoint", "/", ("rdflib-endpoint",), pip, _rdflib),
        Kind(
            "virtuoso",
            "/sparql",
            ("virtuoso-t", "isql-vt"),
            "apt-get install virtuoso-opensource-7",
            _virtuoso,
            _load_virtuoso,
        ),
        Kind("fuseki", "/ds/sparql", ("java", "jena-fuseki-server-*.jar"), maven, _fuseki),
    )


@contextmanager
def started(kind: Kind, programs: dict[str, str], data: Path, folder: Path) -> Iterator[Service]:
    """The service, ready and filled.

    It has ended when the context ends. Raises StartError where it does not come up.
    """
    folder.mkdir()
    place = Place(data, folder, machine.free_port())
    command = kind.launch(programs, place)
    endpoint = client.Endpoint(place.port, kind.path)
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder
        )
        try:
            _wait(kind.name, endpoint, process, folder / "output")
            if kind.load:
                kind.load(programs, place)
            yield Service(kind.name, endpoint, process)
        finally:
            machine.end(process)


def _wait(name: str, endpoint: client.Endpoint, process: subprocess.Popen[bytes], output: Path) -> None:
    """Return as soon as the service answers a query."""
    deadline = time.monotonic() + _STARTING
    reason = f"no answer within {_STARTING:.0f} s"
    while time.monotonic() < deadline:
        if process.poll() is not None:
            reason = f"it ended with code {process.returncode}"
            break
        try:
            if client.ask(endpoint, "ASK {}", timeout=10).status == http.client.OK:
                return
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.05)
    message = f"{name} did not start, {reason}: {output.read_bytes()[-500:].decode(errors='replace')}"
    raise StartError(message)
