"""What an update is, whether it may be applied, and the protocol's dataset written into its text.

LOAD and SERVICE are refused: the service sends no requests. The engine cannot be told which graphs the WHERE
clauses of an update see, so USING clauses say it. All is decided from tokens.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Final

from r2p_kg.sparql.errors import SparqlRefusedError
from r2p_kg.sparql.policy import Limits, check_depth, other_readings, screen
from r2p_kg.sparql.tokens import decode, place, tokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from r2p_kg.sparql.tokens import Token

#: Longer than for queries, because an update carries data; its process may die of it, the service cannot.
LIMITS: Final = Limits(length=64 * 1024 * 1024)

_LOAD: Final = re.compile("^load", re.IGNORECASE)


def check(text: str) -> tuple[Token, ...]:
    """The tokens of an update that may be applied; raises a SparqlError with its place for any other."""
    found = screen(text, LIMITS)
    check_depth(text, found, LIMITS)
    _refuse_load(text, found)
    if "\\u" in text or "\\U" in text:
        decoded = decode(text)
        _refuse_load(decoded, tuple(tokens(decoded)))
    return found


def with_dataset(text: str, default: Sequence[str] = (), named: Sequence[str] = ()) -> str:
    """The text of an update whose WHERE clauses see these graphs (SPARQL 1.1 Protocol, section 2.2.3).

    ``default``, ``named``: absolute IRIs. Raises SparqlRefusedError if the text names a dataset with USING or
    WITH.

    >>> with_dataset("DELETE WHERE { ?s ?p ?o } ; INSERT {} WHERE {}", ("a:b",))
    'DELETE { ?s ?p ?o } USING <a:b> WHERE { ?s ?p ?o } ; INSERT {} USING <a:b> WHERE {}'
    """
    found = check(text)
    if not (default or named):
        return text
    clauses = [f"USING <{iri}>" for iri in default] + [f"USING NAMED <{iri}>" for iri in named]
    pieces, copied = [], 0
    for index, token in _outside(found):
        word = token.text.upper() if token.kind == "word" else ""
        if word.startswith(("USING", "WITH")):
            message = (
                f"{word} and the parameters using-(named-)graph-uri exclude each other; delete one of them"
            )
            raise SparqlRefusedError(message, *place(text, token.start))
        if not word.endswith("WHERE"):
            continue
        keyword = token.start + len(token.text) - len("WHERE")
        pieces += [text[copied:keyword], *_template(text, found, index), " ".join(clauses), " "]
        copied = keyword
    return "".join([*pieces, text[copied:]])


def _outside(found: Sequence[Token]) -> Iterator[tuple[int, Token]]:
    """The tokens between the operations' patterns, with their places; the outermost braces are among them."""
    depth = 0
    for index, token in enumerate(found):
        depth -= token.text == "}"
        if depth == 0:
            yield index, token
        depth += token.text == "{"


def _template(text: str, found: Sequence[Token], where: int) -> Iterator[str]:
    """The pattern once more, as what DELETE WHERE deletes: that form takes no USING (Update, 3.1.3.3)."""
    words = [token.text.upper() for token in found[max(0, where - 1) : where + 1]]
    if words[-1] == "DELETEWHERE" or words == ["DELETE", "WHERE"]:
        last = next((token for index, token in _outside(found) if index > where + 1), None)
        if last is not None:
            yield text[found[where + 1].start : last.start + 1] + " "


def _refuse_load(text: str, found: Sequence[Token]) -> None:
    """Refuse LOAD where an operation begins: outside all braces, and not where a name follows a word."""
    for index, token in _outside(found):
        follows_word = index > 0 and found[index - 1].kind == "word"
        if not follows_word and token.kind in ("word", "name") and _LOAD.search(token.text):
            raise _load(text, token)
    for token in other_readings(text, found, _LOAD):
        ahead = tuple(islice(tokens(text, token.start), 3))
        rest = ahead[2:] if len(ahead) > 1 and ahead[1].text.upper() == "SILENT" else ahead[1:]
        if token.kind == "word" and rest and rest[0].kind in ("iri", "name"):
            raise _load(text, token)


def _load(text: str, token: Token) -> SparqlRefusedError:
    message = "LOAD is not allowed: nothing is fetched from here; send the data to the graph store"
    return SparqlRefusedError(message, *place(text, token.start))
