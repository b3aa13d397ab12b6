"""What a query is and whether it may be asked, decided from its text before anything is evaluated.

Refused: SERVICE (the service would send requests for its users), updates, FROM of graphs that are not served, texts that are too long, too
deep or too complex for the parser's stack. The engine shows no syntax tree, so that this works on tokens (:mod:`r2p_kg.engine.tokens`).

Two things make that safe although the engine's own parser has no token stage. It takes keywords without a word boundary
(``1SERVICE<…>``), so keywords are looked for inside words. And it takes ``<`` as "less than" where longest match sees an IRI
(``1<'>')SERVICE…``), so every reading of such a ``<`` is followed, each position once. What still slips through meets a process without
network (:mod:`r2p_kg.engine.sandbox`).
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin

from r2p_kg.engine.tokens import CLOSING, OPENING, decode, place, tokens
from r2p_kg.errors import QueryRefusedError, QuerySyntaxError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from r2p_kg.engine.tokens import Token

FORMS: Final = ("SELECT", "ASK", "CONSTRUCT", "DESCRIBE")
UPDATES: Final = frozenset({"INSERT", "DELETE", "LOAD", "CLEAR", "DROP", "CREATE", "ADD", "MOVE", "COPY", "WITH"})

#: Functions whose value is another at each call, so that an answer may not be kept.
VOLATILE: Final = frozenset({"NOW", "RAND", "UUID", "STRUUID", "BNODE"})

#: Each of these nests the algebra by one level, whose depth is the evaluator's stack.
_NESTING: Final = frozenset({"UNION", "OPTIONAL", "MINUS", "FILTER", "BIND", "GRAPH", "LATERAL", "EXISTS", "VALUES"})
_SIGNS: Final = frozenset({"||", "&&", "+", "-", "*", "/", "|", "^", "!", "=", "!=", "<", ">", "<=", ">="})
_UNARY: Final = frozenset({"!", "+", "-"})
_SERVICE: Final = re.compile("service(?:silent)?", re.IGNORECASE)
_NAMES_A_GRAPH: Final = ("GRAPH", "FROM", "NAMED", "DESCRIBE")


@dataclass(frozen=True)
class Limits:
    """What a text may be before it is evaluated.

    ``length``: bytes in UTF-8. ``depth``: open brackets and runs of unary signs.
    ``operators``: signs and keywords that nest the algebra, in all.
    ``graphs``: IRIs that FROM and FROM NAMED may name; None lets any pass.
    """

    length: int = 65_536
    depth: int = 200
    operators: int = 2_000
    graphs: frozenset[str] | None = None


@dataclass(frozen=True)
class Inspection:
    """What a query's text says of itself.

    ``form``: ``select``, ``ask``, ``construct`` or ``describe``; ``kind``: ``select``, ``ask`` or ``graph``, as in :mod:`r2p_kg.media`.
    ``default``, ``named``: the graphs of FROM and FROM NAMED, in order.
    ``volatile``: the answer may differ each time (time, chance, new names).
    ``depth``, ``operators``: as limited by :class:`Limits`.
    """

    form: str
    kind: str
    default: tuple[str, ...]
    named: tuple[str, ...]
    volatile: bool
    depth: int
    operators: int


@lru_cache(maxsize=512)
def inspect(text: str, limits: Limits | None = None) -> Inspection:
    """What the query is.

    Raises QueryRefusedError where policy forbids it, and QuerySyntaxError where it has no query form; both know line and column.
    """
    limits = limits or Limits()
    _check_length(text, limits)
    found = tuple(tokens(text))
    _refuse_services(text, found)
    if "\\u" in text or "\\U" in text:
        # The standard decodes these escapes before it sees tokens, the engine after: the query must be harmless either way.
        decoded = decode(text)
        _refuse_services(decoded, tuple(tokens(decoded)))
    form, prefixes, base = _prologue(text, found)
    _refuse_updates(text, found)
    depth = _depth(text, found, limits)
    operators = _operators(text, found, limits)
    graphs = tuple(_graphs(text, found, prefixes, base, limits))
    return Inspection(
        form=form.lower(),
        kind=form.lower() if form in ("SELECT", "ASK") else "graph",
        default=tuple(iri for named, iri in graphs if not named),
        named=tuple(iri for named, iri in graphs if named),
        volatile=any(token.kind == "word" and token.text.upper() in VOLATILE for token in found),
        depth=depth,
        operators=operators,
    )


def refuse_unknown_graphs(graphs: Iterable[str], known: frozenset[str]) -> None:
    """Raise QueryRefusedError where the protocol's dataset names a graph that is not served."""
    for iri in graphs:
        if iri not in known:
            raise QueryRefusedError(_unknown_graph(iri, known))


