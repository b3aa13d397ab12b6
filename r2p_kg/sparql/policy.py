"""What a query is and whether it may be asked, decided from its text before anything is evaluated.

Refused are SERVICE (the service would send requests for its users), updates, FROM of graphs that are not
served, and texts that are too long, too deep or too complex for the parser's stack. All of this is decided
from tokens (:mod:`r2p_kg.sparql.tokens`), not from the tree: it must hold for readings that are no SPARQL.

Two things make that safe although the engine's own parser has no token stage. It takes keywords without a
word boundary (``1SERVICE<…>``), so keywords are looked for inside words. And it takes ``<`` as "less than"
where longest match sees an IRI (``1<'>')SERVICE…``), so every reading of such a ``<`` is followed, each
position once. What still slips through should meet a process without network.

Most queries cannot be refused whatever their tokens are: none of the words that matter stands anywhere in
them, and they are too short to nest too deep. They pass without being read (a few microseconds); every other
text is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Final

from r2p_kg.sparql import forbidden, hints
from r2p_kg.sparql.errors import SparqlRefusedError, SparqlSyntaxError
from r2p_kg.sparql.grammar import parse
from r2p_kg.sparql.nearest import nearest
from r2p_kg.sparql.tokens import CLOSING, MOST_OTHERS, OPENING, decode, place, tokens
from r2p_kg.sparql.tree import prologue
from r2p_kg.sparql.words import FORMS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from r2p_kg.sparql.tokens import Token
    from r2p_kg.sparql.tree import Prologue

UPDATES: Final = frozenset(
    {"INSERT", "DELETE", "LOAD", "CLEAR", "DROP", "CREATE", "ADD", "MOVE", "COPY", "WITH"}
)

#: Functions whose value is another at each call, so that an answer may not be kept.
VOLATILE: Final = frozenset({"NOW", "RAND", "UUID", "STRUUID", "BNODE"})

#: Each of these nests the algebra by one level, whose depth is the evaluator's stack.
_NESTING: Final = frozenset(
    {"UNION", "OPTIONAL", "MINUS", "FILTER", "BIND", "GRAPH", "LATERAL", "EXISTS", "VALUES"}
)
_SIGNS: Final = frozenset({"||", "&&", "+", "-", "*", "/", "|", "^", "!", "=", "!=", "<", ">", "<=", ">="})
_UNARY: Final = frozenset({"!", "+", "-"})
_SERVICE: Final = re.compile("service(?:silent)?", re.IGNORECASE | re.ASCII)
_NAMES_A_GRAPH: Final = ("GRAPH", "FROM", "NAMED", "DESCRIBE")

#: Without any of these, in lower case, a text holds nothing to refuse but its size, and no volatile function.
_TELLING: Final = ("service", "\\u", "from", *sorted(word.lower() for word in UPDATES | VOLATILE))

#: A prologue and a form, written as nearly everybody does; what does not match is read token by token.
USUAL: Final = re.compile(
    r"(?:[ \t\r\n]++|\#[^\r\n]*+|"
    r"PREFIX[ \t\r\n]++(?:[A-Z][A-Z0-9_-]*+)?:[ \t\r\n]*+<[^<>\"{}|^`\\\x00-\x20]*+>)*+"
    r"(SELECT|ASK|CONSTRUCT|DESCRIBE)(?=[ \t\r\n*{(?$<])",
    re.IGNORECASE | re.ASCII,
)

#: Tokens of kind ``other`` that readings with a ``<`` as operator may meet, all together; each can cost a
#: look at the whole text.
_MOST_OTHERS: Final = 300

#: Characters of white space and comments that those readings may pass over, all together: each may see the
#: rest of a long line as a comment.
_MOST_SKIPPED: Final = 4_000_000


@dataclass(frozen=True)
class Limits:
    """What a text may be before it is evaluated.

    length: Bytes in UTF-8.
    depth: Open brackets and runs of unary signs.
    operators: Signs and keywords that nest the algebra, in all.
    graphs: The IRIs that FROM and FROM NAMED may name; None lets any pass.
    """

    length: int = 65_536
    depth: int = 200
    operators: int = 2_000
    graphs: frozenset[str] | None = None


@dataclass(frozen=True)
class Inspection:
    """What a query's text says of itself.

    form: ``select``, ``ask``, ``construct`` or ``describe``.
    kind: What its answer is: ``select``, ``ask`` or ``graph``.
    default, named: The graphs of FROM and FROM NAMED, in order.
    volatile: True if the answer may differ each time (time, chance, new names).
    """

    form: str
    kind: str
    default: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    volatile: bool = False


_USUALLY: Final = {
    form: Inspection(form.lower(), form.lower() if form in ("SELECT", "ASK") else "graph") for form in FORMS
}


def inspect(text: str, limits: Limits | None = None, base: str = "") -> Inspection:
    """What the query is. ``base``: the IRI against which relative IRIs before the first BASE are resolved.

    Raises SparqlRefusedError if policy forbids it, and SparqlSyntaxError where it has no query form; both
    know line and column.
    """
    limits = limits or Limits()
    _check_length(text, limits)
    lower = text.lower()
    short = len(text) <= limits.operators and _is_flat(text, limits)
    if (
        short
        and not forbidden.may_break(text)
        and not any(word in lower for word in _TELLING)
        and (usual := USUAL.match(text))
    ):
        return _USUALLY[usual[1].upper()]
    return _read(text, limits, base)


def _is_flat(text: str, limits: Limits) -> bool:
    """True if too little opens a bracket, or stands before a single operand, to pass the limit on depth."""
    return sum(map(text.count, "{([<!+-")) <= limits.depth


def _read(text: str, limits: Limits, base: str) -> Inspection:
    """What the query is, from its tokens."""
    found = screen(text, limits)
    head = prologue(found, base)
    form = _form(text, found, head.end)
    _refuse_updates(text, found)
    check_depth(text, found, limits)
    _check_operators(text, found, limits)
    if forbidden.may_break(text):
        forbidden.check(text)
    graphs = tuple(_graphs(text, found, head, limits))
    usual = _USUALLY[form]
    return Inspection(
        form=usual.form,
        kind=usual.kind,
        default=tuple(iri for named, iri in graphs if not named),
        named=tuple(iri for named, iri in graphs if named),
        volatile=any(token.kind == "word" and token.text.upper() in VOLATILE for token in found),
    )


def screen(text: str, limits: Limits) -> tuple[Token, ...]:
    """The tokens of a text that is short enough and calls no service; raises as :func:`inspect` does."""
    _check_length(text, limits)
    found = tuple(tokens(text))
    if len(found) > MOST_OTHERS and sum(token.kind == "other" for token in found) > MOST_OTHERS:
        raise _noise(text, next(token for token in found if token.kind == "other"))
    if "service" in text.lower():
        _refuse_services(text, found)
    if "\\u" in text or "\\U" in text:
        # The standard decodes these escapes before it sees tokens, the engine after: the text must be
        # harmless either way.
        decoded = decode(text)
        if "service" in decoded.lower():
            _refuse_services(decoded, tuple(tokens(decoded)))
    return found


def refuse_unknown_graphs(graphs: Iterable[str], known: frozenset[str]) -> None:
    """Raise SparqlRefusedError if the protocol's dataset names a graph that is not served."""
    for iri in graphs:
        if iri not in known:
            raise SparqlRefusedError(_unknown_graph(iri, known))


