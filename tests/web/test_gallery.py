"""Saved questions as pages, forms and data."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import pytest

from r2p_kg.graph import vocab

if TYPE_CHECKING:
    from flask.testing import FlaskClient


def test_the_gallery_lists_every_question_by_topic(client: FlaskClient, browser: dict[str, str]) -> None:
    page = client.get("/queries", headers=browser).text
    assert '<h2 id="situations">Situations</h2>' in page
    assert '<a href="/queries/situation-responses">What was done in a situation</a>' in page
    listed = client.get("/queries").json["queries"]
    assert {"situation-responses", "label-search", "nothing", "any-talks"} == {
        query["id"] for query in listed
    }
    assert (
        "id:arvania-2001"
        == next(query for query in listed if query["id"] == "situation-responses")["params"][0]["default"]
    )


def test_a_question_is_a_page_with_its_form_answer_note_and_text(
    client: FlaskClient, browser: dict[str, str]
) -> None:
    page = client.get("/queries/situation-responses", headers=browser).text
    assert "Which statements concern a situation?" in page
    assert '<option value="https://w3id.org/r2p-kg/id/arvania-2001" selected>Arvania 2001</option>' in page
    assert '<option value="https://w3id.org/r2p-kg/id/borland-1999">Borland 1999</option>' in page
    assert "The council &lt;b&gt;held&lt;/b&gt; talks." in page
    assert "Proposals are left out." in page
    assert "r2p:usedIn &lt;https://w3id.org/r2p-kg/id/arvania-2001&gt;" in page


def test_the_same_address_gives_data(client: FlaskClient) -> None:
    reply = client.get("/queries/situation-responses", headers={"Accept": "text/csv"})
    assert [
        ["statement", "text"],
        [vocab.ID + "arvania.response.talks", "The council <b>held</b> talks."],
    ] == list(csv.reader(io.StringIO(reply.text)))
    for name, media_type in (
        ("json", "application/sparql-results+json"),
        ("xml", "application/sparql-results+xml"),
        ("tsv", "text/tab-separated-values"),
    ):
        assert (
            media_type == client.get("/queries/situation-responses", query_string={"format": name}).mimetype
        )


def test_a_parameter_changes_the_answer(client: FlaskClient) -> None:
    for value in ("borland-1999", "id:borland-1999", vocab.ID + "borland-1999"):
        reply = client.get("/queries/situation-responses", query_string={"situation": value})
        assert [] == reply.get_json(force=True)["results"]["bindings"]


def test_an_honest_empty_says_so(client: FlaskClient, browser: dict[str, str]) -> None:
    page = client.get("/queries/nothing", headers=browser).text
    assert "The sources do not say." in page
    assert "No rows" in page


def test_a_yes_or_no_question_is_answered_so(client: FlaskClient, browser: dict[str, str]) -> None:
    assert "<strong>Yes</strong>" in client.get("/queries/any-talks", headers=browser).text
    assert client.get("/queries/any-talks").get_json(force=True)["boolean"]


@pytest.mark.parametrize(
    ("path", "arguments", "named"),
    [
        ("/queries/situation-responses", {"sitaution": "x"}, "parameter sitaution:"),
        ("/queries/situation-responses", {"situation": "no such thing"}, "parameter situation:"),
        ("/queries/situation-responses", {"situation": "nope:x"}, "prefix nope: is not declared"),
        (
            "/queries/situation-responses",
            [("situation", "a"), ("situation", "b")],
            "parameter situation: given 2 times",
        ),
        ("/queries/label-search", {}, "parameter text: label-search needs a value"),
        ("/queries/label-search", {"text": "x" * 3000}, "parameter text:"),
    ],
)
def test_a_wrong_parameter_is_named(client: FlaskClient, path: str, arguments: Any, named: str) -> None:
    reply = client.get(path, query_string=arguments)
    assert (400, vocab.PROBLEM + "bad-parameter") == (reply.status_code, reply.json["type"])
    assert named in reply.json["detail"]


def test_a_question_that_needs_a_value_shows_its_form_first(
    client: FlaskClient, browser: dict[str, str]
) -> None:
    page = client.get("/queries/label-search", headers=browser)
    assert 200 == page.status_code
    assert 'name="text"' in page.text
    assert "Answer" not in page.text


@pytest.mark.parametrize("value", ['" ) } #', "\\", "$text", "Arvania 2001\n", "'; DROP", "}"])
def test_a_value_cannot_become_syntax(client: FlaskClient, value: str) -> None:
    reply = client.get("/queries/label-search", query_string={"text": value})
    assert (200, []) == (reply.status_code, reply.get_json(force=True)["results"]["bindings"])


def test_a_value_finds_what_is_called_so(client: FlaskClient) -> None:
    found = client.get("/queries/label-search", query_string={"text": "<script>alert(1)</script>"}).get_json(
        force=True
    )
    assert ["http://example.org/evil"] == [row["thing"]["value"] for row in found["results"]["bindings"]]


def test_an_unknown_question_is_404(client: FlaskClient) -> None:
    for path in ("/queries/none", "/queries/none.rq"):
        assert 404 == client.get(path).status_code


def test_the_text_can_be_had_as_a_file(client: FlaskClient) -> None:
    reply = client.get("/queries/situation-responses.rq")
    assert "application/sparql-query" == reply.mimetype
    assert "$situation" in reply.text


def test_an_answer_is_not_asked_twice(client: FlaskClient, engine: Any, browser: dict[str, str]) -> None:
    for headers in ({}, browser):
        first = client.get("/queries/situation-responses", headers=headers)
        asked = engine.asked
        again = client.get(
            "/queries/situation-responses", headers={**headers, "If-None-Match": first.headers["ETag"]}
        )
        assert (304, asked) == (again.status_code, engine.asked)


def test_what_a_question_may_not_mean_is_said_on_its_page_and_with_its_data(
    client: FlaskClient, browser: dict[str, str]
) -> None:
    """The question asks for a property that the data do not have."""
    page = client.get("/queries/nothing", headers=browser).text
    assert "What may not be meant" in page
    assert "solved" in page.partition("What may not be meant")[2].partition("</section>")[0]
    data = client.get("/queries/nothing", headers={"Accept": "text/csv"})
    assert "unknown-term" in data.headers["R2P-Warnings"]
    assert "What may not be meant" not in client.get("/queries/any-talks", headers=browser).text
    assert "R2P-Warnings" not in client.get("/queries/any-talks").headers