def _check_length(text: str, limits: Limits) -> None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        message = "the query holds half of a surrogate pair, which is no character; send it as UTF-8"
        raise QuerySyntaxError(message, *place(text, error.start)) from error
    if size > limits.length:
        message = f"the query has {size:,} bytes and this service takes {limits.length:,}; shorten it, or ask in several steps"
        raise QueryRefusedError(message, status=413)


def _refuse_services(text: str, found: Sequence[Token]) -> None:
    """Refuse SERVICE in the reading by longest match, and in each reading where ``<`` means "less than"."""
    for index, token in enumerate(found):
        if (token.kind == "word" and _SERVICE.search(token.text)) or _calls(found[index - 1] if index else None, found[index : index + 4]):
            raise _service(text, token)
    for token in _other_readings(text, found):
        ahead = tuple(islice(tokens(text, token.start), 4))
        if _calls(None, ahead):
            raise _service(text, token)


def _calls(before: Token | None, ahead: Sequence[Token]) -> bool:
    """True where these tokens can be read as SERVICE [SILENT] and a name and ``{``, with or without blanks between."""
    head = ahead[0]
    if head.kind == "name":
        after_keyword = before is not None and before.kind == "word" and before.text.upper().endswith(_NAMES_A_GRAPH)
        return not after_keyword and bool(_SERVICE.search(head.text.partition(":")[0])) and _opens(ahead[1:2])
    if head.kind != "word" or not _SERVICE.search(head.text):
        return False
    rest = ahead[2:] if len(ahead) > 1 and ahead[1].text.upper() == "SILENT" else ahead[1:]
    return bool(rest) and rest[0].kind in ("iri", "name", "variable") and _opens(rest[1:2])


def _opens(ahead: Sequence[Token]) -> bool:
    return bool(ahead) and ahead[0].text in ("{", "{|")


def _other_readings(text: str, found: Sequence[Token]) -> Iterator[Token]:
    """The tokens that mention SERVICE in readings where some ``<`` is an operator; each position is visited at most twice."""
    work = [token.start for token in _ambiguous(found)]
    seen = {(token.start, before.operand) for before, token in pairwise(found)}
    while work:
        start, after = work.pop(), False
        for token in tokens(text, start, operator=True):
            if token.start > start:
                if (token.start, after) in seen:
                    break
                seen.add((token.start, after))
                if after and token.text.startswith("<") and len(token.text) > 1:
                    work.append(token.start)
            if token.kind in ("word", "name") and _SERVICE.search(token.text):
                yield token
            after = token.operand


def _ambiguous(found: Sequence[Token]) -> Iterator[Token]:
    for before, token in pairwise(found):
        if token.text.startswith("<") and len(token.text) > 1 and before.operand:
            yield token


def _service(text: str, token: Token) -> QueryRefusedError:
    message = "SERVICE is not allowed: this service sends no requests of its own; ask the other endpoint itself and join the answers at your side"
    return QueryRefusedError(message, *place(text, token.start))


def _prologue(text: str, found: Sequence[Token]) -> tuple[str, dict[str, str], str]:
    """The query form in upper case, the declared prefixes and the last BASE ('' where there is none)."""
    prefixes: dict[str, str] = {}
    base, index = "", 0
    while index < len(found):
        word = found[index].text.upper() if found[index].kind == "word" else ""
        ahead = found[index + 1 : index + 3]
        if word == "PREFIX" and len(ahead) == 2 and ahead[0].kind == "name" and ahead[1].kind == "iri":  # noqa: PLR2004 - name and IRI
            prefixes[ahead[0].text[:-1]] = urljoin(base, decode(ahead[1].text[1:-1]))
            index += 3
        elif word == "BASE" and ahead and ahead[0].kind == "iri":
            base = urljoin(base, decode(ahead[0].text[1:-1]))
            index += 2
        elif word == "VERSION" and ahead and ahead[0].kind == "string":
            index += 2
        else:
            break
    if index == len(found):
        message = "the query ends before SELECT, ASK, CONSTRUCT or DESCRIBE; write for example SELECT * { ?s ?p ?o } LIMIT 10"
        raise QuerySyntaxError(message, *place(text, len(text)))
    return _form(text, found, index), prefixes, base


