"""What docs/deploy.md tells an operator to install is what the programs take, and does what it says."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import brotli
import pytest

from r2p_kg.limits import declared
from tests.fuzzing import Talk, request
from tests.served import free_port, started

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fuzzing import Reply

DOCUMENT: Final = Path(__file__).parent.parent / "docs" / "deploy.md"
NGINX: Final = shutil.which(
    "nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin"
)
ANALYZE: Final = shutil.which("systemd-analyze")
OPENSSL: Final = shutil.which("openssl")
DATA: Final = "".join(
    f'<http://example.org/n{number}> <http://example.org/p> "the value of number {number}" .\n'
    for number in range(400)
)
QUERY: Final = "/sparql?query=" + quote("SELECT ?s ?o { ?s ?p ?o } ORDER BY ?s", safe="")
ENDLESS: Final = "/sparql?query=" + quote(
    "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }", safe=""
)
JSON: Final = ("Accept", b"application/sparql-results+json")

#: The service below a path: by one name the path is taken off, by the other it is left.
BELOW: Final = """
server {
    listen 443 ssl http2;
    server_name r2p.example.org;
    location /kg/ { proxy_pass http://127.0.0.1:8000/; proxy_set_header Host $host; }
}
server {
    listen 443 ssl http2;
    server_name as-it-is.example.org;
    location /kg/ { proxy_pass http://127.0.0.1:8000; proxy_set_header Host $host; }
}
"""

needs_nginx = pytest.mark.skipif(NGINX is None, reason="no nginx on this machine")
needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="no systemd-analyze on this machine")


def block(language: str) -> str:
    """The one block of the document in that language."""
    found = re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert 1 == len(found)
    return str(found[0])


def whole(servers: str, folder: Path) -> Path:
    """A configuration file of nginx around what the document gives, everything that it writes below the folder."""
    for name in ("logs", "cache", "body", "proxy"):
        (folder / name).mkdir(exist_ok=True)
    servers = servers.replace("/var/cache/nginx/r2p", str(folder / "cache"))
    # Else its workers are nobody, who may not write into a folder of ours.
    user = "user root;" if os.geteuid() == 0 else ""
    text = f"""\
{user}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/logs/error.log;
events {{ worker_connections 512; }}
http {{
access_log {folder}/logs/access.log;
client_body_temp_path {folder}/body;
proxy_temp_path {folder}/proxy;
fastcgi_temp_path {folder}/body;
uwsgi_temp_path {folder}/body;
scgi_temp_path {folder}/body;
{servers}
}}
"""
    path = folder / "nginx.conf"
    path.write_text(text, "utf-8")
    return path


def loopback(port: int, upstream: int, folder: Path, servers: str = "") -> Path:
    """A configuration, else that of the document, on a free port without TLS, its patience cut to a second."""
    text = (
        (servers or block("nginx"))
        .replace("listen 443 ssl http2;", f"listen 127.0.0.1:{port};")
        .replace("127.0.0.1:8000", f"127.0.0.1:{upstream}")
    )
    text = re.sub(r"^ *ssl_.*\n", "", text, flags=re.MULTILINE).replace(
        "client_header_timeout 10s", "client_header_timeout 1s"
    )
    return whole(text, folder)


@contextmanager
def proxied(folder: Path, *arguments: str, servers: str = "") -> Iterator[tuple[str, str]]:
    """Addresses of nginx, with the document's configuration or with ``servers``, and of the service behind it."""
    (folder / "data.nt").write_text(DATA, "utf-8")
    assert NGINX is not None
    with started(
        "--data",
        str(folder / "data.nt"),
        "--workers",
        "1",
        "--proxy",
        "127.0.0.1",
        *arguments,
        temporary=folder,
    ) as url:
        port = free_port()
        command = [
            NGINX,
            "-p",
            str(folder),
            "-c",
            str(loopback(port, int(url.rpartition(":")[2]), folder, servers)),
            "-e",
            str(folder / "logs" / "start.log"),
        ]
        process = subprocess.Popen(command)
        try:
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline:
                with suppress(ConnectionError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.02)
            yield f"http://127.0.0.1:{port}", url
        finally:
            process.terminate()
            process.wait(10)


def get(
    url: str, target: str, *headers: tuple[str, bytes], host: tuple[str, bytes] = ("Host", b"r2p.example.org")
) -> Reply:
    """The answer to one GET."""
    talk = Talk(url)
    try:
        return talk.send(request("GET", target, [host, *headers]))
    finally:
        talk.close()


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    with proxied(
        tmp_path_factory.mktemp("n"), "--timeout", "2", "--allowance", "1", "--refill", "0.05"
    ) as urls:
        yield urls


@needs_systemd
def test_the_unit_is_one_that_systemd_takes(tmp_path: Path) -> None:
    assert ANALYZE is not None
    unit = tmp_path / "r2p-kg.service"
    unit.write_text(block("ini").replace("/opt/r2p-kg/bin/r2p", "/bin/true"), "utf-8")
    # Where the filter lacks it, the query workers cannot deny themselves the network.
    assert "SystemCallFilter=@system-service seccomp\n" in unit.read_text("utf-8")
    found = subprocess.run(
        [ANALYZE, "verify", "--man=no", str(unit)], capture_output=True, text=True, timeout=60, check=False
    )
    said = [line for line in found.stderr.splitlines() if "r2p-kg" in line]
    assert (0, []) == (found.returncode, said)


def test_the_options_of_the_unit_and_of_the_container_are_those_of_the_command() -> None:
    from click.testing import CliRunner  # noqa: PLC0415 - the one test that needs it

    from r2p_kg.command import main  # noqa: PLC0415

    known = set(re.findall(r"--[a-z-]+", CliRunner().invoke(main, ["serve", "--help"]).output))
    lines = [
        line
        for line in DOCUMENT.read_text("utf-8").splitlines()
        if "r2p serve" in line or line.startswith("ENTRYPOINT")
    ]
    used = {option for line in lines for option in re.findall(r"--[a-z][a-z-]+", line)}
    assert len(used) >= 6
    assert set() == used - known


def test_the_table_of_limits_says_what_is_declared() -> None:
    rows = [
        f"| `{bound.option}` | {default / bound.scale:,.10g} {bound.unit} "
        f"| {bound.minimum / bound.scale:,.10g} to {bound.maximum / bound.scale:,.0f} | {bound.help} |"
        if bound.option
        else f"| fixed | {default / bound.scale:,.10g} {bound.unit} | | {bound.help} |"
        for _, default, bound in declared()
    ]
    table = re.findall(
        r"^\| Option \| Default .*\n\| --- .*\n((?:\|.*\n)+)", DOCUMENT.read_text("utf-8"), re.MULTILINE
    )
    assert ["\n".join(rows) + "\n"] == table


@needs_nginx
@pytest.mark.skipif(OPENSSL is None, reason="no openssl on this machine")
def test_the_configuration_is_one_that_nginx_takes(tmp_path: Path) -> None:
    assert NGINX is not None
    assert OPENSSL is not None
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = [
        OPENSSL,
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/CN=r2p.example.org",
        "-days",
        "1",
        "-keyout",
        str(key),
        "-out",
        str(certificate),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    text = (
        block("nginx")
        .replace("/etc/ssl/r2p.example.org.pem", str(certificate))
        .replace("/etc/ssl/private/r2p.example.org.key", str(key))
    )
    path = whole(text, tmp_path)
    found = subprocess.run(
        [NGINX, "-t", "-p", str(tmp_path), "-c", str(path), "-e", str(tmp_path / "logs" / "e")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = (
        found.stderr + (tmp_path / "logs" / "error.log").read_text("utf-8")
        if (tmp_path / "logs" / "error.log").exists()
        else found.stderr
    )
    assert 0 == found.returncode, said
    assert "[emerg]" not in said
    assert "[warn]" not in said


@needs_nginx
@pytest.mark.served
def test_an_answer_is_kept_and_asked_for_again_with_its_tag(both: tuple[str, str]) -> None:
    nginx, service = both
    first = last = get(nginx, QUERY, JSON)
    plain = get(service, QUERY, JSON)
    assert (200, "MISS") == (first.status, first.headers["x-cache"])
    seen: set[str] = set()
    deadline = time.monotonic() + 10
    while not {"HIT", "REVALIDATED"} <= seen and time.monotonic() < deadline:
        last = get(nginx, QUERY, JSON)
        assert (200, plain.body) == (last.status, last.body)
        seen.add(last.headers["x-cache"])
        time.sleep(0.1)  # it keeps the time in whole seconds
    assert {"HIT", "REVALIDATED"} <= seen
    for name in ("etag", "content-security-policy", "access-control-allow-origin", "vary", "r2p-snapshot"):
        assert first.headers[name] == last.headers[name] == plain.headers[name]


@needs_nginx
@pytest.mark.served
def test_whoever_holds_an_answer_gets_304(both: tuple[str, str]) -> None:
    nginx, _ = both
    tag = get(nginx, QUERY, JSON).headers["etag"]
    assert 304 == get(nginx, QUERY, JSON, ("If-None-Match", tag.encode())).status
    assert 200 == get(nginx, QUERY, JSON, ("If-None-Match", b'"another"')).status


@needs_nginx
@pytest.mark.served
def test_formats_and_encodings_are_kept_apart(both: tuple[str, str]) -> None:
    nginx, _ = both
    plain = get(nginx, QUERY, JSON)
    for _ in range(2):
        packed = get(nginx, QUERY, JSON, ("Accept-Encoding", b"gzip, deflate"))
        assert ("gzip", plain.body) == (packed.headers["content-encoding"], gzip.decompress(packed.body))
        smaller = get(nginx, QUERY, JSON, ("Accept-Encoding", b"gzip, deflate, br"))
        assert ("br", plain.body) == (smaller.headers["content-encoding"], brotli.decompress(smaller.body))
        assert get(nginx, QUERY, ("Accept", b"text/csv")).body.startswith(b"s,o\r\n")
        assert "content-encoding" not in get(nginx, QUERY, JSON).headers
    assert 3 == len({plain.headers["etag"], packed.headers["etag"], smaller.headers["etag"]})


@needs_nginx
@pytest.mark.served
def test_what_may_not_be_kept_is_not(both: tuple[str, str]) -> None:
    nginx, _ = both
    for target in (
        "/healthz",
        "/status",
        "/sparql?query=SELECT%20(RAND()%20AS%20%3Fx)%20%7B%7D",
        "/sparql?query=x",
    ):
        assert "HIT" not in {get(nginx, target, JSON).headers["x-cache"] for _ in range(3)}


@needs_nginx
@pytest.mark.served
def test_a_head_that_does_not_come_is_not_waited_for(both: tuple[str, str]) -> None:
    nginx, _ = both
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", int(nginx.rpartition(":")[2])), 10) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX: ")
        slow.recv(1000)
    assert 0.5 < time.monotonic() - began < 5


@needs_nginx
@pytest.mark.served
def test_a_large_body_and_the_operators_addresses_stay_outside(both: tuple[str, str]) -> None:
    nginx, _ = both
    talk = Talk(nginx)
    kind = ("Content-Type", b"application/sparql-query")
    assert 413 == talk.send(request("POST", "/sparql", [kind], b"x" * 1_100_000)).status
    talk.close()
    assert 200 == get(nginx, "/metrics").status


@needs_nginx
@pytest.mark.served
def test_long_queries_are_counted_for_whom_nginx_names_whatever_he_claims(both: tuple[str, str]) -> None:
    nginx, service = both
    # What a killed query took is told to the front at its end: the next one is refused.
    said = [
        get(nginx, f"{ENDLESS}%23{number}", JSON, ("X-Forwarded-For", f"203.0.113.{number}".encode()))
        for number in range(3)
    ]
    assert [503, 429, 429] == [one.status for one in said]
    assert b"allowance-used" in said[2].body
    assert int(said[2].headers["retry-after"]) > 0
    # Straight to the service and without a proxy's word it is a client of this machine, which has no
    # allowance to use up.
    assert 200 == get(service, f"{QUERY}%23straight", JSON).status


@needs_nginx
@pytest.mark.served
def test_below_a_path_of_nginx_every_page_and_every_link_of_it_is_there(tmp_path: Path) -> None:
    """With a proxy that takes the path off before it asks, and with one that leaves it."""
    address = ("--public-url", "https://r2p.example.org/kg/")
    with proxied(tmp_path, *address, servers=BELOW) as (nginx, _):
        for stripping in ("r2p.example.org", "as-it-is.example.org"):
            host = ("Host", stripping.encode())
            for path in (
                "/kg/",
                "/kg/sparql",
                "/kg/void",
                "/kg/status",
                "/kg/resource?iri=http://example.org/n1",
            ):
                page = get(nginx, path, ("Accept", b"text/html"), host=host)
                assert 200 == page.status
                links = set(re.findall(r'(?:href|action)="(/[^"#]*)', page.body.decode()))
                assert links
                for link in links:
                    assert link.startswith("/kg/")
                    assert 200 == get(nginx, link.replace("&amp;", "&"), host=host).status, link
