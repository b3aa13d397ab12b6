"""Coverage-guided fuzzing of everything that reads what a stranger wrote, before a query process sees it.

Not run by pytest: ``python tests/fuzz_coverage.py -runs=1000000 -max_len=400`` in an environment with atheris
(libFuzzer's options). It stops at the first input on which something else is raised than an error for the one
who asked, a text takes long, or a text that policy let pass calls another service.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parent.parent

#: What the mutations are made of.
DICTIONARY: Final = r"""
SELECT ASK DESCRIBE CONSTRUCT WHERE FROM NAMED SERVICE SILENT LOAD INSERT DELETE PREFIX BASE VERSION GRAPH FILTER BIND VALUES UNION OPTIONAL
MINUS EXISTS AS { } ( ) [ ] < > <= << >> <<( )>> {| |} . ; , ^^ @ ? $ _: : # \\u0053 \\U00000053 <a> <a:b> ?s ''' ' '' * text/html */* ;q=
query= & % + = 1.e5
"""


def problem(text: str) -> str | None:
    """What is wrong with the way a text was read; None where nothing is."""
    from pyoxigraph import Store  # noqa: PLC0415 - atheris must see the imports of what it measures

    from r2p_kg.engine import policy  # noqa: PLC0415
    from r2p_kg.errors import NotAcceptableError, QueryError  # noqa: PLC0415
    from r2p_kg.graph import media  # noqa: PLC0415
    from r2p_kg.sparql.tokens import tokens  # noqa: PLC0415
    from r2p_kg.web import protocol  # noqa: PLC0415

    with suppress(NotAcceptableError):
        media.negotiate(text, "select", text[:20])
    data = text.encode("utf-8", "replace")
    for method, kind in (("GET", ""), ("POST", protocol.FORM), ("POST", protocol.DIRECT)):
        with suppress(QueryError):
            protocol.question(protocol.read(method, data if method == "GET" else b"", kind, data))
    end = 0
    for token in tokens(text):
        if token.start < end or not text.startswith(token.text, token.start):
            return f"the token {token} is not where it says"
        end = token.start + len(token.text)
    try:
        policy.inspect(text)
    except QueryError:
        return None
    try:
        Store().query(text)
    except (SyntaxError, ValueError):
        return None
    except (RuntimeError, OSError) as error:
        # In this process no socket can be opened: a call of another service fails, and says so.
        return (
            f"it was let pass, and then: {error}"
            if "http" in str(error).lower() or "service" in str(error).lower()
            else None
        )
    return None


def main() -> None:
    """Fuzz until libFuzzer has had enough."""
    atheris: Any = importlib.import_module("atheris")
    sys.path.insert(0, str(ROOT))
    with atheris.instrument_imports(include=["r2p_kg"]):
        from r2p_kg.engine import policy, sandbox  # noqa: PLC0415
        from r2p_kg.web import protocol  # noqa: F401, PLC0415

    if not sandbox.no_network():
        sys.exit("without a kernel that denies the network a text that was let pass could reach somebody")

    def one(data: bytes) -> None:
        policy.inspect.cache_clear()
        if said := problem(data.decode("utf-8", "replace")):
            raise AssertionError(said)

    with tempfile.TemporaryDirectory() as folder:
        words, seeds = Path(folder, "words"), Path(folder, "seeds")
        words.write_text("".join(f'"{word}"\n' for word in DICTIONARY.split()), "utf-8")
        seeds.mkdir()
        for number, path in enumerate(sorted((ROOT / "queries").rglob("*.rq"))):
            (seeds / str(number)).write_bytes(path.read_bytes()[-400:])
        atheris.Setup(
            [sys.argv[0], f"-dict={words}", "-timeout=5", "-rss_limit_mb=2000", *sys.argv[1:], str(seeds)],
            one,
        )
        atheris.Fuzz()


if __name__ == "__main__":
    main()
