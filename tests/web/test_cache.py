"""The front's cache: bounded in bytes whatever is asked, each body in each encoding made once, a tag for each encoding."""

from __future__ import annotations

import gzip
import threading
from typing import TYPE_CHECKING

import brotli
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from r2p_kg.web.cache import SMALL, Cache, Page, compress, encoding, tagged

if TYPE_CHECKING:
    from r2p_kg.web.cache import Headers

JSON = "application/sparql-results+json"
TEXT = b"".join(f'{{"row": {number}}}\n'.encode() for number in range(2000))


def page(tag: str | None = "t", body: bytes = TEXT, media_type: str = JSON) -> Page:
    return Page([("content-type", media_type)], body, media_type, tag)


def header(headers: Headers, name: str) -> str | None:
    found = [value for key, value in headers if key == name]
    assert len(found) <= 1
    return found[0] if found else None


@pytest.mark.parametrize(
    ("coding", "decode"), [("", bytes), ("gzip", gzip.decompress), ("br", brotli.decompress)]
)
def test_every_encoding_holds_the_same_body_under_a_tag_and_a_length_of_its_own(
    coding: str, decode: object
) -> None:
    headers, body = page().variant(coding)
    assert TEXT == decode(body)  # type: ignore[operator]
    assert str(len(body)) == header(headers, "content-length")
    assert (coding or None) == header(headers, "content-encoding")
    assert f'"{tagged("t", coding)}"' == header(headers, "etag")
    assert not coding or len(body) < len(TEXT) / 5


@pytest.mark.parametrize("coding", ["", "gzip", "br"])
def test_the_same_body_is_encoded_into_the_same_bytes_each_time(coding: str) -> None:
    """A strong tag promises it, also between processes and restarts."""
    assert compress(TEXT, coding) == compress(TEXT, coding) == page().variant(coding)[1]


def test_an_encoding_is_made_once() -> None:
    one = page()
    assert one.variant("br") is one.variant("br")


@pytest.mark.parametrize(
    ("body", "media_type"), [(b"x" * (SMALL - 1), JSON), (TEXT, "application/gzip"), (TEXT, "image/svg+xml")]
)
def test_what_gains_nothing_is_sent_as_it_is_under_the_plain_tag(body: bytes, media_type: str) -> None:
    headers, sent = page(body=body, media_type=media_type).variant("br")
    assert body is sent
    assert header(headers, "content-encoding") is None
    assert '"t"' == header(headers, "etag")


def test_large_bodies_are_not_ready_before_they_are_compressed() -> None:
    """Compressing them takes milliseconds, in which the event loop would answer nobody else."""
    large = page(body=TEXT * 10)
    assert large.ready("")
    assert not large.ready("br")
    large.variant("br")
    assert large.ready("br")
    assert page(body=b"x").ready("br")


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        (None, ""),
        ("", ""),
        ("gzip", "gzip"),
        ("br", "br"),
        ("gzip, deflate, br, zstd", "br"),
        ("GZIP", "gzip"),
        ("br;q=0.5, gzip;q=0.9", "gzip"),
        ("br; q=0.5, gzip; q=0.9", "gzip"),
        ("br;q=0", ""),
        ("br;q=0.000, gzip;q=0.001", "gzip"),
        ("*", "br"),
        ("*;q=0", ""),
        ("identity, br;q=0.5", ""),
        ("identity;q=0.2, gzip;q=0.5", "gzip"),
        ("deflate", ""),
        ("gzip;q=many", ""),
    ],
)
def test_the_encoding_is_the_one_that_the_client_likes_best(accepted: str | None, chosen: str) -> None:
    assert chosen == encoding(accepted)


def test_a_page_is_found_by_what_was_asked_and_by_its_tag() -> None:
    cache, one = Cache(1_000_000), page()
    cache.put(("/a",), one)
    assert one is cache.get(("/a",))
    assert one is cache.tagged("t")
    assert cache.get(("/b",)) is None
    assert cache.tagged("u") is None