def _check_length(text: str, limits: Limits) -> None:
    try:
        size = len(text) if text.isascii() else len(text.encode())
    except UnicodeEncodeError as error:
        message = "the query holds half of a surrogate pair, which is no character; send it as UTF-8"
        raise SparqlSyntaxError(message, *place(text, error.start)) from error
    if size > limits.length:
        message = (
            f"the query has {size:,} bytes, at most {limits.length:,} are taken; shorten it, or ask in steps"
        )
        raise SparqlRefusedError(message, status=413)


def _refuse_services(text: str, found: Sequence[Token]) -> None:
    """Refuse SERVICE in the reading by longest match, and in each reading where ``<`` means "less than"."""
    for index, token in enumerate(found):
        if (token.kind == "word" and _SERVICE.search(token.text)) or _calls(
            found[index - 1] if index else None, found[index : index + 4]
        ):
            raise _service(text, token)
    for token in other_readings(text, found, _SERVICE):
        ahead = tuple(islice(tokens(text, token.start), 4))
        if _calls(None, ahead):
            raise _service(text, token)


def _calls(before: Token | None, ahead: Sequence[Token]) -> bool:
    """True if these tokens can be read as SERVICE [SILENT], a name and ``{``, whatever their blanks."""
    head = ahead[0]
    if head.kind == "name":
        after_keyword = (
            before is not None and before.kind == "word" and before.text.upper().endswith(_NAMES_A_GRAPH)
        )
        return not after_keyword and bool(_SERVICE.search(head.text.partition(":")[0])) and _opens(ahead[1:2])
    if head.kind != "word" or not _SERVICE.search(head.text):
        return False
    rest = ahead[2:] if len(ahead) > 1 and ahead[1].text.upper() == "SILENT" else ahead[1:]
    return bool(rest) and rest[0].kind in ("iri", "name", "variable") and _opens(rest[1:2])


def _opens(ahead: Sequence[Token]) -> bool:
    return bool(ahead) and ahead[0].text in ("{", "{|")