def _form(text: str, found: Sequence[Token], index: int) -> str:
    token = found[index]
    word = token.text.upper()
    # The engine takes SELECTDISTINCT?s too, so the beginning decides.
    form = next((form for form in FORMS if token.kind == "word" and word.startswith(form)), None)
    if form:
        return form
    if token.kind == "word" and word in UPDATES:
        raise _update(text, token)
    line, column = place(text, token.start)
    hint = None
    if token.kind == "word":
        near = difflib.get_close_matches(word, [*FORMS, "PREFIX", "BASE"], 1)
        hint = f"did you mean {near[0]}?" if near else None
        if word in ("PREFIX", "BASE"):
            hint = "write PREFIX name: <IRI>, the IRI in angle brackets" if word == "PREFIX" else "write BASE <IRI>"
    message = f"{token.text[:40]!r} cannot stand here; a query begins with SELECT, ASK, CONSTRUCT or DESCRIBE"
    raise QuerySyntaxError(message, line, column, hint)


def _refuse_updates(text: str, found: Sequence[Token]) -> None:
    for token in found:
        if token.kind == "word" and token.text.upper() in UPDATES:
            raise _update(text, token)


def _update(text: str, token: Token) -> QueryRefusedError:
    message = f"{token.text.upper()} belongs to updates and this service is read-only; ask with SELECT, ASK, CONSTRUCT or DESCRIBE"
    return QueryRefusedError(message, *place(text, token.start))


def _depth(text: str, found: Sequence[Token], limits: Limits) -> int:
    """The greatest number of open brackets plus unary signs in a row."""
    brackets = deepest = run = 0
    for token in found:
        run = run + 1 if token.text in _UNARY else 0
        if token.text in OPENING:
            brackets += 1
        elif token.text in CLOSING:
            brackets = max(0, brackets - 1)
        deepest = max(deepest, brackets + run)
        if deepest > limits.depth:
            message = f"the query nests deeper than {limits.depth} levels here; flatten it, or ask in several steps"
            raise QueryRefusedError(message, *place(text, token.start))
    return deepest


def _operators(text: str, found: Sequence[Token], limits: Limits) -> int:
    count = 0
    for token in found:
        count += token.text in _SIGNS or (token.kind == "word" and token.text.upper() in _NESTING)
        if count > limits.operators:
            message = f"the query has more than {limits.operators:,} operators, the last of them here; use VALUES or IN for lists, or ask in several steps"
            raise QueryRefusedError(message, *place(text, token.start))
    return count


def _graphs(text: str, found: Sequence[Token], prefixes: dict[str, str], base: str, limits: Limits) -> Iterator[tuple[bool, str]]:
    """Each FROM as (is it FROM NAMED, IRI); refuses graphs that are not served."""
    for index, token in enumerate(found):
        word = token.text.upper() if token.kind == "word" else ""
        if word not in ("FROM", "FROMNAMED"):
            continue
        named = word == "FROMNAMED" or (index + 1 < len(found) and found[index + 1].text.upper() == "NAMED")
        name = next(iter(found[index + (2 if named and word == "FROM" else 1) :]), None)
        iri = _expand(name, prefixes, base) if name else None
        if iri is None:
            continue  # an undeclared prefix or no name at all: the parser says so
        if limits.graphs is not None and iri not in limits.graphs:
            raise QueryRefusedError(_unknown_graph(iri, limits.graphs), *place(text, token.start))
        yield named, iri


def _expand(name: Token, prefixes: dict[str, str], base: str) -> str | None:
    if name.kind == "iri":
        return urljoin(base, decode(name.text[1:-1]))
    prefix, _, local = name.text.partition(":")
    if name.kind != "name" or prefix not in prefixes:
        return None
    return prefixes[prefix] + re.sub(r"\\(.)", r"\1", local)


def _unknown_graph(iri: str, known: frozenset[str]) -> str:
    near = difflib.get_close_matches(iri, sorted(known), 1, 0.8)
    way_out = f"did you mean <{near[0]}>?" if near else "list the graphs with SELECT DISTINCT ?g { GRAPH ?g { } }"
    return f"the graph <{iri}> is not served here, and nothing is fetched from elsewhere; {way_out}"