def test_those_that_were_asked_for_longest_ago_go_first() -> None:
    one_size = page(body=b"x" * 1000).size
    cache = Cache(20 * one_size)
    for number in range(10):
        cache.put((f"/{number}",), page(str(number), b"x" * 1000))
    assert cache.get(("/0",)) is not None  # asked again, so that another is the oldest
    for number in range(10, 20):
        cache.put((f"/{number}",), page(str(number), b"x" * 1000))
    assert cache.get(("/0",)) is not None
    assert cache.get(("/1",)) is None
    assert cache.tagged("1") is None
    assert cache.get(("/19",)) is not None


@pytest.mark.parametrize(
    "one", [page(None), page(body=b"x" * 200_000)], ids=["without a tag", "over an eighth of the cache"]
)
def test_some_pages_are_not_kept(one: Page) -> None:
    cache = Cache(1_000_000)
    cache.put(("/",), one)
    assert 0 == len(cache)
    assert 0 == cache.size


def test_a_cache_without_room_keeps_nothing() -> None:
    cache = Cache(0)
    cache.put(("/",), page())
    assert 0 == len(cache)


def test_the_same_question_put_twice_counts_once() -> None:
    """Two clients that ask at once both put their answer."""
    cache = Cache(1_000_000)
    cache.put(("/",), page("t"))
    once = cache.size
    cache.put(("/",), page("t"))
    assert (1, once) == (len(cache), cache.size)


def test_a_page_under_two_questions_is_paid_for_once_and_stays_as_long_as_one_of_them() -> None:
    cache, one = Cache(110_000), page(body=b"x" * 9000)
    cache.put(("/a",), one)
    alone = cache.size
    cache.put(("/b",), one)
    assert cache.size < alone + 1000
    for number in range(9):
        assert cache.get(("/b",)) is one
        cache.put((f"/{number}",), page(f"n{number}", b"x" * 9000))
    assert cache.get(("/a",)) is None
    assert cache.get(("/b",)) is one
    assert cache.tagged("t") is one


def test_long_questions_count() -> None:
    """Else a client could fill the memory with long addresses whose answer is one word."""
    cache = Cache(1_000_000)
    for number in range(200):
        cache.put(("/sparql", f"{number}" + "x" * 50_000), page(str(number), b"true"))
    assert len(cache) <= 20
    assert cache.size <= 1_000_000


def test_a_page_that_is_compressed_after_it_was_kept_counts_with_all_its_bodies() -> None:
    cache = Cache(1_000_000)
    one = page()
    cache.put(("/",), one)
    before = cache.size
    body = one.variant("gzip")[1]
    assert before + len(body) == cache.size


def true_size(cache: Cache) -> int:
    """What is kept in fact: every body of every page once."""
    pages = {id(one): one for one in cache._requests.values()}.values()
    return sum(
        len(body)
        for one in pages
        for _, body in {id(made[1]): made for made in [([], one.body), *one._variants.values()]}.values()
    )


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 12), st.integers(0, 12), st.integers(0, 6000), st.sampled_from(["", "br", "gzip"])
        ),
        max_size=60,
    )
)
def test_whatever_is_put_and_asked_the_bound_holds_and_the_count_is_right(
    steps: list[tuple[int, int, int, str]],
) -> None:
    cache = Cache(60_000)
    for place, tag, size, coding in steps:
        one = cache.tagged(str(tag)) or page(str(tag), TEXT[:size])
        cache.put((str(place),), one)
        one.variant(coding)
        assert true_size(cache) <= cache.size <= 60_000
    for place in range(13):
        cache._forget((str(place),))
    assert (0, 0, {}) == (cache.size, len(cache), cache._tags)


def test_the_bound_holds_while_threads_compress_and_others_put() -> None:
    cache = Cache(300_000)
    failures: list[BaseException] = []

    def work(start: int) -> None:
        try:
            for number in range(start, start + 60):
                one = page(str(number % 40), TEXT[: 500 * (number % 20 + 1)])
                cache.put((str(number % 50),), one)
                one.variant("gzip")
                cache.get((str(number % 7),))
        except BaseException as error:  # noqa: BLE001 - told in the main thread
            failures.append(error)

    threads = [threading.Thread(target=work, args=(start,)) for start in range(0, 240, 40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [] == failures
    assert true_size(cache) <= cache.size <= 300_000
