"""What may be changed of the data, and what a change gives back.

Values only, and their form between processes.

A change is applied by :mod:`r2p_kg.engine.writing` in a process of its own and gives a new snapshot; nothing
is ever changed in place.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Payload:
    """RDF as a client sent it, unread.

    ``media_type`` is one of those that :mod:`r2p_kg.graph.media` gives graphs.
    """

    media_type: str
    body: bytes


@dataclass(frozen=True)
class Update:
    """A SPARQL 1.1 Update request: one or more operations, all of them or none.

    ``default`` and ``named``: the dataset that its WHERE clauses see in place of the store's (SPARQL 1.1
    Protocol, section 2.2.3); both empty means the store's.
    """

    text: str
    default: tuple[str, ...] = ()
    named: tuple[str, ...] = ()


@dataclass(frozen=True)
class GraphChange:
    """An operation on one graph (SPARQL 1.1 Graph Store HTTP Protocol, section 5).

    ``action``: ``replace`` (PUT), ``merge`` (POST) or ``remove`` (DELETE). ``graph``: its IRI, None for the
    default graph. Relative IRIs of a payload are resolved against ``base``.
    """

    action: str
    graph: str | None
    payloads: tuple[Payload, ...] = ()
    base: str | None = None


Change = Update | GraphChange


@dataclass(frozen=True)
class Written:
    """The state after a change.

    ``path``: the snapshot's file; ``changed``: False where it is the one from before. ``existed``: the graph
    of a :class:`GraphChange` held triples before, or is the default graph. ``quads``: how many there are now.
    """

    path: Path
    digest: str
    quads: int
    changed: bool
    existed: bool


class Writer(Protocol):
    """Anything that makes a change the state that everybody reads."""

    def write(self, change: Change) -> Written:
        """Apply the change, whole or not at all; when this returns, every later question sees it.

        Raises QueryError where the change is refused, has an error, or takes too long; nothing has changed
        then.
        """
        ...


def pack(change: Change) -> tuple[dict[str, Any], bytes]:
    """The change as a JSON head and a body of bytes, for :mod:`r2p_kg.engine.frames`.

    >>> pack(Update("CLEAR ALL"))
    ({'change': 'update', 'default': (), 'named': ()}, b'CLEAR ALL')
    """
    if isinstance(change, Update):
        return {"change": "update", "default": change.default, "named": change.named}, change.text.encode(
            "utf-8", "surrogatepass"
        )
    parts = [{"media_type": payload.media_type, "length": len(payload.body)} for payload in change.payloads]
    head = {"change": change.action, "graph": change.graph, "base": change.base, "parts": parts}
    return head, b"".join(payload.body for payload in change.payloads)


def unpack(head: Mapping[str, Any], body: bytes) -> Change:
    """The change that :func:`pack` packed.

    >>> payloads = Payload("text/turtle", b"ab"), Payload("text/turtle", b"c")
    >>> unpack(*pack(GraphChange("merge", None, payloads))).payloads == payloads
    True
    """
    if head["change"] == "update":
        return Update(body.decode("utf-8", "surrogatepass"), tuple(head["default"]), tuple(head["named"]))
    payloads, start = [], 0
    for part in head["parts"]:
        payloads.append(Payload(part["media_type"], body[start : start + part["length"]]))
        start += part["length"]
    return GraphChange(head["change"], head["graph"], tuple(payloads), head["base"])


def pack_written(written: Written) -> dict[str, Any]:
    """The result as a JSON object."""
    return asdict(written) | {"path": str(written.path)}


def unpack_written(head: Mapping[str, Any]) -> Written:
    """The result that :func:`pack_written` packed."""
    return Written(Path(head["path"]), head["digest"], head["quads"], head["changed"], head["existed"])
