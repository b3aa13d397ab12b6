"""A request as it comes in at the door.

Its header lines joined, its path without the public prefix, its body.

A header whose value is a list may come in several lines, which mean the same as one (RFC 9110, section 5.3).
They are joined here, before the key of the cache, the negotiation and Flask look at them, so that all three
see the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from r2p_kg.web.problems import RequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from r2p_kg.web.cache import Request
    from r2p_kg.web.mount import Mount

#: Addresses of the protocol.
SPARQL: Final = frozenset({"/sparql", "/sparql/"})

SAFE: Final = frozenset({"GET", "HEAD"})
WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH", "QUERY", "DELETE"})

#: Methods whose answer may be 304 (RFC 9110, section 13.1.2; QUERY is as safe as GET).
_CONDITIONAL: Final = frozenset({*SAFE, "QUERY"})

#: Headers that a request with a body has at most once, since two would contradict each other.
_ONCE: Final = ("content-type", "authorization")


@dataclass(slots=True)
class Asked:
    """One request, read once.

    Attributes:
        method: as it was sent, HEAD as GET: what GET answers decides about HEAD's headers.
        path: decoded, without the prefix under which the service is published.
        address: what follows the ``?``, as it was sent.
        accept: the Accept header, None if there was none.
        coding: the Accept-Encoding header, None if there was none.
        held: the If-None-Match header if it decides something, else None.
        kind: media type of the body in lower case, without parameters; empty if the request names none.
        body: the whole body, empty until it has been read.
        empty: True if the answer is sent without its body, because HEAD asked for it.

    """

    method: str
    path: str
    address: str = ""
    accept: str | None = None
    coding: str | None = None
    held: str | None = None
    kind: str = ""
    body: bytes = b""
    empty: bool = False


def joined(headers: Any, name: str) -> str | None:
    """The value of a header whose value is a list, all its lines together.

    None if there is no such header.
    """
    lines = headers.get_all(name)
    return (lines[0] if len(lines) == 1 else ", ".join(lines)) if lines else None


def asked(scope: Any, mount: Mount) -> Asked:
    """The request in granian's RSGI scope, before its body is read."""
    headers, method = scope.headers, scope.method
    return Asked(
        "GET" if method == "HEAD" else method,
        mount.below_prefix(scope.path),
        scope.query_string,
        joined(headers, "accept"),
        joined(headers, "accept-encoding"),
        joined(headers, "if-none-match") if method in _CONDITIONAL else None,
        (headers.get("content-type") or "").partition(";")[0].strip().lower(),
        empty=method == "HEAD",
    )


def key(scope: Any) -> Request | None:
    """What the answer to a GET or HEAD is kept under; None if the request does not name one host.

    Pages and descriptions may name the address by which they were asked, which is the client's word; data
    that answer a query do not.
    """
    headers, path, address = scope.headers, scope.path, scope.query_string
    hosts = headers.get_all("host")
    if not _one_host(hosts, scope):
        return None
    accept = joined(headers, "accept")
    if "query=" in address and path in SPARQL and "html" not in address and "html" not in (accept or ""):
        return (path, address, accept)
    return (path, address, accept, hosts[0] if hosts else None, scope.scheme)


def client(scope: Any, proxies: Sequence[str]) -> str:
    """Whom a query is counted for: the peer, or whom a trusted proxy names; nobody on this machine itself."""
    peer = str(scope.client).rpartition(":")[0]
    if peer in proxies:
        forwarded = joined(scope.headers, "x-forwarded-for")
        if forwarded:
            return forwarded.rpartition(",")[2].strip()
    return "" if peer in {"127.0.0.1", "[::1]", "::1"} else peer


def _one_host(hosts: Sequence[str], scope: Any) -> bool:
    """True if the request names one host, as it must since HTTP/1.1 (RFC 9112, section 3.2)."""
    return len(hosts) == 1 or (not hosts and scope.http_version == "1")


def contradiction(scope: Any) -> RequestError | None:
    """The error (400) of a request that says twice what may be said once; None for any other request."""
    headers = scope.headers
    if not _one_host(headers.get_all("host"), scope):
        return RequestError(400, "a request names its host exactly once; send one Host header")
    if scope.method in WITH_BODY:
        for name in _ONCE:
            if len(headers.get_all(name)) > 1:
                title = name.title()
                return RequestError(400, f"the request has several {title} headers; send one {title} header")
    return None
