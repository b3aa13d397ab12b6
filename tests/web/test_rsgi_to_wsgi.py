"""From granian's scope to Flask.

What a client sends arrives as PEP 3333 wants it, and nothing that it could pass for somebody else with.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask, Response, request

from r2p_kg.web import rsgi_to_wsgi
from r2p_kg.web.door import Asked

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass
class Scope:
    """What granian gives, for tests."""

    path: str = "/sparql"
    query_string: str = "query=ASK%20%7B%7D"
    headers: dict[str, str] = field(default_factory=dict)
    client: str = "192.0.2.7:40000"
    server: str = "127.0.0.1:8000"
    scheme: str = "http"
    http_version: str = "1.1"
    authority: str | None = None


@dataclass
class Lines:
    """Headers of which a name may come twice, as granian's."""

    lines: Sequence[tuple[str, str]]

    def items(self) -> Sequence[tuple[str, str]]:
        """Every line."""
        return self.lines


def environ(scope: Any, method: str, body: bytes) -> dict[str, Any]:
    """The environment of a request that is read at the door first."""
    return rsgi_to_wsgi.environ(scope, Asked(method, scope.path, scope.query_string, held="*", body=body))


def test_address_body_and_peer_arrive() -> None:
    found = environ(Scope(), "POST", b"body")
    expected = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/sparql",
        "QUERY_STRING": "query=ASK%20%7B%7D",
        "REMOTE_ADDR": "192.0.2.7",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_LENGTH": "4",
        "wsgi.url_scheme": "http",
    }
    assert expected == {name: found[name] for name in expected}
    assert b"body" == found["wsgi.input"].read()


def test_an_ipv6_peer_keeps_its_brackets_and_loses_its_port() -> None:
    assert "[2001:db8::7]" == environ(Scope(client="[2001:db8::7]:40000"), "GET", b"")["REMOTE_ADDR"]


def test_a_path_of_other_letters_is_passed_on_as_pep_3333_wants_it() -> None:
    """Its UTF-8 bytes, each as one character."""
    assert "/id/köln".encode() == environ(Scope(path="/id/köln"), "GET", b"")["PATH_INFO"].encode("latin-1")


@pytest.mark.parametrize(
    ("sent", "arrived"),
    [
        ({"content-type": "text/turtle"}, {"CONTENT_TYPE": "text/turtle"}),
        ({"if-none-match": '"a"'}, {"HTTP_IF_NONE_MATCH": '"a"'}),
        ({"x-odd": "1"}, {"HTTP_X_ODD": "1"}),
        ({"authorization": "Bearer abc"}, {"HTTP_AUTHORIZATION": "Bearer abc"}),
        ({"host": "example.org"}, {"HTTP_HOST": "example.org"}),
    ],
)
def test_headers_get_their_names_in_the_environment(sent: dict[str, str], arrived: dict[str, str]) -> None:
    found = environ(Scope(headers=sent), "GET", b"")
    assert arrived == {name: found[name] for name in arrived}


@pytest.mark.parametrize("name", ["content-length", "accept-encoding", "transfer-encoding"])
def test_headers_that_are_the_fronts_business_do_not_arrive(name: str) -> None:
    """The body is whole by then, and the front compresses."""
    found = environ(Scope(headers={name: "7"}), "POST", b"")
    assert "0" == found["CONTENT_LENGTH"]
    assert not any(name.upper().replace("-", "_") in key for key in found if key.startswith("HTTP_"))


def test_a_header_that_comes_twice_is_one_list() -> None:
    scope = Scope()
    scope.headers = Lines([("accept", "text/csv"), ("accept", "text/turtle")])  # type: ignore[assignment]
    assert "text/csv, text/turtle" == environ(scope, "GET", b"")["HTTP_ACCEPT"]


def test_a_name_with_an_underscore_passes_for_no_other() -> None:
    sent = {
        "x_forwarded_for": "10.0.0.1",
        "content_type": "application/sparql-update",
        "http_host": "evil.example",
        "x-forwarded-for": "192.0.2.1",
    }
    found = environ(Scope(headers=sent), "GET", b"")
    assert {"HTTP_X_FORWARDED_FOR": "192.0.2.1"} == {
        name: found[name] for name in found if name.startswith(("HTTP_", "CONTENT_TYPE"))
    }


def test_the_authority_of_a_request_without_a_host_header_stands_for_it() -> None:
    assert "example.org" == environ(Scope(authority="example.org"), "GET", b"")["HTTP_HOST"]
    assert (
        "other.example"
        == environ(Scope(authority="example.org", headers={"host": "other.example"}), "GET", b"")["HTTP_HOST"]
    )


def test_status_headers_and_the_whole_body_come_back_and_the_answer_is_closed() -> None:
    app = Flask("app")
    closed: list[bool] = []

    @app.route("/parts", methods=["POST"])
    def parts() -> Response:
        reply = Response(
            (part for part in (b"a", request.get_data(), b"c")), status=203, headers={"X-Odd": "1"}
        )
        reply.call_on_close(lambda: closed.append(True))
        return reply

    status, headers, body = rsgi_to_wsgi.call(app, environ(Scope(path="/parts"), "POST", b"b"))
    assert (203, b"abc", [True]) == (status, body, closed)
    assert ("X-Odd", "1") in headers


def test_an_answer_that_breaks_off_is_closed_and_its_error_goes_on() -> None:
    app = Flask("app")
    closed: list[bool] = []

    @app.route("/broken")
    def broken() -> Response:
        def parts() -> object:
            yield b"a"
            message = "broken"
            raise ValueError(message)

        reply = Response(parts())  # type: ignore[arg-type]
        reply.call_on_close(lambda: closed.append(True))
        return reply

    with pytest.raises(ValueError, match="broken"):
        rsgi_to_wsgi.call(app, environ(Scope(path="/broken"), "GET", b""))
    assert [True] == closed
