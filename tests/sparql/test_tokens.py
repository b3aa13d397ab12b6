"""The tokenizer: every terminal of the SPARQL grammar, by longest match."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r2p_kg.sparql.tokens import decode, place, tokens

TERMINALS = [
    ("<http://x/a#b>", ["iri"]),
    ("<>", ["iri"]),
    (r"<http://x/\u00e9>", ["iri"]),
    ("?a < ?b", ["variable", "mark", "variable"]),
    ("?a<=?b", ["variable", "mark", "variable"]),
    ("?a <b c>", ["variable", "mark", "word", "word", "mark"]),
    ("ex:a ex: :a :", ["name", "name", "name", "name"]),
    ("ex:a.b ex:a.", ["name", "name", "mark"]),
    (r"ex:a\,b%20c:d", ["name"]),
    ("ex:1a-b", ["name"]),
    ("?a $b ?1 ?é", ["variable"] * 4),
    ("?a-?b", ["variable", "mark", "variable"]),
    ("_:a _:a.b _:a.", ["blank", "blank", "blank", "mark"]),
    ("'' \"\" 'a' \"a'b\"", ["string"] * 4),
    ("'''a'b''c''' \"\"\"a\n\"b\"\"\"", ["string"] * 2),
    (r"'\'' '\\'", ["string"] * 2),
    ("'a'@en 'a'@en-GB 'a'@ar--rtl", ["string", "language"] * 3),
    ("'1'^^xsd:integer", ["string", "mark", "name"]),
    ("1 1.5 .5 1e5 1.e5 1.5E-3", ["number"] * 6),
    ("1.", ["number", "mark"]),
    ("a true SELECT", ["word"] * 3),
    ("<<( ?s ?p ?o )>> {| |}", ["mark", "variable", "variable", "variable", "mark", "mark", "mark"]),
    ("^ex:a|!ex:b/ex:c*", ["mark", "name", "mark", "mark", "name", "mark", "name", "mark"]),
    ("?a&&?b||!?c", ["variable", "mark", "variable", "mark", "mark", "variable"]),
    ("# nothing\n", []),
    ("<http://x/#a> # b", ["iri"]),
    ("'open", ["other", "word"]),
    ('"""open"', ["string", "string"]),
    ("'a\nb'", ["other", "word", "word", "other"]),
    ("\x00", ["other"]),
]


@pytest.mark.parametrize(("text", "kinds"), TERMINALS)
def test_a_terminal_is_recognised(text: str, kinds: list[str]) -> None:
    assert kinds == [token.kind for token in tokens(text)]


def test_a_prefixed_name_ends_before_its_last_dot() -> None:
    assert ["ex:a.b", "."] == [token.text for token in tokens("ex:a.b.")]


def test_a_token_knows_where_it_starts() -> None:
    text = "SELECT *\n  { ?s # x\n ?p 'é' }"
    assert all(text.startswith(token.text, token.start) for token in tokens(text))
    assert (3, 5) == place(text, text.index("'"))


def test_a_less_than_can_be_asked_for_where_an_iri_would_match() -> None:
    assert ["<", "b", "'>'"] == [token.text for token in tokens("<b'>'", operator=True)]


def test_codepoint_escapes_are_decoded_except_where_they_are_no_character() -> None:
    assert r"A😀 \ud800 \U00110000 \n" == decode(r"\u0041\U0001F600 \ud800 \U00110000 \n")


@given(st.text(alphabet="aS:_.-?$<>{}()[]'\"\\#@^|&!=+*/;,~0159eé \n\t\u0000", max_size=80))
def test_every_text_is_cut_into_tokens_blanks_and_comments_without_a_gap(text: str) -> None:
    end = 0
    for token in tokens(text):
        between = text[end : token.start]
        assert all(
            not line.strip(" \t") or line.lstrip(" \t").startswith("#") for line in between.split("\n")
        )
        assert token.text == text[token.start : token.start + len(token.text)]
        end = token.start + len(token.text)
