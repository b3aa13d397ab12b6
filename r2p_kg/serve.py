"""Compose and run the service: snapshot → broker process with its query workers → granian with the web application.

Processes: this one (granian's main), the broker and what it starts, ``workers`` front processes. All end with this one.
"""

from __future__ import annotations

import logging
import os
import socket
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from r2p_kg import library, snapshot
from r2p_kg.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from flask import Flask

    from r2p_kg.snapshot import Snapshot
    from r2p_kg.web import Settings

_log = logging.getLogger("r2p")

#: Seconds that a front process has to finish its answers after a stop signal before it is killed.
_GRACE = 10

#: Prefixes for data that bring none of their own.
_COMMON = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "owl": "http://www.w3.org/2002/07/owl#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "dcterms": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
}


@dataclass(frozen=True)
class Offer:
    """What is to be served: the snapshot's file, its settings and the saved queries' folder (None for foreign data)."""

    path: Path
    settings: Settings
    queries: Path | None


def check_port(host: str, port: int) -> None:
    """Raise UsageError where nothing can listen at that address.

    The front processes share the port with SO_REUSEPORT, with which a second server would start beside the first
    unnoticed; this socket does not set it, so that it fails where anybody listens.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        message = f"cannot listen at {host} port {port}: {error.strerror}; choose another with --host or --port"
        raise UsageError(message) from error


@contextmanager
def foreign(files: Sequence[Path]) -> Iterator[Path]:
    """A snapshot file of any RDF files, unchecked, gone when the context ends.

    Raises UsageError or RdfSyntaxError where a file cannot be read.
    """
    from r2p_kg import rdf  # noqa: PLC0415 - only this way of serving parses files

    quads = rdf.read_files(files)
    with tempfile.TemporaryDirectory(prefix="r2p-data-") as folder:
        yield snapshot.write(snapshot.Snapshot.of(quads, _COMMON, {"quads": quads.count(b"\n")}), Path(folder))