def other_readings(text: str, found: Sequence[Token], keyword: re.Pattern[str]) -> Iterator[Token]:
    """The tokens that mention a keyword in readings where some ``<`` is an operator."""
    others = skipped = 0
    work = [token.start for token in _ambiguous(found)]
    seen = {(token.start, before.operand) for before, token in pairwise(found)}
    while work:
        start, after = work.pop(), False
        end = start
        for token in tokens(text, start, operator=True):
            skipped += token.start - end
            end = token.start + len(token.text)
            if token.start > start:
                if (token.start, after) in seen:
                    break
                seen.add((token.start, after))
                if after and token.text.startswith("<") and len(token.text) > 1:
                    work.append(token.start)
            if token.kind in ("word", "name") and keyword.search(token.text):
                yield token
            others += token.kind == "other"
            if others > _MOST_OTHERS:
                raise _noise(text, token)
            after = token.operand
        else:
            skipped += len(text) - end
        if skipped > _MOST_SKIPPED:
            message = "too many # on one line may begin a comment here; write fewer IRIs on a line"
            raise SparqlRefusedError(message, *place(text, start))


def _ambiguous(found: Sequence[Token]) -> Iterator[Token]:
    for before, token in pairwise(found):
        if token.text.startswith("<") and len(token.text) > 1 and before.operand:
            yield token


def _noise(text: str, token: Token) -> SparqlSyntaxError:
    message = (
        f"{token.text[:1]!r} is not SPARQL, like much of this text; close its quotes and encode its IRIs"
    )
    return SparqlSyntaxError(message, *place(text, token.start))


def _service(text: str, token: Token) -> SparqlRefusedError:
    message = "SERVICE is not allowed: no requests are sent from here; ask the other endpoint yourself"
    return SparqlRefusedError(message, *place(text, token.start))


def _form(text: str, found: Sequence[Token], index: int) -> str:
    token = found[index] if index < len(found) else None
    word = token.text.upper() if token and token.kind == "word" else ""
    # The engine takes SELECTDISTINCT?s too, so the beginning decides.
    form = next((form for form in FORMS if word.startswith(form)), None)
    if form:
        return form
    if token and word in UPDATES:
        raise _update(text, token)
    said = hints.advice(parse(text), {})
    if said is None:
        message = "a query begins with SELECT, ASK, CONSTRUCT or DESCRIBE"
        raise SparqlSyntaxError(message, *place(text, token.start if token else len(text)))
    raise SparqlSyntaxError(said.detail, *place(text, said.start), hint=said.hint)


def _refuse_updates(text: str, found: Sequence[Token]) -> None:
    for token in found:
        if token.kind == "word" and token.text.upper() in UPDATES:
            raise _update(text, token)


def _update(text: str, token: Token) -> SparqlRefusedError:
    what = f"{token.text.upper()} belongs to updates and this service is read-only"
    message = f"{what}; ask with SELECT, ASK, CONSTRUCT or DESCRIBE"
    return SparqlRefusedError(message, *place(text, token.start))


def check_depth(text: str, found: Sequence[Token], limits: Limits) -> None:
    """Raise SparqlRefusedError if more brackets are open, unary signs in a row added, than the limit."""
    if _is_flat(text, limits):
        return
    brackets = run = 0
    for token in found:
        run = run + 1 if token.text in _UNARY else 0
        if token.text in OPENING:
            brackets += 1
        elif token.text in CLOSING:
            brackets = max(0, brackets - 1)
        if brackets + run > limits.depth:
            message = (
                f"the query nests deeper than {limits.depth} levels here; flatten it, or ask in several steps"
            )
            raise SparqlRefusedError(message, *place(text, token.start))


def _check_operators(text: str, found: Sequence[Token], limits: Limits) -> None:
    if len(found) <= limits.operators:
        return
    count = 0
    for token in found:
        count += token.text in _SIGNS or (token.kind == "word" and token.text.upper() in _NESTING)
        if count > limits.operators:
            message = f"the query has more than {limits.operators:,} operators; use VALUES or IN for lists"
            raise SparqlRefusedError(message, *place(text, token.start))


def _graphs(text: str, found: Sequence[Token], head: Prologue, limits: Limits) -> Iterator[tuple[bool, str]]:
    """Each FROM as (is it FROM NAMED, IRI); refuses graphs that are not served."""
    for index, token in enumerate(found):
        word = token.text.upper() if token.kind == "word" else ""
        if word not in ("FROM", "FROMNAMED"):
            continue
        named = word == "FROMNAMED" or (index + 1 < len(found) and found[index + 1].text.upper() == "NAMED")
        name = next(iter(found[index + (2 if named and word == "FROM" else 1) :]), None)
        iri = head.iri(name) if name else None
        if iri is None:
            continue  # an undeclared prefix or no name at all: the parser says so
        if limits.graphs is not None and iri not in limits.graphs:
            raise SparqlRefusedError(_unknown_graph(iri, limits.graphs), *place(text, token.start))
        yield named, iri


def _unknown_graph(iri: str, known: frozenset[str]) -> str:
    near = nearest(iri, known)
    way_out = (
        f"did you mean <{near[0]}>?" if near else "list the graphs with SELECT DISTINCT ?g { GRAPH ?g { } }"
    )
    return f"the graph <{iri}> is not served here, and nothing is fetched from elsewhere; {way_out}"
